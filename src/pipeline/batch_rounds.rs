//! Batches of a run on their way: those that earlier processes left there and those that this one packed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, join_all};

use super::batch_close::Closing;
use super::batch_queue::Queue;
use super::pass::Progress;
use super::stop::StopFlag;
use crate::judge::{BatchEnd, BatchJournal, BatchOrder, BatchReply, BatchStep, Came, JournalError, Judge, Task, Terms, packed_terms};
use crate::ledger::{BatchRow, BatchState, Found, Ledger, LedgerError};

/// Items whose results contradict each other that are named; more are only counted.
const NAMED: usize = 20;

/// What the rounds of one run share.
pub(super) struct Rounds<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) judges: &'a [Judge],
    pub(super) progress: &'a dyn Progress,
    pub(super) stop: &'a StopFlag,
    /// Tasks that were put off once: they get one more batch in this process.
    put_off: Mutex<BTreeSet<Task>>,
    /// Why there is no use in another round.
    exhausted: Mutex<Option<String>>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(ledger: &'a Ledger, judges: &'a [Judge], progress: &'a dyn Progress, stop: &'a StopFlag) -> Self {
        Self { ledger, judges, progress, stop, put_off: Mutex::default(), exhausted: Mutex::default() }
    }

    /// Sends what is ready and takes what has ended, and waits for nothing more.
    pub(super) async fn collect(&self) -> Result<(), LedgerError> {
        self.round(false).await.map(drop)
    }

    /// Takes every batch that is not ended to its end, or until the run stops; `false` when there was none. What runs at a server when the run
    /// stops stays there, and the next process goes on with it.
    pub(super) async fn wait(&self) -> Result<bool, LedgerError> {
        self.round(true).await
    }

    async fn round(&self, wait: bool) -> Result<bool, LedgerError> {
        let mut live = self.ledger.batches()?;
        live.retain(|batch| batch.online && is_live(batch.state) && self.judge_of(batch).is_some());
        let judges = live.iter().filter_map(|batch| Some((batch.id, self.judge_of(batch)?))).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        live.iter().for_each(|batch| *counts.entry(&batch.judge).or_default() += 1);
        let terms = live.iter().filter_map(|batch| Some((batch.id, self.terms_of(batch)?))).collect();
        let queues: BTreeMap<&str, Queue> = counts.into_iter().map(|(judge, count)| (judge, Queue::new(count))).collect();
        let round = Round { rounds: self, judges, terms, queues, wait };
        let runs = join_all(live.iter().map(|batch| round.one(batch)));
        tokio::select! {
            biased;
            () = self.stop.raised() => {}
            ended = runs => ended.into_iter().collect::<Result<(), LedgerError>>()?,
        }
        // Only now: what other requests came to is taken first.
        if let Some(why) = self.exhausted.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.stop.raise(why);
        }
        Ok(!live.is_empty())
    }

    fn judge_of(&self, batch: &BatchRow) -> Option<&'a Judge> {
        self.judges.iter().find(|judge| judge.name() == batch.judge)
    }

    /// What a batch was packed under: prices and settings may have changed since.
    fn terms_of(&self, batch: &BatchRow) -> Option<Terms> {
        let unread = |why: &String| {
            let file = &batch.file;
            self.progress.warn(&format!(
                "{file}: the prices that it was packed under cannot be read ({why}); its results are costed by those of now"
            ));
        };
        packed_terms(&batch.settings).inspect_err(unread).ok()
    }

    /// A second time in one run is a server that will not get round to it now.
    fn note_put_off(&self, task: &Task) {
        let first = self.put_off.lock().unwrap_or_else(PoisonError::into_inner).insert(task.clone());
        if !first {
            let why = format!("requests for judge {} were put off by two batches in a row; repeat later", task.judge);
            self.exhaust(why);
        }
    }

    fn exhaust(&self, why: String) {
        *self.exhausted.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

/// The batches of one round.
struct Round<'a> {
    rounds: &'a Rounds<'a>,
    judges: BTreeMap<i64, &'a Judge>,
    terms: BTreeMap<i64, Terms>,
    queues: BTreeMap<&'a str, Queue>,
    wait: bool,
}

