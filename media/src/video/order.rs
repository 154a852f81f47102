//! In which order frames are displayed, and with which timestamps: the file's own where they tell, else what decoding gives.

use std::collections::BTreeSet;
use std::ops::Range;

use super::clock::typical;
use super::index::Entry;
use crate::Error;
use crate::libav::Stream;

/// Decoders hold back at most this many frames to put them in order, so no more can come before another in the file and after it on screen.
const MOST_REORDERED: usize = 16;

/// A frame as it came out when everything was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    /// Position of its packet.
    pub packet: usize,
    /// The last packet that the decoder had got by then; `None` when it was drained.
    pub after: Option<usize>,
    /// Whether it refers to no other frame.
    pub intra: bool,
}

/// Displayed frames in display order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    /// Their packets.
    pub display: Vec<usize>,
    /// Their timestamps, which may go back where the file's clock does.
    pub stamps: Vec<i64>,
    /// Seconds per tick.
    pub time_base: (i32, i32),
    /// Whether the file has timestamps worth the name; else all are counted.
    pub has_clock: bool,
    /// Which of them are counted, since the file tells none, are those of others, since the file's contradict the order, or hang on packets that are lost.
    pub estimated: Vec<bool>,
}

/// Whether a muxer made presentation times of decoding times: none differs, though pictures are reordered. Some refer to one that is shown
/// after them, or `reorders`, which is asked where headers do not tell, says so. Decoding times never go back from one packet to the next, but where
/// the clock is set anew, at a keyframe; those that do are presentation times that libav took for both (HEVC in Matroska, which stores no others).
pub(super) fn are_decoding_times(packets: &[Entry], reorders: impl FnOnce() -> Result<bool, Error>) -> Result<bool, Error> {
    let equal = packets.iter().all(|packet| packet.pts.is_some() && packet.pts == packet.dts);
    let go_back = packets.windows(2).any(|pair| pair[1].pts < pair[0].pts && !pair[1].key);
    Ok(equal && !go_back && (packets.iter().any(|packet| packet.bidirectional) || reorders()?))
}

/// Whether timestamps alone do not tell the order of display, so that it must be found by decoding.
pub(super) fn needs_decoding(packets: &[Entry]) -> bool {
    let shown = || packets.iter().filter(|packet| !packet.discard);
    // libav leaves out what it cannot tell: the time of frames that the decoder holds back.
    let Some(stamps) = shown().map(|packet| packet.pts).collect::<Option<Vec<i64>>>() else { return true };
    let reordered = stamps.windows(2).any(|pair| pair[1] < pair[0]);
    let count = stamps.len();
    let distinct = stretches(packets).into_iter().map(|stretch| {
        let stamps = packets[stretch].iter().filter(|packet| !packet.discard).filter_map(|packet| packet.pts);
        stamps.collect::<BTreeSet<i64>>().len()
    });
    let distinct: usize = distinct.sum();
    distinct < count && (reordered || is_worthless(distinct, count))
}

/// Whether timestamps tell next to nothing of when frames are displayed.
const fn is_worthless(distinct: usize, frames: usize) -> bool {
    distinct * 2 < frames
}

/// Stretches of packets in each of which the clock only ever goes on, but for the reordering of frames.
///
/// A new one begins where more frames would be overtaken than a decoder can hold back, and at a keyframe (nothing in the file
/// before it is displayed after it) that is also decoded before its turn.
pub(super) fn stretches(packets: &[Entry]) -> Vec<Range<usize>> {
    let mut stretches = Vec::new();
    let (mut start, mut latest): (usize, Vec<i64>) = (0, Vec::new()); // the latest timestamps of this stretch, ascending
    let mut before: Option<i64> = None;
    for (at, packet) in packets.iter().enumerate() {
        let (Some(pts), false) = (packet.pts.or(packet.dts), packet.discard) else { continue };
        let overtakes = latest.len() - latest.partition_point(|stamp| *stamp <= pts);
        let back_in_file = before.zip(packet.dts).is_some_and(|(before, dts)| dts < before);
        if overtakes > MOST_REORDERED || packet.key && overtakes > 0 && back_in_file {
            stretches.push(start..at);
            start = at;
            latest.clear();
        }
        latest.insert(latest.partition_point(|stamp| *stamp <= pts), pts);
        if latest.len() > MOST_REORDERED + 1 {
            latest.remove(0);
        }
        before = packet.dts;
    }
    stretches.push(start..packets.len());
    stretches
}

impl Order {
    /// By timestamps, each stretch of the clock by itself.
    pub(super) fn by_timestamps(packets: &[Entry], stream: &Stream) -> Self {
        let (mut display, mut stamps) = (Vec::new(), Vec::new());
        for stretch in stretches(packets) {
            let shown = stretch.filter(|at| !packets[*at].discard);
            let mut dated: Vec<(i64, usize)> = shown.filter_map(|at| Some((packets[at].pts?, at))).collect();
            dated.sort_unstable();
            stamps.extend(dated.iter().map(|(stamp, _)| *stamp));
            display.extend(dated.into_iter().map(|(_, at)| at));
        }
        let estimated = vec![false; stamps.len()];
        Self { display, stamps, time_base: stream.time_base, has_clock: true, estimated }.or_counted(stream)
    }

