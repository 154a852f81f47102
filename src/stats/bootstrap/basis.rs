//! The interval of one mean by the bootstrap, and what it rests on.

use serde::Serialize;

use super::{Observed, Resampling, means};

/// Below as many clusters a bootstrap interval is too narrow, since its draws know no value beyond those few.
///
/// Of 3,000 BCa intervals of one five-level score a cluster (levels 1 to 5 with shares of 5, 10, 25, 35 and 25 %) so many hold the true mean, where 95 %
/// should: 63 % with 2 clusters, 77 with 3, 84 with 4, 86 with 5 and 6, 89 with 8 and 9, 90 with 10, 92 with 15, 94 with 20 and 30
/// (`few_clusters_cover_too_little`).
const FEW: usize = 10;

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
    /// What is wrong with `ci95`: `few_clusters` where it rests on fewer than 10 source items, and so is too narrow; else null.
    pub ci95_note: Option<&'static str>,
    /// Source items with a score.
    pub clusters: usize,
    /// How many times they were drawn.
    pub resamples: usize,
}

impl Bootstrapped {
    /// The interval of the mean of `values`.
    pub fn of(values: &[Observed], how: Resampling) -> Self {
        match means::interval(values, how) {
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
        let clusters = clusters.len();
        let ci95_note = (ci95_null.is_none() && clusters < FEW).then_some("few_clusters");
        Self { ci95_method: "bca_bootstrap", ci95_null, ci95_note, clusters, resamples }
    }
}
