//! The index of a video: every packet of its stream, and the order and time in which its frames are displayed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::clock::Clock;
use super::colours::Colours;
use super::counting::Counting;
use super::header::{is_bidirectional, is_dependent, is_disposable, is_gradual, is_hidden, is_layered};
use super::holes::{Zeros, zeros_in};
use super::jump::Jumps;
use super::order::{Order, Shown, stretches};
use super::past::Past;
use super::turned::Turned;
use crate::libav::{Attached, Input, Packet, Stream, heard};
use crate::{Error, Limits, Moment, Timeline};

/// One packet, without its bytes. Its position in the list is its identity: reading the same bytes again gives the same list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
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
    /// Bytes of the packet behind it, where that holds the other field of its picture; 0: it is a picture by itself.
    pub rest: u32,
    /// Whether decoding can start here.
    pub key: bool,
    /// Decoded, but not displayed.
    pub discard: bool,
    /// Decoding can start here, and a whole while later all is renewed.
    pub gradual: bool,
    /// Bytes of it, or of what comes right before it, are missing.
    pub damaged: bool,
    /// Zeros in it were written on purpose.
    pub padded: bool,
    /// Pictures before it that others refer to are missing, as far as is known.
    pub lacks: bool,
    /// Its picture refers to one that is shown after it, as far as is known.
    pub bidirectional: bool,
    /// No other picture refers to its own, as far as is known.
    pub disposable: bool,
}

impl Entry {
    /// Takes in the packet behind it, which holds the other field of its picture.
    fn join(&mut self, other: &Self) {
        self.rest = other.size;
        self.duration = self.duration.saturating_add(other.duration);
        self.damaged |= other.damaged;
        self.padded |= other.padded;
        self.lacks |= other.lacks;
        self.disposable &= other.disposable;
    }
}

/// Displayed frames in display order, as positions in the list of packets, with their times.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Index {
    /// Every packet of the stream in file order.
    pub packets: Vec<Entry>,
    /// Packet of each displayed frame, in display order.
    pub display: Vec<usize>,
    /// Those at which decoding can start, ascending.
    pub keys: Vec<usize>,
    /// Where in `display` each packet stands, for those that are displayed.
    pub shown: Vec<Option<usize>>,
    /// Their timeline.
    pub timeline: Timeline,
    /// Seconds per tick of `timeline`.
    pub time_base: (i32, i32),
    /// Whether the file has timestamps; else all are counted.
    pub has_clock: bool,
    /// By place, whether the file does not tell the timestamp of a frame, so that it is counted on from the one before, or tells one that
    /// contradicts the order of the pictures, so that it has the one of its place, or lost the packet that told it.
    pub estimated: Vec<bool>,
    /// Each time that the file's clock starts anew: the seconds to add from there on, so that times go on from the stretch before.
    pub shifts: Vec<f64>,
    /// Frames that share the timestamp of the one before them.
    pub equal: usize,
    /// Frames before the first one that can be decoded, left out of the timeline.
    pub lead: usize,
    /// Container time of the first displayed frame in seconds.
    pub origin: f64,
}

/// What there is of a stream.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Every packet in file order.
    pub packets: Vec<Entry>,
    /// Those that come right after bytes which the container cannot explain.
    pub after_rubbish: Vec<usize>,
    /// Whether the last one is not whole.
    pub short: bool,
    /// What packets say for those after them.
    pub past: Past,
    /// What pictures say of how they are turned.
    pub turned: Turned,
    /// How many the container wants decoded and not displayed.
    pub discarded: usize,
    /// By stream: the byte offsets of the first pictures of each other one that was not left out of the reading, each once.
    pub others: BTreeMap<usize, Vec<i64>>,
}

/// Streams of pictures without a container,
pub(super) const BARE: [&str; 4] = ["h264", "hevc", "mpegvideo", "m4v"];

/// and in containers that cut them anywhere: where bytes are lost, what a parser takes for one packet of either may hold parts of several.
pub(super) const BROADCAST: [&str; 2] = ["mpegts", "mpeg"];

/// Two streams that are there at the same time lie between one another: so many pictures of one in a row, at as many places, are not beside those of the other.
pub(super) const IN_A_ROW: usize = 25;

/// Where pictures are missing there, their decoders miss them by number.
const COUNTED: [&str; 2] = ["h264", "hevc"];

