//! One picture or animation through all recipes.

use super::cut::{png_with_end, riff_is_cut, whole_frames_of_webp};
use super::gif::as_browsers_read;
use super::open::{Opened, open};
use super::{animation, still};
use crate::{Error, FrameView, Limits, PartSink, Recipe, Report, SamplerSpec, Source};

/// What an image recipe asks for; its position in this list is its position among the recipes.
pub(super) type Wanted<'a> = Vec<(&'a SamplerSpec, &'a FrameView)>;

/// Delivers a still as one part per distinct view, an animation as the frames that each recipe's sampler picks.
pub(crate) fn normalise(source: &Source, recipes: &[Recipe], limits: &Limits, sink: &mut dyn PartSink) -> Result<Report, Error> {
    let wanted = wanted(recipes)?;
    let rest = rest_of_cut(source, limits)?;
    let source = rest.as_ref().unwrap_or(source);
    let mended = as_browsers_read(source, limits)?;
    let source = mended.as_ref().unwrap_or(source);
    let opened = open(source, limits)?;
    let mut report = Report {
        format: opened.name().to_owned(),
        decoder: format!("{}:{}", opened.decoder_name(), opened.name()),
        dimensions: Some(opened.upright_dimensions()),
        ..Report::default()
    };
    for (code, message) in &opened.oddities {
        report.note(code, message);
    }
    if opened.is_animated() {
        animation::normalise(source, opened, &wanted, limits, sink, &mut report)?;
        if rest.is_some() {
            report.truncated_at = report.truncated_at.or(report.duration).or(Some(0.0));
            report.note("truncated", "the file breaks off; the frames that are whole are shown");
        }
    } else {
        still::normalise(opened, &wanted, limits, sink, &mut report).map_err(|error| match error {
            Error::Malformed(_) | Error::Truncated(_) if rest.is_some() => {
                Error::Truncated("the file breaks off before its last row of pixels".to_owned())
            }
            Error::Malformed(message) if riff_is_cut(source) => Error::Truncated(message),
            error => error,
        })?;
        if rest.is_some() {
            report.note("truncated", "the file breaks off behind its last row of pixels");
        }
    }
    Ok(report)
}

/// What is whole of a cut file, where its decoder takes no other.
fn rest_of_cut(source: &Source, limits: &Limits) -> Result<Option<Source>, Error> {
    let frames = whole_frames_of_webp(source, limits)?;
    if frames.is_some() { Ok(frames) } else { png_with_end(source, limits) }
}

/// One line about the picture as it is stored.
pub(crate) fn streams(source: &Source, limits: &Limits) -> Result<Vec<String>, Error> {
    let rest = rest_of_cut(source, limits)?;
    let source = rest.as_ref().unwrap_or(source);
    let mended = as_browsers_read(source, limits)?;
    let opened = open(mended.as_ref().unwrap_or(source), limits)?;
    let (width, height) = opened.dimensions();
    Ok(vec![format!("image {} {width}x{height} {:?}", opened.name(), opened.colour_type())])
}

fn wanted(recipes: &[Recipe]) -> Result<Wanted<'_>, Error> {
    let one = |recipe: &'_ Recipe| match recipe {
        Recipe::Image { sampler, .. } if sampler.looks_at_all() || *sampler != SamplerSpec::of(sampler.pick) => {
            Err(Error::Unsupported(format!("{sampler} for a picture: only videos are looked through, thinned out or laid out")))
        }
        Recipe::Image { .. } => Ok(()),
        other => Err(Error::Unsupported(format!("a recipe for {} on an image", other.modality()))),
    };
    recipes.iter().try_for_each(one)?;
    Ok(recipes
        .iter()
        .filter_map(|recipe| match recipe {
            Recipe::Image { sampler, view } => Some((sampler, view)),
            _ => None,
        })
        .collect())
}

impl Opened<'_> {
    /// Width and height as a viewer shows the picture, in pixels.
    fn upright_dimensions(&self) -> (u32, u32) {
        self.tags.orientation.turned(self.dimensions())
    }
}
