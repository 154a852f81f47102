//! How sure an estimate is, by what it is without each cluster.

use super::TestResult;
use super::bootstrap::NoInterval;
use super::describe::squares;
use super::special::{t_critical, t_two_sided};

/// A jackknife's interval and test.
#[derive(Debug, Clone, PartialEq)]
pub struct Jackknifed {
    /// 95 % interval of the estimate.
    pub ci95: [f64; 2],
    /// Student's t of whether the estimate is 0.
    pub test: TestResult,
}

/// The interval around `estimate`, given what it is without each cluster: Student-t with the jackknife's variance (Efron and Tibshirani 1993, "An Introduction
/// to the Bootstrap", ch. 11).
pub(super) fn jackknife(estimate: f64, left_out: &[f64]) -> Result<Jackknifed, NoInterval> {
    let (n, few) = (left_out.len() as f64, NoInterval::TooFewClusters);
    let error = (squares(left_out).filter(|_| left_out.len() > 1).ok_or(few)? * (n - 1.0) / n).sqrt();
    if error <= 0.0 {
        return Err(NoInterval::Constant);
    }
    let half = t_critical(0.05, n - 1.0).ok_or(few)? * error;
    let t = estimate / error;
    let test = TestResult::new(t, [n - 1.0], t_two_sided(t, n - 1.0), []).ok_or(few)?;
    Ok(Jackknifed { ci95: [estimate - half, estimate + half], test })
}
