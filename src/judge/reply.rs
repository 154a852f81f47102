//! What one reply comes to: how its attempt is recorded, and the verdict that can be read from it.

use super::provider::Reply;
use super::retry::Fault;
use super::verdict::Flaw;
use super::{AttemptEnd, BatchTerms, Judge, Outcome, ReplyFormat, Served, Terms, Usage, Verdict, Why, Work, receipt, terms};

/// Bytes of a reply that are read, and that the journal keeps: what was scored can be read again. A verdict has about 1 KiB, with log-probabilities some
/// hundred: what is longer than this is no verdict.
pub(super) const KEPT_REPLY: usize = 1 << 20;

/// A body that is longer than is read, as text that is no JSON.
pub(super) fn cut(body: &str) -> String {
    format!("(cut at {KEPT_REPLY} bytes) {}", kept(body))
}

/// What an attempt is costed by.
#[derive(Clone, Copy)]
pub(super) struct Costing<'a> {
    /// The prices when it was asked.
    pub(super) terms: &'a Terms,
    /// What a request costs that went in a batch.
    pub(super) batch: Option<BatchTerms>,
}

/// How an attempt is recorded. `format` is how its shape was asked for.
pub(super) fn attempt_end(
    judge: &Judge,
    work: &Work,
    result: Result<&Reply, &Fault>,
    format: Option<ReplyFormat>,
    latency_ms: Option<u64>,
    costing: Costing<'_>,
) -> AttemptEnd {
    match result {
        Ok(reply) => {
            let (usage, served) = counted(judge, reply);
            AttemptEnd {
                class: "answered".to_owned(),
                status: Some(reply.status),
                reply: kept(&reply.body),
                usage,
                served: Served { format, ..served },
                cost_micro_usd: cost(judge, work, usage, costing),
                latency_ms,
            }
        }
        Err(fault) => AttemptEnd {
            class: fault.class.as_str().to_owned(),
            status: fault.status,
            reply: kept(fault.kept()),
            usage: None,
            served: Served { format, ..Served::default() },
            cost_micro_usd: if fault.may_be_billed() { cost(judge, work, None, costing) } else { is_priced(judge, costing).then_some(0) },
            latency_ms,
        },
    }
}

/// What an answered attempt cost; `None` when the price or the tokens are unknown.
fn cost(judge: &Judge, work: &Work, usage: Option<Usage>, Costing { terms, batch }: Costing<'_>) -> Option<u64> {
    if !judge.opened.live {
        return Some(0);
    }
    let (price, usage, most_sound) = (terms.price.as_ref()?, usage?, terms::most_sound(terms, &work.payload));
    let (usage, factor) = batch.map_or((usage, 1.0), |batch| (batch.priced(usage), batch.price_factor));
    Some(terms::cost(price, usage, most_sound, factor))
}

fn is_priced(judge: &Judge, costing: Costing<'_>) -> bool {
    !judge.opened.live || costing.terms.price.is_some()
}

/// What the server says that it counted, and with which model.
pub(super) fn counted(judge: &Judge, reply: &Reply) -> (Option<Usage>, Served) {
    let wire = &judge.opened.wire;
    let Ok(body) = serde_json::from_str(&reply.body) else { return Default::default() };
    // No request is empty: a server that says 0 did not count, and what it bills is not known.
    (wire.usage(&body).filter(|usage| usage.input > 0), wire.served(&body))
}

/// Reads a 2xx reply. The error is a faulty one, which may be asked for again: why, and what the judge said.
pub(super) fn ruling(judge: &Judge, work: &Work, reply: &Reply, format: Option<ReplyFormat>) -> Result<Outcome, (Why, String)> {
    let verdict = judge.opened.wire.verdict(&reply.body, work);
    if let Err(Flaw::Refused(why)) = verdict {
        return Ok(Outcome::JudgeRefused(why));
    }
    if let Some(why) = receipt::unseen(judge.settings.receipt, counted(judge, reply).0, &work.payload) {
        return Ok(Outcome::JudgeUnusable(why));
    }
    match verdict {
        Ok(verdict) => Ok(Outcome::Scored(Verdict { format, ..verdict })),
        Err(Flaw::Refused(why)) => Ok(Outcome::JudgeRefused(why)),
        Err(Flaw::Foreign(why)) => Ok(Outcome::JudgeUnusable(why)),
        Err(Flaw::Faulty(why, said)) => Err((why, said)),
    }
}

/// The beginning of a reply, cut at a character.
fn kept(reply: &str) -> String {
    let end = (0..=KEPT_REPLY.min(reply.len())).rev().find(|&end| reply.is_char_boundary(end)).unwrap_or(0);
    reply[..end].to_owned()
}
