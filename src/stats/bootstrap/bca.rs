//! The ends of a BCa interval from its resampled estimates.

use serde::{Serialize, Serializer};

use crate::stats::describe::of_sorted;
use crate::stats::special::{Z975, normal_cdf, normal_quantile};

/// Why there is no bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoInterval {
    /// Fewer than two clusters: nothing tells how far another would be.
    TooFewClusters,
    /// Every cluster has the same mean.
    Constant,
    /// Resampled means tie at one end of their range or with each other, so that no bias correction or acceleration exists.
    Ties,
}

impl NoInterval {
    /// Its stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooFewClusters => "too_few_clusters",
            Self::Constant => "constant",
            Self::Ties => "ties",
        }
    }
}

impl Serialize for NoInterval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// The 95 % interval, bias-corrected and accelerated.
///
/// Efron (1987), "Better bootstrap confidence intervals"; half of the resampled means that equal `estimate` count as lower, as scipy does.
/// `jackknife` are the estimates without one cluster each, and how many clusters give each of them. `resampled` is sorted.
pub(super) fn ends(resampled: &mut [f64], estimate: f64, jackknife: &[(f64, f64)]) -> Result<[f64; 2], NoInterval> {
    resampled.sort_unstable_by(f64::total_cmp);
    if resampled.first().is_none_or(|first| !first.is_finite() || resampled.last() == Some(first)) {
        return Err(NoInterval::Ties);
    }
    // Sums in another order differ in the last digits; such means are equal.
    let slack = 1e-12 * estimate.abs();
    let below = resampled.partition_point(|mean| *mean < estimate - slack);
    let equal = resampled.partition_point(|mean| *mean <= estimate + slack) - below;
    let bias = normal_quantile((below as f64 + equal as f64 / 2.0) / resampled.len() as f64);
    let acceleration = acceleration(jackknife).ok_or(NoInterval::Ties)?;
    let share = |z: f64| {
        let shift = bias + z;
        let slope = 1.0 - acceleration * shift;
        (bias.is_finite() && slope > 0.0).then(|| normal_cdf(bias + shift / slope)).ok_or(NoInterval::Ties)
    };
    Ok([of_sorted(resampled, share(-Z975)?), of_sorted(resampled, share(Z975)?)])
}

/// A sixth of the skewness of the jackknife estimates; `None` when they are all equal.
fn acceleration(jackknife: &[(f64, f64)]) -> Option<f64> {
    let n: f64 = jackknife.iter().map(|(_, times)| times).sum();
    let mean = jackknife.iter().map(|(value, times)| value * times).sum::<f64>() / n;
    let moment = |power: i32| jackknife.iter().map(|(value, times)| times * (mean - value).powi(power)).sum::<f64>();
    let acceleration = moment(3) / (6.0 * moment(2).powf(1.5));
    acceleration.is_finite().then_some(acceleration)
}
