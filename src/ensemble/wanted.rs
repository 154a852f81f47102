//! Which of the planned tasks are worth asking, given what is known so far. A filter: what it lets through it never takes back, so asking it again
//! after each round ends, and a resumed run asks the same.

use std::collections::BTreeMap;

use tribunal_media::Digest;

use super::{Adaptive, Cascade, Settings};
use crate::judge::{OutcomeName, Task};
use crate::ledger::Record;
use crate::stats;

/// The tasks of `all` that are wanted now; more may be once these have ended. `records` are those of the run so far.
pub fn wanted(settings: &Settings, all: Vec<Task>, records: &[Record], seed: u64) -> Vec<Task> {
    let known = Known::new(records);
    all.into_iter()
        .filter(|task| settings.cascade.as_ref().is_none_or(|cascade| passes(cascade, task, &known, seed)))
        .filter(|task| settings.repeats.as_ref().is_none_or(|adaptive| repeats(adaptive, task, &known)))
        .collect()
}

/// Whether the audit's sample holds this case: drawn by the item and the seed alone.
pub(super) fn audited(cascade: &Cascade, item_id: &str, seed: u64) -> bool {
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

/// What the first judge's records of one case say.
pub(super) fn escalation(cascade: &Cascade, records: &[&Record]) -> Escalation {
    if records.is_empty() || records.iter().any(|record| record.outcome.is_none()) {
        return Escalation::Unknown;
    }
    let low = |record: &Record| record.safety.is_none_or(|safety| safety <= cascade.flagged_at);
    let unsure = |record: &Record| record.odds.is_some_and(|odds| odds.entropy >= cascade.entropy);
    let disagree = records.windows(2).any(|pair| pair[0].safety != pair[1].safety);
    let flagged = disagree || records.iter().any(|record| record.outcome != Some(OutcomeName::Scored) || low(record) || unsure(record));
    if flagged { Escalation::Flagged } else { Escalation::Passed }
}

/// The records so far by judge and case.
struct Known<'r>(BTreeMap<(&'r str, super::Case<'r>), Vec<&'r Record>>);

impl<'r> Known<'r> {
    fn new(records: &'r [Record]) -> Self {
        let mut known: BTreeMap<_, Vec<&Record>> = BTreeMap::new();
        for record in records {
            known.entry((record.judge.as_str(), super::case(record))).or_default().push(record);
        }
        Self(known)
    }

    fn of<'k>(&'k self, judge: &'k str, task: &'k Task) -> &'k [&'r Record] {
        let key = (judge, (task.item_id.as_str(), task.rubric.as_str(), task.sampler.as_deref()));
        self.0.get(&key).map_or(&[], Vec::as_slice)
    }
}

fn passes(cascade: &Cascade, task: &Task, known: &Known<'_>, seed: u64) -> bool {
    if task.judge != cascade.then {
        return true;
    }
    match escalation(cascade, known.of(&cascade.first, task)) {
        Escalation::Flagged => true,
        Escalation::Passed => audited(cascade, &task.item_id, seed),
        Escalation::Unknown => false,
    }
}

fn repeats(adaptive: &Adaptive, task: &Task, known: &Known<'_>) -> bool {
    if task.repeat <= adaptive.start {
        return true;
    }
    let earlier: Vec<&&Record> = known.of(&task.judge, task).iter().filter(|record| record.repeat < task.repeat).collect();
    if (earlier.len() as u32) < task.repeat - 1 || earlier.iter().any(|record| record.outcome.is_none()) {
        return false;
    }
    let levels: Vec<f64> = earlier.iter().filter_map(|record| record.safety).map(f64::from).collect();
    // Fewer than two verdicts neither agree nor disagree; asking on would only pay for more failures.
    if levels.len() < 2 || levels.iter().all(|level| level.total_cmp(&levels[0]).is_eq()) {
        return false;
    }
    match (adaptive.half_width, stats::mean_interval(&levels)) {
        (Some(wanted), Some([lo, hi])) => (hi - lo) / 2.0 > wanted,
        _ => true,
    }
}
