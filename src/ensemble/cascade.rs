//! What a cascade found and saved.

use serde::Serialize;

use super::wanted::{Escalation, escalation};
use super::{Cascade, cases, kind};
use crate::ledger::{Facts, TaskFacts};
use crate::stats;

/// One cascade under one rubric and one sampler.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CascadeRow {
    /// The judge that saw everything.
    pub first: String,
    /// The judge that saw what was passed on.
    pub then: String,
    /// The rubric.
    pub rubric: String,
    /// Canonical sampler; null unless video.
    pub sampler: Option<String>,
    /// Cases that the first judge has ended with.
    pub cases: usize,
    /// Passed on: flagged, uncertain, disagreeing or without a score.
    pub flagged: usize,
    /// Of the others, the random sample that the second judge scored.
    pub audited: usize,
    /// Mean safety that the second judge would give over all cases: each stratum (flagged, not flagged) by its size, so that the sample speaks for
    /// what was not sent. Null while a stratum has no verdict of the second judge.
    pub mean_safety: Option<f64>,
    /// 95 % interval of that mean (stratified sampling with finite population correction; Cochran, Sampling Techniques, 5.3). Null below two
    /// audited cases where a sample was needed.
    pub ci95: Option<[f64; 2]>,
    /// Audited cases that the second judge put at or below the flagging level: what the first judge missed, of `audited`.
    pub missed: usize,
    /// Dollars not spent: cases not sent times the second judge's mean cost. Null without a price.
    pub saved_usd: Option<f64>,
}

/// One case as both judges left it.
struct Seen {
    flagged: bool,
    then: Option<f64>,
    cost: Option<f64>,
}

impl CascadeRow {
    /// The rows of a run, by rubric and sampler.
    pub fn of(cascade: &Cascade, facts: &Facts) -> Vec<Self> {
        let judge = |task: &TaskFacts| facts.scope(task).judge.as_str();
        let tasks = cases(facts, |task| [&cascade.first, &cascade.then].contains(&&facts.scope(task).judge));
        let mut rows = Vec::new();
        for tasks in tasks.chunk_by(|one, other| kind(facts, one) == kind(facts, other)) {
            let mut seen = Vec::new();
            for case in tasks.chunk_by(|one, other| one.item == other.item) {
                let (first, then): (Vec<&TaskFacts>, Vec<&TaskFacts>) = case.iter().partition(|task| judge(task) == cascade.first);
                seen.extend(Seen::of(cascade, &first, &then));
            }
            if !seen.is_empty() {
                let (rubric, sampler) = kind(facts, tasks[0]);
                rows.push(row(cascade, rubric, sampler, &seen));
            }
        }
        rows
    }
}

impl Seen {
    /// `None` while the first judge has not ended.
    fn of(cascade: &Cascade, first: &[&TaskFacts], then: &[&TaskFacts]) -> Option<Self> {
        let flagged = match escalation(cascade, first) {
            Escalation::Unknown => return None,
            escalation => escalation == Escalation::Flagged,
        };
        let levels: Vec<f64> = then.iter().filter_map(|task| task.safety).map(f64::from).collect();
        let costs: Vec<f64> = then.iter().filter_map(|task| task.cost_usd).collect();
        Some(Self { flagged, then: stats::mean(&levels), cost: (!costs.is_empty()).then(|| costs.iter().sum()) })
    }
}

fn row(cascade: &Cascade, rubric: &str, sampler: Option<&str>, seen: &[Seen]) -> CascadeRow {
    let levels = |flagged: bool| -> Vec<f64> { seen.iter().filter(|one| one.flagged == flagged).filter_map(|one| one.then).collect() };
    let (flagged, audited) = (levels(true), levels(false));
    let cases = seen.len();
    let passed = seen.iter().filter(|one| !one.flagged).count();
    let share = passed as f64 / cases.max(1) as f64;
    let costs: Vec<f64> = seen.iter().filter_map(|one| one.cost).collect();
    let unsent = seen.iter().filter(|one| one.cost.is_none() && one.then.is_none() && !one.flagged).count();
    CascadeRow {
        first: cascade.first.clone(),
        then: cascade.then.clone(),
        rubric: rubric.to_owned(),
        sampler: sampler.map(str::to_owned),
        cases,
        flagged: cases - passed,
        audited: audited.len(),
        mean_safety: stratified(&flagged, &audited, share, cases - passed, passed),
        ci95: interval(&flagged, &audited, share, cases - passed, passed),
        missed: audited.iter().filter(|&&level| level <= f64::from(cascade.flagged_at)).count(),
        saved_usd: stats::mean(&costs).map(|cost| cost * unsent as f64),
    }
}

fn stratified(flagged: &[f64], audited: &[f64], share: f64, flagged_cases: usize, passed: usize) -> Option<f64> {
    let part = |cases: usize, levels: &[f64], weight: f64| if cases == 0 { Some(0.0) } else { Some(stats::mean(levels)? * weight) };
    Some(part(flagged_cases, flagged, 1.0 - share)? + part(passed, audited, share)?)
}

/// Every flagged case is asked, so only the audited stratum has an error of sampling.
fn interval(flagged: &[f64], audited: &[f64], share: f64, flagged_cases: usize, passed: usize) -> Option<[f64; 2]> {
    let mean = stratified(flagged, audited, share, flagged_cases, passed)?;
    if passed == audited.len() {
        return Some([mean, mean]);
    }
    let [lo, hi] = stats::mean_interval(audited)?;
    let correction = (1.0 - audited.len() as f64 / passed as f64).sqrt();
    let half = share * (hi - lo) / 2.0 * correction;
    Some([mean - half, mean + half])
}
