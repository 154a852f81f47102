//! What a judge needs of a ledger: intent before send, outcome after.

use std::ops::Range;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tribunal_media::Digest;

use super::{Estimate, Outcome, ReplyFormat, Served, Task, Usage};

/// Written durably before the first byte of an attempt leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// What it is for.
    pub task: Task,
    /// `blake3(recorded body, endpoint, repeat)` of the task's first attempt.
    pub verdict_id: Digest,
    /// Digest of this attempt's own recorded body.
    pub body_digest: Digest,
    /// The recorded body: what is sent with each media part replaced by its blake3.
    pub recorded_body: String,
    /// Where in it stands what is of this case alone, in bytes; what comes before and after is that of many requests.
    pub case: Range<usize>,
    /// Where it goes.
    pub endpoint: String,
    /// 1, 2, ... within the task.
    pub attempt: u32,
    /// Upper bound of its cost in micro-dollars; `None` when no price is known.
    pub reserved_micro_usd: Option<u64>,
    /// Tokens in, as the published rules say.
    pub estimated: Estimate,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// `answered`, or a fault class: `never_sent`, `refused`, `stopped`, `bad_item`, `ambiguous`.
    pub class: String,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// Body of the reply, empty where it had none; where no reply came, why, in words. Secrets removed.
    pub reply: String,
    /// Tokens the server says it counted.
    pub usage: Option<Usage>,
    /// What the server says of its model.
    pub served: Served,
    /// What it cost in micro-dollars; `None` when no price is known.
    pub cost_micro_usd: Option<u64>,
    /// Wall time from send to end; `None` of a request in a batch, where it says nothing of the judge.
    pub latency_ms: Option<u64>,
}

/// One attempt that an earlier process made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// As in [`AttemptEnd::class`], or `open`: nothing is known of its end; or `exported`: it lies in a file for somebody else to run.
    pub class: String,
    /// As in [`AttemptEnd::reply`]; empty while open.
    pub reply: String,
    /// As in [`Served::format`].
    pub format: Option<ReplyFormat>,
    /// As in [`Intent::body_digest`]; `None` where it cannot be read.
    pub body_digest: Option<Digest>,
}

/// What is known of requests equal to a task's first: those with the same body, endpoint and repeat.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// A task of the same judge ended so: the same reply was read by the same rules.
    Ended(Outcome),
    /// What other tasks were answered, whosever they are and however they ended, if they did: paid for, and read by each judge's own rules.
    Paid(Vec<PaidReply>),
}

/// A 2xx reply that was paid for another task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidReply {
    /// The attempt that it was given to, where that is another task's.
    pub of: Option<Reservation>,
    /// Digest of the recorded body that it answers.
    pub body_digest: Digest,
    /// As in [`AttemptEnd::reply`].
    pub reply: String,
    /// As in [`Served::format`].
    pub format: Option<ReplyFormat>,
}

/// A handle on a durable intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation(pub i64);

/// What a budget says to a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The amount is held until its intent takes it over.
    Held,
    /// Not now: attempts of this process, of whatever judge, are not settled yet and may give some back.
    Later,
    /// Not in this run.
    None,
}

/// The ledger failed: the run stops, nothing more is sent.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the ledger failed: {0}")]
pub struct JournalError(pub String);

/// The durable record that a judge writes through. The ledger implements it.
pub trait Journal: Send + Sync {
    /// Makes an intent durable. Resolves only after the commit returned; the attempt may then be sent.
    fn intent(&self, intent: Intent) -> BoxFuture<'_, Result<Reservation, JournalError>>;

    /// Records how an attempt ended.
    fn settle(&self, reservation: Reservation, end: AttemptEnd) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Attempts of this task that an earlier process left open or settled, oldest first.
    fn lookup(&self, task: &Task) -> BoxFuture<'_, Result<Vec<Past>, JournalError>>;

    /// What is known of other tasks with this very request, endpoint and repeat, if they were answered: equal requests are asked once. For a task that was
    /// reopened, what was said since.
    fn known(&self, task: &Task, verdict_id: Digest) -> BoxFuture<'_, Result<Option<Known>, JournalError>>;

    /// Notes which attempts of other tasks a task has its replies from: a replay gives it the same ones, and no others.
    fn read(&self, task: &Task, of: Vec<Reservation>) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Holds `micro_usd` more under the budget, or says no. Open intents of earlier processes stay reserved.
    fn reserve(&self, micro_usd: u64) -> BoxFuture<'_, Result<Room, JournalError>>;

    /// Resolves once nothing new is to be sent; what only waits is then let go.
    fn stopped(&self) -> BoxFuture<'_, JournalError> {
        Box::pin(std::future::pending())
    }

    /// Records the final outcome of a task.
    fn conclude(&self, task: &Task, verdict_id: Option<Digest>, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>>;
}
