//! What the decoders see in a source, without producing parts.

use crate::{Error, Limits, Probe, Source};

/// Looks at `source` without producing parts. `Err` is what `normalise` would refuse it with, as far as headers tell.
pub fn probe(source: &Source, limits: &Limits) -> Result<Probe, Error> {
    todo!("{source:?} {limits:?}")
}
