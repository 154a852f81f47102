//! What the decoders see in a source, without producing parts.

use crate::guard::guarded;
use crate::sniff::identify;
use crate::{Error, Limits, Modality, Probe, Source, audio, image, text, video};

/// Looks at `source` without producing parts. `Err` is what `normalise` would refuse it with, as far as headers tell.
pub fn probe(source: &Source, limits: &Limits) -> Result<Probe, Error> {
    let format = identify(source, limits)?;
    if !format.decoded {
        return Err(Error::Unsupported(format!("{} is not decoded here", format.name)));
    }
    guarded(|| match format.modality {
        Modality::Text => text::probe(source, limits),
        Modality::Image => image::probe(source, limits),
        Modality::Audio => audio::probe(source, limits),
        Modality::Video => match video::probe(source, limits) {
            // A container without moving pictures is judged by its sound.
            Err(Error::Contradiction { .. }) if format.ambiguous => audio::probe(source, limits),
            result => result,
        },
    })
}
