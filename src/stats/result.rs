//! What a test of significance says.

use std::collections::BTreeMap;

/// One test of significance.
#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    /// F, H, t, W or chi-squared, as the test's name says.
    pub statistic: f64,
    /// Degrees of freedom of its null distribution; empty for exact and permutation tests.
    pub df: Vec<f64>,
    /// Probability under the null hypothesis of a statistic at least as extreme, 0..=1.
    pub p: f64,
    /// Effect sizes by name.
    pub effect: BTreeMap<&'static str, f64>,
    /// 95 % interval of the population's share of variance, which `eta2` and `omega2` estimate; of two factors the partial one, as of
    /// `partial_omega2`, and of repeated measures that of `partial_eta2`; of F tests only.
    pub effect_ci95: Option<[f64; 2]>,
}

impl TestResult {
    /// `None` when any number is not finite, so that no NaN leaves this module.
    pub(super) fn new<const D: usize, const E: usize>(
        statistic: f64,
        df: [f64; D],
        p: f64,
        effect: [(&'static str, f64); E],
    ) -> Option<Self> {
        let finite = statistic.is_finite() && p.is_finite() && effect.iter().all(|(_, size)| size.is_finite());
        finite.then(|| Self { statistic, df: df.to_vec(), p: p.clamp(0.0, 1.0), effect: BTreeMap::from(effect), effect_ci95: None })
    }
}
