//! From decoded mono samples to the chunks of every recipe.

use super::chunk::Chunker;
use super::decode::Block;
use super::meter::Meter;
use super::mixdown::energy;
use super::resample::Resampler;
use super::{flac, wav};
use crate::{Detail, Encoding, Error, Limits, PartHeader, PartSink, Report, SoundEncoding, SoundSignals, SoundSpec};

/// Below this peak (-60 dBFS) sound counts as silence.
const SILENCE: f32 = 0.001;

/// More samples than one in this many clipping is worth a note.
const CLIPPING: u64 = 1000;

/// Where the loudest channel has this much more energy than the mix (15 dB) for half a second, and is no silence itself, the mix has lost it.
const LOST: f64 = 31.6;
const STRETCH: f64 = 0.5;

/// Takes decoded mono samples once, checks them, and gives them to every distinct [`SoundSpec`].
pub(super) struct Outlets {
    each: Vec<Outlet>,
    limit: u64,
    seconds: f64,
    peak: f32,
    unreal: u64,
    mixed: u64,
    loud: u64,
    stretch: Stretch,
    lost: f64,
}

/// Samples that are compared with what they were mixed from.
#[derive(Default)]
struct Stretch {
    seconds: f64,
    samples: usize,
    mix: f64,
    loudest: f64,
}

/// What one distinct specification makes of the samples.
struct Outlet {
    spec: SoundSpec,
    recipes: Vec<usize>,
    resampler: Option<Resampler>,
    chunker: Chunker,
    meter: Option<Meter>,
    quantised: Vec<i16>,
    written: u64,
    clipped: u64,
}

impl Outlets {
    /// `specs` are the specifications with the recipes that ask for each; equal ones share their parts.
    pub(super) fn new<'a>(specs: impl Iterator<Item = (usize, &'a SoundSpec)>, limits: &Limits) -> Result<Self, Error> {
        let mut each: Vec<Outlet> = Vec::new();
        for (recipe, spec) in specs {
            match each.iter_mut().find(|outlet| outlet.spec == *spec) {
                Some(outlet) => outlet.recipes.push(recipe),
                None => each.push(Outlet::new(recipe, spec)?),
            }
        }
        // One outlet measures: at the lower rate it costs a third, and what it cannot hear hardly counts for loudness.
        if let Some(outlet) = each.first_mut() {
            outlet.meter = Some(Meter::new(outlet.spec.rate));
        }
        Ok(Self {
            each,
            limit: limits.seconds,
            seconds: 0.0,
            peak: 0.0,
            unreal: 0,
            mixed: 0,
            loud: 0,
            stretch: Stretch::default(),
            lost: 0.0,
        })
    }

    /// Seconds of sound taken so far.
    pub(super) const fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Takes a block; finished chunks, timed from `origin`, leave through `sink`.
    pub(super) fn push(&mut self, block: &mut Block, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        let mut peak = highest(&block.samples);
        if !peak.is_finite() {
            self.unreal += silence_unreal(&mut block.samples);
            peak = highest(&block.samples);
        }
        self.peak = self.peak.max(peak);
        self.mixed += block.mixed;
        self.loud += block.loud;
        self.compare(block);
        self.seconds += block.samples.len() as f64 / f64::from(block.rate);
        Limits::check("seconds of sound", self.seconds.ceil() as u64, self.limit)?;
        self.each.iter_mut().try_for_each(|outlet| outlet.push(&block.samples, block.rate, origin, sink))
    }

    /// Counts how long the mix lacks what a channel holds: channels of opposite sign cancel, and some hardly count or not at all.
    fn compare(&mut self, block: &Block) {
        let stretch = &mut self.stretch;
        stretch.seconds += block.seconds();
        stretch.samples += block.samples.len();
        if block.loudest > 0.0 {
            stretch.mix += energy(&block.samples);
        }
        stretch.loudest += block.loudest;
        if stretch.seconds >= STRETCH {
            self.settle();
        }
    }

    fn settle(&mut self) {
        let Stretch { seconds, samples, mix, loudest } = std::mem::take(&mut self.stretch);
        let is_silent = loudest < f64::from(SILENCE).powi(2) * samples as f64;
        self.lost += if !is_silent && loudest > mix * LOST { seconds } else { 0.0 };
    }

    /// Takes so many seconds of silence at `rate`, at most one at once.
    pub(super) fn pause(&mut self, seconds: f64, rate: u32, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        let mut left = (seconds * f64::from(rate)).round() as u64;
        while left > 0 {
            let count = left.min(u64::from(rate));
            let mut block = Block { samples: vec![0.0; count as usize], rate, ..Block::default() };
            self.push(&mut block, origin, sink)?;
            left -= count;
        }
        Ok(())
    }

    /// Delivers what is left, notes what was odd, and says what the sound measures.
    pub(super) fn finish(mut self, origin: f64, sink: &mut dyn PartSink, report: &mut Report) -> Result<SoundSignals, Error> {
        self.each.iter_mut().try_for_each(|outlet| outlet.finish(origin, sink))?;
        if self.each.iter().any(|outlet| outlet.written == 0) {
            return Err(Error::Empty("too short for a single sample".to_owned()));
        }
        if self.peak < SILENCE {
            report.note("silent", "no sample is above -60 dBFS after mixing down");
        }
        self.settle();
        if self.lost > 0.0 {
            let message = "s the loudest channel has 15 dB or more over the mono mix, where it cancels against others or hardly counts";
            report.note("lost_in_mix", format!("in {:.1} {message}", self.lost));
        }
        if self.unreal > 0 {
            report.note("not_a_number", format!("{} samples were infinite or no numbers and became silence", self.unreal));
        }
        if let Some(outlet) = self.each.iter().find(|outlet| outlet.clipped * CLIPPING > outlet.written) {
            report.note("clipping", format!("{} of {} samples were too loud for 16 bits and were clipped", outlet.clipped, outlet.written));
        }
        let measured = self.each.iter_mut().find_map(|outlet| outlet.meter.take()).map(Meter::finish);
        let (loudness_lufs, silent_share) = measured.unwrap_or_default();
        Ok(SoundSignals {
            loudness_lufs,
            silent_share,
            peak_dbfs: (self.peak > 0.0).then(|| 20.0 * f64::from(self.peak).log10()),
            clipped_share: self.loud as f64 / self.mixed.max(1) as f64,
            ..SoundSignals::default()
        })
    }
}

