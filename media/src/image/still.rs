//! A picture that does not move: one part per distinct view.

use image::DynamicImage;

use super::failure::refuse;
use super::jpeg::Decoded;
use super::normalise::Wanted;
use super::open::{Opened, Still};
use super::picture::{Picture, Tags};
use crate::frame::shared_views;
use crate::{Detail, Encoding, Error, FrameDetail, FrameView, Limits, PartHeader, PartSink, Report};

/// Decodes once and delivers every view. A still has no time: samplers are not asked.
pub(super) fn normalise(
    opened: Opened<'_>,
    wanted: &Wanted<'_>,
    limits: &Limits,
    sink: &mut dyn PartSink,
    report: &mut Report,
) -> Result<(), Error> {
    let (still, tags) = opened.into_still();
    let views = || wanted.iter().map(|(_, view)| *view);
    let decoded = match still {
        Still::Jpeg(file) => file.decode(&tags, views(), limits, report)?,
        Still::Other(decoder) => {
            let image = DynamicImage::from_decoder(decoder).map_err(|error| refuse(&error, limits))?;
            Decoded { picture: Picture::new(image, &tags)?, original: None }
        }
    };
    report.frames_decoded = 1;
    let size = decoded.picture.size();
    // Memory is planned for a byte a pixel and a header; a file that needs more is made anew.
    let most = u64::from(size.0) * u64::from(size.1) + HEADER;
    let Some(original) = decoded.original.filter(|original| original.len() as u64 <= most) else {
        return deliver(&decoded.picture, &tags, views().enumerate(), &STILL, sink);
    };
    let (same, made): (Vec<_>, Vec<_>) = views().enumerate().partition(|(_, view)| shows_as_it_is(view, size));
    report.passed_through = !same.is_empty();
    if report.passed_through {
        let detail = Detail::Frame(FrameDetail { width: size.0, height: size.1, ..STILL });
        let recipes = same.into_iter().map(|(recipe, _)| recipe).collect();
        sink.part(PartHeader { recipes, encoding: Encoding::Jpeg, detail }, original)?;
    }
    deliver(&decoded.picture, &tags, made, &STILL, sink)
}

/// Bytes that tables and headers of a small JPEG may take.
const HEADER: u64 = 4096;

/// Whether a JPEG of this size in pixels is what the view asks for: its quality is for pictures that have to be made anew.
fn shows_as_it_is(view: &FrameView, (width, height): (u32, u32)) -> bool {
    matches!(view, FrameView::Jpeg { long_edge, .. } if width.max(height) <= *long_edge)
}

/// The detail of a picture without a place in time; the size is that of each part.
pub(super) const STILL: FrameDetail = FrameDetail::still(0, 0);

/// Sends each distinct view of `picture` once, to all recipes that want it.
pub(super) fn deliver<'a>(
    picture: &Picture,
    tags: &Tags,
    views: impl IntoIterator<Item = (usize, &'a FrameView)>,
    moment: &FrameDetail,
    sink: &mut dyn PartSink,
) -> Result<(), Error> {
    for (view, recipes) in shared_views(views) {
        let (encoding, width, height, bytes) = picture.view(view, tags)?;
        let detail = Detail::Frame(FrameDetail { width, height, ..moment.clone() });
        sink.part(PartHeader { recipes, encoding, detail }, bytes)?;
    }
    Ok(())
}
