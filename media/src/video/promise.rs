//! How long the frames of a video last by its header, and whether that is false.

use super::index::Index;
use crate::libav::Stream;
use crate::movie::false_duration;
use crate::{Error, Source};

/// Containers whose header may say when the last frame ends, or how long all of them last: some muxers count from zero, others from the first frame. Of
/// fragments of MP4, libav counts from zero to the last time of decoding.
const COUNTING_FROM_ZERO: [&str; 3] = ["matroska", "asf", "mp4"];

/// Times that were rounded to milliseconds are off by so many seconds, both ends together.
const ROUNDED: f64 = 0.002;

/// A length by the header, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Promise {
    /// As it stands there.
    written: f64,
    /// Without what comes before the first frame, if the header counts that.
    pub lasting: f64,
}

impl Promise {
    /// What the header says, in the reading that comes nearest to the frames.
    pub(super) fn of(format: &str, stream: &Stream, index: &Index) -> Option<Self> {
        let seconds = |ticks: i64| ticks as f64 * f64::from(stream.time_base.0) / f64::from(stream.time_base.1);
        let counts = COUNTING_FROM_ZERO.contains(&format) && (format != "mp4" || stream.frames.is_none());
        let decoded = index.packets.iter().filter_map(|packet| packet.dts).min().filter(|_| index.has_clock).map_or(0.0, seconds);
        let starts = [0.0, index.origin, decoded];
        Self::nearest(stream.duration?, if counts { &starts } else { &starts[..1] }, index.timeline.duration())
    }

    fn nearest(written: f64, starts: &[f64], duration: f64) -> Option<Self> {
        let readings = starts.iter().map(|start| written - start.max(0.0)).filter(|lasting| *lasting > 0.0);
        let off = |lasting: &f64| (lasting - duration).abs();
        readings.min_by(|one, other| off(one).total_cmp(&off(other))).map(|lasting| Self { written, lasting })
    }

    /// For people.
    pub(super) fn said(&self) -> String {
        let Self { written, lasting } = self;
        let from = if written - lasting < 0.1 { String::new() } else { format!(", {lasting:.3} s from the first frame on") };
        format!("the header says {written:.3} s{from}")
    }

    /// Whether the frames do not bear it out.
    pub(super) fn is_false(&self, index: &Index) -> bool {
        let last = index.timeline.moments().last().map_or(0.0, |last| last.t);
        self.misses(last, index.timeline.duration())
    }

    /// Browsers that record write when the `last` frame came: up to it, or into it, is no lie.
    fn misses(&self, last: f64, duration: f64) -> bool {
        let is_of_last = last > 0.0 && (last - ROUNDED..=duration).contains(&self.lasting);
        differ(self.lasting, duration) && !is_of_last
    }
}

/// What the header of a track of MP4 says, where neither its table of times nor its frames, which last `duration`, bear it out. libav believes it no further than
/// that table goes, and hands on the lesser. Fragments have no table.
pub(super) fn false_length(source: &Source, stream: &Stream, track: Option<u32>, duration: f64) -> Result<Option<Promise>, Error> {
    let track = track.filter(|_| stream.frames.is_some());
    let stated = track.map(|track| false_duration(source, track)).transpose()?.flatten();
    Ok(stated.filter(|stated| differ(*stated, duration)).map(|written| Promise { written, lasting: written }))
}

/// Whether two lengths in seconds are not the same but for what a last frame may last.
fn differ(one: f64, other: f64) -> bool {
    (one - other).abs() > one.max(other) / 10.0
}

#[cfg(test)]
mod tests {
    use super::Promise;

    #[test]
    fn muxers_count_from_zero_or_from_the_first_frame() {
        let nearest = |written, starts: &[f64], duration| Promise::nearest(written, starts, duration).map(|promise| promise.lasting);
        assert_eq!(nearest(2.5, &[0.0, 0.75, 0.75], 2.5), Some(2.5), "mkvmerge");
        assert_eq!(nearest(3.25, &[0.0, 0.75, 0.75], 2.5), Some(2.5), "ffmpeg");
        assert_eq!(nearest(2.3125, &[0.0, 1.4375, 1.3125], 1.0), Some(1.0), "fragments, by times of decoding");
        assert_eq!(nearest(2.5, &[0.0, -0.5, 0.0], 3.0), Some(2.5));
        assert_eq!((nearest(0.0, &[0.0], 1.0), nearest(0.5, &[0.0, 0.75], 1.0)), (None, Some(0.5)));
    }

    #[test]
    fn what_the_last_frame_lasts_is_no_lie() {
        let misses = |lasting| Promise { written: lasting, lasting }.misses(3.202, 3.602);
        assert_eq!([3.202, 3.201, 3.4, 3.602, 3.9].map(misses), [false; 5]);
        assert_eq!([2.8, 3.1, 4.1].map(misses), [true; 3]);
        assert!(Promise { written: 0.01, lasting: 0.01 }.misses(0.0, 0.04), "a single frame has no last one");
    }
}
