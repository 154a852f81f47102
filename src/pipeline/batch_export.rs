//! The `export --to batch` command: the pending requests of a run as files for a server that takes files.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::bridge::StopFlag;
use super::packing::Packing;
use super::score::{self, Orders, Progress, Run, ScoreError};
use super::study::Study;
use crate::ledger::{Ledger, RunInfo};
use crate::sandbox::Pool;

/// What was exported.
#[derive(Debug, Clone, Serialize)]
pub struct BatchExported {
    /// The files to run.
    pub files: Vec<PathBuf>,
    /// Which request is which task's.
    pub index: PathBuf,
    /// Requests in the files.
    pub requests: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Tasks that share the reply to an equal request.
    pub shared: u64,
    /// Tasks that were exported or sent before and wait for their results.
    pub waiting: u64,
    /// Why it stopped early, if it did.
    pub stopped: Option<String>,
}

/// Plans the run in `dir` as `score` does, ends what needs no judge, and writes every other pending request into files beneath it, with its intent
/// in the ledger. Requests that wait for results already are not written again: a second file would be a second bill.
pub fn export_batch(
    study: &Study,
    pool: &Pool,
    dir: &Path,
    info: &RunInfo,
    orders: &Orders,
    progress: &dyn Progress,
    stop: &StopFlag,
) -> Result<BatchExported, ScoreError> {
    let ledger = Ledger::open(dir, info)?;
    ledger.drop_unfinished_batches()?;
    let tasks = score::start(study, &ledger, orders)?;
    let waiting: std::collections::BTreeSet<_> = ledger.waiting_tasks(false)?.into_iter().collect();
    let mut pending = ledger.pending()?;
    let all = pending.len();
    pending.retain(|task| !waiting.contains(task));
    let waiting = (all - pending.len()) as u64;
    let items = score::pending_items(study, pending, &tasks);
    score::say_planned(progress, &tasks, &items);
    let runtime = score::runtime()?;
    let packing = Packing::new(&ledger, false)?;
    let soft_wall = score::soft_wall(orders);
    Run {
        study,
        pool,
        ledger: &ledger,
        runtime: &runtime,
        progress,
        stop,
        keep_parts: orders.keep_parts,
        packing: Some(&packing),
        all: true,
        soft_wall: &soft_wall,
    }
    .all(items);
    let packs = packing.finish()?;
    let index = ledger.write_batch_index()?;
    ledger.close()?;
    let (files, requests, bytes, shared) = (packs.files, packs.requests, packs.bytes, packs.twins);
    Ok(BatchExported { files, index, requests, bytes, shared, waiting, stopped: stop.reason() })
}
