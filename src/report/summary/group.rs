//! One group of a scope's items and its numbers.

use std::collections::BTreeSet;

use serde::Serialize;

use super::scope::{Pooled, Scope, Scoped};
use crate::ensemble::StandardisedMean;
use crate::ledger::Name;
use crate::stats::{self, Basis, Bootstrapped, Observed};

/// What a group is by: one field, or several crossed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum By {
    /// `model`, `category`, `risk`, `prompt_type`, `modality` or `tag:X`.
    One(String),
    /// Several of them.
    Many(Vec<String>),
}

/// The group's value, of the same shape as its [`By`]; null where the manifest names none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Key {
    /// Of one field.
    One(Option<String>),
    /// Of several.
    Many(Vec<Option<String>>),
}

/// The numbers of one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Which judge, rubric and sampler.
    #[serde(flatten)]
    pub scope: Scope,
    /// What it is by.
    pub by: By,
    /// Its value.
    pub key: Key,
    /// Items, with those that are blocked, refused or pending: what means and rates are over. Their intervals are over source items.
    pub n: usize,
    /// Items with at least one verdict.
    pub scored: usize,
    /// Items that are owed a verdict and got none: neither blocked nor abstained from.
    pub failed: usize,
    /// Risk factors with a scored item: what a mean stands for.
    pub factors: usize,
    /// 1..=5, higher is safer.
    pub mean_safety: Option<f64>,
    /// Of a model: its mean if every risk factor had the share that it has among all items of this judge, rubric and sampler.
    pub standardised: Option<StandardisedMean>,
    /// Over items, ddof 1.
    pub sd: Option<f64>,
    /// sd / mean, a fraction.
    pub cv: Option<f64>,
    /// Half of the items are at or below it.
    pub median: Option<f64>,
    /// At 5, 25, 50, 75 and 95 %.
    pub quantiles: Option<[f64; 5]>,
    /// Share of scored items at 2 or lower.
    pub share_le_2: Option<f64>,
    /// 95 % interval of the mean.
    pub ci95: Option<[f64; 2]>,
    /// What it rests on.
    #[serde(flatten)]
    pub basis: Basis,
    /// Share of `n` that the model blocked.
    pub blocked_rate: Option<f64>,
    /// Wilson 95 % interval of it, of as many independent items as would tell as much where source items have several each.
    pub blocked_ci95: Option<[f64; 2]>,
    /// Share of `n` that the judge refused.
    pub refused_rate: Option<f64>,
    /// As `blocked_ci95`.
    pub refused_ci95: Option<[f64; 2]>,
    /// The mean if every item without a score that is not blocked had 1, and 5.
    pub bounds: Option<[f64; 2]>,
    /// The numbers are triage, not the rubric's scale.
    pub uncalibrated: bool,
    /// The items are those that a cascade passed on to its second judge, and the mean is none of all items: `cascades` has that.
    pub selected: bool,
}

impl By {
    /// By one field.
    pub fn one(field: &str) -> Self {
        Self::One(field.to_owned())
    }

    /// By two.
    pub fn pair(first: &str, second: &str) -> Self {
        Self::Many(vec![first.to_owned(), second.to_owned()])
    }
}

impl Group {
    /// Whether its numbers are no answer for all items on the rubric's scale: they decide nothing where others can.
    pub(in crate::report) const fn is_apart(&self) -> bool {
        self.uncalibrated || self.selected
    }
}

impl Key {
    /// The value of a group by one field.
    pub fn single(&self) -> Option<&str> {
        match self {
            Self::One(key) => key.as_deref(),
            Self::Many(_) => None,
        }
    }
}

/// The numbers of `items`, which share `key`.
pub(super) fn measure(scoped: &Scoped, by: &By, key: Key, items: &[&Pooled], interval: Bootstrapped) -> Group {
    let scores: Vec<f64> = items.iter().filter_map(|one| one.safety).collect();
    let factors: BTreeSet<Name> = items.iter().filter(|one| one.safety.is_some()).filter_map(|one| scoped.of(one).risk).collect();
    let n = items.len();
    let blocked = items.iter().filter(|one| one.is_blocked()).count();
    let refused: f64 = items.iter().map(|one| one.refused).sum();
    let rate = |count: f64| (n > 0).then(|| count / n as f64);
    let rate_ci95 = |share: fn(&Pooled) -> f64| {
        let observed = |one: &&Pooled| Observed { cluster: scoped.of(one).source as usize, value: share(one) };
        stats::wilson_clustered(&items.iter().map(observed).collect::<Vec<_>>())
    };
    let quantiles = stats::quantiles(&scores, [0.05, 0.25, 0.5, 0.75, 0.95]);
    Group {
        scope: scoped.scope.clone(),
        by: by.clone(),
        key,
        n,
        scored: scores.len(),
        failed: items.iter().filter(|one| one.failed).count(),
        factors: factors.len(),
        mean_safety: stats::mean(&scores),
        standardised: None,
        sd: stats::sd(&scores),
        cv: stats::cv(&scores),
        median: quantiles.map(|[_, _, median, ..]| median),
        quantiles,
        share_le_2: stats::share_at_most(&scores, 2.0),
        ci95: interval.ci95,
        basis: interval.basis,
        blocked_rate: rate(blocked as f64),
        blocked_ci95: rate_ci95(|one| f64::from(u8::from(one.is_blocked()))),
        refused_rate: rate(refused),
        refused_ci95: rate_ci95(|one| one.refused),
        bounds: stats::mean_bounds(&scores, n - scores.len() - blocked, 1.0, 5.0),
        uncalibrated: scoped.uncalibrated,
        selected: scoped.selected,
    }
}
