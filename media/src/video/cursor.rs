//! Reads the packets of a video again, by their position in its index.

use super::index::Entry;
use crate::libav::{Decoder, Input, Packet, Probing, Stream};
use crate::{Error, Limits, Source};

/// Skipping fewer packets than this by reading costs less than a jump.
const NEAR: usize = 64;

/// A position in the list of packets.
///
/// Jumps are only a short cut: after each, the packets that arrive are held against the index, and where it is not these that come
/// the container is opened afresh and read from its start.
pub(super) struct Cursor<'s> {
    source: &'s Source,
    input: Input<'s>,
    stream: Stream,
    packet: Packet,
    /// The other field of its picture, before it is joined.
    rest: Packet,
    next: usize,
    /// The packet that a jump landed on is held already.
    held: bool,
    /// It came here by a jump.
    jumped: bool,
    /// Whether jumps have always landed so far: where one has not, each failure would cost reading from the start again.
    lands: bool,
    earlier_packets: u64,
}

impl<'s> Cursor<'s> {
    /// Takes over an input, wherever it stands.
    pub(super) fn new(source: &'s Source, input: Input<'s>, stream: Stream) -> Result<Self, Error> {
        Ok(Self {
            source,
            input,
            stream,
            packet: Packet::new()?,
            rest: Packet::new()?,
            next: usize::MAX,
            held: false,
            jumped: false,
            lands: true,
            earlier_packets: 0,
        })
    }

    /// Opens the decoder of the stream, which must hold back `delay` frames to put them in order.
    pub(super) fn decoder(&self, delay: usize, limits: &Limits) -> Result<Decoder, Error> {
        self.input.decoder(&self.stream, delay, limits)
    }

    /// Packets read so far, the index pass included.
    pub(super) const fn packets_read(&self) -> u64 {
        self.earlier_packets + self.input.packets_read()
    }

    /// The packet at `ordinal`; `None` when the file gives it no more.
    pub(super) fn packet(&mut self, ordinal: usize, packets: &[Entry], limits: &Limits) -> Result<Option<&mut Packet>, Error> {
        if ordinal < self.next || ordinal - self.next > NEAR {
            self.jump(ordinal, packets, limits)?;
        }
        if ordinal < self.next {
            self.restart(limits)?;
        }
        while self.next <= ordinal {
            let is_there = std::mem::take(&mut self.held) || self.read(limits)?;
            if self.jumped && !(is_there && self.is_at(packets)) {
                // Behind a jump, overlapping fragments come in another order, and a second file behind the first one does not.
                self.lands = false;
                self.restart(limits)?;
                continue;
            }
            if !is_there {
                return Ok(None);
            }
            if packets.get(self.next).is_some_and(|entry| entry.rest > 0) {
                self.read_rest(limits)?;
            }
            self.next += 1;
        }
        Ok(Some(&mut self.packet))
    }

    /// Tries to get to `ordinal`, or near it from before. Only containers with an index of their own land where they say.
    fn jump(&mut self, ordinal: usize, packets: &[Entry], limits: &Limits) -> Result<(), Error> {
        if !self.lands || !matches!(self.input.format().as_str(), "mov" | "matroska") {
            return Ok(());
        }
        self.next = usize::MAX; // wherever the jump goes, reading on from before is over
        // Containers count their keyframes by one time or the other; the later one lands closer, or too far.
        let Entry { pts, dts, .. } = packets[ordinal];
        for ticks in pts.into_iter().chain(dts.filter(|dts| Some(*dts) != pts)) {
            if !self.input.seek(self.stream.index, ticks) || !self.read(limits)? {
                continue;
            }
            let landed = (self.packet.pos(), self.packet.size(), self.packet.pts());
            let found = packets[..=ordinal].iter().rposition(|entry| (entry.pos, entry.size, entry.pts) == landed);
            if let (Some(at), true) = (found, landed.0 >= 0) {
                (self.next, self.held, self.jumped) = (at, true, true);
                return Ok(());
            }
        }
        self.lands = false;
        Ok(())
    }

    fn restart(&mut self, limits: &Limits) -> Result<(), Error> {
        self.earlier_packets += self.input.packets_read();
        self.input = Input::open(self.source, limits, Probing::Header)?;
        self.input.select(self.stream.index);
        (self.next, self.held, self.jumped) = (0, false, false);
        Ok(())
    }

    /// Whether the packet that was read is the next one.
    fn is_at(&self, packets: &[Entry]) -> bool {
        packets.get(self.next).is_some_and(|entry| (entry.pos, entry.size) == (self.packet.pos(), self.packet.size()))
    }

    /// Joins the packet with the one behind it.
    fn read_rest(&mut self, limits: &Limits) -> Result<(), Error> {
        while self.input.read(&mut self.rest, limits)? {
            if self.rest.stream() == self.stream.index {
                return self.packet.append(&self.rest);
            }
        }
        Ok(())
    }

    fn read(&mut self, limits: &Limits) -> Result<bool, Error> {
        while self.input.read(&mut self.packet, limits)? {
            if self.packet.stream() == self.stream.index {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