/// Reads every packet of the selected stream.
pub(super) fn scan(input: &mut Input<'_>, stream: &Stream, limits: &Limits) -> Result<Scan, Error> {
    let mut packet = Packet::new()?;
    let mut scan = Scan::default();
    let mut rubbish = heard().rubbish;
    let mut layered = false;
    let mut counting = (stream.codec == "h264").then(|| Counting::new(&stream.extradata));
    let mut hanging = Vec::new();
    let mut colours = Colours::new(&stream.codec, &stream.extradata);
    while input.read(&mut packet, limits)? {
        if packet.stream() == stream.index {
            let before = std::mem::replace(&mut rubbish, heard().rubbish);
            let after_rubbish = rubbish > before;
            scan.short = packet.is_short();
            scan.discarded += usize::from(packet.is_discard());
            if let Some(extradata) = packet.attached(Attached::Configuration) {
                counting.iter_mut().for_each(|counting| counting.learn(extradata));
                colours.learn(extradata);
            }
            let lacks = counting.as_mut().is_some_and(|counting| counting.leaves_out(packet.bytes()));
            let completes = counting.as_mut().is_some_and(|counting| counting.completes(packet.bytes()));
            let ordinal = scan.packets.len() - usize::from(completes);
            let signal = colours.of(packet.bytes());
            scan.past.note(ordinal, &packet, signal)?;
            hanging.extend((colours.hangs_on_others() && !completes).then_some(ordinal)); // a second field comes without sets
            let zeros = zeros_in(&stream.codec, packet.bytes());
            let is_empty = packet.size() == 0; // nothing to decode: the frame before stays on screen
            let key = packet.is_key() && !is_empty && !is_dependent(&stream.codec, packet.bytes());
            scan.turned.hear(&stream.codec, packet.bytes(), key);
            let entry = Entry {
                lacks,
                damaged: scan.short || zeros == Zeros::Hole,
                padded: zeros == Zeros::Padding,
                pts: packet.pts(),
                dts: packet.dts(),
                duration: packet.duration(),
                pos: packet.pos(),
                size: packet.size(),
                rest: 0,
                key,
                gradual: key && is_gradual(&stream.codec, packet.bytes()),
                discard: packet.is_discard() || is_empty || is_hidden(&stream.codec, packet.bytes()),
                bidirectional: is_bidirectional(&stream.codec, packet.bytes()),
                disposable: is_disposable(&stream.codec, packet.bytes()),
            };
            if let Some(first) = scan.packets.last_mut().filter(|_| completes) {
                first.join(&Entry { damaged: entry.damaged || after_rubbish, ..entry });
            } else {
                scan.after_rubbish.extend(after_rubbish.then_some(ordinal));
                scan.packets.push(entry);
            }
            layered |= is_layered(&stream.codec, packet.bytes());
        } else {
            let places = scan.others.entry(packet.stream()).or_default();
            places.extend(Some(packet.pos()).filter(|pos| places.last() != Some(pos)));
            if places.len() >= IN_A_ROW {
                input.discard(packet.stream());
            }
        }
    }
    if !scan.past.is_even() {
        hanging.into_iter().for_each(|at| (scan.packets[at].key, scan.packets[at].gradual) = (false, false));
    }
    let format = input.format();
    let torn = (BARE.contains(&format.as_str()) || BROADCAST.contains(&format.as_str())) && !COUNTED.contains(&stream.codec.as_str());
    if layered || torn {
        scan.packets.iter_mut().for_each(|packet| packet.disposable = false);
    }
    // What comes after the last packet and makes no sense may begin in it, where nothing else is in the file.
    if heard().rubbish > rubbish && input.streams().len() == 1 {
        scan.packets.last_mut().into_iter().for_each(|last| last.damaged = true);
    }
    if scan.packets.is_empty() { Err(Error::Empty("the video stream has no packets".to_owned())) } else { Ok(scan) }
}

