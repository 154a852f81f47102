//! Cuts a stream of samples into chunks where it is quietest.

use crate::SoundSpec;

/// Length of the windows whose level is compared, and the step between them, in milliseconds.
const WINDOW_MS: u64 = 20;
const STEP_MS: u64 = 10;

/// Collects samples and gives contiguous chunks: none lost, none doubled, each at most the nominal length.
pub(super) struct Chunker {
    nominal: usize,
    search: usize,
    window: usize,
    step: usize,
    pending: Vec<f32>,
    taken: usize,
    start: u64,
}

/// One chunk.
#[derive(Debug, PartialEq)]
pub(super) struct Chunk<'c> {
    /// Position of its first sample in the whole.
    pub(super) start: u64,
    /// Its samples, never empty.
    pub(super) samples: &'c [f32],
}

impl Chunker {
    /// Chunks as `spec` asks for; a length of zero counts as one sample.
    pub(super) fn new(spec: &SoundSpec) -> Self {
        let samples = |ms: u64| (ms * u64::from(spec.rate) / 1000) as usize;
        let nominal = samples(u64::from(spec.chunk_ms)).max(1);
        Self {
            nominal,
            search: samples(u64::from(spec.search_ms)).min(nominal - 1),
            window: samples(WINDOW_MS).max(1),
            step: samples(STEP_MS).max(1),
            pending: Vec::new(),
            taken: 0,
            start: 0,
        }
    }

    /// Where new samples are appended.
    pub(super) fn room(&mut self) -> &mut Vec<f32> {
        self.forget();
        &mut self.pending
    }

    /// The next chunk that is certain, if any. A chunk is cut only once there is more than it can hold.
    pub(super) fn next(&mut self) -> Option<Chunk<'_>> {
        self.forget();
        (self.pending.len() > self.nominal).then(|| self.take(self.cut()))
    }

    /// The last chunk, once `next` gives no more.
    pub(super) fn last(&mut self) -> Option<Chunk<'_>> {
        self.forget();
        (!self.pending.is_empty()).then(|| self.take(self.pending.len()))
    }

    fn take(&mut self, count: usize) -> Chunk<'_> {
        let start = self.start;
        self.start += count as u64;
        self.taken = count;
        Chunk { start, samples: &self.pending[..count] }
    }

    /// Drops the chunk that was given last: the buffer stays, and with it its pages.
    fn forget(&mut self) {
        self.pending.drain(..std::mem::take(&mut self.taken));
    }

    /// The middle of the quietest window before the nominal end; the later one of equals, the nominal end when no window fits.
    fn cut(&self) -> usize {
        let mut best = (f64::INFINITY, self.nominal);
        let mut from = self.nominal - self.search;
        while from + self.window <= self.nominal {
            let energy: f64 = self.pending[from..from + self.window].iter().map(|sample| f64::from(*sample).powi(2)).sum();
            if energy <= best.0 {
                best = (energy, from + self.window / 2);
            }
            from += self.step;
        }
        best.1.max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Chunker;
    use crate::SoundSpec;

    /// Start and samples of every chunk.
    fn chunks(spec: &SoundSpec, samples: &[f32], block: usize) -> Vec<(u64, Vec<f32>)> {
        let (mut chunker, mut chunks) = (Chunker::new(spec), Vec::new());
        for block in samples.chunks(block) {
            chunker.room().extend_from_slice(block);
            while let Some(chunk) = chunker.next() {
                chunks.push((chunk.start, chunk.samples.to_vec()));
            }
        }
        chunks.extend(chunker.last().map(|chunk| (chunk.start, chunk.samples.to_vec())));
        chunks
    }

    #[test]
    fn it_cuts_in_the_pause_before_the_boundary() {
        let spec = SoundSpec { rate: 1000, chunk_ms: 1000, search_ms: 300, ..SoundSpec::default() };
        let mut samples = vec![0.5; 1500];
        samples[850..890].fill(0.0);
        samples[100..140].fill(0.0); // quiet too, but out of reach
        let lengths: Vec<usize> = chunks(&spec, &samples, 77).iter().map(|(_, samples)| samples.len()).collect();
        assert_eq!(lengths.iter().sum::<usize>(), 1500);
        assert!((860..=880).contains(&lengths[0]), "{lengths:?}");
    }

    #[test]
    fn what_fits_into_one_chunk_stays_whole() {
        let spec = SoundSpec { rate: 1000, chunk_ms: 1000, search_ms: 300, ..SoundSpec::default() };
        assert_eq!(chunks(&spec, &[0.1; 1000], 10).len(), 1);
        assert_eq!(chunks(&spec, &[0.1; 1001], 10).len(), 2);
        assert_eq!(chunks(&spec, &[], 10), []);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_doubled(
            samples in prop::collection::vec(-1.0_f32..1.0, 0..3000),
            rate in 1_u32..2000, chunk_ms in 0_u32..1500, search_ms in 0_u32..3000, block in 1_usize..700,
        ) {
            let spec = SoundSpec { rate, chunk_ms, search_ms, ..SoundSpec::default() };
            let chunks = chunks(&spec, &samples, block);
            let mut position = 0;
            for (start, samples) in &chunks {
                prop_assert_eq!(*start, position);
                prop_assert!(!samples.is_empty());
                prop_assert!(samples.len() <= Chunker::new(&spec).nominal);
                position += samples.len() as u64;
            }
            prop_assert_eq!(chunks.into_iter().flat_map(|(_, samples)| samples).collect::<Vec<_>>(), samples);
        }
    }
}
