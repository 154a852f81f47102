//! The `export --to batch` command: the pending requests of a run as files for a server that takes files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::invocation::{Invocation, Orders, ScoreError};
use super::packing::Packing;
use super::pass::{Pass, Progress};
use super::stop::StopFlag;
use super::study::Study;
use crate::ledger::RunInfo;
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
    let (run, planned) = Invocation::open(study, dir, info, orders)?;
    let waits: BTreeSet<_> = run.ledger.waiting_tasks(false)?.into_iter().collect();
    let pending = run.count_pending(&planned, &waits)?;
    let waiting = run.count_pending(&planned, &BTreeSet::new())? - pending;
    progress.planned(planned.tasks, planned.tasks - pending);
    let packing = Packing::new(&run.ledger, &study.judges, false)?;
    Pass { run: &run, pool, progress, stop, packing: &packing, all: true }.all(run.pending(&planned.wanted, &waits)?);
    let packs = packing.finish()?;
    let index = run.ledger.write_batch_index()?;
    run.ledger.close()?;
    let (files, requests, bytes, shared) = (packs.files, packs.requests, packs.bytes, packs.twins);
    Ok(BatchExported { files, index, requests, bytes, shared, waiting, stopped: stop.reason() })
}
