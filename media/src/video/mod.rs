//! Video: index, plan, decode, view.

use crate::{Error, Limits, PartSink, Probe, Recipe, Report, Source};

pub(crate) fn normalise(_: &Source, _: &[Recipe], _: &Limits, _: &mut dyn PartSink) -> Result<Report, Error> {
    Err(Error::Unsupported("video is not decoded yet".to_owned()))
}

pub(crate) fn probe(_: &Source, _: &Limits) -> Result<Probe, Error> {
    Err(Error::Unsupported("video is not decoded yet".to_owned()))
}
