//! What the decoders see in a source, and whether parts can be made of it.

use crate::guard::guarded;
use crate::{Detail, Error, Limits, Modality, PartHeader, PartSink, Probe, Recipe, SinkClosed, Source, audio, image, normalise, video};

/// Makes what `recipes` ask for, keeps nothing of it, and says what was seen on the way. `Err` is what [`normalise`] refuses the source with.
pub fn probe(source: &Source, recipes: &[Recipe], limits: &Limits) -> Result<Probe, Error> {
    let modality = crate::modality_of(recipes)?;
    let mut dropped = Dropped::default();
    let report = normalise(source, recipes, limits, &mut dropped)?;
    let streams = guarded(|| match modality {
        Modality::Text => Ok(dropped.characters.map(|count| format!("text utf-8 {count} characters")).into_iter().collect()),
        Modality::Image => image::streams(source, limits),
        Modality::Audio => audio::streams(source, limits),
        Modality::Video => video::streams(source, limits),
    })?;
    Ok(Probe {
        modality,
        format: report.format,
        dimensions: report.dimensions,
        duration: report.duration,
        frames: report.frames_total,
        keyframes: report.keyframes_total,
        streams,
        notes: report.notes,
    })
}

/// Takes parts and keeps none.
#[derive(Default)]
struct Dropped {
    characters: Option<u64>,
}

impl PartSink for Dropped {
    fn part(&mut self, header: PartHeader, _: Vec<u8>) -> Result<(), SinkClosed> {
        if let Detail::Text { characters } = header.detail {
            self.characters = Some(characters);
        }
        Ok(())
    }
}
