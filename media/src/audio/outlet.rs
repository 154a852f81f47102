//! From decoded mono samples to the chunks of every recipe.

use super::chunk::{Chunk, Chunker};
use super::resample::Resampler;
use super::wav;
use crate::{Detail, Encoding, Error, Limits, PartHeader, PartSink, Report, SoundSpec};

/// Below this peak (-60 dBFS) sound counts as silence.
const SILENCE: f32 = 0.001;

/// More samples than one in this many clipping is worth a note.
const CLIPPING: u64 = 1000;

/// Takes decoded mono samples once, checks them, and gives them to every distinct [`SoundSpec`].
pub(super) struct Outlets {
    each: Vec<Outlet>,
    limit: u64,
    seconds: f64,
    peak: f32,
    unreal: u64,
}

/// What one distinct specification makes of the samples.
struct Outlet {
    spec: SoundSpec,
    recipes: Vec<usize>,
    resampler: Option<Resampler>,
    chunker: Chunker,
    resampled: Vec<f32>,
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
        Ok(Self { each, limit: limits.seconds, seconds: 0.0, peak: 0.0, unreal: 0 })
    }

    /// Seconds of sound taken so far.
    pub(super) const fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Takes mono samples at `rate`; finished chunks, timed from `origin`, leave through `sink`.
    pub(super) fn push(&mut self, samples: &mut [f32], rate: u32, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        for sample in samples.iter_mut() {
            if !sample.is_finite() {
                *sample = 0.0;
                self.unreal += 1;
            }
            self.peak = self.peak.max(sample.abs());
        }
        self.seconds += samples.len() as f64 / f64::from(rate);
        Limits::check("seconds of sound", self.seconds.ceil() as u64, self.limit)?;
        self.each.iter_mut().try_for_each(|outlet| outlet.push(samples, rate, origin, sink))
    }

    /// Delivers what is left and notes what was odd.
    pub(super) fn finish(mut self, origin: f64, sink: &mut dyn PartSink, report: &mut Report) -> Result<(), Error> {
        self.each.iter_mut().try_for_each(|outlet| outlet.finish(origin, sink))?;
        if self.each.iter().any(|outlet| outlet.written == 0) {
            return Err(Error::Empty("too short for a single sample".to_owned()));
        }
        if self.peak < SILENCE {
            report.note("silent", "no sample is above -60 dBFS after mixing down");
        }
        if self.unreal > 0 {
            report.note("not_a_number", format!("{} samples were infinite or no numbers and became silence", self.unreal));
        }
        if let Some(outlet) = self.each.iter().find(|outlet| outlet.clipped * CLIPPING > outlet.written) {
            report.note("clipping", format!("{} of {} samples were too loud for 16 bits and were clipped", outlet.clipped, outlet.written));
        }
        Ok(())
    }
}

impl Outlet {
    fn new(recipe: usize, spec: &SoundSpec) -> Result<Self, Error> {
        super::decode::check_rate(spec.rate)?;
        Ok(Self {
            spec: spec.clone(),
            recipes: vec![recipe],
            resampler: None,
            chunker: Chunker::new(spec),
            resampled: Vec::new(),
            written: 0,
            clipped: 0,
        })
    }

    fn push(&mut self, samples: &[f32], rate: u32, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        let mut resampler = match self.resampler.take() {
            Some(resampler) if resampler.from() == rate => resampler,
            other => self.change(other, rate)?,
        };
        resampler.push(samples, &mut self.resampled)?;
        self.resampler = Some(resampler);
        self.deliver(origin, sink)
    }

    /// A stream may change its rate half way (joined files): the old resampler gives its last samples first.
    fn change(&mut self, old: Option<Resampler>, rate: u32) -> Result<Resampler, Error> {
        old.map_or(Ok(()), |old| old.finish(&mut self.resampled))?;
        Resampler::new(rate, self.spec.rate)
    }

    fn deliver(&mut self, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        self.chunker.push(&mut self.resampled);
        while let Some(chunk) = self.chunker.next() {
            self.send(&chunk, origin, sink)?;
        }
        Ok(())
    }

    fn finish(&mut self, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        self.resampler.take().map_or(Ok(()), |resampler| resampler.finish(&mut self.resampled))?;
        self.deliver(origin, sink)?;
        self.chunker.last().map_or(Ok(()), |chunk| self.send(&chunk, origin, sink))
    }

    fn send(&mut self, chunk: &Chunk, origin: f64, sink: &mut dyn PartSink) -> Result<(), Error> {
        let (bytes, clipped) = wav::encode(&chunk.samples, self.spec.rate)?;
        let end = chunk.start + chunk.samples.len() as u64;
        self.written = end;
        self.clipped += clipped;
        let seconds = |sample: u64| origin + sample as f64 / f64::from(self.spec.rate);
        let detail = Detail::Sound { start: seconds(chunk.start), end: seconds(end) };
        sink.part(PartHeader { recipes: self.recipes.clone(), encoding: Encoding::Wav, detail }, bytes)?;
        Ok(())
    }
}
