//! Tests of whether several groups share one level.

use super::describe::squares;
use super::noncentral::variance_share;
use super::ranks::midranks;
use super::rounding::less;
use super::special::{chi2_sf, f_sf};
use super::{TestResult, mean};

/// One-way analysis of variance with equal variances, F(k - 1, n - k).
///
/// Effects: `eta2` = SSB / SST, and the less biased `omega2` = (SSB - (k - 1) MSW) / (SST + MSW), which may be below 0; with the interval
/// of what both estimate.
/// `None` below two groups, with an empty group, without a degree of freedom within, or when no group varies.
pub fn anova_oneway(groups: &[&[f64]]) -> Option<TestResult> {
    let sums = Sums::of(groups)?;
    let (df_b, df_w) = (sums.k - 1.0, sums.n - sums.k);
    if df_w < 1.0 || sums.within <= 0.0 {
        return None;
    }
    let mean_within = sums.within / df_w;
    let f = sums.between / df_b / mean_within;
    let total = sums.between + sums.within;
    let omega2 = (sums.between - df_b * mean_within) / (total + mean_within);
    let effect_ci95 = variance_share(f, df_b, df_w, sums.n);
    let result = TestResult::new(f, [df_b, df_w], f_sf(f, df_b, df_w), [("eta2", sums.between / total), ("omega2", omega2)])?;
    Some(TestResult { effect_ci95, ..result })
}

/// Welch's analysis of variance, for groups whose variances differ (Welch 1951, "On the comparison of several mean values").
///
/// Effect: `eta2` as in [`anova_oneway`]. `None` below two groups, with a group of fewer than two values, or when a group does not vary.
pub fn anova_welch(groups: &[&[f64]]) -> Option<TestResult> {
    let sums = Sums::of(groups)?;
    let mut strata = Vec::with_capacity(groups.len());
    for group in groups {
        let variance = super::sd(group)?.powi(2);
        if variance <= 0.0 {
            return None;
        }
        strata.push((group.len() as f64, mean(group)?, group.len() as f64 / variance));
    }
    let weight: f64 = strata.iter().map(|(_, _, w)| w).sum();
    let grand = strata.iter().map(|(_, m, w)| w * m).sum::<f64>() / weight;
    let spread = strata.iter().map(|(_, m, w)| w * (m - grand).powi(2)).sum::<f64>() / (sums.k - 1.0);
    let lambda: f64 = strata.iter().map(|(n, _, w)| (1.0 - w / weight).powi(2) / (n - 1.0)).sum();
    let k2 = sums.k * sums.k - 1.0;
    let f = spread / (1.0 + 2.0 * (sums.k - 2.0) * lambda / k2);
    let (df_b, df_w) = (sums.k - 1.0, k2 / (3.0 * lambda));
    TestResult::new(f, [df_b, df_w], f_sf(f, df_b, df_w), [("eta2", sums.between / (sums.between + sums.within))])
}

/// Kruskal-Wallis H with tie correction, against chi-squared with k - 1 degrees of freedom.
///
/// Effect: `epsilon2` = H / (n - 1). `None` below two groups, with an empty group, or when all values are equal.
pub fn kruskal_wallis(groups: &[&[f64]]) -> Option<TestResult> {
    let sums = Sums::of(groups)?;
    let (all, ties) = midranks(&groups.concat());
    let n = sums.n;
    let correction = 1.0 - ties / (n.powi(3) - n);
    if correction <= 0.0 {
        return None;
    }
    let mut rest = all.as_slice();
    let squared = groups.iter().map(|group| {
        let (ranks, others) = rest.split_at(group.len());
        rest = others;
        ranks.iter().sum::<f64>().powi(2) / group.len() as f64
    });
    let h = (12.0 / (n * (n + 1.0)) * squared.sum::<f64>() - 3.0 * (n + 1.0)) / correction;
    let df = sums.k - 1.0;
    TestResult::new(h, [df], chi2_sf(h, df)?, [("epsilon2", h / (n - 1.0))])
}

/// Sums of squares between and within k non-empty groups of n values.
struct Sums {
    k: f64,
    n: f64,
    between: f64,
    within: f64,
}

impl Sums {
    fn of(groups: &[&[f64]]) -> Option<Self> {
        if groups.len() < 2 {
            return None;
        }
        let grand = mean(&groups.concat())?;
        let mut sums = Self { k: groups.len() as f64, n: 0.0, between: 0.0, within: 0.0 };
        for group in groups {
            sums.n += group.len() as f64;
            sums.between += group.len() as f64 * less(mean(group)?, grand).powi(2);
            sums.within += squares(group)?;
        }
        Some(sums)
    }
}

#[cfg(test)]
mod tests;
