//! SQLite: one writer thread, group commits, readers beside it.

use std::path::Path;

use futures_util::future::BoxFuture;
use tribunal_media::{Digest, Report};

use super::{ItemRow, PartsRow, Record, RunInfo};
use crate::judge::{AttemptEnd, Intent, Journal, JournalError, Outcome, OutcomeName, Reservation, Task};

/// The ledger could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder holds another experiment.
    #[error("this run folder holds another experiment: {0}")]
    Changed(String),
    /// Another process has the run.
    #[error("another process is writing this run")]
    Locked,
    /// Written by a newer version.
    #[error("the run was written by a newer version (schema {0})")]
    Newer(u32),
    /// SQLite or the file system failed.
    #[error("{0}")]
    Store(String),
}

/// The writer of one run folder. Cheap to clone handles go through one writer thread.
#[derive(Debug)]
pub struct Ledger {}

impl Ledger {
    /// Creates the run in `dir`, or opens it when it holds the same experiment (perhaps extended by this one).
    pub fn open(dir: &Path, info: &RunInfo) -> Result<Self, LedgerError> {
        todo!("{dir:?} {info:?}")
    }

    /// Registers items and tasks; known ones stay as they are. A known item whose digest changed is `Changed`.
    pub fn plan(&self, items: &[ItemRow], tasks: &[Task]) -> Result<(), LedgerError> {
        todo!("{items:?} {tasks:?}")
    }

    /// Reopens tasks that ended in one of these outcomes; their attempts and costs stay. Returns how many.
    pub fn reopen(&self, outcomes: &[OutcomeName]) -> Result<u64, LedgerError> {
        todo!("{outcomes:?}")
    }

    /// Tasks without an outcome, in manifest order.
    pub fn pending(&self) -> Result<Vec<Task>, LedgerError> {
        todo!()
    }

    /// Records what decoding saw of an item.
    pub fn record_media(&self, item_id: &str, media_id: Digest, report: &Report, thumbs: &[(String, Vec<u8>)]) -> Result<(), LedgerError> {
        todo!("{item_id} {media_id} {report:?} {thumbs:?}")
    }

    /// Records what was made for (item, sampler, rubric).
    pub fn record_parts(&self, item_id: &str, sampler: Option<&str>, rubric: &str, parts: &PartsRow) -> Result<(), LedgerError> {
        todo!("{item_id} {sampler:?} {rubric} {parts:?}")
    }

    /// Sets the budget in micro-dollars that `reserve` enforces.
    pub fn set_budget(&self, micro_usd: Option<u64>) -> Result<(), LedgerError> {
        todo!("{micro_usd:?}")
    }

    /// Commits what is queued, writes `verdicts.jsonl` anew (atomically) and closes.
    pub fn close(self) -> Result<(), LedgerError> {
        todo!()
    }
}

impl Journal for Ledger {
    fn intent(&self, intent: Intent) -> BoxFuture<'_, Result<Reservation, JournalError>> {
        todo!("{intent:?}")
    }
    fn settle(&self, reservation: Reservation, end: AttemptEnd) -> BoxFuture<'_, Result<(), JournalError>> {
        todo!("{reservation:?} {end:?}")
    }
    fn lookup(&self, task: &Task) -> BoxFuture<'_, Result<Vec<String>, JournalError>> {
        todo!("{task:?}")
    }
    fn reserve(&self, micro_usd: u64) -> BoxFuture<'_, Result<bool, JournalError>> {
        todo!("{micro_usd}")
    }
    fn conclude(&self, task: &Task, verdict_id: Option<Digest>, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        todo!("{task:?} {verdict_id:?} {outcome:?}")
    }
}

/// Reads a run folder; works while a writer is at it and after it stopped.
#[derive(Debug)]
pub struct Reader {}

impl Reader {
    /// Opens the run in `dir`.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        todo!("{dir:?}")
    }

    /// `run.json`.
    pub fn info(&self) -> &RunInfo {
        todo!()
    }

    /// Items in manifest order.
    pub fn items(&self) -> Result<Vec<ItemRow>, LedgerError> {
        todo!()
    }

    /// One per task, sorted by manifest order, sampler, rubric, judge, repeat.
    pub fn records(&self) -> Result<Vec<Record>, LedgerError> {
        todo!()
    }
}