    /// By what came out of the decoder, as far as it is displayed.
    pub(super) fn by_decoding(packets: &[Entry], frames: &[Shown], stream: &Stream) -> Self {
        let mut seen = BTreeSet::new();
        let is_displayed = |frame: &&Shown| packets.get(frame.packet).is_some_and(|packet| !packet.discard);
        let frames: Vec<&Shown> = frames.iter().filter(is_displayed).filter(|frame| seen.insert(frame.packet)).collect();
        // A decoder lets go of a frame when the packet comes that is decoded while this frame is displayed.
        let stamp = |frame: &&Shown| packets[frame.packet].pts.or_else(|| packets[frame.after?].dts);
        let told_of: Vec<Option<i64>> = frames.iter().map(stamp).collect();
        let display: Vec<usize> = frames.iter().map(|frame| frame.packet).collect();
        let dated = in_order(&told_of, &display, &stretches(packets));
        let stamps = filled(&dated, |at| packets[display[at]].duration);
        // Those that come out at the end have no packet after them: they follow one another as all before.
        let told = dated.iter().rposition(Option::is_some).unwrap_or(0);
        // Where packets are lost on the way, another comes in the place of the one that would tell.
        let usual = typical(&packets.iter().filter_map(|packet| packet.dts).collect::<Vec<_>>());
        let gap = |pair: &[Entry]| pair[0].dts.zip(pair[1].dts).is_some_and(|(one, next)| next.saturating_sub(one) > usual + usual / 2);
        let lossy = |frame: &Shown| match frame.after {
            _ if packets[frame.packet].pts.is_some() => false,
            Some(after) => packets.get(frame.packet..=after).is_some_and(|between| between.windows(2).any(gap)),
            None => packets.last().is_some_and(|last| last.damaged),
        };
        let is_estimated = |at: usize| at < told && dated[at].is_none() || dated[at] != told_of[at] || lossy(frames[at]);
        let estimated = (0..dated.len()).map(is_estimated).collect();
        Self { display, stamps, time_base: stream.time_base, has_clock: true, estimated }.or_counted(stream)
    }

    /// Counts the frames where timestamps are missing or mostly the same.
    fn or_counted(mut self, stream: &Stream) -> Self {
        let count = self.display.len();
        let distinct = 1 + self.stamps.windows(2).filter(|pair| pair[0] < pair[1]).count(); // the clock may start anew
        if self.stamps.len() < count || is_worthless(distinct, count) {
            let rate = stream.frame_rate.filter(|rate| (1.0..=1000.0).contains(rate)).unwrap_or(25.0);
            self.stamps = (0..count).map(|frame| (frame as f64 * 1000.0 / rate).round() as i64).collect();
            (self.time_base, self.has_clock, self.estimated) = ((1, 1000), false, vec![true; count]);
        }
        self
    }
}

/// The timestamps of each stretch of the clock, ascending: a decoder's order is that of the pictures themselves, and a table of the container that is
/// broken or ends early makes no time go back.
fn in_order(dated: &[Option<i64>], display: &[usize], stretches: &[Range<usize>]) -> Vec<Option<i64>> {
    let stretch_of = |at: usize| stretches.partition_point(|stretch| stretch.end <= display[at]);
    let mut places: Vec<usize> = (0..dated.len()).filter(|at| dated[*at].is_some()).collect();
    places.sort_by_key(|at| stretch_of(*at)); // stable
    let mut stamps: Vec<(usize, Option<i64>)> = places.iter().map(|at| (stretch_of(*at), dated[*at])).collect();
    stamps.sort_unstable();
    let mut ordered = dated.to_vec();
    places.into_iter().zip(stamps).for_each(|(at, (_, stamp))| ordered[at] = stamp);
    ordered
}

/// The timestamps with those that are missing counted on from the one before, but not past the next that is known; none at all when most are missing.
fn filled(dated: &[Option<i64>], lasting: impl Fn(usize) -> i64) -> Vec<i64> {
    let known: Vec<i64> = dated.iter().flatten().copied().collect();
    let Some(first) = dated.iter().position(Option::is_some).filter(|_| !is_worthless(known.len(), dated.len())) else {
        return Vec::new();
    };
    let typical = typical(&known);
    let step = |at: usize| if typical > 0 { typical } else { lasting(at) }; // AVI calls a frame of H.264 half as long as it is
    let mut stamps: Vec<i64> = Vec::with_capacity(dated.len());
    let mut ahead = known.into_iter().peekable();
    for (at, stamp) in dated.iter().enumerate() {
        let next = ahead.next_if(|_| stamp.is_some()).or_else(|| ahead.peek().copied());
        let counted = || match stamps.last().copied() {
            // The clock of the next may have been set anew; then nothing bounds the count.
            Some(before) => before.saturating_add(step(at - 1)).min(next.filter(|next| *next >= before).unwrap_or(i64::MAX)),
            None => next.unwrap_or(0).saturating_sub((0..first).map(step).fold(0, i64::saturating_add)),
        };
        stamps.push(stamp.unwrap_or_else(counted));
    }
    stamps
}

