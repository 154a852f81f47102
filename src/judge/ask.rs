//! One task's attempts: intent before send, outcome after, and the rules for asking again.

use std::sync::atomic::Ordering;

use tokio::time::Instant;
use tribunal_media::Digest;

use super::asked::build;
use super::dialect::Dialect;
use super::flight::OnItsWay;
use super::paid::{is_whole, own_reply};
use super::provider::Reply;
use super::reply::ruling;
use super::request::Request;
use super::retry::{Class, Fault, StopKind};
use super::senses::not_taken;
use super::server_error::ServerError;
use super::terms::{self, Estimate};
use super::waits::Waits;
use super::wire::Correction;
use super::{Intent, Journal, Judge, Outcome, OutcomeName, PaidReply, ReplyFormat, Reservation, Stop, Why, Work};

/// Re-asks after a paid reply that is no verdict.
pub(super) const MAX_REASKS: u32 = 2;
/// Sends again after an attempt that was lost on the wire and may have been billed, in this process or an earlier one. Those that a crash left
/// open are bounded by `max_crash_resends`, and both together by the larger of the two.
pub(super) const MAX_RESENDS: u32 = 1;

/// A task being asked.
pub(super) struct Ask<'a> {
    pub(super) judge: &'a Judge,
    pub(super) work: &'a Work,
    pub(super) journal: &'a dyn Journal,
    pub(super) estimate: Estimate,
    pub(super) verdict_id: Digest,
    /// The first attempt's request, already built for its id; sent only in the dialect that it was built in.
    first: Option<Request>,
    /// When it began, and later by what it waited for money and turns since: the deadline is counted from there.
    pub(super) started: Instant,
    /// Attempts before this process.
    pub(super) earlier: u32,
    /// Attempts in this process.
    pub(super) turn: u32,
    /// The digests of their bodies.
    pub(super) sent: Vec<Digest>,
    /// Attempts that may have been billed without an answer: lost on the wire, and left open by a crash.
    pub(super) lost: u32,
    pub(super) crashed: u32,
    pub(super) reasks: u32,
    /// How many replies an earlier process was paid for and did not live to conclude, and the last of them until it is read.
    pub(super) answered: u32,
    pub(super) last: Option<PaidReply>,
    /// All of them, before those to other tasks' equal requests: they answer this one's.
    pub(super) paid: Vec<PaidReply>,
    /// Those to equal requests that were read and are not noted yet.
    pub(super) read: Vec<Reservation>,
    /// How many of those to equal requests were known so far.
    pub(super) equal: usize,
    pub(super) busy: Waits,
    pub(super) unreachable: Waits,
    correction: Option<Correction>,
    /// The dialects in which this task's attempts taught something, oldest first.
    pub(super) taught: Vec<Dialect>,
}

impl<'a> Ask<'a> {
    /// Looks up what earlier processes did.
    pub(super) async fn new(
        judge: &'a Judge,
        work: &'a Work,
        journal: &'a dyn Journal,
        first: Request,
        verdict_id: Digest,
        equal: Vec<PaidReply>,
    ) -> Result<Self, Stop> {
        let history = journal.lookup(&work.task).await?;
        let known = equal.len();
        let count = |class: &str| history.iter().filter(|past| past.class == class).count() as u32;
        let own: Vec<_> = history.iter().filter(|past| past.class == "answered").map(own_reply).collect();
        let (answered, last) = (own.len() as u32, own.last().cloned().filter(|last| is_whole(&last.reply)));
        // A replay finds its replies, and those that it shared, in its own order.
        let paid = if judge.opened.live { own.into_iter().chain(equal).filter(|paid| is_whole(&paid.reply)).collect() } else { Vec::new() };
        Ok(Self {
            judge,
            work,
            journal,
            estimate: terms::estimate(&judge.terms.tokens, work),
            verdict_id,
            first: Some(first),
            started: Instant::now(),
            earlier: history.len() as u32,
            turn: 0,
            sent: Vec::new(),
            lost: count("ambiguous"),
            crashed: count("open"),
            reasks: 0,
            answered,
            last,
            paid,
            read: Vec::new(),
            equal: known,
            busy: Waits::default(),
            unreachable: Waits::default(),
            correction: None,
            taught: Vec::new(),
        })
    }

