//! Intervals of mean safety by the bootstrap, and what they rest on.

use serde::Serialize;

use crate::stats::{self, NoInterval, Observed, Resampling};

/// Resamples for groups by one field.
pub(in crate::report) const SINGLE: usize = 10_000;
/// Resamples for groups by two fields, and for pairs of models.
pub(in crate::report) const PAIRS: usize = 2_000;
/// One seed for all reports, so that they come out byte-identical.
const SEED: u64 = 0;
/// A field with more values than this is a label of items, not a factor: an interval for each would cost minutes and tell nothing.
const MOST_GROUPS: usize = 500;

/// A 95 % interval and what it rests on.
#[derive(Debug, Clone)]
pub(super) struct Bootstrapped {
    /// Null where the basis says why.
    pub ci95: Option<[f64; 2]>,
    pub basis: Basis,
}

/// What a 95 % interval rests on, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Basis {
    /// `bca_bootstrap`: bias-corrected and accelerated, source items drawn with replacement; or `games_howell`.
    pub ci95_method: &'static str,
    /// Why `ci95` is null: `too_few_clusters`, `constant`, `ties` or `many_groups`.
    pub ci95_null: Option<&'static str>,
    /// Source items with a score.
    pub clusters: usize,
    /// How many times they were drawn.
    pub resamples: usize,
}

pub(super) const fn resampling(resamples: usize) -> Resampling {
    Resampling { resamples, seed: SEED }
}

/// The interval of the mean of `values`.
pub(super) fn of_one(values: &[Observed], resamples: usize) -> Bootstrapped {
    let found = stats::clustered_intervals(&[values], resampling(resamples)).pop().unwrap_or(Err(NoInterval::TooFewClusters));
    match found {
        Ok(ends) => Bootstrapped { ci95: Some(ends), basis: Basis { ci95_null: None, resamples, ..Basis::without(values, "") } },
        Err(why) => Bootstrapped { ci95: None, basis: Basis::without(values, why.code()) },
    }
}

/// The interval of one of the `groups` of one field, or of several crossed.
pub(super) fn of_group(values: &[Observed], groups: usize, resamples: usize) -> Bootstrapped {
    if groups > MOST_GROUPS {
        return Bootstrapped { ci95: None, basis: Basis::without(values, "many_groups") };
    }
    of_one(values, resamples)
}

impl Basis {
    /// Of a pair of models that share no items, until Games and Howell's test gives an interval.
    pub(super) fn unpaired(values: &[Observed]) -> Self {
        Self { ci95_method: "games_howell", ..Self::without(values, NoInterval::TooFewClusters.code()) }
    }

    fn without(values: &[Observed], why: &'static str) -> Self {
        let mut clusters: Vec<usize> = values.iter().map(|one| one.cluster).collect();
        clusters.sort_unstable();
        clusters.dedup();
        Self { ci95_method: "bca_bootstrap", ci95_null: Some(why), clusters: clusters.len(), resamples: 0 }
    }
}
