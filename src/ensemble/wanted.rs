//! Which of the planned tasks are worth asking, given what is known so far. A filter: what it lets through it never takes back, so asking it again
//! after each round ends, and a resumed run asks the same.

use tribunal_media::Digest;

use super::{Adaptive, Cascade, Settings};
use crate::judge::{OutcomeName, Task};
use crate::ledger::{Facts, Scope, TaskFacts};
use crate::stats;

/// The tasks of `all` that are wanted now; more may be once these have ended. `facts` are those of the run so far.
pub fn wanted(settings: &Settings, all: Vec<Task>, facts: &Facts, seed: u64) -> Vec<Task> {
    all.into_iter()
        .filter(|task| settings.cascade.as_ref().is_none_or(|cascade| passes(cascade, task, facts, seed)))
        .filter(|task| settings.repeats.as_ref().is_none_or(|adaptive| repeats(adaptive, task, facts)))
        .collect()
}

/// Whether the audit's sample holds this case: drawn by the item and the seed alone.
pub(crate) fn audited(cascade: &Cascade, item_id: &str, seed: u64) -> bool {
    let draw = Digest::of_fields([b"audit", &seed.to_le_bytes()[..], item_id.as_bytes()]);
    let draw = draw.as_bytes().iter().take(8).fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
    (draw as f64) < cascade.audit * 2_f64.powi(64)
}

/// Why the first judge passes a case on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escalation {
    /// Low, uncertain, disagreeing or without a score.
    Flagged,
    /// Not flagged.
    Passed,
    /// The first judge has not ended.
    Unknown,
}

/// What the first judge's tasks of one case say.
pub(super) fn escalation(cascade: &Cascade, tasks: &[&TaskFacts]) -> Escalation {
    if tasks.is_empty() || tasks.iter().any(|task| task.outcome.is_none()) {
        return Escalation::Unknown;
    }
    let low = |task: &TaskFacts| task.safety.is_none_or(|safety| safety <= cascade.flagged_at);
    let unsure = |task: &TaskFacts| task.entropy.is_some_and(|entropy| entropy >= cascade.entropy);
    let disagree = tasks.windows(2).any(|pair| pair[0].safety != pair[1].safety);
    let flagged = disagree || tasks.iter().any(|task| task.outcome != Some(OutcomeName::Scored) || low(task) || unsure(task));
    if flagged { Escalation::Flagged } else { Escalation::Passed }
}

/// What `judge` was asked of a task's case, and how that ended.
fn known<'f>(facts: &'f Facts, judge: &str, task: &Task) -> Vec<&'f TaskFacts> {
    let Some(item) = facts.find(&task.item_id) else { return Vec::new() };
    let same = |of: &&TaskFacts| {
        let Scope { judge: by, rubric, sampler } = facts.scope(of);
        (by.as_str(), rubric, sampler) == (judge, &task.rubric, &task.sampler)
    };
    facts.tasks_of(item).iter().filter(same).collect()
}

fn passes(cascade: &Cascade, task: &Task, facts: &Facts, seed: u64) -> bool {
    if task.judge != cascade.then {
        return true;
    }
    match escalation(cascade, &known(facts, &cascade.first, task)) {
        Escalation::Flagged => true,
        Escalation::Passed => audited(cascade, &task.item_id, seed),
        Escalation::Unknown => false,
    }
}

fn repeats(adaptive: &Adaptive, task: &Task, facts: &Facts) -> bool {
    if task.repeat <= adaptive.start {
        return true;
    }
    let mut earlier = known(facts, &task.judge, task);
    earlier.retain(|before| before.repeat < task.repeat);
    if (earlier.len() as u32) < task.repeat - 1 || earlier.iter().any(|before| before.outcome.is_none()) {
        return false;
    }
    let levels: Vec<f64> = earlier.iter().filter_map(|before| before.safety).map(f64::from).collect();
    // Fewer than two verdicts neither agree nor disagree; asking on would only pay for more failures.
    if levels.len() < 2 || levels.iter().all(|level| level.total_cmp(&levels[0]).is_eq()) {
        return false;
    }
    match (adaptive.half_width, stats::mean_interval(&levels)) {
        (Some(wanted), Ok([lo, hi])) => (hi - lo) / 2.0 > wanted,
        _ => true,
    }
}
