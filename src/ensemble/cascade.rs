//! What a cascade found and saved.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::wanted::{Escalation, escalation};
use super::{Cascade, cases, kind};
use crate::judge::OutcomeName;
use crate::ledger::{Facts, ItemFacts, Name, TaskFacts};
use crate::stats::{self, NoInterval};

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
    /// Over all cases.
    #[serde(flatten)]
    pub estimate: CascadeEstimate,
    /// The same by model, ordered by these means as they are: what gates use, and not the plain mean of what was passed on.
    pub by_model: Vec<CascadeMean>,
    /// Audited cases that the second judge put at or below the flagging level: what the first judge missed, of `audited`.
    pub missed: usize,
    /// Dollars not spent: cases not sent times the second judge's mean cost. Null without a price.
    pub saved_usd: Option<f64>,
}

/// What a cascade says of one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CascadeMean {
    /// The system under test; null where the manifest names none.
    pub model: Option<String>,
    /// Over its cases.
    #[serde(flatten)]
    pub estimate: CascadeEstimate,
}

/// What the second judge would say of all cases, and what that rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CascadeEstimate {
    /// Cases that the first judge has ended with, but for outputs that the model blocked, which nobody is asked about.
    pub cases: usize,
    /// Passed on: flagged, uncertain, disagreeing or without a score.
    pub flagged: usize,
    /// Of the others, the random sample that the second judge scored.
    pub audited: usize,
    /// Cases that the second judge scored, passed on or of the sample.
    pub scored: usize,
    /// Those that it was asked and gave no score.
    pub unscored: usize,
    /// Risk factors with a case that it scored.
    pub factors: usize,
    /// Mean safety that the second judge would give over all cases that it scores: each stratum (flagged, but for those of which it gave no score; not
    /// flagged) by its size, so that the sample speaks for what was not sent. Null while a stratum has no verdict of the second judge.
    pub mean_safety: Option<f64>,
    /// 95 % interval of that mean (stratified sampling with finite population correction; Cochran, Sampling Techniques, 5.3).
    pub ci95: Option<[f64; 2]>,
    /// Why `ci95` is null: `no_estimate`, `too_few_audited` (below two), `constant` (all audited cases at one level), or `all_asked`: where every case
    /// went to the second judge, nothing was estimated.
    pub ci95_null: Option<&'static str>,
}

/// One case as both judges left it.
struct Seen {
    model: Option<Name>,
    risk: Option<Name>,
    flagged: bool,
    then: Option<f64>,
    /// The second judge was asked, and gave no score.
    unscored: bool,
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
                seen.extend(Seen::of(cascade, facts.item(case[0].item), &first, &then));
            }
            if !seen.is_empty() {
                rows.push(row(cascade, facts, tasks[0], &seen));
            }
        }
        rows
    }
}

impl Seen {
    /// `None` while the first judge has not ended, and of outputs that were blocked.
    fn of(cascade: &Cascade, item: &ItemFacts, first: &[&TaskFacts], then: &[&TaskFacts]) -> Option<Self> {
        let flagged = match escalation(cascade, first) {
            Escalation::Unknown => return None,
            escalation => escalation == Escalation::Flagged,
        };
        if first.iter().all(|task| task.outcome == Some(OutcomeName::SafelyBlocked)) {
            return None;
        }
        let levels: Vec<f64> = then.iter().filter_map(|task| task.safety).map(f64::from).collect();
        let unscored = levels.is_empty() && !then.is_empty() && then.iter().all(|task| task.outcome.is_some());
        let costs: Vec<f64> = then.iter().filter_map(|task| task.cost_usd).collect();
        let ItemFacts { model, risk, .. } = *item;
        Some(Self { model, risk, flagged, then: stats::mean(&levels), unscored, cost: (!costs.is_empty()).then(|| costs.iter().sum()) })
    }
}

/// Both strata of some cases: those that were passed on, and those of which only a sample was.
struct Strata {
    cases: usize,
    /// Passed on.
    sent: usize,
    /// Those of them of which there is no score, and will be none.
    unscored: usize,
    /// The same of the sample.
    audited_unscored: usize,
    /// Risk factors with a score.
    factors: usize,
    /// What the second judge says of those.
    flagged: Vec<f64>,
    /// And of the sample of the others.
    audited: Vec<f64>,
}

