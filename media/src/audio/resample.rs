//! Streamed change of sample rate, exact to the sample.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use crate::Error;

/// Frames of input per transform, about; a filter that long passes nearly everything below the lower Nyquist frequency.
const BLOCK: usize = 2048;

/// Frames of output per transform at most, unless the ratio needs more: absurdly low rates must not cost memory.
const MOST_OUT: usize = 1 << 16;

/// Resamples one channel block by block. `n` samples in become `round(n * to / from)` out, aligned with the input.
pub(super) struct Resampler {
    from: u32,
    to: u32,
    fft: Option<Fft<f32>>,
    pending: Vec<f32>,
    scratch: Vec<f32>,
    skip: usize,
    fed: u64,
    emitted: u64,
}

impl Resampler {
    /// From and to samples per second, both above zero.
    pub(super) fn new(from: u32, to: u32) -> Result<Self, Error> {
        let fft = (from != to).then(|| Self::transform(from, to)).transpose()?;
        let skip = fft.as_ref().map_or(0, rubato::Resampler::output_delay);
        let scratch = vec![0.0; fft.as_ref().map_or(0, rubato::Resampler::output_frames_max)];
        Ok(Self { from, to, fft, pending: Vec::new(), scratch, skip, fed: 0, emitted: 0 })
    }

    fn transform(from: u32, to: u32) -> Result<Fft<f32>, Error> {
        // A power of two times the reduced ratio: sizes with large prime factors take three times as long.
        let divisor = gcd(from, to);
        let (least_in, least_out) = ((from / divisor) as usize, (to / divisor) as usize);
        let times = (BLOCK / least_in).min(MOST_OUT / least_out).max(1).next_power_of_two();
        Fft::new_custom(from as usize, to as usize, times * least_in, 1, 1, WindowFunction::BlackmanHarris2, FixedSync::Both)
            .map_err(|error| Error::Unsupported(format!("{from} Hz to {to} Hz: {error}")))
    }

    /// The input rate.
    pub(super) const fn from(&self) -> u32 {
        self.from
    }

    /// Takes samples and appends to `out` what is ready.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        self.fed += samples.len() as u64;
        let Some(fft) = &self.fft else {
            self.emitted += samples.len() as u64;
            out.extend_from_slice(samples);
            return Ok(());
        };
        let block = fft.input_frames_next();
        self.pending.extend_from_slice(samples);
        let mut start = 0;
        while self.pending.len() - start >= block {
            self.step(start, block, out)?;
            start += block;
        }
        self.pending.drain(..start);
        Ok(())
    }

    /// Appends the rest: feeds silence until every input sample has come out.
    pub(super) fn finish(mut self, out: &mut Vec<f32>) -> Result<(), Error> {
        let Some(fft) = &self.fft else { return Ok(()) };
        let block = fft.input_frames_next();
        let target = scaled(self.fed, self.from, self.to);
        while self.emitted < target {
            self.pending.resize(block, 0.0);
            self.step(0, block, out)?;
            self.pending.clear();
        }
        Ok(())
    }

    fn step(&mut self, start: usize, block: usize, out: &mut Vec<f32>) -> Result<(), Error> {
        let Some(fft) = &mut self.fft else { return Ok(()) };
        let frames = self.scratch.len();
        let input = InterleavedSlice::new(&self.pending[start..start + block], 1, block).map_err(|error| broken(&error))?;
        let mut output = InterleavedSlice::new_mut(&mut self.scratch[..], 1, frames).map_err(|error| broken(&error))?;
        let (_, made) = fft.process_into_buffer(&input, &mut output, None).map_err(|error| broken(&error))?;
        let skipped = self.skip.min(made);
        self.skip -= skipped;
        let left = scaled(self.fed, self.from, self.to) - self.emitted;
        let kept = (made - skipped).min(usize::try_from(left).unwrap_or(usize::MAX));
        out.extend_from_slice(&self.scratch[skipped..skipped + kept]);
        self.emitted += kept as u64;
        Ok(())
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `round(count * to / from)`.
fn scaled(count: u64, from: u32, to: u32) -> u64 {
    let (count, from, to) = (u128::from(count), u128::from(from), u128::from(to));
    ((2 * count * to + from) / (2 * from)) as u64
}

fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::Unsupported(format!("resampling: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Resampler, scaled};

    fn resampled(samples: &[f32], from: u32, to: u32, block: usize) -> Vec<f32> {
        let (mut resampler, mut out) = (Resampler::new(from, to).unwrap(), Vec::new());
        samples.chunks(block).for_each(|block| resampler.push(block, &mut out).unwrap());
        resampler.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn an_impulse_stays_where_it_was() {
        for (from, to) in [(48_000, 16_000), (44_100, 16_000), (8000, 16_000)] {
            let mut samples = vec![0.0; from as usize];
            samples[from as usize / 2] = 1.0;
            let out = resampled(&samples, from, to, 1000);
            let peak = (0..out.len()).max_by(|a, b| out[*a].total_cmp(&out[*b])).unwrap();
            assert!(peak.abs_diff(to as usize / 2) <= 1, "{from} to {to}: {peak}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn the_count_is_exact_and_blocks_do_not_matter(
            rates in prop::sample::select(vec![(48_000, 16_000), (44_100, 16_000), (8000, 16_000), (16_000, 16_000), (11_025, 8000), (10, 16_000), (44_101, 16_000)]),
            count in 0_usize..9000, block in 1_usize..5000,
        ) {
            let (from, to) = rates;
            let count = if from == 10 { count % 50 } else { count };
            let samples: Vec<f32> = (0..count).map(|n| (n as f32 * 0.05).sin()).collect();
            let out = resampled(&samples, from, to, block);
            prop_assert_eq!(out.len() as u64, scaled(count as u64, from, to));
            prop_assert_eq!(out, resampled(&samples, from, to, usize::MAX));
        }
    }
}
