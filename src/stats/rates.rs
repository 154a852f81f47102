//! Rates of two models on the same items.

use super::TestResult;
use super::special::beta_reg;

/// McNemar's test, exact: whether items that only the first model blocked are as many as those that only the second did.
///
/// Two-sided, by the binomial distribution of the smaller count, which is the statistic. McNemar (1947), "Note on the sampling error of the
/// difference between correlated proportions". `None` when there are none of either.
pub fn mcnemar_exact(only_first: usize, only_second: usize) -> Option<TestResult> {
    let (n, fewer) = (only_first + only_second, only_first.min(only_second));
    if n == 0 {
        return None;
    }
    let at_most = beta_reg((n - fewer) as f64, fewer as f64 + 1.0, 0.5, 0.5);
    TestResult::new(fewer as f64, [], (2.0 * at_most).min(1.0), [])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rates_are_no_evidence() {
        assert!(mcnemar_exact(0, 0).is_none());
        assert_eq!(mcnemar_exact(7, 7).map(|test| test.p), Some(1.0));
        assert_eq!(mcnemar_exact(0, 5).map(|test| (test.p * 16.0).round()), Some(1.0));
    }
}
