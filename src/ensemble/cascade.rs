//! What a cascade found and saved.

use std::collections::BTreeMap;

use serde::Serialize;

use super::strata::{Seen, Strata};
use super::{Cascade, cases, kind};
use crate::ledger::{Facts, Name, TaskFacts};
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
    /// Of the others, the random sample that the second judge scored: those that the seed draws, or all where it was asked of all.
    pub audited: usize,
    /// Cases that the second judge scored, passed on or of the sample.
    pub scored: usize,
    /// Those of them that it was asked and gave no score.
    pub unscored: usize,
    /// Cases that it has ended with though neither the flags of now nor the draw ask for them: flagged before, or asked before there was a cascade.
    /// What is known of them is known for a reason, so they stand for no others, and count for nothing here.
    pub beside: usize,
    /// Risk factors with a case that it scored.
    pub factors: usize,
    /// Mean safety that the second judge would give over all cases that it scores: each stratum (flagged, not flagged) by its size, so that the sample
    /// speaks for what was not sent. Cases of which it gives no score are in no stratum: of the flagged ones they are counted, of the others their
    /// share is that of the sample. Null while a stratum has no verdict of the second judge.
    pub mean_safety: Option<f64>,
    /// 95 % interval of that mean (stratified sampling with finite population correction; Cochran, Sampling Techniques, 5.3, and with cases that it
    /// does not score the combined ratio of 6.11).
    pub ci95: Option<[f64; 2]>,
    /// Why `ci95` is null: `no_estimate`, `too_few_audited` (below two), `constant` (all audited cases at one level), or `all_asked`: where every case
    /// went to the second judge, nothing was estimated.
    pub ci95_null: Option<&'static str>,
}

impl CascadeRow {
    /// The rows of a run, by rubric and sampler; `seed` is the one that drew its audit.
    pub fn of(cascade: &Cascade, facts: &Facts, seed: u64) -> Vec<Self> {
        let judge = |task: &TaskFacts| facts.scope(task).judge.as_str();
        let tasks = cases(facts, |task| [&cascade.first, &cascade.then].contains(&&facts.scope(task).judge));
        let mut rows = Vec::new();
        for tasks in tasks.chunk_by(|one, other| kind(facts, one) == kind(facts, other)) {
            let mut found = Vec::new();
            for case in tasks.chunk_by(|one, other| one.item == other.item) {
                let (first, then): (Vec<&TaskFacts>, Vec<&TaskFacts>) = case.iter().partition(|task| judge(task) == cascade.first);
                found.extend(Seen::of((cascade, seed), facts, &first, &then));
            }
            if !found.is_empty() {
                rows.push(row(cascade, facts, tasks[0], &found));
            }
        }
        rows
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
        missed: strata.at_most(cascade.flagged_at),
        saved_usd: stats::mean(&costs).map(|cost| cost * unsent as f64),
    }
}
