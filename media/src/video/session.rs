//! Decodes stretches of packets; every frame is recognised by the packet that it came from.

use std::collections::BTreeSet;

use super::admit::{admit, pictures, pictures_now};
use super::cursor::Cursor;
use super::damage::Damage;
use super::index::{Entry, Index};
use super::order::Shown;
use super::past::Past;
use super::plan::Run;
use crate::libav::{Decoder, Frame, Heard, Step, Stream, heard};
use crate::{Error, Limits};

/// A decoder and its packets.
pub(super) struct Session<'s> {
    pub cursor: Cursor<'s>,
    decoder: Decoder,
    /// Frames that it must hold back.
    delay: usize,
    stream: Stream,
    /// Pictures that it holds while they are of the size that the container says.
    pictures: u64,
    frame: Frame,
    limits: Limits,
    /// What packets say for those after them.
    past: Past,
    /// Frames that came out so far.
    pub frames_decoded: u64,
    damage: Damage,
    heard: Heard,
    /// No frame of this stretch has come out yet that refers to no other.
    groundless: bool,
}

/// Alone among codecs, it may begin without a picture that refers to no other, and its decoder shows nothing before it is whole.
const RECOVERS: &str = "h264";

/// So many frames from the start show whether a stream reorders them: more than the longest usual mini group of pictures, twice.
const TOLD_BY: usize = 40;

/// How a frame came out of the decoder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out<'d> {
    /// Position of its packet.
    pub packet: usize,
    /// The last packet that the decoder had got by then; `None` when it was drained.
    pub after: Option<usize>,
    /// What is known by then of frames that are, in part, made up: the decoder says so, or they refer to such.
    pub damage: &'d Damage,
}

/// Called with each decoded frame.
pub(super) type Visit<'v> = dyn FnMut(Out<'_>, &mut Frame) -> Result<(), Error> + 'v;

impl<'s> Session<'s> {
    /// `delay` is how many frames the decoder must hold back to put them in order.
    pub(super) fn new(cursor: Cursor<'s>, stream: Stream, delay: usize, past: Past, limits: &Limits) -> Result<Self, Error> {
        let decoder = cursor.decoder(delay, limits)?;
        Ok(Self {
            cursor,
            decoder,
            delay,
            pictures: pictures(&stream.codec, &stream.extradata, stream.size),
            stream,
            frame: Frame::new()?,
            limits: *limits,
            past,
            frames_decoded: 0,
            damage: Damage::default(),
            heard: heard(),
            groundless: false,
        })
    }