    /// Whether the task may be sent once more after `lost` attempts were lost on the wire.
    pub(super) fn may_send(&self, lost: u32) -> bool {
        let resends = self.judge.settings.max_crash_resends;
        self.crashed <= resends && lost <= MAX_RESENDS && lost + self.crashed <= resends.max(MAX_RESENDS)
    }

    /// The next attempt of what is not [settled](Self::settled_before), its money reserved at `factor` of the single price, for somebody else to
    /// send; or the outcome that needs none.
    pub(super) async fn pack(mut self, factor: f64) -> Result<Result<(Request, Intent, Dialect), Outcome>, Stop> {
        self.note_read().await?;
        let (request, dialect) = match self.request() {
            Ok(request) => request,
            Err(why) => return Ok(Err(Outcome::JudgeUnusable(why))),
        };
        let bound = self.bound(&request, factor);
        self.reserve(bound).await?;
        self.turn += 1;
        let intent = self.intent(&request, bound);
        Ok(Ok((request, intent, dialect)))
    }

    /// Attempts until there is an outcome of what is not [settled](Self::settled_before). `place` is what others wait for that would ask the same: while
    /// the server keeps this judge waiting, they may.
    pub(super) async fn run(mut self, place: &mut Option<OnItsWay>) -> Result<Outcome, Stop> {
        loop {
            if let Some(outcome) = self.overdue()? {
                return Ok(outcome);
            }
            if let Some(outcome) = self.step_aside(place).await? {
                return Ok(outcome);
            }
            // What a refusal of its own taught may have made its request equal to theirs.
            let settled = self.settled_by_paid();
            self.note_read().await?;
            if let Some(outcome) = settled {
                return Ok(outcome);
            }
            if let Some(outcome) = self.step(place).await? {
                return Ok(outcome);
            }
        }
    }

    /// One attempt and what follows from it; `None` means again.
    async fn step(&mut self, place: &mut Option<OnItsWay>) -> Result<Option<Outcome>, Stop> {
        let ahead = self.go_ahead().await?;
        let (request, dialect) = match self.request() {
            Ok(request) => request,
            Err(why) => return Ok(Some(Outcome::JudgeUnusable(why))),
        };
        let ended = self.attempt(&request, dialect).await;
        if !matches!(ended, Ok(Err((_, true)))) {
            self.judge.scout.comes_back();
        }
        drop(ahead);
        match ended? {
            Ok(reply) => {
                self.judge.answered.store(true, Ordering::Release);
                let outcome = self.read(&reply, request.format, dialect);
                match &outcome {
                    Some(Outcome::JudgeUnusable(why)) => self.stop_if_unread(&why.message)?,
                    Some(_) => self.judge.alike.reset(),
                    None => {}
                }
                Ok(outcome)
            }
            Err((fault, true)) => self.heed(&fault).map(|()| None),
            Err((fault, false)) => self.follow(fault, &request.digest, place).await,
        }
    }

    /// The next attempt's request, in what the server accepts by now; in a replay, in what it accepted when the run asked next.
    pub(super) fn request(&mut self) -> Result<(Request, Dialect), Why> {
        let mut soonest: Option<(usize, Request, Dialect)> = None;
        for dialect in self.judge.dialects() {
            let request = self.in_dialect(dialect)?;
            match self.judge.opened.provider.order(&request) {
                Ok(0) => return Ok((request, dialect)),
                Ok(order) if soonest.as_ref().is_none_or(|(sooner, ..)| order < *sooner) => soonest = Some((order, request, dialect)),
                _ => {}
            }
        }
        match soonest {
            Some((_, request, dialect)) => Ok((request, dialect)),
            None => Ok((self.in_dialect(self.judge.dialect())?, self.judge.dialect())),
        }
    }

    /// The first request again where nothing was learnt since, else a new body.
    fn in_dialect(&mut self, dialect: Dialect) -> Result<Request, Why> {
        let is_first = self.turn == 0 && self.correction.is_none() && dialect == Dialect::default();
        if let Some(first) = self.first.take().filter(|_| is_first) {
            return Ok(first);
        }
        let request = build(self.judge, self.work, dialect, self.correction.as_ref(), self.turn as usize)?;
        let again = self.sent.iter().filter(|sent| **sent == request.digest).count();
        Ok(Request { again, ..request })
    }

