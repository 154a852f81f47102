//! One attempt: money, turn and intent before the request is sent, its end in the journal after.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::ask::Ask;
use super::dialect::Dialect;
use super::limit::{Load, Sign};
use super::provider::Reply;
use super::reply::{Costing, attempt_end, counted};
use super::request::Request;
use super::retry::{Class, Fault, classify};
use super::{Intent, Room, Stop, terms};

/// How often a full budget is looked at again while attempts are on their way.
const BUDGET_POLL: Duration = Duration::from_millis(50);

impl Ask<'_> {
    /// Reserve, wait for the turn, intent, send, settle. The flag says that the refusal taught us another dialect.
    pub(super) async fn attempt(&mut self, request: &Request, dialect: Dialect) -> Result<Result<Reply, (Fault, bool)>, Stop> {
        let bound = self.bound(request, 1.0);
        let queued = Instant::now();
        self.reserve(bound).await?;
        let expected = self.judge.calibration.correct(self.estimate);
        let load = Load { tokens: expected.input() + expected.output, bytes: request.len() };
        let turn = self.unless_stopped(self.judge.limiter.turn(load)).await?.map_err(|wait| self.judge.no_turn(wait))?;
        self.turn += 1;
        self.sent.push(request.digest);
        let reservation = self.journal.intent(self.intent(request, bound)).await?;
        let costing = Costing { terms: &self.judge.terms, batch: None };
        // The server may have asked for quiet while the intent was written. Who stops meanwhile has sent nothing.
        if let Err(stop) = self.unless_stopped(turn.held()).await {
            let unsent = Fault::new(Class::NeverSent, "stopped", "the run was stopped before it was sent".to_owned());
            self.journal.settle(reservation, attempt_end(self.judge, self.work, Err(&unsent), request.format, Some(0), costing)).await?;
            return Err(stop);
        }
        // What was waited for here is ours, and no delay of the server's.
        self.started += queued.elapsed();
        let started = Instant::now();
        let result = tokio::time::timeout(self.left(), self.judge.opened.provider.exchange(request)).await;
        let result = result.unwrap_or_else(|_| Err(Fault::new(Class::Ambiguous, "timeout", "no answer within deadline_s".to_owned())));
        let latency_ms = Some(started.elapsed().as_millis() as u64);
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
        let taught_it = !self.judge.opened.live && self.taught.contains(&dialect);
        let learn = |fault| if taught_it { (fault, false) } else { self.judge.learn_from(fault, dialect, Some(&request.body.recorded)) };
        let result = result.and_then(classify).map_err(|fault| learn(fault.at(self.judge.settings.provider).of(&request.body.recorded)));
        match &result {
            Ok(_) => self.judge.confirm(dialect),
            Err((_, true)) => self.taught.push(dialect),
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

    pub(super) fn intent(&self, request: &Request, bound: Option<u64>) -> Intent {
        Intent {
            task: self.work.task.clone(),
            verdict_id: self.verdict_id,
            body_digest: request.digest,
            recorded_body: request.body.recorded.clone(),
            case: request.case(),
            endpoint: self.judge.opened.endpoint.clone(),
            attempt: self.earlier + self.turn,
            reserved_micro_usd: bound,
            estimated: self.estimate,
        }
    }

    /// Upper bound of what this attempt costs at `factor` of the single price.
    pub(super) fn bound(&self, request: &Request, factor: f64) -> Option<u64> {
        let (judge, payload) = (self.judge, &self.work.payload);
        if !judge.opened.live {
            return Some(0);
        }
        terms::bound(&judge.terms, request.max_tokens, &request.body.recorded, payload, judge.calibration.worst(), factor)
    }

    /// Reserves, waiting for what attempts on their way may give back.
    pub(super) async fn reserve(&self, bound: Option<u64>) -> Result<(), Stop> {
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
}
