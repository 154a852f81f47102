//! Whether a clock that jumps forwards was set anew, or the pictures paused.

use super::index::Entry;
use super::order::stretches;
use crate::libav::{Input, Kind, Packet, Probing, Stream};
use crate::{Error, Limits, Source};

/// A clock that goes forward by more seconds than this at once was set, unless something says that it went on.
const LONGEST_PAUSE: f64 = 10.0;

/// The least that sound takes: 8 kb/s. What lies between pictures that are really so far apart is more than that.
const SOUND_BYTES_PER_SECOND: f64 = 1000.0;

/// Sound need not begin and end a stretch together with the pictures: seconds.
const UNEVEN: f64 = 1.0;

/// What goes on while pictures do not, in a container whose clock may be set anew on the way.
#[derive(Debug, Default)]
pub(super) struct Jumps {
    /// Moments at which the clock goes on, in seconds, ascending: there is sound, or a picture is decoded long before it is shown. Not looked for
    /// where pictures never jump.
    alive: Vec<f64>,
    /// Packets that were read for that.
    pub packets_read: u64,
}

impl Jumps {
    /// Looks for sound in the whole file where its pictures jump, and where those are decoded.
    pub(super) fn read(source: &Source, stream: &Stream, packets: &[Entry], limits: &Limits) -> Result<Self, Error> {
        let jumps = |from: Option<i64>, to: Option<i64>| {
            from.zip(to).is_some_and(|(from, to)| seconds(to.saturating_sub(from), stream.time_base) > LONGEST_PAUSE)
        };
        let jumping: Vec<&[Entry]> = packets.windows(2).filter(|pair| jumps(pair[0].pts, pair[1].pts)).collect();
        let (mut alive, mut packets_read) = (Vec::new(), 0);
        if !jumping.is_empty() {
            let going_on = jumping.iter().filter(|pair| pair[0].dts.is_some() && pair[1].dts.is_some() && !jumps(pair[0].dts, pair[1].dts));
            let between =
                |pair: &&[Entry]| Some(f64::midpoint(seconds(pair[0].pts?, stream.time_base), seconds(pair[1].pts?, stream.time_base)));
            alive.extend(going_on.filter_map(between));
            let mut input = Input::open(source, limits, Probing::Packets)?;
            let streams = input.streams();
            let mut packet = Packet::new()?;
            while input.read(&mut packet, limits)? {
                let of = streams.get(packet.stream()).filter(|stream| stream.kind == Kind::Audio);
                alive.extend(of.zip(packet.pts()).map(|(stream, pts)| seconds(pts, stream.time_base)));
            }
            alive.sort_by(f64::total_cmp);
            packets_read = input.packets_read();
        }
        Ok(Self { alive, packets_read })
    }

    /// Whether the clock was set between two frames that are shown one after the other, at `from` and `to` seconds.
    pub(super) fn is_set(&self, one: &Entry, next: &Entry, from: f64, to: f64) -> bool {
        to - from > LONGEST_PAUSE && is_beside(one, next, to - from) && !self.goes_on(from + UNEVEN, to - UNEVEN)
    }

    fn goes_on(&self, from: f64, to: f64) -> bool {
        self.alive.get(self.alive.partition_point(|at| *at <= from)).is_some_and(|at| *at < to)
    }
}

/// Decoders that say by themselves when part of a picture was not there.
const CONFESSING: [&str; 3] = ["h264", "mpeg1video", "mpeg2video"];

/// Where the demuxer notices that packets of the stream are missing, it takes the picture before for damaged, and its parser the one before that.
const NOTICED: usize = 2;

/// Takes back what the demuxer says of the last pictures of a recording that another was joined to: its count of packets starts anew there.
pub(super) fn trust_decoder_at_joins(packets: &mut [Entry], codec: &str) {
    if CONFESSING.contains(&codec) && packets.iter().any(|packet| packet.damaged) {
        for join in
            stretches(packets).into_iter().skip(1).map(|stretch| stretch.start).filter(|join| packets[*join].key).collect::<Vec<_>>()
        {
            packets[join.saturating_sub(NOTICED)..join].iter_mut().for_each(|packet| packet.damaged = false);
        }
    }
}

/// Whether too little is stored between two packets for anything to go on for so many seconds.
fn is_beside(one: &Entry, next: &Entry, seconds: f64) -> bool {
    let between = next.pos.saturating_sub(one.pos).saturating_sub(one.size.into());
    one.pos >= 0 && next.pos >= 0 && (between as f64) < seconds * SOUND_BYTES_PER_SECOND
}

fn seconds(ticks: i64, time_base: (i32, i32)) -> f64 {
    ticks as f64 * f64::from(time_base.0) / f64::from(time_base.1)
}

#[cfg(test)]
mod tests {
    use super::{Jumps, trust_decoder_at_joins};
    use crate::video::index::Entry;

    #[test]
    fn a_clock_was_set_only_where_nothing_else_goes_on() {
        let packet = |pos: i64| Entry { pos, size: 500, ..Entry::default() };
        let silent = Jumps::default();
        assert!(silent.is_set(&packet(0), &packet(9000), 5.0, 25.0));
        assert!(!silent.is_set(&packet(0), &packet(9000), 5.0, 15.0), "a pause");
        assert!(!silent.is_set(&packet(0), &packet(90_000), 5.0, 25.0), "sound or stuffing goes on meanwhile");
        assert!(!silent.is_set(&packet(-1), &packet(9000), 5.0, 25.0), "nobody knows");
        let sound = |from: i32, to: i32| Jumps { alive: (from..to).map(f64::from).collect(), packets_read: 0 };
        assert!(!sound(0, 30).is_set(&packet(0), &packet(9000), 5.0, 25.0), "sound goes on, wherever it is stored");
        let jumps = Jumps { alive: [sound(0, 7).alive, sound(25, 30).alive].concat(), packets_read: 0 };
        assert!(!jumps.is_set(&packet(0), &packet(9000), 4.0, 25.0), "some of it");
        assert!(jumps.is_set(&packet(0), &packet(9000), 5.5, 25.0), "sound jumps as well");
    }

    #[test]
    fn only_the_last_pictures_before_a_join_are_left_to_the_decoder() {
        let packet = |at: i64| Entry { pts: Some(at), dts: Some(at), key: at == 0, damaged: true, ..Entry::default() };
        let two: Vec<Entry> = (0..4).chain(0..4).map(packet).collect();
        let damaged = |codec: &str| {
            let mut packets = two.clone();
            trust_decoder_at_joins(&mut packets, codec);
            packets.iter().filter(|packet| !packet.damaged).count()
        };
        assert_eq!((damaged("h264"), damaged("hevc")), (2, 0));
    }
}