/// The highest magnitude; not finite when some sample is not. Bits of positive floats sort like the floats, and SIMD can compare whole numbers.
fn highest(samples: &[f32]) -> f32 {
    let bits = samples.iter().map(|sample| (sample.to_bits() & 0x7fff_ffff).cast_signed()).fold(0, i32::max);
    f32::from_bits(bits.cast_unsigned())
}

/// Replaces what is infinite or no number by zero and counts it.
fn silence_unreal(samples: &mut [f32]) -> u64 {
    samples.iter_mut().filter(|sample| !sample.is_finite()).map(|sample| *sample = 0.0).count() as u64
}

impl Outlet {
    fn new(recipe: usize, spec: &SoundSpec) -> Result<Self, Error> {
        super::decode::check_rate(spec.rate)?;
        Ok(Self {
            spec: spec.clone(),
            recipes: vec![recipe],
            resampler: None,
            chunker: Chunker::new(spec),
            meter: None,
            quantised: Vec::new(),
            written: 0,
            clipped: 0,
        })
    }

    fn push(&mut self, samples: &[f32], rate: u32, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        let mut resampler = match self.resampler.take() {
            Some(resampler) if resampler.from() == rate => resampler,
            other => self.change(other, rate, origin, sink)?,
        };
        self.resample(origin, sink, |room| resampler.push(samples, room))?;
        self.resampler = Some(resampler);
        Ok(())
    }

    /// A stream may change its rate half way (joined files): the old resampler gives its last samples first.
    fn change(&mut self, old: Option<Resampler>, rate: u32, origin: f64, sink: &mut dyn PartSink) -> Result<Resampler, Error> {
        old.map_or(Ok(()), |old| self.resample(origin, sink, |room| old.finish(room)))?;
        Resampler::new(rate, self.spec.rate)
    }

    /// Measures what `append` adds and sends the chunks that are certain by then.
    fn resample(
        &mut self,
        origin: f64,
        sink: &mut dyn PartSink,
        append: impl FnOnce(&mut Vec<f32>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let room = self.chunker.room();
        let before = room.len();
        append(room)?;
        if let Some(meter) = &mut self.meter {
            meter.push(&room[before..]);
        }
        while let Some(chunk) = self.chunker.next() {
            let (start, clipped) = (chunk.start, wav::quantise(chunk.samples, &mut self.quantised));
            self.send(start, clipped, origin, sink)?;
        }
        Ok(())
    }

    fn finish(&mut self, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        self.resampler.take().map_or(Ok(()), |resampler| self.resample(origin, sink, |room| resampler.finish(room)))?;
        let Some(chunk) = self.chunker.last() else { return Ok(()) };
        let (start, clipped) = (chunk.start, wav::quantise(chunk.samples, &mut self.quantised));
        self.send(start, clipped, origin, sink)
    }

    fn send(&mut self, start: u64, clipped: u64, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        let (encoding, bytes) = match self.spec.encoding {
            SoundEncoding::Wav => (Encoding::Wav, wav::encode(&self.quantised, self.spec.rate)?),
            SoundEncoding::Flac => (Encoding::Flac, flac::encode(&self.quantised, self.spec.rate)?),
        };
        let end = start + self.quantised.len() as u64;
        self.written = end;
        self.clipped += clipped;
        let seconds = |sample: u64| origin + sample as f64 / f64::from(self.spec.rate);
        let detail = Detail::Sound { start: seconds(start), end: seconds(end) };
        sink.part(PartHeader { recipes: self.recipes.clone(), encoding, detail }, bytes)?;
        Ok(())
    }
}
