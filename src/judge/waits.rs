//! How long a task waits, for what, and when its run had better stop.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tribunal_media::Digest;

use super::ask::Ask;
use super::quiet::LONGEST_QUIET;
use super::retry::{Fault, backoff};
use super::server_error::short;
use super::{Judge, Outcome, OutcomeName, Stop, Why};

/// After so many attempts in a row without an answer, over all tasks, the server is taken to be down, for each of them may have been billed; after so many
/// complaints alike, or tasks whose replies held no verdict, it or the settings are taken to be wrong.
const MAX_IN_ROW: u32 = 20;
/// Longest time with a server that never answered: a wrong address should be said soon.
pub(super) const FIRST_PATIENCE: Duration = Duration::from_secs(4);
/// Longest time with a server that did answer before.
const LATER_PATIENCE: Duration = Duration::from_mins(1);
/// First waits; see [`backoff`].
const BUSY_WAIT: Duration = Duration::from_millis(500);
const UNREACHABLE_WAIT: Duration = Duration::from_millis(250);

/// Failures of one kind and the time since the first of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waits {
    failures: u32,
    since: Option<Instant>,
    /// By the end of the present wait.
    waited: Duration,
}

impl Ask<'_> {
    /// A task that has had its time ends: unresolved when an attempt of it was lost, else it stays pending and the run stops.
    pub(super) fn overdue(&self) -> Result<Option<Outcome>, Stop> {
        if !self.left().is_zero() {
            return Ok(None);
        }
        let message = format!("no answer within deadline_s = {} s", self.judge.settings.deadline_s);
        if self.lost + self.crashed > 0 {
            return Ok(Some(Outcome::Unresolved(Why::new("deadline", message))));
        }
        Err(Stop::Unreachable(format!("{}: {message}; run the same command again later", self.judge.opened.endpoint)))
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(self.judge.settings.deadline_s)
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Duration {
        self.deadline().saturating_sub(self.started.elapsed())
    }

    /// Counts an attempt that may have been billed without an answer; too many in a row over all tasks end the run.
    pub(super) fn stop_if_lost(&self, message: &str) -> Result<(), Stop> {
        if !self.judge.opened.live || self.judge.lost_in_row.fetch_add(1, Ordering::AcqRel) + 1 < MAX_IN_ROW {
            return Ok(());
        }
        let (endpoint, message) = (&self.judge.opened.endpoint, short(message));
        Err(Stop::Unreachable(format!(
            "{MAX_IN_ROW} requests in a row to {endpoint} got no usable answer ({message}); see to the server, then repeat"
        )))
    }

    /// A server that answers everybody with the same complaint is in trouble, or wrongly set up: the rest of the items must not pay for it.
    /// `outcome` is that of the tasks that ended so.
    pub(super) fn stop_if_alike(&self, words: &str, outcome: OutcomeName) -> Result<(), Stop> {
        if !self.judge.opened.live || self.judge.alike.count(words) < MAX_IN_ROW {
            return Ok(());
        }
        let (endpoint, words) = (&self.judge.opened.endpoint, short(words));
        let message = format!(
            "{MAX_IN_ROW} requests in a row to {endpoint} ended alike ({words}); see to the server or the settings, then repeat; --retry {outcome} asks for those again"
        );
        Err(Stop::Endpoint(message))
    }

    /// A judge whose paid replies hold no verdict, for whatever reasons (the last one is said), will hardly begin to give any: every further task
    /// would be paid three times for nothing.
    pub(super) fn stop_if_unread(&self, last: &str) -> Result<(), Stop> {
        if !self.judge.opened.live || self.judge.alike.count("a reply without a verdict") < MAX_IN_ROW {
            return Ok(());
        }
        let (endpoint, last) = (&self.judge.opened.endpoint, short(last));
        let message = format!(
            "{MAX_IN_ROW} tasks in a row got replies from {endpoint} and no verdict ({last}); see to the server, the model or the settings, then repeat; --retry judge_unusable asks for those again"
        );
        Err(Stop::Endpoint(message))
    }

    /// Nobody sends for as long as the server asks, from this moment on: others are about to.
    pub(super) fn keep_quiet(&self, asked: Duration) {
        if self.judge.opened.live {
            self.judge.limiter.quiet.keep(asked);
        }
    }

    /// Waits before an attempt that was lost is sent once more.
    pub(super) async fn wait_lost(&self, fault: &Fault, digest: &Digest) -> Result<(), Stop> {
        self.judge.refuse_long(fault)?;
        self.wait_for(fault, backoff(UNREACHABLE_WAIT, 0, digest)).await
    }

    /// Waits for a server that put the task off.
    pub(super) async fn wait_busy(&mut self, fault: &Fault, digest: &Digest) -> Result<(), Stop> {
        self.judge.refuse_long(fault)?;
        let own = backoff(BUSY_WAIT, self.busy.failures, digest);
        if !self.busy.may_wait(own.max(fault.retry_after.unwrap_or_default()), self.deadline()) {
            let (seconds, endpoint) = (self.busy.waited.as_secs(), &self.judge.opened.endpoint);
            let message =
                format!("{endpoint} puts requests off for {seconds} s ({}); run the same command again later", short(&fault.message));
            return Err(Stop::Unreachable(message));
        }
        self.wait_for(fault, own).await
    }

    /// A task ends by a refusal of its own; where the server asks for more with it than a run should stand still, nobody asks it anything after that.
    pub(super) fn leave_after(&self, fault: &Fault) {
        if let Err(stop) = self.heed(fault) {
            *self.judge.leave.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
        }
    }

    /// As [`refuse_long`](Judge::refuse_long), of refusals whose tasks do not wait; what was asked for on another day is heeded no more.
    pub(super) fn heed(&self, fault: &Fault) -> Result<(), Stop> {
        if self.judge.opened.live { self.judge.refuse_long(fault) } else { Ok(()) }
    }

    /// Waits for as long as the server asks, or for `own` where it does not say. That not all tasks come back in one instant is the limiter's care.
    async fn wait_for(&self, fault: &Fault, own: Duration) -> Result<(), Stop> {
        let wait = fault.retry_after.unwrap_or(own);
        if self.judge.opened.live {
            self.unless_stopped(tokio::time::sleep(wait)).await?;
        }
        Ok(())
    }

    /// Waits for something, but no longer than the run goes on: nothing is on its way meanwhile.
    pub(super) async fn unless_stopped<T>(&self, waited: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            waited = waited => Ok(waited),
            stopping = self.journal.stopped() => Err(Stop::Journal(stopping)),
        }
    }

    /// Waits for a server that nobody reached.
    pub(super) async fn wait_unreachable(&mut self, fault: &Fault, digest: &Digest) -> Result<(), Stop> {
        let wait = backoff(UNREACHABLE_WAIT, self.unreachable.failures, digest);
        let patience = if self.judge.answered.load(Ordering::Acquire) { LATER_PATIENCE } else { FIRST_PATIENCE };
        if !self.unreachable.may_wait(wait, patience) {
            let endpoint = &self.judge.opened.endpoint;
            let message = format!(
                "nobody answers at {endpoint} ({}); check that the server runs and that address and port are right",
                short(&fault.message)
            );
            return Err(Stop::Unreachable(message));
        }
        self.unless_stopped(tokio::time::sleep(wait)).await
    }
}

