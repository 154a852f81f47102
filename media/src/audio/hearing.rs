//! Sound from an open decoder to the parts: everything that it gives, and what to think of it.

use super::decode::{Block, Decoder, Step};
use super::outlet::Outlets;
use super::pause::Pauses;
use crate::{Error, Limits, PartSink, Report, SoundSignals};

/// Fewer good packets than one in this many: what came out is noise, not the recording.
const LEAST_GOOD: u64 = 100;

/// Of the promised length, this share may be missing before the file counts as cut: encoders' padding is less.
const SHORTFALL: f64 = 0.01;

/// Where the header counts samples, more seconds than this are missing.
const COUNTED: f64 = 1e-6;

/// One pass over the sound: [`Hearing::hear`], then [`Hearing::judge`], then [`Hearing::finish`].
pub(super) struct Hearing<'d> {
    decoder: &'d mut dyn Decoder,
    outlets: Outlets,
    pauses: Pauses,
    origin: f64,
    good: u64,
    damaged: u64,
    /// Those after the last good one.
    last_damaged: u64,
    /// Whether the file ends where its last packet does.
    whole: bool,
    /// Why the sound ends before it should.
    cut: Option<String>,
}

impl<'d> Hearing<'d> {
    /// Nothing is decoded yet.
    pub(super) fn new(decoder: &'d mut dyn Decoder, outlets: Outlets, pauses: Pauses) -> Self {
        let mut pauses = pauses;
        let origin = pauses.origin();
        if let Some(from) = decoder.facts().counted_from {
            pauses.count(from);
        }
        Self { decoder, outlets, pauses, origin, whole: false, good: 0, damaged: 0, last_damaged: 0, cut: None }
    }

    /// Decodes to the end; finished chunks leave through `sink`. After an error what came before it can still be judged and finished.
    pub(super) fn hear(&mut self, sink: &mut dyn PartSink) -> Result<(), Error> {
        let mut block = Block::default();
        loop {
            match self.decoder.next(&mut block)? {
                Step::Samples => {
                    self.good += 1;
                    self.last_damaged = 0;
                    self.outlets.pause(self.pauses.before(&block), block.rate, self.origin, sink)?;
                    self.outlets.push(&mut block, self.origin, sink)?;
                }
                Step::Damaged => {
                    self.damaged += 1;
                    self.last_damaged += 1;
                    self.pauses.lose();
                }
                Step::End => {
                    self.whole |= self.decoder.ends_with_packet()?;
                    return Ok(());
                }
                Step::Cut(reason) => {
                    self.whole |= self.decoder.ends_with_packet()?;
                    self.cut = Some(reason).filter(|_| !self.whole);
                    return Ok(());
                }
            }
        }
    }

    /// Seconds heard so far.
    pub(super) const fn seconds(&self) -> f64 {
        self.outlets.seconds()
    }

    /// Says why nothing comes after what was heard, unless the decoder has said so.
    pub(super) fn end(&mut self, reason: String) {
        self.cut.get_or_insert(reason);
    }

    /// The file ends where its last packet does: that there are fewer than its header promises is the header's fault.
    pub(super) const fn believe_end(&mut self) {
        self.whole = true;
    }

    /// What comes after the last frame is known to be no sound, and no packet there is missed.
    pub(super) const fn forgive_last(&mut self) {
        self.damaged -= self.last_damaged;
        self.last_damaged = 0;
    }

    /// Notes what is missing; an error where hardly anything is there. `share` is that of the file's bytes, when it says how many there should be.
    pub(super) fn judge(&self, share: Option<f64>, limits: &Limits, report: &mut Report) -> Result<(), Error> {
        let (seconds, damaged, all) = (self.outlets.seconds(), self.damaged, self.damaged + self.good);
        if seconds <= 0.0 {
            return Err(match &self.cut {
                Some(reason) => Error::Truncated(format!("no sample before the end: {reason}")),
                None if damaged > 0 => Error::Malformed(format!("none of {damaged} packets could be decoded")),
                None => Error::Empty("the stream holds no samples".to_owned()),
            });
        }
        if self.good * LEAST_GOOD < all {
            return Err(Error::Malformed(format!("{damaged} of {all} packets could not be decoded")));
        }
        if damaged > 0 {
            report.note("decode_errors", format!("{damaged} of {all} packets could not be decoded"));
        }
        let facts = self.decoder.facts();
        let padding = |promised: f64| if facts.counted_from.is_some() { COUNTED } else { promised * SHORTFALL + 0.1 };
        let missing = facts.promised.filter(|promised| seconds < promised - padding(*promised));
        if let Some(promised) = missing.filter(|_| self.whole && self.cut.is_none() && share.is_none()) {
            let what = format!("the header promises {promised:.3} s, and the file ends with a whole packet after {seconds:.3} s");
            report.note("header_duration_differs", what);
            return Ok(());
        }
        let left = missing.map(|promised| seconds / promised).or(share);
        if let Some(left) = left.filter(|left| *left < limits.least_share) {
            return Err(Error::Truncated(format!("{seconds:.2} seconds, {:.1} % of what the file promises, are left", left * 100.0)));
        }
        if missing.is_some() || self.cut.is_some() {
            report.truncated_at = Some(seconds);
            report.note("truncated", self.cut.as_deref().unwrap_or("the sound is shorter than its header says"));
        }
        Ok(())
    }

    /// Delivers what is left and reports what was heard.
    pub(super) fn finish(self, sink: &mut dyn PartSink, report: &mut Report) -> Result<(), Error> {
        report.packets_read = self.decoder.packets();
        report.duration = Some(self.outlets.seconds());
        self.pauses.finish(report);
        let signals = self.outlets.finish(self.origin, sink, report)?;
        let facts = self.decoder.facts();
        facts.remarks.iter().for_each(|(code, message)| report.note(code, message));
        report.sound = Some(SoundSignals { channels: facts.channels as u32, mixdown: facts.mixdown.clone(), ..signals });
        Ok(())
    }
}
