//! The index of a video: every packet of its stream, and the order and time in which its frames are displayed.

use std::collections::BTreeSet;

use crate::libav::{Input, Packet, Stream};
use crate::{Error, Limits, Moment, Timeline};

/// One packet, without its bytes. Its position in the list is its identity: reading the same bytes again gives the same list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Presentation timestamp in ticks.
    pub pts: Option<i64>,
    /// Decoding timestamp in ticks.
    pub dts: Option<i64>,
    /// Ticks that it lasts; 0 when unknown.
    pub duration: i64,
    /// Byte offset; -1 when unknown.
    pub pos: i64,
    /// Bytes.
    pub size: u32,
    /// Whether decoding can start here.
    pub key: bool,
    /// Decoded, but not displayed.
    pub discard: bool,
}

/// Displayed frames in display order, as positions in the list of packets, with their times.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Index {
    /// Every packet of the stream in file order.
    pub packets: Vec<Entry>,
    /// Packet of each displayed frame, in display order.
    pub display: Vec<usize>,
    /// Where in `display` each packet stands, for those that are displayed.
    pub shown: Vec<Option<usize>>,
    /// Their timeline.
    pub timeline: Timeline,
    /// Seconds per tick of `timeline`.
    pub time_base: (i32, i32),
    /// The file has no timestamps: they are counted.
    pub estimated: bool,
    /// Frames before the first one that can be decoded, left out of the timeline.
    pub lead: usize,
    /// Container time of the first displayed frame in seconds.
    pub origin: f64,
}

/// Reads every packet of the selected stream; and whether the last one is not whole.
pub(super) fn scan(input: &mut Input<'_>, stream: &Stream, limits: &Limits) -> Result<(Vec<Entry>, bool), Error> {
    let mut packet = Packet::new()?;
    let mut short = false;
    let mut packets = Vec::new();
    while input.read(&mut packet, limits)? {
        if packet.stream() == stream.index {
            short = packet.is_short();
            packets.push(Entry {
                pts: packet.pts(),
                dts: packet.dts(),
                duration: packet.duration(),
                pos: packet.pos(),
                size: packet.size(),
                key: packet.is_key(),
                discard: packet.is_discard(),
            });
        }
    }
    if packets.is_empty() { Err(Error::Empty("the video stream has no packets".to_owned())) } else { Ok((packets, short)) }
}

/// Whether timestamps alone do not tell the order of display, so that it must be found by decoding.
pub(super) fn needs_decoded_order(packets: &[Entry]) -> bool {
    let shown = || packets.iter().filter(|packet| !packet.discard);
    let dated = shown().filter(|packet| packet.pts.is_some()).count();
    let undated = shown().any(|packet| packet.pts.is_none() && packet.dts.is_none());
    // A stream without any pts may still reorder its frames, and so may one with some.
    undated || dated < shown().count() && (dated == 0 || packets.iter().any(|packet| packet.pts.is_some() && packet.pts != packet.dts))
}

impl Index {
    /// Builds the index. `decoded` is the display order found by decoding, where timestamps do not tell it.
    pub(super) fn new(packets: Vec<Entry>, stream: &Stream, decoded: Option<Vec<usize>>) -> Result<Self, Error> {
        let empty = || Error::Empty("the video has no displayed frame".to_owned());
        let first_key = packets.iter().position(|packet| packet.key).unwrap_or(0);
        let (display, stamps, time_base, estimated) = match decoded {
            Some(order) => by_decoding(&packets, order, stream),
            None => by_timestamps(&packets, stream),
        };
        // Nothing before the first keyframe can be decoded, nor what is displayed before it: it refers to frames that are not there.
        let key_stamp = display.iter().position(|packet| *packet == first_key).map(|at| stamps[at]);
        let undecodable = |at: &usize| display[*at] < first_key || key_stamp.is_some_and(|key| stamps[*at] < key);
        let lead = (0..display.len()).take_while(undecodable).count();
        let (display, stamps) = (display[lead..].to_vec(), &stamps[lead..]);
        let seconds = |ticks: i64| ticks as f64 * f64::from(time_base.0) / f64::from(time_base.1);
        let (first, last) = (*stamps.first().ok_or_else(empty)?, *stamps.last().ok_or_else(empty)?);
        let moment = |(packet, pts): (&usize, &i64)| Moment {
            pts: *pts,
            t: seconds(pts.saturating_sub(first)),
            keyframe: packets[*packet].key,
            bytes: packets[*packet].size,
        };
        let moments = display.iter().zip(stamps).map(moment).collect();
        let own = display.last().map_or(0, |packet| packets[*packet].duration);
        let tail = match (estimated, own) {
            (false, ticks) if ticks > 0 => seconds(ticks),
            _ => typical_delta(stamps).map_or_else(|| stream.frame_rate.map_or(0.0, f64::recip), seconds),
        };
        let timeline = Timeline::new(moments, seconds(last.saturating_sub(first)) + tail).ok_or_else(empty)?;
        let shown = places(&display, packets.len());
        Ok(Self { packets, display, shown, timeline, time_base, estimated, lead, origin: if estimated { 0.0 } else { seconds(first) } })
    }

