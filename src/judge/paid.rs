//! What was paid for before or meanwhile: replies to earlier attempts of a task, and to equal requests of others.

use std::collections::BTreeMap;

use tokio::time::Instant;
use tribunal_media::Digest;

use super::ask::{Ask, MAX_REASKS};
use super::flight::OnItsWay;
use super::provider::Reply;
use super::reply::KEPT_REPLY;
use super::{Known, Outcome, PaidReply, Past, Stop, Why};

impl Ask<'_> {
    /// The outcome that earlier attempts come to, if they do.
    pub(super) fn settled_before(&mut self) -> Option<Outcome> {
        if let Some(outcome) = self.settled_by_paid().or_else(|| self.settled_by_last()).or_else(|| self.settled_by_paid()) {
            return Some(outcome);
        }
        if self.may_send(self.lost) {
            return None;
        }
        let times = self.lost + self.crashed;
        let (reason, cause) = if self.crashed > 0 { ("crashed_in_flight", "was stopped") } else { ("ambiguous", "lost the connection") };
        let message = format!("an earlier process {cause} while asking, {times} times; it may have been billed");
        Some(Outcome::Unresolved(Why::new(reason, message)))
    }

    /// The outcome that the last reply of this task comes to, where what it answers is not asked for in the same words by now. It is read for its fault,
    /// too, which the next request names; every reply before it was asked for again.
    fn settled_by_last(&mut self) -> Option<Outcome> {
        let last = self.last.take();
        self.reasks = self.reasks.max(self.answered - u32::from(last.is_some())).min(MAX_REASKS);
        self.paid.retain(|paid| last.as_ref() != Some(paid));
        last.and_then(|last| self.read(&kept(last.reply), last.format, self.judge.dialect()))
    }

    /// The outcome that replies which are paid for come to by this judge's rules, if they do: the first request is looked for among them, then the one that
    /// asks again, and so on. Whatever it would ask otherwise, it asks itself.
    pub(super) fn settled_by_paid(&mut self) -> Option<Outcome> {
        while !self.paid.is_empty() {
            let (request, dialect) = self.request().ok()?;
            let place = self.paid.iter().position(|paid| paid.body_digest == request.digest)?;
            let paid = self.paid.remove(place);
            self.last.take_if(|last| *last == paid);
            self.read.extend(paid.of);
            if let Some(outcome) = self.read(&kept(paid.reply), paid.format, dialect) {
                return Some(outcome);
            }
        }
        None
    }

    /// Notes whose replies it has read since it last did.
    pub(super) async fn note_read(&mut self) -> Result<(), Stop> {
        if self.read.is_empty() {
            return Ok(());
        }
        let of = std::mem::take(&mut self.read);
        Ok(self.journal.read(&self.work.task, of).await?)
    }

    /// Keeps the server's quiet, where it asked this judge for one.
    pub(super) async fn step_aside(&mut self, place: &mut Option<OnItsWay>) -> Result<Option<Outcome>, Stop> {
        let quiet = &self.judge.limiter.quiet;
        if !self.judge.opened.live || quiet.until() <= Instant::now() {
            return Ok(None);
        }
        let queued = Instant::now();
        *place = None;
        self.unless_stopped(quiet.over()).await?;
        self.started += queued.elapsed();
        self.come_back(place).await
    }

    /// Takes the place again, and what was paid for meanwhile: the outcome, where the task has one by now.
    pub(super) async fn come_back(&mut self, place: &mut Option<OnItsWay>) -> Result<Option<Outcome>, Stop> {
        if !self.judge.opened.live {
            return Ok(None);
        }
        let queued = Instant::now();
        *place = self.judge.alone(self.verdict_id, self.journal).await?;
        self.started += queued.elapsed();
        let paid = match self.judge.known(self.work, self.journal, self.verdict_id).await? {
            Known::Ended(outcome) => return Ok(Some(outcome)),
            Known::Paid(paid) => paid,
        };
        let before = std::mem::replace(&mut self.equal, paid.len());
        self.paid.extend(paid.into_iter().skip(before).filter(|paid| is_whole(&paid.reply)));
        Ok(None)
    }
}

/// Whether a reply was kept whole: what was cut, at a character near the limit, cannot be read again.
pub(super) const fn is_whole(reply: &str) -> bool {
    reply.len() <= KEPT_REPLY - 4
}

/// One that this task was paid for before. What it answers may be unknown: no request has the digest of nothing.
pub(super) fn own_reply(past: &Past) -> PaidReply {
    let body_digest = past.body_digest.unwrap_or_else(|| Digest::of(b""));
    PaidReply { of: None, body_digest, reply: past.reply.clone(), format: past.format }
}

/// A reply that was kept, as it came.
fn kept(body: String) -> Reply {
    Reply { status: 200, headers: BTreeMap::new(), body }
}