impl Round<'_> {
    async fn one(&self, batch: &BatchRow) -> Result<(), LedgerError> {
        let (ledger, stop) = (self.rounds.ledger, self.rounds.stop);
        let (Some(judge), Some(queue)) = (self.judges.get(&batch.id), self.queues.get(batch.judge.as_str())) else { return Ok(()) };
        let mut next = Some(batch.clone());
        while let Some(batch) = next.take() {
            if outgrown(ledger, judge, &batch) {
                ledger.end_batch(&batch, "never_sent", "batch_terms allow less by now")?;
                break;
            }
            let ended = queue.ended();
            let closing = Closing { ledger, judges: &self.judges, terms: &self.terms, reasks: true };
            let end = judge.run_batch(self.order(&batch), &Desk { rounds: self.rounds, batch: &batch, closing }).await;
            match end {
                Ok(BatchEnd::Running) => {}
                Ok(BatchEnd::Done) => self.close(&batch, "the batch ended without a result for this request")?,
                Ok(BatchEnd::Lost(why)) => self.close(&batch, &format!("{why}; it may have been billed"))?,
                Ok(BatchEnd::Refused(why)) => {
                    ledger.end_batch(&batch, "refused", &why)?;
                    stop.raise(format!("the server of judge {} does not run the batch {}: {why}", batch.judge, batch.file));
                }
                Ok(BatchEnd::Full(_)) if !self.wait => {}
                Ok(BatchEnd::Full(_)) if queue.step_back(ended).await => next = ledger.batch(batch.id)?,
                Ok(BatchEnd::Full(why)) => stop.raise(no_room(&batch.judge, &why)),
                Err(problem) => stop.raise(problem.to_string()),
            }
        }
        queue.leave();
        Ok(())
    }

    /// Of requests without a result nobody knows whether they were billed.
    fn close(&self, batch: &BatchRow, why: &str) -> Result<(), LedgerError> {
        let missing = self.rounds.ledger.end_batch(batch, "ambiguous", why)?;
        if missing > 0 {
            let BatchRow { file, requests, .. } = batch;
            self.rounds
                .progress
                .warn(&format!("{file}: {missing} of {requests} requests got no result ({why}); they count as perhaps billed"));
        }
        Ok(())
    }

    fn order(&self, batch: &BatchRow) -> BatchOrder {
        BatchOrder {
            file: self.rounds.ledger.dir().join(&batch.file),
            token: batch.token.clone(),
            file_id: batch.file_id.clone(),
            batch_id: batch.batch_id.clone(),
            creating: (batch.state == BatchState::Creating).then_some(batch.since),
            requests: batch.requests,
            wait: self.wait,
        }
    }
}

/// Whether a batch that the server does not run is larger than its judge's batches may be by now: its requests are better packed anew.
fn outgrown(ledger: &Ledger, judge: &Judge, batch: &BatchRow) -> bool {
    let terms = judge.batch_terms();
    let bytes = || ledger.dir().join(&batch.file).metadata().map_or(0, |file| file.len());
    batch.state == BatchState::Ready && batch.requests > 1 && (batch.requests > terms.requests || bytes() > terms.bytes)
}

fn no_room(judge: &str, why: &str) -> String {
    format!(
        "the server of judge {judge} has no room for a batch ({why}), and none of this run is there to end; repeat when others of the account \
         have ended, or with smaller batch_terms in [judges.{judge}]"
    )
}

const fn is_live(state: BatchState) -> bool {
    matches!(state, BatchState::Ready | BatchState::Creating | BatchState::Sent)
}

/// The ledger as one batch sees it.
struct Desk<'a> {
    rounds: &'a Rounds<'a>,
    batch: &'a BatchRow,
    closing: Closing<'a>,
}

impl Desk<'_> {
    async fn take(&self, reply: BatchReply) -> Result<(), JournalError> {
        // Results that an earlier process took, and ids that are nobody's, need nothing.
        let Found::Open(request) = self.rounds.ledger.find_request(&reply.custom_id, Some(self.batch.id)).await? else { return Ok(()) };
        let taken = self.closing.close(&request, &reply).await?;
        taken.ended.iter().for_each(|name| self.rounds.progress.ended(Some(*name)));
        if taken.put_off {
            self.rounds.note_put_off(&request.task);
        }
        if let Some(why) = taken.stop {
            self.rounds.exhaust(why);
        }
        Ok(())
    }

    /// Says which results came twice: alike ones as a number, others by their items.
    async fn say(&self, came: &Came) -> Result<(), JournalError> {
        let (file, warn) = (&self.batch.file, |message: &str| self.rounds.progress.warn(message));
        if came.same > 0 {
            warn(&format!("{file}: {} results came twice, alike; each counts once", came.same));
        }
        for custom_id in came.others.iter().take(NAMED) {
            if let Some(item) = self.rounds.ledger.find_request(custom_id, Some(self.batch.id)).await?.item_id() {
                warn(&format!("{file}: the results for item {item} contradict each other; the first one counts"));
            }
        }
        let more = came.others.len().saturating_sub(NAMED);
        if more > 0 {
            warn(&format!("{file}: {more} more results contradict the first of their request"));
        }
        Ok(())
    }
}

impl BatchJournal for Desk<'_> {
    fn known(&self) -> Result<Vec<String>, JournalError> {
        let batches = self.rounds.ledger.batches()?;
        Ok(batches.into_iter().filter_map(|batch| batch.batch_id).collect())
    }

    fn missing(&self) -> Result<u64, JournalError> {
        Ok(self.rounds.ledger.open_requests(&[self.batch.id])?)
    }

    fn owns<'a>(&'a self, custom_id: &'a str) -> BoxFuture<'a, Result<bool, JournalError>> {
        self.rounds.ledger.owns_line(self.batch.id, custom_id)
    }

    fn step(&self, step: BatchStep) -> Result<(), JournalError> {
        let (ledger, id) = (self.rounds.ledger, self.batch.id);
        let stepped = match &step {
            BatchStep::Ready(file_id) => ledger.step_batch(id, BatchState::Ready, file_id.as_deref(), None),
            BatchStep::Creating => ledger.step_batch(id, BatchState::Creating, None, None),
            BatchStep::Sent(batch_id) => ledger.step_batch(id, BatchState::Sent, None, Some(batch_id)),
        };
        Ok(stepped?)
    }

    fn doubled<'a>(&'a self, came: &'a Came) -> BoxFuture<'a, Result<(), JournalError>> {
        self.say(came).boxed()
    }

    fn results(&self, replies: Vec<BatchReply>) -> BoxFuture<'_, Result<(), JournalError>> {
        async move { join_all(replies.into_iter().map(|reply| self.take(reply))).await.into_iter().collect() }.boxed()
    }
}
