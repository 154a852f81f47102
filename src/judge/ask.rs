//! One task's attempts: intent before send, outcome after, and the rules for asking again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tribunal_media::Digest;

use super::client::not_taken;
use super::dialect::Dialect;
use super::flight::OnItsWay;
use super::limit::{Load, Sign};
use super::provider::Reply;
use super::reply::{Costing, KEPT_REPLY, attempt_end, counted, ruling};
use super::request::Request;
use super::retry::{Class, Fault, StopKind, classify};
use super::server_error::ServerError;
use super::terms::{self, Estimate};
use super::waits::Waits;
use super::wire::{Correction, Draft};
use super::{Intent, Journal, Judge, Known, Outcome, OutcomeName, PaidReply, Past, ReplyFormat, Room, Stop, Why, Work};

/// Re-asks after a paid reply that is no verdict.
pub(super) const MAX_REASKS: u32 = 2;
/// Sends again after an attempt that was lost on the wire and may have been billed, in this process or an earlier one. Those that a crash left
/// open are bounded by `max_crash_resends`, and both together by the larger of the two.
pub(super) const MAX_RESENDS: u32 = 1;
/// How often a full budget is looked at again while attempts are on their way.
const BUDGET_POLL: Duration = Duration::from_millis(50);

/// A task being asked.
pub(super) struct Ask<'a> {
    pub(super) judge: &'a Judge,
    work: &'a Work,
    pub(super) journal: &'a dyn Journal,
    estimate: Estimate,
    verdict_id: Digest,
    /// The first attempt's request, already built for its id; sent only in the dialect that it was built in.
    first: Option<Request>,
    /// When it began, and later by what it waited for money and turns since: the deadline is counted from there.
    pub(super) started: Instant,
    /// Attempts before this process.
    earlier: u32,
    /// Attempts in this process.
    turn: u32,
    /// The digests of their bodies.
    sent: Vec<Digest>,
    /// Attempts that may have been billed without an answer: lost on the wire, and left open by a crash.
    pub(super) lost: u32,
    pub(super) crashed: u32,
    reasks: u32,
    /// How many replies an earlier process was paid for and did not live to conclude, and the last of them until it is read.
    answered: u32,
    last: Option<PaidReply>,
    /// All of them, before those to other tasks' equal requests: they answer this one's.
    paid: Vec<PaidReply>,
    /// How many of those to equal requests were known so far.
    equal: usize,
    pub(super) busy: Waits,
    pub(super) unreachable: Waits,
    correction: Option<Correction>,
    /// The dialects before and after what this task's refusal taught, while nothing was answered in the later one.
    taught: Option<(Dialect, Dialect)>,
}

/// Work as it is asked: with its canary, and the first attempt in the dialect that the settings alone decide, which gives the verdict its id.
#[derive(Debug)]
pub(super) struct Asked<'w> {
    pub(super) work: Cow<'w, Work>,
    pub(super) first: Request,
    pub(super) id: Digest,
}

/// The error is work that cannot be sent.
pub(super) fn first_request(judge: &Judge, work: &Work) -> Result<Request, Why> {
    let request = build(judge, work, Dialect::default(), None, 0)?;
    judge.check_size(&request, work)?;
    Ok(request)
}

/// Digest of the recorded body of the `first` request as it would be sent now: a refusal may have taught to ask otherwise.
pub(super) fn digest_by_now(judge: &Judge, work: &Work, first: &Request) -> Result<Digest, Why> {
    let dialect = judge.dialect();
    if dialect == Dialect::default() {
        return Ok(first.digest);
    }
    build(judge, work, dialect, None, 0).map(|request| request.digest)
}

