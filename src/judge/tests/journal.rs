//! A journal in memory.

use std::sync::{Mutex, MutexGuard};

use futures_util::future::{BoxFuture, ready};
use tribunal_media::Digest;

use crate::judge::{AttemptEnd, Intent, Journal, JournalError, Known, Outcome, Past, Reservation, Room, Task};

/// Attempts in the order of their intents, each with its end once it is settled: what journals that live through stops are made of.
#[derive(Debug)]
pub(super) struct Attempts<T>(Mutex<Vec<(T, Option<AttemptEnd>)>>);

impl<T> Attempts<T> {
    pub(super) fn begin(&self, of: T) -> Reservation {
        let mut attempts = self.all();
        attempts.push((of, None));
        Reservation(attempts.len() as i64 - 1)
    }

    pub(super) fn end(&self, reservation: Reservation, end: AttemptEnd) {
        self.all()[reservation.0 as usize].1 = Some(end);
    }

    pub(super) fn all(&self) -> MutexGuard<'_, Vec<(T, Option<AttemptEnd>)>> {
        self.0.lock().unwrap()
    }
}

impl<T> Default for Attempts<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// What a ledger says of an attempt that ended so, or not yet.
pub(super) fn past(end: Option<&AttemptEnd>, body_digest: Option<Digest>) -> Past {
    match end {
        Some(end) => Past { class: end.class.clone(), reply: end.reply.clone(), format: end.served.format, body_digest },
        None => Past { class: "open".to_owned(), reply: String::new(), format: None, body_digest },
    }
}

/// Keeps every call, in order.
#[derive(Debug, Default)]
pub(in crate::judge) struct FakeJournal {
    pub(super) intents: Mutex<Vec<Intent>>,
    pub(super) ends: Mutex<Vec<AttemptEnd>>,
    pub(super) outcomes: Mutex<Vec<Outcome>>,
    /// What `lookup` says.
    pub(super) history: Vec<Past>,
    /// What `known` says.
    pub(super) known: Option<Known>,
    /// Reservations that fit; `None` is no budget.
    pub(super) budget: Option<u64>,
    /// Intents fail, as on a full disk.
    pub(super) broken: bool,
    /// Milliseconds that an intent takes to be kept.
    pub(super) slow: u64,
    /// Seconds after which the run is stopping.
    pub(super) stops_after: Option<u64>,
}

impl FakeJournal {
    pub(in crate::judge) fn with_history(classes: &[&str]) -> Self {
        let past = |class: &&str| Past { class: (*class).to_owned(), reply: String::new(), format: None, body_digest: None };
        Self { history: classes.iter().map(past).collect(), ..Self::default() }
    }

    pub(super) fn classes(&self) -> Vec<String> {
        self.ends.lock().unwrap().iter().map(|end| end.class.clone()).collect()
    }
}

impl Journal for FakeJournal {
    fn intent(&self, intent: Intent) -> BoxFuture<'_, Result<Reservation, JournalError>> {
        if self.broken {
            return Box::pin(ready(Err(JournalError("disk full".into()))));
        }
        let mut intents = self.intents.lock().unwrap();
        intents.push(intent);
        let reservation = Reservation(intents.len() as i64);
        let kept = std::time::Duration::from_millis(self.slow);
        Box::pin(async move {
            tokio::time::sleep(kept).await;
            Ok(reservation)
        })
    }

    fn stopped(&self) -> BoxFuture<'_, JournalError> {
        Box::pin(async {
            match self.stops_after {
                Some(seconds) => tokio::time::sleep(std::time::Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
            JournalError("stopping".into())
        })
    }

    fn settle(&self, reservation: Reservation, end: AttemptEnd) -> BoxFuture<'_, Result<(), JournalError>> {
        let mut ends = self.ends.lock().unwrap();
        ends.push(end);
        assert_eq!(reservation.0, ends.len() as i64, "an attempt is settled before the next is intended");
        Box::pin(ready(Ok(())))
    }

    fn lookup(&self, _: &Task) -> BoxFuture<'_, Result<Vec<Past>, JournalError>> {
        Box::pin(ready(Ok(self.history.clone())))
    }

    fn known(&self, _: &Task, _: Digest) -> BoxFuture<'_, Result<Option<Known>, JournalError>> {
        Box::pin(ready(Ok(self.known.clone())))
    }

    fn read(&self, _: &Task, _: Vec<Reservation>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(ready(Ok(())))
    }

    fn reserve(&self, micro_usd: u64) -> BoxFuture<'_, Result<Room, JournalError>> {
        Box::pin(ready(Ok(if self.budget.is_none_or(|budget| micro_usd <= budget) { Room::Held } else { Room::None })))
    }

    fn conclude(&self, _: &Task, _: Option<Digest>, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        self.outcomes.lock().unwrap().push(outcome);
        Box::pin(ready(Ok(())))
    }
}