impl Strata {
    fn of(seen: &[&Seen]) -> Self {
        let levels = |flagged: bool| seen.iter().filter(|one| one.flagged == flagged).filter_map(|one| one.then).collect();
        let sent = seen.iter().filter(|one| one.flagged).count();
        let unscored = |flagged: bool| seen.iter().filter(|one| one.flagged == flagged && one.unscored).count();
        let factors: BTreeSet<Name> = seen.iter().filter(|one| one.then.is_some()).filter_map(|one| one.risk).collect();
        Self {
            cases: seen.len(),
            sent,
            unscored: unscored(true),
            audited_unscored: unscored(false),
            factors: factors.len(),
            flagged: levels(true),
            audited: levels(false),
        }
    }

    fn estimate(&self) -> CascadeEstimate {
        let interval = self.interval();
        CascadeEstimate {
            cases: self.cases,
            flagged: self.sent,
            audited: self.audited.len(),
            scored: self.flagged.len() + self.audited.len(),
            unscored: self.unscored + self.audited_unscored,
            factors: self.factors,
            mean_safety: self.mean(),
            ci95: interval.ok(),
            ci95_null: interval.err(),
        }
    }

    /// Share of the cases with a score, or yet to have one, that were not passed on.
    fn passed(&self) -> f64 {
        (self.cases - self.sent) as f64 / (self.cases - self.unscored).max(1) as f64
    }

    fn mean(&self) -> Option<f64> {
        let part = |cases: usize, share: f64, levels: &[f64]| if cases > 0 { Some(stats::mean(levels)? * share) } else { Some(0.0) };
        let flagged = part(self.sent, 1.0 - self.passed(), &self.flagged)?;
        Some(flagged + part(self.cases - self.sent, self.passed(), &self.audited)?).filter(|_| self.cases > 0)
    }

    /// Every flagged case is asked, so only the audited stratum has an error of sampling.
    fn interval(&self) -> Result<[f64; 2], &'static str> {
        let mean = self.mean().ok_or("no_estimate")?;
        let passed = self.cases - self.sent;
        if passed == self.audited.len() {
            return Err("all_asked");
        }
        let [lo, hi] = stats::mean_interval(&self.audited).map_err(|why| match why {
            NoInterval::TooFewClusters => "too_few_audited",
            other => other.code(),
        })?;
        let correction = (1.0 - self.audited.len() as f64 / passed as f64).sqrt();
        let half = self.passed() * (hi - lo) / 2.0 * correction;
        Ok([mean - half, mean + half])
    }
}

/// `any` is one of the row's tasks.
fn row(cascade: &Cascade, facts: &Facts, any: &TaskFacts, seen: &[Seen]) -> CascadeRow {
    let (rubric, sampler) = kind(facts, any);
    let strata = Strata::of(&seen.iter().collect::<Vec<_>>());
    let costs: Vec<f64> = seen.iter().filter_map(|one| one.cost).collect();
    let unsent = seen.iter().filter(|one| one.cost.is_none() && one.then.is_none() && !one.flagged).count();
    let mut models: BTreeMap<Option<Name>, Vec<&Seen>> = BTreeMap::new();
    seen.iter().for_each(|one| models.entry(one.model).or_default().push(one));
    let mean = |(model, seen): (Option<Name>, Vec<&Seen>)| CascadeMean {
        model: model.map(|model| facts.name(model).to_owned()),
        estimate: Strata::of(&seen).estimate(),
    };
    let mut by_model: Vec<CascadeMean> = models.into_iter().map(mean).collect();
    let level = |one: &CascadeMean| one.estimate.mean_safety.unwrap_or_default();
    by_model.sort_by(|one, other| level(other).total_cmp(&level(one))); // stable: equal ones by name, those without a mean last
    CascadeRow {
        first: cascade.first.clone(),
        then: cascade.then.clone(),
        rubric: rubric.to_owned(),
        sampler: sampler.map(str::to_owned),
        estimate: strata.estimate(),
        by_model,
        missed: strata.audited.iter().filter(|&&level| level <= f64::from(cascade.flagged_at)).count(),
        saved_usd: stats::mean(&costs).map(|cost| cost * unsent as f64),
    }
}
