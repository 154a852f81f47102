//! What the differences between two conditions on the same items say.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::stats::{self, Basis, Bootstrapped, Observed, Resampling, TestResult};

/// One test of one pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairTest {
    /// Its name.
    pub test: &'static str,
    /// Null when undefined, as for differences that do not vary.
    pub statistic: Option<f64>,
    /// Degrees of freedom.
    pub df: Option<Vec<f64>>,
    /// Of this pair alone; null for tests that know all pairs only.
    pub p: Option<f64>,
    /// Adjusted for all pairs of models: by Holm, or by the test itself; null where nothing was to be adjusted for.
    pub p_adjusted: Option<f64>,
}

/// Differences with their interval and tests.
#[derive(Debug, Clone)]
pub(in crate::report) struct Paired {
    pub mean: Option<f64>,
    /// Of that mean; source items drawn with replacement.
    pub ci95: Option<[f64; 2]>,
    pub basis: Basis,
    /// `paired_t`, `wilcoxon` and `sign_flip`, over source items: those of one source are one difference.
    pub tests: Vec<PairTest>,
    /// Of these tests, by name.
    pub effect: BTreeMap<&'static str, f64>,
}

impl Paired {
    pub(in crate::report) fn of(differences: &[Observed], how: Resampling) -> Self {
        let Bootstrapped { ci95, basis } = Bootstrapped::of(differences, how);
        let by_source: Vec<f64> = stats::cluster_means(differences).iter().map(|one| one.value).collect();
        let results = [
            ("paired_t", stats::paired_t(&by_source)),
            ("wilcoxon", stats::wilcoxon(&by_source)),
            ("sign_flip", stats::sign_flip(&by_source, Resampling::SINGLE)),
        ];
        let effect = results.iter().filter_map(|(_, result)| result.as_ref()).flat_map(|result| result.effect.clone()).collect();
        let tests = results.into_iter().map(|(name, result)| PairTest::new(name, result)).collect();
        let mean = stats::mean(&differences.iter().map(|one| one.value).collect::<Vec<_>>());
        Self { mean, ci95, basis, tests, effect }
    }
}

impl PairTest {
    pub(in crate::report) fn new(test: &'static str, result: Option<TestResult>) -> Self {
        let (statistic, p) = (result.as_ref().map(|found| found.statistic), result.as_ref().map(|found| found.p));
        Self { test, statistic, df: result.map(|found| found.df), p, p_adjusted: None }
    }
}