#[cfg(test)]
mod tests {
    use super::{are_decoding_times, filled, in_order, needs_decoding, stretches};
    use crate::video::index::Entry;

    /// Packets in file order by their timestamps; those below 0 are keyframes, and 1000 stands for none.
    fn packets(stamps: &[i64]) -> Vec<Entry> {
        let entry = |(at, pts): (usize, &i64)| Entry {
            pts: (*pts != 1000).then_some(pts.abs()),
            dts: Some(at as i64),
            duration: 1,
            pos: -1,
            size: 1,
            rest: 0,
            key: *pts < 0,
            gradual: false,
            discard: false,
            damaged: false,
            padded: false,
            lacks: false,
            bidirectional: false,
            disposable: false,
        };
        stamps.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn a_stretch_ends_where_the_clock_goes_back_and_not_where_frames_are_reordered() {
        let starts = |packets: &[Entry]| stretches(packets).into_iter().map(|stretch| stretch.start).collect::<Vec<_>>();
        let film = [-1, 9, 5, 3, 2, 4, 7, 6, 8, 17, 13, 11, 10, 12, 15, 14, 16, -18, 19, 20];
        assert_eq!(starts(&packets(&film)), [0]);
        assert_eq!(starts(&packets(&[film, film].concat())), [0, 20]);
        let mut soon = packets(&[-1, 2, 3, -2, 3, 4]);
        assert_eq!(starts(&soon), [0], "few frames are overtaken, and it is decoded in its turn");
        soon[3].dts = Some(0);
        assert_eq!(starts(&soon), [0, 3]);
        soon.iter_mut().enumerate().for_each(|(at, packet)| (packet.pts, packet.dts) = (None, Some(at as i64 % 3)));
        assert_eq!(starts(&soon), [0, 3], "times of decoding are all there is");
        assert_eq!(starts(&[]), [0]);
    }

    #[test]
    fn decoding_tells_what_timestamps_do_not() {
        for (stamps, needed) in [
            (&[-1, 3, 2, 4][..], false),
            (&[-1, 2, 2, 3], false), // the order in the file is the order on screen
            (&[-1, 3, 2, 2], true),  // but not here
            (&[-1, 1, 1, 1], true),
            (&[-1, 1000, 2, 3], true), // libav does not know when the second is displayed
            (&[], false),
        ] {
            assert_eq!(needs_decoding(&packets(stamps)), needed, "{stamps:?}");
        }
    }

    #[test]
    fn decoding_times_are_no_presentation_times_where_pictures_are_reordered() {
        let told = |packets: &[super::Entry], reorders| are_decoding_times(packets, || Ok(reorders)).unwrap();
        let mut film = packets(&[0, 1, 2, 3]);
        assert!(!told(&film, false), "no picture refers to a later one");
        assert!(told(&film, true), "but the decoder gives them in another order");
        film[2].bidirectional = true;
        assert!(told(&film, false));
        film[1].pts = Some(3);
        assert!(!told(&film, true));
        film[1].dts = Some(3);
        assert!(!told(&film, true), "no clock of decoding goes back");
        (film[2].pts, film[2].dts, film[2].key) = (Some(0), Some(0), true);
        assert!(told(&film, true), "but where it is set anew");
    }

    #[test]
    fn timestamps_follow_the_order_of_the_pictures_stretch_by_stretch() {
        let stamps = [Some(0), Some(3), None, Some(2), Some(4), Some(1), Some(0)];
        assert_eq!(in_order(&stamps, &[0, 2, 1, 3, 4, 6, 5], &[0..5, 5..7]), [Some(0), Some(2), None, Some(3), Some(4), Some(0), Some(1)]);
        assert_eq!(in_order(&stamps[..2], &[0, 1], &stretches(&packets(&[-1, 2]))), stamps[..2]);
    }

    #[test]
    fn missing_timestamps_are_counted_on() {
        assert_eq!(filled(&[None, Some(10), Some(12), None, Some(16), Some(18)], |_| 0), [8, 10, 12, 14, 16, 18]);
        assert_eq!(filled(&[Some(10), None], |_| 5), [10, 15]);
        assert_eq!(filled(&[Some(0), Some(9), None, None, Some(12), Some(21)], |_| 0), [0, 9, 12, 12, 12, 21], "not past the next");
        assert_eq!(filled(&[Some(0), Some(9), None, Some(2), Some(11)], |_| 0), [0, 9, 18, 2, 11], "the clock starts anew");
        assert_eq!(filled(&[Some(10), None, None], |_| 5), [0; 0], "most are missing");
    }
}