    /// How many frames come before another in the file and after it on screen, at most: so many must a decoder hold back.
    pub(super) fn delay(packets: &[Entry]) -> usize {
        let mut order: Vec<usize> = (0..packets.len()).filter(|at| packets[*at].pts.is_some()).collect();
        order.sort_by_key(|at| packets[*at].pts);
        let shown = order.iter().enumerate().map(|(shown, at)| (*at, shown));
        let in_file: std::collections::BTreeMap<usize, usize> = shown.collect();
        in_file.into_values().enumerate().map(|(sent, shown)| sent.saturating_sub(shown)).max().unwrap_or(0)
    }

    /// Keyframes among the displayed frames.
    pub(super) fn keyframes(&self) -> usize {
        self.timeline.moments().iter().filter(|moment| moment.keyframe).count()
    }
}

/// Packet -> place in the order of display.
pub(super) fn places(display: &[usize], packets: usize) -> Vec<Option<usize>> {
    let mut places = vec![None; packets];
    display.iter().enumerate().for_each(|(place, packet)| places[*packet] = Some(place));
    places
}

type Order = (Vec<usize>, Vec<i64>, (i32, i32), bool);

fn by_timestamps(packets: &[Entry], stream: &Stream) -> Order {
    let shown = packets.iter().enumerate().filter(|(_, packet)| !packet.discard);
    let mut dated: Vec<(i64, usize)> = shown.filter_map(|(at, packet)| Some((packet.pts.or(packet.dts)?, at))).collect();
    dated.sort_unstable();
    let (stamps, display) = dated.into_iter().unzip();
    (display, stamps, stream.time_base, false)
}

/// The decoder gives the order; the timestamps, where there are enough, give the times in ascending order.
fn by_decoding(packets: &[Entry], order: Vec<usize>, stream: &Stream) -> Order {
    let mut seen = BTreeSet::new();
    let order: Vec<usize> =
        order.into_iter().filter(|at| seen.insert(*at) && packets.get(*at).is_some_and(|packet| !packet.discard)).collect();
    let dated: Option<Vec<i64>> = order.iter().map(|at| packets[*at].dts.or(packets[*at].pts)).collect();
    if let Some(mut stamps) = dated {
        stamps.sort_unstable();
        return (order, stamps, stream.time_base, false);
    }
    let rate = stream.frame_rate.filter(|rate| (1.0..=1000.0).contains(rate)).unwrap_or(25.0);
    let milliseconds = |frame: usize| (frame as f64 * 1000.0 / rate).round() as i64;
    let stamps = (0..order.len()).map(milliseconds).collect();
    (order, stamps, (1, 1000), true)
}

/// The median distance of neighbours.
fn typical_delta(stamps: &[i64]) -> Option<i64> {
    let mut deltas: Vec<i64> = stamps.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    deltas.sort_unstable();
    deltas.get(deltas.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::{Entry, Index};

    #[test]
    fn a_decoder_holds_back_as_many_frames_as_overtake_another() {
        let packets = |stamps: &[i64]| -> Vec<Entry> {
            let entry = |pts: &i64| Entry { pts: Some(*pts), dts: None, duration: 1, pos: -1, size: 1, key: false, discard: false };
            stamps.iter().map(entry).collect()
        };
        assert_eq!(Index::delay(&packets(&[1, 2, 3])), 0);
        assert_eq!(Index::delay(&packets(&[1, 4, 2, 3])), 1, "one P frame before its B frames");
        assert_eq!(Index::delay(&packets(&[1, 5, 3, 2, 4, 9, 7, 6, 8])), 2, "B frames that others refer to");
        assert_eq!(Index::delay(&[]), 0);
    }
}
