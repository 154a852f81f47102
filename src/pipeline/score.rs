//! The main job: every pending task of a study to its one outcome, through a ledger.

use std::collections::BTreeSet;
use std::path::Path;

use super::batch_rounds::Rounds;
use super::invocation::{Invocation, Orders, ScoreError, Wanted};
use super::packing::Packing;
use super::pass::{Pass, Progress};
use super::sentinel;
use super::stop::StopFlag;
use super::study::Study;
use crate::judge::{Judge, Task};
use crate::ledger::RunInfo;
use crate::sandbox::Pool;

/// What a run did.
#[derive(Debug, Clone)]
pub struct ScoreDone {
    /// Tasks of this slice.
    pub tasks: u64,
    /// Tasks that had ended before this invocation.
    pub resumed: u64,
    /// Why the run stopped early, if it did.
    pub stopped: Option<String>,
    /// What was learnt of each judge's server.
    pub learnt: Vec<Learnt>,
}

/// What a run learnt of one judge's server.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Learnt {
    /// The judge.
    pub judge: String,
    /// What the server does not accept and was done instead.
    pub lessons: Vec<String>,
    /// Replies whose tokens were compared with the published rules.
    pub replies: u64,
    /// Tokens counted by the server over tokens expected; null without a reply that counts.
    pub tokens_ratio: Option<f64>,
}

/// What was learnt of each judge that sends anything.
fn learnt(judges: &[Judge]) -> Vec<Learnt> {
    let of = |judge: &Judge| {
        let (replies, tokens_ratio) = judge.calibration().summary().unzip();
        Learnt { judge: judge.name().to_owned(), lessons: judge.lessons(), replies: replies.unwrap_or(0), tokens_ratio }
    };
    judges.iter().filter(|judge| judge.is_remote()).map(of).collect()
}

/// Opens the ledger in `dir` and takes every pending task of the selection to an outcome.
pub fn score(
    study: &Study,
    pool: &Pool,
    dir: &Path,
    info: &RunInfo,
    orders: &Orders,
    progress: &dyn Progress,
    stop: &StopFlag,
) -> Result<ScoreDone, ScoreError> {
    let (run, mut planned) = Invocation::open(study, dir, info, orders)?;
    stop.begin();
    let none = BTreeSet::new();
    let resumed = planned.tasks - run.count_pending(&planned, &none)?;
    progress.planned(planned.tasks, resumed);
    let rounds = Rounds::new(&run.ledger, &study.judges, progress, stop);
    // Before anything that could stop this invocation: what earlier ones sent is paid for.
    run.runtime.block_on(rounds.collect())?;
    if !stop.is_raised() {
        let is_pending = run.is_pending(&planned.wanted, &none)?;
        sentinel::round(study, pool, &run.ledger, &run.runtime, stop, is_pending)?;
    }
    while !stop.is_raised() {
        // Answers may make more tasks worth asking.
        let by_now = run.wanted()?;
        if by_now != planned.wanted {
            planned = run.plan(by_now)?;
        }
        if !run.is_pending(&planned.wanted, &none)? {
            break;
        }
        advance(&run, pool, &rounds, &planned.wanted, progress, stop)?;
    }
    let Invocation { ledger, runtime, .. } = run;
    // Blocking helpers of a judge that was abandoned after the drain must not hold the process.
    runtime.shutdown_background();
    ledger.close()?;
    Ok(ScoreDone { tasks: planned.tasks, resumed, stopped: stop.reason(), learnt: learnt(&study.judges) })
}

/// Asks what is pending, and takes every batch that comes of it to its end. What then still is pending (expired, faulty, beyond the budget) is for
/// the next call; the run stops when there is no use in one.
fn advance(
    run: &Invocation<'_>,
    pool: &Pool,
    rounds: &Rounds<'_>,
    wanted: &Wanted,
    progress: &dyn Progress,
    stop: &StopFlag,
) -> Result<(), ScoreError> {
    // What runs in a batch is not asked a second time.
    let waiting: BTreeSet<Task> = run.ledger.waiting_tasks(true)?.into_iter().collect();
    let idle = !waiting.is_empty() && !run.is_pending(wanted, &waiting)?;
    let packing = Packing::new(&run.ledger, &run.study.judges, true)?;
    Pass { run, pool, progress, stop, packing: &packing, all: false }.all(run.pending(wanted, &waiting)?);
    packing.finish()?;
    let full = stop.lift();
    let moved = !stop.is_raised() && run.runtime.block_on(rounds.wait())?;
    match full {
        // What batches give back may be enough for others.
        Some(reason) if !moved => stop.raise(reason),
        None if !moved && idle => {
            stop.raise("what is pending waits for batches of judges that are not named; name every judge of the earlier command");
        }
        _ => {}
    }
    Ok(())
}