    /// Reads a 2xx reply; `None` means that it was faulty and is asked for again. `format` and `dialect` are those it was asked for in.
    pub(super) fn read(&mut self, reply: &Reply, format: Option<ReplyFormat>, dialect: Dialect) -> Option<Outcome> {
        self.judge.lost_in_row.store(0, Ordering::Release);
        match ruling(self.judge, self.work, reply, format) {
            Ok(outcome) => Some(outcome),
            Err((why, _)) if self.reasks == MAX_REASKS => Some(Outcome::JudgeUnusable(why)),
            Err((why, reply)) => {
                if self.judge.raise(dialect, &why, &reply, self.reasks, self.work) {
                    self.taught.push(dialect);
                }
                self.reasks += 1;
                self.correction = Some(Correction { reply, fault: why.message, number: self.reasks });
                None
            }
        }
    }

    /// What a fault leads to.
    async fn follow(&mut self, fault: Fault, digest: &Digest, place: &mut Option<OnItsWay>) -> Result<Option<Outcome>, Stop> {
        if fault.status.is_some() {
            self.judge.answered.store(true, Ordering::Release);
        }
        if fault.class == Class::Ambiguous {
            self.stop_if_lost(&fault.message)?;
        }
        let why = Why { reason: fault.reason.clone(), message: fault.message.clone() };
        match fault.class {
            Class::Stopped(kind) => Err(self.judge.stop(kind, &fault.message)),
            Class::BadItem => {
                self.leave_after(&fault);
                // Refused without all that as well: it was none of it.
                if let Some(before) = self.taught.first() {
                    self.judge.unlearn(*before);
                    self.taught.clear();
                }
                if let Some(why) = not_taken(&fault, self.work) {
                    return Ok(Some(Outcome::Abstained(why)));
                }
                self.stop_if_alike(&fault.message, OutcomeName::JudgeUnusable)?;
                Ok(Some(Outcome::JudgeUnusable(why)))
            }
            Class::Filtered => {
                self.leave_after(&fault);
                if ServerError::read(&fault.reply).may_mean_account() {
                    self.stop_if_alike(&fault.message, OutcomeName::JudgeRefused)?;
                }
                Ok(Some(Outcome::JudgeRefused(why)))
            }
            Class::Ambiguous if !self.may_send(self.lost + 1) => Ok(Some(Outcome::Unresolved(why))),
            Class::Ambiguous => {
                self.lost += 1;
                self.wait_lost(&fault, digest).await.map(|()| None)
            }
            // Hosts that are starting or being moved answer a bare 404; one that never served anything has no such address. A run that is replayed was served
            // where this was not its end.
            Class::Refused if fault.status == Some(404) && self.judge.opened.live && !self.judge.has_served() => {
                Err(self.judge.stop(StopKind::Endpoint, &fault.message))
            }
            Class::Refused => {
                *place = None;
                self.wait_busy(&fault, digest).await?;
                self.come_back(place).await
            }
            Class::NeverSent => self.wait_unreachable(&fault, digest).await.map(|()| None),
        }
    }
}

impl Judge {
    /// Why the run cannot go on, and what to do.
    pub(super) fn stop(&self, kind: StopKind, message: &str) -> Stop {
        let (judge, endpoint) = (self.name(), &self.opened.endpoint);
        match kind {
            StopKind::Auth if self.opened.account.is_some_and(|account| !account.has_key) => {
                let place = match &self.settings.api_key_env {
                    Some(variable) => format!("put one into the environment variable {variable}"),
                    None => "name one with api_key_env or api_key_file in tribunal.toml".to_owned(),
                };
                Stop::Auth(format!("{endpoint} wants a key, and judge {judge} was sent without one ({message}); {place}"))
            }
            StopKind::Auth => Stop::Auth(format!("{endpoint} refused the key of judge {judge} ({message}); check the key and its rights")),
            StopKind::Quota => Stop::Quota(format!("the account of judge {judge} at {endpoint} is out of quota ({message}); top it up")),
            StopKind::Endpoint if ServerError::read(message).has_no_endpoint_for_parameters() => {
                let model = &self.opened.model;
                Stop::Endpoint(format!(
                    "nobody at {endpoint} serves model `{model}` with all that requests hold ({message}); see to extra_body and logprobs of judge {judge}"
                ))
            }
            StopKind::Endpoint => {
                let model = &self.opened.model;
                Stop::Endpoint(format!("{endpoint} does not serve model `{model}` ({message}); check base_url and model of judge {judge}"))
            }
        }
    }
}
