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

/// A difference that matters, in levels: one answer in four is a level safer.
const MATTERS: f64 = 0.25;
/// The customary chance of seeing what is there.
const POWER: f64 = 0.8;

/// What a paired t test at the 5 % level can tell, if differences vary as these do. It does not depend on the difference that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detects {
    /// A true difference, in levels.
    pub difference: f64,
    /// Chance of seeing it with as many source items as there are, 0..=1.
    pub power: f64,
    /// Source items with which that chance is 80 %.
    pub items: usize,
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

impl Detects {
    /// `None` below two differences, and where they do not vary.
    pub(super) fn of(differences: &[f64]) -> Option<Self> {
        let dz = MATTERS / stats::sd(differences).filter(|sd| *sd > 0.0)?;
        let power = stats::power_paired(dz, differences.len())?;
        Some(Self { difference: MATTERS, power, items: stats::items_for_power(dz, POWER)? })
    }
}

impl PairTest {
    pub(in crate::report) fn new(test: &'static str, result: Option<TestResult>) -> Self {
        let (statistic, p) = (result.as_ref().map(|found| found.statistic), result.as_ref().map(|found| found.p));
        Self { test, statistic, df: result.map(|found| found.df), p, p_adjusted: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_detected_depends_on_the_spread_and_not_on_the_difference() {
        let differences = |mean: f64| (0..40).map(|at| mean + f64::from(at % 5 - 2) / 2.0).collect::<Vec<_>>();
        let found = Detects::of(&differences(0.0)).unwrap();
        let moved = Detects::of(&differences(1.0)).unwrap();
        assert_eq!((found.difference, found.items), (0.25, moved.items));
        assert!((found.power - moved.power).abs() < 1e-9 && 0.5 < found.power && found.power < 0.8 && found.items > 40, "{found:?}");
        assert!(Detects::of(&[1.0]).is_none() && Detects::of(&[1.0, 1.0]).is_none());
    }
}
