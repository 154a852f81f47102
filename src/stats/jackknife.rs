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
    let variance = variance(left_out).ok_or(NoInterval::TooFewClusters)?;
    conclude(estimate, variance, left_out.len() as f64 - 1.0)
}

/// The same of clusters that were drawn stratum by stratum, each of whose `layers` has its own mean: the sum of their variances (Wolter 2007, "Introduction to
/// Variance Estimation", 4.5), with Satterthwaite's degrees of freedom, V^2 / sum of v^2 / (n - 1). Layers of one cluster tell no variance by
/// themselves: they are one layer together, or part of the largest.
pub(super) fn stratified(estimate: f64, layers: impl IntoIterator<Item = Vec<f64>>) -> Result<Jackknifed, NoInterval> {
    let (single, mut layers): (Vec<_>, Vec<_>) = layers.into_iter().partition(|layer| layer.len() < 2);
    let single: Vec<f64> = single.concat();
    match layers.iter_mut().max_by_key(|layer| layer.len()) {
        Some(largest) if single.len() == 1 => largest.extend(single),
        _ => layers.push(single),
    }
    let parts: Vec<(f64, f64)> = layers.iter().filter_map(|layer| Some((variance(layer)?, layer.len() as f64 - 1.0))).collect();
    let all: f64 = parts.iter().map(|(part, _)| part).sum();
    let df = match parts[..] {
        [] => return Err(NoInterval::TooFewClusters),
        [(_, df)] => df, // to the last digit
        _ => all * all / parts.iter().map(|(part, df)| part * part / df).sum::<f64>(),
    };
    conclude(estimate, all, df)
}

/// `None` below two clusters.
fn variance(left_out: &[f64]) -> Option<f64> {
    let n = left_out.len() as f64;
    squares(left_out).filter(|_| left_out.len() > 1).map(|squares| squares * (n - 1.0) / n)
}

fn conclude(estimate: f64, variance: f64, df: f64) -> Result<Jackknifed, NoInterval> {
    let (error, few) = (variance.sqrt(), NoInterval::TooFewClusters);
    if error <= 0.0 {
        return Err(NoInterval::Constant);
    }
    let half = t_critical(0.05, df).ok_or(few)? * error;
    let t = estimate / error;
    let test = TestResult::new(t, [df], t_two_sided(t, df), []).ok_or(few)?;
    Ok(Jackknifed { ci95: [estimate - half, estimate + half], test })
}
