//! Decodes stretches of packets; every frame is recognised by the packet that it came from.

use super::cursor::Cursor;
use super::index::{Entry, Index};
use super::normalise::admit;
use super::plan::Run;
use crate::libav::{Decoder, Frame, Step, Stream};
use crate::{Error, Limits};

/// Frames that nothing refers to are skipped until this many seconds before a wanted one.
const MARGIN: f64 = 0.25;

/// A decoder and its packets.
pub(super) struct Session<'s> {
    pub cursor: Cursor<'s>,
    decoder: Decoder,
    stream: Stream,
    frame: Frame,
    limits: Limits,
    /// Frames that came out so far.
    pub frames_decoded: u64,
}

/// Called with each decoded frame and the position of its packet.
pub(super) type Visit<'v> = dyn FnMut(usize, &mut Frame) -> Result<(), Error> + 'v;

impl<'s> Session<'s> {
    pub(super) fn new(cursor: Cursor<'s>, stream: Stream, limits: &Limits) -> Result<Self, Error> {
        let decoder = cursor.decoder(limits)?;
        Ok(Self { cursor, decoder, stream, frame: Frame::new()?, limits: *limits, frames_decoded: 0 })
    }

    /// libav's name of the decoder.
    pub(super) const fn decoder_name(&self) -> &'static str {
        self.decoder.name()
    }

    /// Decodes everything and gives the packets in the order in which their frames are displayed.
    pub(super) fn display_order(&mut self, packets: &[Entry]) -> Result<Vec<usize>, Error> {
        let mut order = Vec::new();
        self.decode(packets, 0, packets.len().saturating_sub(1), &|_| false, &mut |packet, _| {
            order.push(packet);
            Ok(())
        })?;
        Ok(order)
    }

    /// Decodes one stretch and drains it. `skip` leaves out frames that no wanted frame can refer to.
    pub(super) fn run(&mut self, index: &Index, run: &Run, skip: bool, visit: &mut Visit<'_>) -> Result<(), Error> {
        let seconds = f64::from(index.time_base.0) / f64::from(index.time_base.1);
        let moments = index.timeline.moments();
        let wanted: Vec<f64> = run.wanted.iter().map(|position| moments[*position].pts as f64 * seconds).collect();
        let far = |packet: usize| {
            let Some(t) = index.packets[packet].pts.filter(|_| skip && !index.estimated).map(|pts| pts as f64 * seconds) else {
                return false;
            };
            let near = wanted.partition_point(|wanted| *wanted < t - MARGIN);
            wanted.get(near).is_none_or(|wanted| *wanted > t + MARGIN)
        };
        self.decode(&index.packets, run.start, run.last, &far, visit)
    }

    fn decode(
        &mut self,
        packets: &[Entry],
        start: usize,
        last: usize,
        far: &dyn Fn(usize) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        self.decoder.flush();
        for ordinal in start..=last {
            let Some(packet) = self.cursor.packet(ordinal, packets, &self.limits)? else { break };
            packet.stamp(ordinal as i64);
            self.decoder.skip_unreferenced(far(ordinal));
            if self.decoder.send(Some(packet))? {
                self.receive(visit)?;
            }
        }
        self.decoder.send(None)?;
        self.receive(visit)
    }

    fn receive(&mut self, visit: &mut Visit<'_>) -> Result<(), Error> {
        let mut damaged = 0;
        while damaged < 64 {
            match self.decoder.receive(&mut self.frame)? {
                Step::Frame => {
                    self.frames_decoded += 1;
                    Limits::check("number of decoded frames", self.frames_decoded, self.limits.frames)?;
                    admit(&self.stream, self.frame.size(), &self.limits)?; // the size can change on the way
                    if let Some(packet) = self.frame.pts().and_then(|pts| usize::try_from(pts).ok()) {
                        visit(packet, &mut self.frame)?;
                    }
                }
                Step::Damaged => damaged += 1,
                Step::Hungry | Step::End => break,
            }
        }
        Ok(())
    }
}
