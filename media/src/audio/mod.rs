//! Sound: decode, mix down, resample, chunk, WAV.

use crate::{Error, Limits, PartSink, Probe, Recipe, Report, Source};

pub(crate) fn normalise(_: &Source, _: &[Recipe], _: &Limits, _: &mut dyn PartSink) -> Result<Report, Error> {
    Err(Error::Unsupported("audio is not decoded yet".to_owned()))
}

pub(crate) fn probe(_: &Source, _: &Limits) -> Result<Probe, Error> {
    Err(Error::Unsupported("audio is not decoded yet".to_owned()))
}

#[expect(clippy::too_many_arguments, reason = "the seam between sound and video")]
pub(crate) fn soundtrack(
    _: &Source,
    _: &crate::SoundSpec,
    _: &[usize],
    _: f64,
    _: &Limits,
    _: &mut dyn PartSink,
    _: &mut Report,
) -> Result<(), Error> {
    Err(Error::Unsupported("audio is not decoded yet".to_owned()))
}
