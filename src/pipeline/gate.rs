//! The ledger as judges see it during a run: once the run is stopping, no new intent is written, so nothing new is sent.

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use tribunal_media::Digest;

use super::stop::StopFlag;
use crate::judge::{AttemptEnd, Intent, Journal, JournalError, Known, Outcome, Past, Reservation, Room, Task};

/// What was sent before the stop is still settled and concluded.
pub(super) struct Gate<'a> {
    pub(super) ledger: &'a dyn Journal,
    pub(super) stop: &'a StopFlag,
}

impl Gate<'_> {
    fn check(&self) -> Result<(), JournalError> {
        if self.stop.is_raised() { Err(stopping()) } else { Ok(()) }
    }
}

/// Never shown: the flag keeps the first reason, and this is a consequence of it.
fn stopping() -> JournalError {
    JournalError("the run is stopping".to_owned())
}

impl Journal for Gate<'_> {
    fn intent(&self, intent: Intent) -> BoxFuture<'_, Result<Reservation, JournalError>> {
        match self.check() {
            Ok(()) => self.ledger.intent(intent),
            Err(stopping) => ready(Err(stopping)).boxed(),
        }
    }

    fn settle(&self, reservation: Reservation, end: AttemptEnd) -> BoxFuture<'_, Result<(), JournalError>> {
        self.ledger.settle(reservation, end)
    }

    fn lookup(&self, task: &Task) -> BoxFuture<'_, Result<Vec<Past>, JournalError>> {
        self.ledger.lookup(task)
    }

    fn known(&self, task: &Task, verdict_id: Digest) -> BoxFuture<'_, Result<Option<Known>, JournalError>> {
        self.ledger.known(task, verdict_id)
    }

    fn read(&self, task: &Task, of: Vec<Reservation>) -> BoxFuture<'_, Result<(), JournalError>> {
        self.ledger.read(task, of)
    }

    fn reserve(&self, micro_usd: u64) -> BoxFuture<'_, Result<Room, JournalError>> {
        match self.check() {
            Ok(()) => self.ledger.reserve(micro_usd),
            Err(stopping) => ready(Err(stopping)).boxed(),
        }
    }

    fn stopped(&self) -> BoxFuture<'_, JournalError> {
        async {
            self.stop.raised().await;
            stopping()
        }
        .boxed()
    }

    fn conclude(&self, task: &Task, verdict_id: Option<Digest>, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        self.ledger.conclude(task, verdict_id, outcome)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::{Gate, Journal as _, StopFlag};
    use crate::ledger::fixtures::open;

    #[test]
    fn nothing_is_promised_once_the_run_is_stopping() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, stop) = (open(dir.path()), StopFlag::default());
        let gate = Gate { ledger: &ledger, stop: &stop };
        assert!(gate.reserve(1).now_or_never().unwrap().is_ok());
        stop.raise("SIGINT received");
        assert!(gate.reserve(1).now_or_never().unwrap().is_err());
    }
}
