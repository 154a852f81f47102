//! Decodes stretches of packets; every frame is recognised by the packet that it came from.

use std::collections::BTreeSet;
use std::ops::Range;

use super::cursor::Cursor;
use super::index::{Entry, Index};
use super::normalise::admit;
use super::order::Shown;
use super::plan::Run;
use crate::libav::{Decoder, Frame, Step, Stream};
use crate::{Error, Limits};

/// A decoder and its packets.
pub(super) struct Session<'s> {
    pub cursor: Cursor<'s>,
    decoder: Decoder,
    stream: Stream,
    frame: Frame,
    limits: Limits,
    /// Frames that came out so far.
    pub frames_decoded: u64,
    /// Stretches of packets from one that was refused up to the next keyframe.
    suspect: Vec<Range<usize>>,
}

/// How a frame came out of the decoder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out {
    /// Position of its packet.
    pub packet: usize,
    /// The last packet that the decoder had got by then; `None` when it was drained.
    pub after: Option<usize>,
    /// The decoder had to make up parts of it: it says so itself, or it refused a packet between the last keyframe and this frame.
    pub damaged: bool,
}

/// Called with each decoded frame.
pub(super) type Visit<'v> = dyn FnMut(Out, &mut Frame) -> Result<(), Error> + 'v;

impl<'s> Session<'s> {
    /// `delay` is how many frames the decoder must hold back to put them in order.
    pub(super) fn new(cursor: Cursor<'s>, stream: Stream, delay: usize, limits: &Limits) -> Result<Self, Error> {
        let decoder = cursor.decoder(delay, limits)?;
        Ok(Self { cursor, decoder, stream, frame: Frame::new()?, limits: *limits, frames_decoded: 0, suspect: Vec::new() })
    }

    /// libav's name of the decoder.
    pub(super) const fn decoder_name(&self) -> &'static str {
        self.decoder.name()
    }

    /// Decodes everything and gives the frames in the order in which they are displayed.
    pub(super) fn display_order(&mut self, packets: &[Entry]) -> Result<Vec<Shown>, Error> {
        let mut order = Vec::new();
        self.decode(packets, 0, packets.len().saturating_sub(1), &|_| false, &mut |out, frame| {
            order.push(Shown { packet: out.packet, after: out.after, intra: frame.is_intra() });
            Ok(())
        })?;
        Ok(order)
    }

    /// Decodes one stretch and drains it. `skip` leaves out the frames that nothing refers to, but for the wanted ones.
    pub(super) fn run(&mut self, index: &Index, run: &Run, skip: bool, visit: &mut Visit<'_>) -> Result<(), Error> {
        let wanted: BTreeSet<usize> = run.wanted.iter().map(|position| index.display[*position]).collect();
        self.decode(&index.packets, run.start, run.last, &|packet| skip && !wanted.contains(&packet), visit)
    }

    fn decode(
        &mut self,
        packets: &[Entry],
        start: usize,
        last: usize,
        idle: &dyn Fn(usize) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        self.decoder.flush();
        self.suspect.clear();
        for ordinal in start..=last {
            if packets[ordinal].key {
                self.trust_from(ordinal);
            }
            let Some(packet) = self.cursor.packet(ordinal, packets, &self.limits)? else { break };
            packet.stamp(ordinal as i64);
            self.decoder.skip_unreferenced(idle(ordinal));
            if self.decoder.send(Some(packet))? {
                self.receive(Some(ordinal), visit)?;
            } else {
                self.suspect_from(ordinal);
            }
        }
        self.decoder.send(None)?;
        self.receive(None, visit)
    }

    /// Frames of this packet and the next ones may lack what they refer to.
    fn suspect_from(&mut self, ordinal: usize) {
        if self.suspect.last().is_none_or(|stretch| stretch.end != usize::MAX) {
            self.suspect.push(ordinal..usize::MAX);
        }
    }

    /// A keyframe refers to nothing before it.
    fn trust_from(&mut self, ordinal: usize) {
        if let Some(stretch) = self.suspect.last_mut() {
            stretch.end = stretch.end.min(ordinal);
        }
    }

    fn receive(&mut self, after: Option<usize>, visit: &mut Visit<'_>) -> Result<(), Error> {
        let mut damaged = 0;
        while damaged < 64 {
            match self.decoder.receive(&mut self.frame)? {
                Step::Frame => {
                    self.frames_decoded += 1;
                    Limits::check("number of decoded frames", self.frames_decoded, self.limits.frames)?;
                    let bytes = self.frame.bytes_per_two_pixels();
                    admit(&self.stream.codec, self.frame.size(), bytes, &self.limits)?; // the size can change on the way
                    if let Some(packet) = self.frame.pts().and_then(|pts| usize::try_from(pts).ok()) {
                        let damaged = self.frame.is_damaged() || self.suspect.iter().any(|stretch| stretch.contains(&packet));
                        visit(Out { packet, after, damaged }, &mut self.frame)?;
                    }
                }
                Step::Damaged => damaged += 1,
                Step::Hungry | Step::End => break,
            }
        }
        Ok(())
    }
}