/// Whether the first request has an answer in any dialect that a replayed run spoke, as all have that go to a server. The error is why not, or work that
/// cannot be sent.
pub(super) fn answered(judge: &Judge, work: &Work) -> Result<(), Why> {
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
            equal: known,
            busy: Waits::default(),
            unreachable: Waits::default(),
            correction: None,
            taught: None,
        })
    }

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
    fn settled_by_paid(&mut self) -> Option<Outcome> {
        while !self.paid.is_empty() {
            let (request, dialect) = self.request().ok()?;
            let place = self.paid.iter().position(|paid| paid.body_digest == request.digest)?;
            let paid = self.paid.remove(place);
            self.last.take_if(|last| *last == paid);
            if let Some(outcome) = self.read(&kept(paid.reply), paid.format, dialect) {
                return Some(outcome);
            }
        }
        None
    }

    /// Whether the task may be sent once more after `lost` attempts were lost on the wire.
    fn may_send(&self, lost: u32) -> bool {
        let resends = self.judge.settings.max_crash_resends;
        self.crashed <= resends && lost <= MAX_RESENDS && lost + self.crashed <= resends.max(MAX_RESENDS)
    }

    /// The next attempt of what is not [settled](Self::settled_before), its money reserved at `factor` of the single price, for somebody else to
    /// send; or the outcome that needs none.
    pub(super) async fn pack(mut self, factor: f64) -> Result<Result<(Request, Intent, Dialect), Outcome>, Stop> {
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
            if let Some(outcome) = self.settled_by_paid() {
                return Ok(outcome);
            }
            if let Some(outcome) = self.step(place).await? {
                return Ok(outcome);
            }
        }
    }

    /// Keeps the server's quiet, where it asked this judge for one.
    async fn step_aside(&mut self, place: &mut Option<OnItsWay>) -> Result<Option<Outcome>, Stop> {
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
    async fn come_back(&mut self, place: &mut Option<OnItsWay>) -> Result<Option<Outcome>, Stop> {
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

    /// One attempt and what follows from it; `None` means again.
    async fn step(&mut self, place: &mut Option<OnItsWay>) -> Result<Option<Outcome>, Stop> {
        let (request, dialect) = match self.request() {
            Ok(request) => request,
            Err(why) => return Ok(Some(Outcome::JudgeUnusable(why))),
        };
        match self.attempt(&request, dialect).await? {
            Ok(reply) => {
                self.judge.answered.store(true, Ordering::Release);
                let outcome = self.read(&reply, request.format, dialect);
                match outcome.as_ref().map(Outcome::why) {
                    Some(Some(why)) if matches!(why.reason.as_str(), "bad_envelope" | "truncated") => {
                        self.stop_if_alike(&why.message, OutcomeName::JudgeUnusable)?;
                    }
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
    fn request(&mut self) -> Result<(Request, Dialect), Why> {
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

    /// Reserve, wait for the turn, intent, send, settle. The flag says that the refusal taught us another dialect.
    async fn attempt(&mut self, request: &Request, dialect: Dialect) -> Result<Result<Reply, (Fault, bool)>, Stop> {
        let bound = self.bound(request, 1.0);
        let queued = Instant::now();
        self.reserve(bound).await?;
        let expected = self.judge.calibration.correct(self.estimate);
        let load = Load { tokens: expected.input() + expected.output, bytes: request.len() };
        let turn = self.unless_stopped(self.judge.limiter.turn(load)).await?;
        self.turn += 1;
        self.sent.push(request.digest);
        let reservation = self.journal.intent(self.intent(request, bound)).await?;
        let costing = Costing { terms: &self.judge.terms, batch: None };
        // The server may have asked for quiet while the intent was written. Who stops meanwhile has sent nothing.
        if let Err(stop) = self.unless_stopped(turn.held()).await {
            let unsent = Fault::new(Class::NeverSent, "stopped", "the run was stopped before it was sent".to_owned());
            self.journal.settle(reservation, attempt_end(self.judge, self.work, Err(&unsent), request.format, 0, costing)).await?;
            return Err(stop);
        }
        // What was waited for here is ours, and no delay of the server's.
        self.started += queued.elapsed();
        let started = Instant::now();
        let result = tokio::time::timeout(self.left(), self.judge.opened.provider.exchange(request)).await;
        let result = result.unwrap_or_else(|_| Err(Fault::new(Class::Ambiguous, "timeout", "no answer within deadline_s".to_owned())));
        let latency_ms = started.elapsed().as_millis() as u64;
        if let Some(usage) = result.as_ref().ok().and_then(|reply| counted(self.judge, reply).0) {
            turn.counted(usage.input.saturating_add(usage.output));
        }
        // What was answered on another day tells nothing of a server now.
        match &result {
            _ if !self.judge.opened.live => {}
            Ok(reply) if matches!(reply.status, 429 | 503 | 529) => turn.observe(&reply.headers, Sign::Refused),
            Ok(reply) => turn.observe(&reply.headers, Sign::Served),
            Err(fault) if fault.class == Class::Ambiguous => turn.observe(&BTreeMap::new(), Sign::Lost),
            // Never sent: it tells nothing.
            Err(_) => {}
        }
        drop(turn);
        // A line that stays would teach the same for ever.
        let taught_it = !self.judge.opened.live && self.taught.is_some_and(|(before, _)| before == dialect);
        let learn = |fault| if taught_it { (fault, false) } else { self.judge.learn_from(fault, dialect, Some(&request.body.recorded)) };
        let result = result.and_then(classify).map_err(|fault| learn(fault.at(self.judge.settings.provider).of(&request.body.recorded)));
        match &result {
            Ok(_) => self.judge.confirm(dialect),
            Err((_, true)) => self.taught = Some((dialect, self.judge.dialect())),
            Err(_) => {}
        }
        if let Err((Fault { retry_after: Some(asked), .. }, _)) = &result {
            self.keep_quiet(*asked);
        }
        let end = attempt_end(self.judge, self.work, result.as_ref().map_err(|(fault, _)| fault), request.format, latency_ms, costing);
        if let Some(usage) = end.usage {
            self.judge.calibration.learn(&self.estimate, usage);
        }
        self.journal.settle(reservation, end).await?;
        Ok(result)
    }

    fn intent(&self, request: &Request, bound: Option<u64>) -> Intent {
        Intent {
            task: self.work.task.clone(),
            verdict_id: self.verdict_id,
            body_digest: request.digest,
            recorded_body: request.body.recorded.clone(),
            case: request.case(),
            endpoint: self.judge.opened.endpoint.clone(),
            attempt: self.earlier + self.turn,
            reserved_micro_usd: bound,
            estimated_tokens: self.estimate.input().round() as u64,
        }
    }

    /// Upper bound of what this attempt costs at `factor` of the single price.
    fn bound(&self, request: &Request, factor: f64) -> Option<u64> {
        let (judge, payload) = (self.judge, &self.work.payload);
        if !judge.opened.live {
            return Some(0);
        }
        terms::bound(&judge.terms, request.max_tokens, &request.body.recorded, payload, judge.calibration.worst(), factor)
    }

    /// Reserves, waiting for what attempts on their way may give back.
    async fn reserve(&self, bound: Option<u64>) -> Result<(), Stop> {
        let Some(bound) = bound.filter(|&bound| bound > 0) else { return Ok(()) };
        loop {
            match self.journal.reserve(bound).await? {
                Room::Held => return Ok(()),
                Room::Later => self.unless_stopped(tokio::time::sleep(BUDGET_POLL)).await?,
                Room::None => {
                    let dollars = bound as f64 / 1e6;
                    let message =
                        format!("the budget has no room for another request (at most ${dollars:.4}); raise --budget-usd to go on");
                    return Err(Stop::Budget(message));
                }
            }
        }
    }

    /// Reads a 2xx reply; `None` means that it was faulty and is asked for again. `format` and `dialect` are those it was asked for in.
    fn read(&mut self, reply: &Reply, format: Option<ReplyFormat>, dialect: Dialect) -> Option<Outcome> {
        self.judge.lost_in_row.store(0, Ordering::Release);
        match ruling(self.judge, self.work, reply, format) {
            Ok(outcome) => Some(outcome),
            Err((why, _)) if self.reasks == MAX_REASKS => Some(Outcome::JudgeUnusable(why)),
            Err((why, reply)) => {
                self.taught = self.judge.raise(dialect, &why, &reply, self.reasks, self.work).or(self.taught);
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
                // Refused without it as well: it was not that.
                if let Some((before, after)) = self.taught.take() {
                    self.judge.unlearn(before, after);
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
            // Hosts that are starting or being moved answer a bare 404; one that never served anything has no such address.
            Class::Refused if fault.status == Some(404) && !self.judge.has_served() => {
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
            StopKind::Auth => Stop::Auth(format!("{endpoint} refused the key of judge {judge} ({message}); check the key and its rights")),
            StopKind::Quota => Stop::Quota(format!("the account of judge {judge} at {endpoint} is out of quota ({message}); top it up")),
            StopKind::Endpoint => {
                let model = &self.opened.model;
                Stop::Endpoint(format!("{endpoint} does not serve model `{model}` ({message}); check base_url and model of judge {judge}"))
            }
        }
    }
}

/// Whether a reply was kept whole: what was cut, at a character near the limit, cannot be read again.
const fn is_whole(reply: &str) -> bool {
    reply.len() <= KEPT_REPLY - 4
}

/// One that this task was paid for before. What it answers may be unknown: no request has the digest of nothing.
fn own_reply(past: &Past) -> PaidReply {
    let body_digest = past.body_digest.unwrap_or_else(|| Digest::of(b""));
    PaidReply { body_digest, reply: past.reply.clone(), format: past.format }
}

/// A reply that was kept, as it came.
fn kept(body: String) -> Reply {
    Reply { status: 200, headers: BTreeMap::new(), body }
}

fn build(judge: &Judge, work: &Work, dialect: Dialect, correction: Option<&Correction>, turn: usize) -> Result<Request, Why> {
    let wire = &judge.opened.wire;
    let body = wire.body(&Draft { settings: &judge.settings, model: &judge.opened.model, work, dialect, correction })?;
    Ok(Request {
        task: work.task.clone(),
        nonce: work.nonce.clone(),
        turn,
        again: 0,
        digest: Digest::of(body.recorded.as_bytes()),
        max_tokens: dialect.max_tokens(judge.settings.first_max_tokens()),
        format: (!wire.ladder().is_empty()).then_some(dialect.format),
        body,
        payload: Arc::clone(&work.payload),
    })
}
