//! The interval of one mean by the bootstrap, and what it rests on.

use serde::Serialize;

use super::{NoInterval, Observed, Resampling, clustered_intervals};

/// A 95 % interval and what it rests on.
#[derive(Debug, Clone)]
pub struct Bootstrapped {
    /// Null where the basis says why.
    pub ci95: Option<[f64; 2]>,
    /// Method, and how many clusters were drawn how many times.
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

impl Bootstrapped {
    /// The interval of the mean of `values`.
    pub fn of(values: &[Observed], how: Resampling) -> Self {
        let found = clustered_intervals(&[values], how).pop().unwrap_or(Err(NoInterval::TooFewClusters));
        match found {
            Ok(ends) => Self { ci95: Some(ends), basis: Basis::of(values, None, how.resamples) },
            Err(why) => Self::none(values, why.code()),
        }
    }

    /// No interval, and the code of why not.
    pub fn none(values: &[Observed], why: &'static str) -> Self {
        Self { ci95: None, basis: Basis::without(values, why) }
    }
}

impl Basis {
    /// Of no interval, and the code of why not.
    pub fn without(values: &[Observed], why: &'static str) -> Self {
        Self::of(values, Some(why), 0)
    }

    fn of(values: &[Observed], ci95_null: Option<&'static str>, resamples: usize) -> Self {
        let mut clusters: Vec<usize> = values.iter().map(|one| one.cluster).collect();
        clusters.sort_unstable();
        clusters.dedup();
        Self { ci95_method: "bca_bootstrap", ci95_null, clusters: clusters.len(), resamples }
    }
}
