//! A picture that does not move: one part per distinct view.

use image::DynamicImage;

use super::failure::refuse;
use super::normalise::Wanted;
use super::open::Opened;
use super::picture::{Picture, Tags};
use crate::frame::shared_views;
use crate::{Detail, Error, FrameDetail, FrameView, Limits, PartHeader, PartSink, Report};

/// Decodes once and delivers every view. A still has no time: samplers are not asked.
pub(super) fn normalise(
    opened: Opened<'_>,
    wanted: &Wanted<'_>,
    limits: &Limits,
    sink: &mut dyn PartSink,
    report: &mut Report,
) -> Result<(), Error> {
    let (decoder, tags) = opened.into_still();
    let image = DynamicImage::from_decoder(decoder).map_err(|error| refuse(&error, limits))?;
    report.frames_decoded = 1;
    let views = wanted.iter().enumerate().map(|(recipe, (_, view))| (recipe, *view));
    deliver(&Picture::new(image, &tags)?, &tags, views, &STILL, sink)
}

/// The detail of a picture without a place in time; the size is that of each part.
pub(super) const STILL: FrameDetail = FrameDetail {
    width: 0,
    height: 0,
    t: None,
    pts: None,
    time_base: None,
    index: None,
    keyframe: None,
    estimated: false,
    substituted: false,
    phash: None,
};

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
