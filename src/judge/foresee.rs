//! What a task would be asked and cost, with nothing sent.

use tribunal_media::Digest;

use super::asked::{Asked, build};
use super::dialect::Dialect;
use super::request::Request;
use super::{Estimate, Judge, Outcome, Why, Work, receipt, terms};

/// A task's first request before it is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Its tokens by the rules, as replies so far correct them.
    pub tokens: Estimate,
    /// Bytes that would be sent, in what the server accepts by now.
    pub bytes: u64,
    /// What its reply is known by: equal requests have one, whosever they are.
    pub verdict_id: Digest,
    /// Digest of its recorded body in what the server accepts by now.
    pub body_digest: Digest,
    /// Micro-dollars that it costs at most by itself: what a budget must have room for. `None` when no price is known.
    pub bound: Option<u64>,
}

impl Judge {
    /// This task's first request; `Err` when it would not be sent. Sends nothing.
    pub fn foresee(&self, work: &Work) -> Result<Expected, Box<Outcome>> {
        if let Some(why) = self.unasked(work) {
            return Err(Box::new(Outcome::Abstained(why)));
        }
        let unusable = |why| Box::new(Outcome::JudgeUnusable(why));
        let Asked { work, first, id } = self.asked(work).map_err(unusable)?;
        let request = by_now(self, &work, first).map_err(unusable)?;
        let tokens = self.calibration.correct(terms::estimate(&self.terms.tokens, &work));
        let most = || terms::bound(&self.terms, request.max_tokens, &request.body.recorded, &work.payload, self.calibration.worst(), 1.0);
        let bound = if self.opened.live { most() } else { Some(0) };
        Ok(Expected { tokens, bytes: request.len(), verdict_id: id, body_digest: request.digest, bound })
    }

    /// The outcome of a replay that holds no answer to this task's first request; servers may answer anything.
    pub fn foresee_answer(&self, work: &Work) -> Result<(), Box<Outcome>> {
        let planted = receipt::plant(self.settings.receipt, work);
        planted.and_then(|work| answered(self, &work)).map_err(|why| Box::new(Outcome::JudgeUnusable(why)))
    }

    /// Micro-dollars of one request with these tokens; `None` when no price is known. Longer ones may cost more a token: a sum is not the cost of a sum.
    pub fn price(&self, estimate: &Estimate) -> Option<f64> {
        if !self.opened.live {
            return Some(0.0);
        }
        Some(terms::expected(self.terms.price.as_ref()?, estimate))
    }

    /// What of these tokens is a guess: media for which neither a profile nor the settings have a rule and of which no reply counted any. Texts differ little
    /// from one tokenizer to the next.
    pub fn guesses(&self, tokens: &Estimate) -> Vec<&'static str> {
        let (own, counted) = (self.settings.tokens, self.calibration.has_counted());
        let kinds = [("pictures", tokens.image, own.picture.is_some()), ("sound", tokens.audio, own.sound_per_second.is_some())];
        let unknown = self.opened.live && self.terms.published.is_none();
        let guessed =
            kinds.into_iter().zip(counted).filter(|((_, tokens, has_rule), counted)| unknown && *tokens > 0.0 && !has_rule && !counted);
        guessed.map(|((kind, ..), _)| kind).collect()
    }

    /// What equal requests are paid for under, once, whosever they are: those in batches among themselves, for no single request waits
    /// for a batch. `None` where nothing is sent.
    pub fn bill(&self, verdict_id: Digest) -> Option<Digest> {
        match self.is_server() {
            false => None,
            true if self.is_batch() => Some(Digest::of_fields([&verdict_id.as_bytes()[..], b"batch"])),
            true => Some(verdict_id),
        }
    }
}

/// The `first` request as it would be sent now: a refusal may have taught to ask otherwise.
fn by_now(judge: &Judge, work: &Work, first: Request) -> Result<Request, Why> {
    let dialect = judge.dialect();
    if dialect == Dialect::default() { Ok(first) } else { build(judge, work, dialect, None, 0) }
}

/// Whether the first request has an answer in any dialect that a replayed run spoke, as all have that go to a server. The error is why not, or work that
/// cannot be sent.
fn answered(judge: &Judge, work: &Work) -> Result<(), Why> {
    if judge.opened.live {
        return Ok(());
    }
    let mut missing = None;
    for dialect in judge.dialects() {
        match judge.opened.provider.order(&build(judge, work, dialect, None, 0)?) {
            Ok(_) => return Ok(()),
            Err(fault) => missing = missing.or(Some(Why { reason: fault.reason, message: fault.message })),
        }
    }
    missing.map_or(Ok(()), Err)
}
