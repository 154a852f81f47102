//! Animations: a first pass for the timeline, a second for the picked frames. Memory stays flat.

use image::Frames;

use super::failure::refuse;
use super::normalise::Wanted;
use super::open::{Opened, open};
use super::picture::Picture;
use super::still::{STILL, deliver};
use crate::sampler::plan;
use crate::{Error, FrameDetail, Limits, Moment, PartSink, Report, Source, Timeline};

/// Pixels of all frames together, each counted as a whole canvas, since that is what compositing costs: some 10 s of decoding.
const TOTAL_PIXELS: u64 = 2_000_000_000;

/// Browsers show frames with a delay of at most 10 ms for 100 ms (WHATWG HTML leaves it open; all engines agree). So do we: what
/// a viewer sees is what is judged, and no frame hides behind a delay of nothing.
const SHORTEST_MS: f64 = 10.0;
const INSTEAD_MS: f64 = 100.0;

/// Delivers the frames that the samplers pick. An animation of one frame is a still.
pub(super) fn normalise(
    source: &Source,
    opened: Opened<'_>,
    wanted: &Wanted<'_>,
    limits: &Limits,
    sink: &mut dyn PartSink,
    report: &mut Report,
) -> Result<(), Error> {
    let timeline = timeline(opened, limits, report)?;
    let moments = timeline.moments();
    let moves = moments.len() > 1;
    report.duration = moves.then_some(timeline.duration());
    let plan = plan(wanted.iter().enumerate().map(|(recipe, (sampler, _))| (recipe, *sampler)), &timeline);

    let (mut frames, tags) = open(source, limits)?.into_frames(limits)?;
    let mut next = 0;
    for (index, recipes) in plan.targets {
        let frame = frames.nth(index - next).ok_or_else(|| Error::Malformed("the second pass found fewer frames".to_owned()))?;
        report.frames_decoded += (index - next + 1) as u64;
        next = index + 1;
        let picture = Picture::transparent(frame.map_err(|error| refuse(&error, limits))?.into_buffer(), &tags)?;
        let detail = if moves { on_time(index, &moments[index]) } else { STILL };
        deliver(&picture, &tags, recipes.into_iter().map(|recipe| (recipe, wanted[recipe].1)), &detail, sink)?;
    }
    Ok(())
}

fn on_time(index: usize, moment: &Moment) -> FrameDetail {
    FrameDetail {
        t: Some(moment.t),
        pts: Some(moment.pts),
        time_base: Some((1, 1000)),
        index: Some(index as u64),
        keyframe: Some(moment.keyframe),
        ..STILL
    }
}

/// Decodes every frame for its delay. When the data ends or breaks after some frames, those are the animation.
pub(super) fn timeline(opened: Opened<'_>, limits: &Limits, report: &mut Report) -> Result<Timeline, Error> {
    let (width, height) = opened.dimensions();
    let (frames, _) = opened.into_frames(limits)?;
    let (moments, end_ms) = moments(frames, u64::from(width) * u64::from(height), limits, report)?;
    report.frames_total = Some(moments.len() as u64);
    report.frames_decoded += moments.len() as u64;
    Timeline::new(moments, end_ms.round() as i64, (1, 1000)).ok_or_else(|| Error::Empty("the animation has no frame".to_owned()))
}

fn moments(frames: Frames<'_>, canvas: u64, limits: &Limits, report: &mut Report) -> Result<(Vec<Moment>, f64), Error> {
    let mut moments: Vec<Moment> = Vec::new();
    let (mut now_ms, mut raised) = (0.0, false);
    for frame in frames {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if moments.is_empty() => return Err(refuse(&error, limits)),
            Err(error) => {
                report.truncated_at = Some(now_ms / 1000.0);
                report.note("truncated", format!("only the first {} frames can be decoded: {error}", moments.len()));
                break;
            }
        };
        let pts = f64::round(now_ms) as i64;
        moments.push(Moment { pts, ticks: pts, t: pts as f64 / 1000.0, keyframe: moments.is_empty(), bytes: 0 });
        let count = moments.len() as u64;
        Limits::check("frames of the animation", count, limits.frames)?;
        Limits::check("pixels of all frames of the animation", count.saturating_mul(canvas), TOTAL_PIXELS)?;
        let told = told_ms(frame.delay());
        raised |= told <= SHORTEST_MS;
        now_ms += if told <= SHORTEST_MS { INSTEAD_MS } else { told };
    }
    if raised && moments.len() > 1 {
        report.note("delay_raised", "frames with a delay of at most 10 ms are taken to be shown for 100 ms, as browsers do");
    }
    Ok((moments, now_ms))
}

fn told_ms(delay: image::Delay) -> f64 {
    let (numerator, denominator) = delay.numer_denom_ms();
    f64::from(numerator) / f64::from(denominator.max(1))
}