impl Judge {
    /// That the server's rates make the run slow, once.
    pub fn slow(&self) -> Option<String> {
        let (seconds, endpoint) = (self.limiter.slow()?.as_secs(), &self.opened.endpoint);
        Some(format!(
            "{endpoint}: by the rate limits in its headers the next request had to wait for {seconds} s; the run goes on at that pace"
        ))
    }

    /// The server's rates leave no room for longer than a run should stand still.
    pub(super) fn no_turn(&self, wait: Duration) -> Stop {
        let (seconds, endpoint) = (wait.as_secs(), &self.opened.endpoint);
        Stop::Unreachable(format!(
            "{endpoint} leaves no room for another request for {seconds} s, by the rate limits in its headers; run the same command again later"
        ))
    }

    /// A wait that is longer than a run should stand still.
    pub(super) fn refuse_long(&self, fault: &Fault) -> Result<(), Stop> {
        let Some(asked) = fault.retry_after.filter(|asked| *asked > LONGEST_QUIET) else { return Ok(()) };
        let (seconds, endpoint) = (asked.as_secs(), &self.opened.endpoint);
        let message = format!("{endpoint} asks to wait another {seconds} s ({}); run the same command again later", short(&fault.message));
        Err(Stop::Unreachable(message))
    }
}

impl Waits {
    /// Counts a failure; false when waiting for `wait` would go beyond `patience`, with the time that attempts took.
    fn may_wait(&mut self, wait: Duration, patience: Duration) -> bool {
        self.failures += 1;
        // A server that is replayed is not waited for: then the waits alone count.
        self.waited = self.waited.max(self.since.get_or_insert_with(Instant::now).elapsed()).saturating_add(wait);
        self.waited <= patience
    }
}