    /// libav's name of the decoder.
    pub(super) const fn decoder_name(&self) -> &'static str {
        self.decoder.name()
    }

    /// Whether the decoder gives the transparency that is kept beside the picture.
    pub(super) fn reads_alpha(&self) -> bool {
        self.decoder.reads_alpha()
    }

    /// What is damaged in the stretch that was decoded last.
    pub(super) const fn damage(&self) -> &Damage {
        &self.damage
    }

    /// Decodes everything and gives the frames in the order in which they are displayed.
    pub(super) fn display_order(&mut self, packets: &[Entry]) -> Result<Vec<Shown>, Error> {
        let mut order = Vec::new();
        self.decode(packets, &[], 0, packets.len().saturating_sub(1), &|_| false, &mut |out, frame| {
            order.push(Shown { packet: out.packet, after: out.after, intra: frame.is_intra() });
            Ok(())
        })?;
        Ok(order)
    }

    /// Whether frames come out in another order than they went in: not where parameter sets rule it out, else by the first ones.
    pub(super) fn reorders(&mut self, packets: &[Entry]) -> Result<bool, Error> {
        if !self.stream.extradata.is_empty() && self.decoder.delay() == 0 {
            return Ok(false);
        }
        let first = self.display_order(&packets[..packets.len().min(TOLD_BY)])?;
        Ok(first.windows(2).any(|pair| pair[1].packet < pair[0].packet))
    }

    /// Takes a new decoder: what one makes of damage can be what is left of other pictures in its memory.
    pub(super) fn renew(&mut self) -> Result<(), Error> {
        self.decoder = self.cursor.decoder(self.delay, &self.limits)?;
        Ok(())
    }

    /// Decodes one stretch and drains it. `skip` leaves out the frames that nothing refers to, as far as is known, but for the wanted ones.
    pub(super) fn run(&mut self, index: &Index, run: &Run, skip: bool, visit: &mut Visit<'_>) -> Result<(), Error> {
        let wanted: BTreeSet<usize> = run.wanted.iter().map(|position| index.display[*position]).collect();
        self.decode(
            &index.packets,
            &index.shown,
            run.start,
            run.last,
            &|packet| skip && index.packets[packet].disposable && !wanted.contains(&packet),
            visit,
        )
    }

    /// Whether a stretch that is run with `skip` lacks any of its frames.
    pub(super) fn leaves_out(index: &Index, run: &Run) -> bool {
        let is_wanted = |packet: usize| index.shown[packet].is_some_and(|position| run.wanted.binary_search(&position).is_ok());
        let mut packets = run.start..=run.last.min(index.packets.len().saturating_sub(1));
        packets.any(|packet| index.packets[packet].disposable && index.shown[packet].is_some() && !is_wanted(packet))
    }

    fn decode(
        &mut self,
        packets: &[Entry],
        shown: &[Option<usize>],
        start: usize,
        last: usize,
        idle: &dyn Fn(usize) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        self.begin(start)?;
        self.damage.clear();
        self.heard = heard();
        let hidden = packets.get(start).is_some_and(|packet| packet.key && packet.discard); // it is decoded, and does not come out
        self.groundless = self.stream.codec != RECOVERS && !hidden;
        let mut sent = None;
        for ordinal in start..=last {
            if packets[ordinal].size == 0 {
                continue;
            }
            let Some(packet) = self.cursor.packet(ordinal, packets, &self.limits)? else { break };
            packet.stamp(ordinal as i64);
            self.past.remind(packet, sent.replace(ordinal), ordinal)?;
            self.decoder.skip_unreferenced(idle(ordinal));
            let accepted = self.decoder.send(Some(packet))?;
            self.listen(ordinal, start, packets, shown);
            if packets[ordinal].damaged {
                self.damage.spread_from(ordinal, packets, shown);
            } else if !accepted {
                self.damage.begin_at(ordinal, packets, shown);
            }
            if accepted {
                self.receive(packets, shown, Some(ordinal), visit)?;
                self.listen(ordinal, start, packets, shown);
            }
        }
        self.decoder.send(None)?;
        self.receive(packets, shown, None, visit)
    }

    /// Makes the decoder know what one that came from the first packet would know at `start`, and nothing else.
    fn begin(&mut self, start: usize) -> Result<(), Error> {
        if self.past.is_even() {
            self.decoder.flush();
            return Ok(());
        }
        self.renew()?; // none forgets a palette, or where nothing is said of colours
        self.decoder.assume(self.past.signal(start));
        Ok(())
    }

    /// Notes what the decoder has said of the packet that it has got, and its number. What it misses before the `start` was not asked for.
    fn listen(&mut self, packet: usize, start: usize, packets: &[Entry], shown: &[Option<usize>]) {
        let before = std::mem::replace(&mut self.heard, heard());
        if shown.is_empty() {
            return;
        }
        if self.heard.torn > before.torn {
            self.damage.begin_at(packet, packets, shown);
        }
        let Entry { lacks, key, .. } = packets[packet];
        let lacks = lacks && packet > start;
        if self.heard.missing > before.missing || lacks && !key {
            self.damage.lack_at(packet, packets, shown);
        } else if lacks {
            self.damage.lack_before(packet, packets, shown);
        }
    }

    fn receive(&mut self, packets: &[Entry], shown: &[Option<usize>], after: Option<usize>, visit: &mut Visit<'_>) -> Result<(), Error> {
        let mut damaged = 0;
        while damaged < 64 {
            match self.decoder.receive(&mut self.frame)? {
                Step::Frame => {
                    self.frames_decoded += 1;
                    Limits::check("number of decoded frames", self.frames_decoded, self.limits.frames)?;
                    self.admit_frame()?;
                    if let Some(packet) = self.frame.pts().and_then(|pts| usize::try_from(pts).ok()) {
                        if self.frame.is_damaged() {
                            self.damage.begin_at(packet, packets, shown);
                        }
                        self.groundless &= !self.frame.is_intra();
                        if self.groundless {
                            self.damage.stay_at(packet);
                        }
                        visit(Out { packet, after, damage: &self.damage }, &mut self.frame)?;
                    }
                }
                Step::Damaged => damaged += 1,
                Step::Hungry | Step::End => break,
            }
        }
        Ok(())
    }

    /// Checks the last frame: sizes and formats can change on the way.
    fn admit_frame(&self) -> Result<(), Error> {
        let size = self.frame.size();
        let changed = size != self.stream.size;
        let pictures = if changed { pictures_now(&self.stream.codec, self.decoder.held(), size) } else { self.pictures };
        admit(pictures, size, self.frame.bytes_per_two_pixels(), &self.limits)
    }
}
