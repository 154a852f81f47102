//! Bytes in, finished parts out: normalises one source of text, image, video or audio for a judge.
//!
//! ```text
//! Source --sniff--> text | image | video | audio --Part--> PartSink
//!                              \     /
//!                         Timeline -> Sampler
//! ```
//!
//! The crate knows no async, network, threads, config file or clock. The same bytes and recipes give the same parts
//! on every run of one machine. Decoders run untrusted bytes: call it from a process that may be killed.

mod audio;
mod canary;
mod digest;
mod encrypted;
mod ending;
mod error;
mod fragments;
mod frame;
mod guard;
mod heif;
mod image;
mod joined;
mod libav;
mod limits;
mod map;
mod matroska;
mod memory;
mod modality;
mod movie;
mod part;
mod probe;
mod recipe;
mod report;
mod sampler;
mod signal;
mod sniff;
mod sound_frame;
mod source;
mod text;
mod time;
mod tracks;
mod versions;
mod video;

pub use canary::{canary_picture, canary_sound};
pub use digest::Digest;
pub use error::Error;
pub use heif::heif_version;
pub use libav::init;
pub use limits::Limits;
pub use modality::Modality;
pub use part::{Detail, Encoding, FrameDetail, PartHeader, PartSink, SheetDetail, SinkClosed};
pub use probe::probe;
pub use recipe::{FrameView, Recipe, SoundEncoding, SoundSpec};
pub use report::{Dropped, Note, Probe, Report, SoundSignals};
pub use sampler::{Glimpse, Layout, Pick, Sampler, SamplerSpec, Scout, SpecError, Strategy, strategy};
pub use signal::{Look, PLANE, PerceptualHash, VideoSignals};
pub use sniff::{Format, sniff};
pub use source::{Reader, Source};
pub use time::{Moment, Timeline};
pub use tracks::{Tracks, tracks};
pub use versions::{decoder_path, libav as libav_version, outdated as libav_outdated};

/// Decodes `source` once and delivers the parts that every recipe asks for.
///
/// All recipes must be of one modality, and the source must be of that modality; parts leave one by one through `sink`,
/// those of one recipe in presentation order. A decoder panic becomes [`Error::Panic`].
pub fn normalise(source: &Source, recipes: &[Recipe], limits: &Limits, sink: &mut dyn PartSink) -> Result<Report, Error> {
    let wanted = modality_of(recipes)?;
    if wanted == Modality::Text {
        // Any UTF-8 may be an answer, also one that begins like another format.
        Limits::check("length of the source in bytes", source.len(), limits.source_bytes)?;
        return guard::guarded(|| text::normalise(source, recipes, limits, sink));
    }
    let format = sniff::identify(source, limits)?;
    let sound_or_pictures = format.ambiguous && matches!(wanted, Modality::Audio | Modality::Video);
    if format.modality == Modality::Text {
        return Err(Error::NotMedia("the bytes are text".to_owned()));
    }
    if format.modality != wanted && !sound_or_pictures {
        return Err(Error::Contradiction { expected: wanted, found: format!("{} ({})", format.modality, format.name) });
    }
    if !format.decoded {
        return Err(Error::Unsupported(format!("{} is not decoded here", format.name)));
    }
    guard::guarded(|| match wanted {
        Modality::Text => text::normalise(source, recipes, limits, sink),
        Modality::Image => image::normalise(source, recipes, limits, sink),
        Modality::Video => video::normalise(source, recipes, limits, sink),
        Modality::Audio => audio::normalise(source, recipes, limits, sink),
    })
}

/// The one modality of all recipes.
fn modality_of(recipes: &[Recipe]) -> Result<Modality, Error> {
    let first = recipes.first().ok_or_else(|| Error::Unsupported("no recipe was given".to_owned()))?.modality();
    match recipes.iter().find(|recipe| recipe.modality() != first) {
        Some(other) => Err(Error::Unsupported(format!("recipes of two modalities, {first} and {}", other.modality()))),
        None => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, FrameView, Limits, Pick, Recipe, SoundSpec, Source, normalise, probe};

    fn refusal(bytes: &[u8], recipes: &[Recipe]) -> Error {
        normalise(&Source::memory(bytes.to_vec()), recipes, &Limits::default(), &mut Vec::new()).unwrap_err()
    }

    fn image() -> Recipe {
        Recipe::Image { sampler: Pick::First.into(), view: FrameView::default() }
    }

    #[test]
    fn the_bytes_decide_and_the_refusal_names_the_cause() {
        assert!(matches!(refusal(b"<html>not a picture</html>", &[image()]), Error::NotMedia(_)));
        assert!(matches!(refusal(b"", &[image()]), Error::NotMedia(_)));
        assert!(matches!(refusal(b"\x01\x02\x03\x04", &[image()]), Error::NotMedia(_)));
        let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
        match (crate::heif_version(), refusal(heic, &[image()])) {
            (Ok(_), Error::Malformed(_) | Error::Truncated(_)) => {}
            (Err(why), Error::Unsupported(message)) => assert_eq!(message, format!("heic is not decoded here: {why}")),
            other => panic!("{other:?}"),
        }
        let tiff = b"II*\0\x08\0\0\0";
        assert_eq!(refusal(tiff, &[image()]), Error::Unsupported("tiff is not decoded here".to_owned()));
        assert!(matches!(refusal(heic, &[Recipe::Audio(SoundSpec::default())]), Error::Contradiction { .. }));
        assert!(matches!(probe(&Source::memory(tiff.to_vec()), &[image()], &Limits::default()), Err(Error::Unsupported(_))));
    }

    #[test]
    fn recipes_are_one_modality_and_sources_have_a_length_limit() {
        assert!(matches!(refusal(b"hi", &[]), Error::Unsupported(_)));
        assert!(matches!(refusal(b"hi", &[image(), Recipe::Text { max_characters: 9 }]), Error::Unsupported(_)));
        let limits = Limits { source_bytes: 1, ..Limits::default() };
        for recipe in [image(), Recipe::Text { max_characters: 9 }] {
            let result = normalise(&Source::memory(b"hi".to_vec()), &[recipe], &limits, &mut Vec::new());
            assert!(matches!(result, Err(Error::Limit { value: 2, limit: 1, .. })));
        }
    }
}