impl Index {
    /// Builds the index. `decoded` is what came out when everything was decoded, where timestamps do not tell the order of display;
    /// `jumps` is there in a container whose clock may be set anew on the way.
    pub(super) fn new(mut packets: Vec<Entry>, stream: &Stream, decoded: Option<Vec<Shown>>, jumps: Option<&Jumps>) -> Result<Self, Error> {
        let empty = || Error::Empty("the video has no displayed frame".to_owned());
        let is_counted = decoded.is_some(); // where there is no time of frames, there is hardly one of how long they last
        let Order { display, stamps, time_base, has_clock, estimated } = match decoded {
            Some(frames) => {
                // The decoder knows better than the container which frames refer to no other, but for those that it does not show.
                let intra: BTreeSet<usize> = frames.iter().filter(|frame| frame.intra).map(|frame| frame.packet).collect();
                packets.iter_mut().enumerate().for_each(|(at, packet)| packet.key &= packet.discard || intra.contains(&at));
                Order::by_decoding(&packets, &frames, stream)
            }
            None => Order::by_timestamps(&packets, stream),
        };
        // Nothing before the first keyframe can be decoded, nor what is displayed before it: it refers to frames that are not there.
        let first_key = packets.iter().position(|packet| packet.key).unwrap_or(0);
        let key_place = display.iter().position(|packet| *packet == first_key).unwrap_or(0);
        let lead = (0..display.len()).take_while(|place| *place < key_place || display[*place] < first_key).count();
        let (display, stamps, estimated) = (display[lead..].to_vec(), &stamps[lead..], estimated[lead..].to_vec());
        let first = *stamps.first().ok_or_else(empty)?;
        let lasting = |place: usize| if !has_clock || is_counted { 0 } else { packets[display[place]].duration };
        let seconds = |ticks: i64| ticks as f64 * f64::from(time_base.0) / f64::from(time_base.1);
        let is_set = |place: usize, ticks: i64| {
            let from = seconds(stamps[place]);
            let (one, next) = (&packets[display[place]], &packets[display[place + 1]]);
            has_clock && jumps.is_some_and(|jumps| jumps.is_set(one, next, from, from + seconds(ticks)))
        };
        let clock = Clock::new(stamps, lasting, is_set);
        let tick = (i64::from(time_base.0), i64::from(time_base.1) * clock.parts);
        let moment = |place: usize| Moment {
            pts: stamps[place],
            ticks: clock.ticks[place],
            t: clock.ticks[place] as f64 * tick.0 as f64 / tick.1 as f64,
            keyframe: packets[display[place]].key,
            bytes: packets[display[place]].size.saturating_add(packets[display[place]].rest),
        };
        let last = display.len() - 1;
        let tail = match (lasting(last), clock.typical) {
            (ticks, _) | (_, ticks) if ticks > 0 => ticks.saturating_mul(clock.parts),
            _ => stream.frame_rate.map_or(0, |rate| (tick.1 as f64 / (rate * tick.0 as f64)).round() as i64),
        };
        let end = clock.ticks[last].saturating_add(tail);
        let timeline = Timeline::new((0..=last).map(moment).collect(), end, tick).ok_or_else(empty)?;
        let shown = places(&display, packets.len());
        let keys = (0..packets.len()).filter(|at| packets[*at].key).collect();
        let origin = if has_clock { first as f64 * f64::from(time_base.0) / f64::from(time_base.1) } else { 0.0 };
        let shift =
            |place: &usize| origin + timeline.moments()[*place].t - stamps[*place] as f64 * f64::from(time_base.0) / f64::from(time_base.1);
        let shifts = clock.restarts.iter().map(shift).collect();
        Ok(Self { packets, display, keys, shown, timeline, time_base, has_clock, estimated, shifts, equal: clock.equal, lead, origin })
    }

    /// How many frames come before another in the file and after it on screen, at most: so many must a decoder hold back.
    pub(super) fn delay(packets: &[Entry]) -> usize {
        let held = |stretch: Range<usize>| {
            let mut order: Vec<usize> = stretch.filter(|at| packets[*at].pts.is_some()).collect();
            order.sort_by_key(|at| packets[*at].pts);
            let shown = order.iter().enumerate().map(|(shown, at)| (*at, shown));
            let in_file: BTreeMap<usize, usize> = shown.collect();
            in_file.into_values().enumerate().map(|(sent, shown)| sent.saturating_sub(shown)).max().unwrap_or(0)
        };
        stretches(packets).into_iter().map(held).max().unwrap_or(0)
    }

    /// For each packet, the last place on screen of the frames up to it in the file: once that frame has come out, all of them have.
    pub(super) fn reaches(&self) -> Vec<usize> {
        let furthest = |reach: &mut usize, shown: &Option<usize>| {
            *reach = shown.map_or(*reach, |shown| shown.max(*reach));
            Some(*reach)
        };
        self.shown.iter().scan(0, furthest).collect()
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

#[cfg(test)]
mod tests {
    use super::{Entry, Index};

    #[test]
    fn a_decoder_holds_back_as_many_frames_as_overtake_another() {
        let packets = |stamps: &[i64]| -> Vec<Entry> {
            let entry = |pts: &i64| Entry {
                pts: Some(*pts),
                dts: None,
                duration: 1,
                pos: -1,
                size: 1,
                rest: 0,
                key: false,
                gradual: false,
                discard: false,
                damaged: false,
                padded: false,
                lacks: false,
                bidirectional: false,
                disposable: false,
            };
            stamps.iter().map(entry).collect()
        };
        assert_eq!(Index::delay(&packets(&[1, 2, 3])), 0);
        assert_eq!(Index::delay(&packets(&[1, 4, 2, 3])), 1, "one P frame before its B frames");
        assert_eq!(Index::delay(&packets(&[1, 5, 3, 2, 4, 9, 7, 6, 8])), 2, "B frames that others refer to");
        assert_eq!(Index::delay(&[]), 0);
    }
}
