//! Batches of a run on their way: those that earlier processes left there and those that this one packed, all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, join_all};

use super::batch_close::Closing;
use super::bridge::StopFlag;
use super::score::Progress;
use crate::judge::{BatchEnd, BatchJournal, BatchOrder, BatchReply, BatchStep, JournalError, Judge, Task};
use crate::ledger::{BatchRow, BatchState, Found, Ledger, LedgerError};

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

    /// Takes every batch that is not ended to its end, or until the run stops; `false` when there was none. What runs at a server when the run
    /// stops stays there, and the next process goes on with it.
    pub(super) async fn round(&self) -> Result<bool, LedgerError> {
        let all = self.ledger.batches()?;
        let live: Vec<&BatchRow> = all.iter().filter(|batch| batch.online && is_live(batch.state)).collect();
        let judges: BTreeMap<i64, &Judge> = live.iter().filter_map(|batch| Some((batch.id, self.judge_of(batch)?))).collect();
        let known: Vec<String> = all.iter().filter_map(|batch| batch.batch_id.clone()).collect();
        let runs = join_all(live.iter().map(|batch| self.one(batch, &judges, &known)));
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

    async fn one(&self, batch: &BatchRow, judges: &BTreeMap<i64, &Judge>, known: &[String]) -> Result<(), LedgerError> {
        let Some(judge) = judges.get(&batch.id) else { return Ok(()) };
        let order = BatchOrder {
            file: self.ledger.dir().join(&batch.file),
            token: batch.token.clone(),
            file_id: batch.file_id.clone(),
            batch_id: batch.batch_id.clone(),
            creating: (batch.state == BatchState::Creating).then_some(batch.since),
            requests: batch.requests,
            known: known.to_vec(),
        };
        let desk = Desk { rounds: self, batch, closing: Closing { ledger: self.ledger, judges, reasks: true } };
        match judge.run_batch(order, &desk).await {
            Ok(BatchEnd::Done) => self.end(batch, "ambiguous", "the batch ended without a result for this request").map(drop),
            Ok(BatchEnd::Refused(why)) => {
                self.end(batch, "refused", &why)?;
                self.stop.raise(format!("the server of judge {} does not run the batch {}: {why}", batch.judge, batch.file));
                Ok(())
            }
            Ok(BatchEnd::Lost(why)) => self.end(batch, "ambiguous", &format!("{why}; it may have been billed")).map(drop),
            Err(stop) => {
                self.stop.raise(stop.to_string());
                Ok(())
            }
        }
    }

    fn end(&self, batch: &BatchRow, class: &str, words: &str) -> Result<u64, LedgerError> {
        self.ledger.end_batch(batch, class, words)
    }

    fn judge_of(&self, batch: &BatchRow) -> Option<&'a Judge> {
        self.judges.iter().find(|judge| judge.name() == batch.judge)
    }

    /// A second time in one run is a server that will not get round to it now.
    fn note_put_off(&self, task: &Task) {
        let first = self.put_off.lock().unwrap_or_else(PoisonError::into_inner).insert(task.clone());
        if !first {
            let why = format!("requests for judge {} were put off by two batches in a row; repeat later", task.judge);
            *self.exhausted.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        }
    }
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
        Ok(())
    }
}

impl BatchJournal for Desk<'_> {
    fn step(&self, step: BatchStep) -> Result<(), JournalError> {
        let (ledger, id) = (self.rounds.ledger, self.batch.id);
        let stepped = match &step {
            BatchStep::Ready(file_id) => ledger.step_batch(id, BatchState::Ready, file_id.as_deref(), None),
            BatchStep::Creating => ledger.step_batch(id, BatchState::Creating, None, None),
            BatchStep::Sent(batch_id) => ledger.step_batch(id, BatchState::Sent, None, Some(batch_id)),
        };
        stepped.map_err(|error| JournalError(error.to_string()))
    }

    fn results(&self, replies: Vec<BatchReply>) -> BoxFuture<'_, Result<(), JournalError>> {
        async move { join_all(replies.into_iter().map(|reply| self.take(reply))).await.into_iter().collect() }.boxed()
    }
}
