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

/// A part of an estimate's variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Component {
    pub(super) variance: f64,
    /// Degrees of freedom, above 0.
    pub(super) df: f64,
}

/// The interval around `estimate`, given what it is without each cluster: Student-t with the jackknife's variance (Efron and Tibshirani 1993, "An Introduction
/// to the Bootstrap", ch. 11).
pub(super) fn jackknife(estimate: f64, left_out: &[f64]) -> Result<Jackknifed, NoInterval> {
    combined(estimate, component(left_out).as_slice())
}

/// The same with a variance that is the sum of independent components, and Satterthwaite's degrees of freedom, V^2 / sum of v^2 / df.
pub(super) fn combined(estimate: f64, components: &[Component]) -> Result<Jackknifed, NoInterval> {
    let variance: f64 = components.iter().map(|one| one.variance).sum();
    let df = match components {
        [] => return Err(NoInterval::TooFewClusters),
        [only] => only.df, // to the last digit
        several => variance * variance / several.iter().map(|one| one.variance * one.variance / one.df).sum::<f64>(),
    };
    let (error, few) = (variance.sqrt(), NoInterval::TooFewClusters);
    if error <= 0.0 {
        return Err(NoInterval::Constant);
    }
    let half = t_critical(0.05, df).ok_or(few)? * error;
    let t = estimate / error;
    let test = TestResult::new(t, [df], t_two_sided(t, df), []).ok_or(few)?;
    Ok(Jackknifed { ci95: [estimate - half, estimate + half], test })
}

/// What estimates without each cluster tell of the variance, which may be less a common number; `None` below two clusters.
pub(super) fn component(left_out: &[f64]) -> Option<Component> {
    let n = left_out.len() as f64;
    let squares = squares(left_out).filter(|_| left_out.len() > 1)?;
    Some(Component { variance: squares * (n - 1.0) / n, df: n - 1.0 })
}
