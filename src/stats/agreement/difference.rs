//! How far two raters are apart, in levels: mean absolute error, bias and limits of agreement.

use serde::Serialize;

use crate::stats::special::{Z975, t_critical};
use crate::stats::{clustered_mean_interval, mean, mean_interval, sd};

/// Bland-Altman limits of agreement of first minus second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BlandAltman {
    /// Mean difference.
    pub bias: f64,
    /// Student-t 95 % interval of it.
    pub bias_ci95: Option<[f64; 2]>,
    /// Of the differences, ddof 1.
    pub sd: f64,
    /// bias - 1.96 sd and bias + 1.96 sd: 19 of 20 differences are between them, if they are normal.
    pub limits: [f64; 2],
    /// 95 % interval of the lower limit.
    pub lower_ci95: Option<[f64; 2]>,
    /// And of the upper.
    pub upper_ci95: Option<[f64; 2]>,
}

/// Limits of agreement, of pairs that are taken as independent; `None` below two. Where all differ by as much there are no intervals.
///
/// Bland & Altman (1999), "Measuring agreement in method comparison studies", section 2: a limit's variance is
/// (1 / n + 1.96^2 / (2 (n - 1))) sd^2.
pub fn bland_altman(pairs: &[(f64, f64)]) -> Option<BlandAltman> {
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
    let n = differences.len() as f64;
    let (bias, sd) = (mean(&differences)?, sd(&differences)?);
    let half = t_critical(0.05, n - 1.0)? * sd * (1.0 / n + Z975 * Z975 / (2.0 * (n - 1.0))).sqrt();
    let limits = [bias - Z975 * sd, bias + Z975 * sd];
    let bias_ci95 = mean_interval(&differences).ok();
    let around = |limit: f64| bias_ci95.map(|_| [limit - half, limit + half]);
    Some(BlandAltman { bias, bias_ci95, sd, limits, lower_ci95: around(limits[0]), upper_ci95: around(limits[1]) })
}

/// Mean absolute difference; `None` without a pair.
pub fn mean_absolute_error(pairs: &[(f64, f64)]) -> Option<f64> {
    mean(&distances(pairs))
}

/// Student-t 95 % interval of [`mean_absolute_error`] by `clusters`, the cluster of each pair, cut at 0; `None` below two clusters, and where all
/// lie as far apart.
pub fn mae_interval(pairs: &[(f64, f64)], clusters: &[usize]) -> Option<[f64; 2]> {
    clustered_mean_interval(&distances(pairs), clusters).ok().map(|ends| ends.map(|end| end.max(0.0)))
}

/// Student-t 95 % interval of the mean of first minus second, likewise.
pub fn bias_interval(pairs: &[(f64, f64)], clusters: &[usize]) -> Option<[f64; 2]> {
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
    clustered_mean_interval(&differences, clusters).ok()
}

fn distances(pairs: &[(f64, f64)]) -> Vec<f64> {
    pairs.iter().map(|(a, b)| (a - b).abs()).collect()
}
