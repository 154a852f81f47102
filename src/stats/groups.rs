//! Tests of whether several groups share one level.

use std::collections::BTreeMap;

use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor};

use super::describe::squares;
use super::mean;

/// One test over k groups.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupTest {
    /// F, or H for Kruskal-Wallis.
    pub statistic: f64,
    /// Degrees of freedom of its null distribution.
    pub df: Vec<f64>,
    /// Upper tail probability, 0..=1.
    pub p: f64,
    /// Effect sizes by name.
    pub effect: BTreeMap<&'static str, f64>,
}

/// One-way analysis of variance with equal variances, F(k - 1, n - k).
///
/// Effects: `eta2` = SSB / SST, and the less biased `omega2` = (SSB - (k - 1) MSW) / (SST + MSW), which may be below 0.
/// `None` below two groups, with an empty group, without a degree of freedom within, or when no group varies.
pub fn anova_oneway(groups: &[&[f64]]) -> Option<GroupTest> {
    let sums = Sums::of(groups)?;
    let (df_b, df_w) = (sums.k - 1.0, sums.n - sums.k);
    if df_w < 1.0 || sums.within <= 0.0 {
        return None;
    }
    let mean_within = sums.within / df_w;
    let f = sums.between / df_b / mean_within;
    let total = sums.between + sums.within;
    let omega2 = (sums.between - df_b * mean_within) / (total + mean_within);
    let effect = BTreeMap::from([("eta2", sums.between / total), ("omega2", omega2)]);
    f_test(f, df_b, df_w, effect)
}

/// Welch's analysis of variance, for groups whose variances differ (Welch 1951, "On the comparison of several mean values").
///
/// Effect: `eta2` as in [`anova_oneway`]. `None` below two groups, with a group of fewer than two values, or when a group does not vary.
pub fn anova_welch(groups: &[&[f64]]) -> Option<GroupTest> {
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
    let effect = BTreeMap::from([("eta2", sums.between / (sums.between + sums.within))]);
    f_test(f, sums.k - 1.0, k2 / (3.0 * lambda), effect)
}

/// Kruskal-Wallis H with tie correction, against chi-squared with k - 1 degrees of freedom.
///
/// Effect: `epsilon2` = H / (n - 1). `None` below two groups, with an empty group, or when all values are equal.
pub fn kruskal_wallis(groups: &[&[f64]]) -> Option<GroupTest> {
    let sums = Sums::of(groups)?;
    let mut pooled: Vec<(f64, usize)> = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        pooled.extend(group.iter().map(|x| (*x, index)));
    }
    pooled.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rank_sums = vec![0.0; groups.len()];
    let (mut ties, mut before) = (0.0, 0.0);
    for run in pooled.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let t = run.len() as f64;
        for (_, group) in run {
            rank_sums[*group] += before + f64::midpoint(1.0, t); // tied values share the mean of their ranks
        }
        ties += t.powi(3) - t;
        before += t;
    }
    let n = sums.n;
    let correction = 1.0 - ties / (n.powi(3) - n);
    if correction <= 0.0 {
        return None;
    }
    let ranks: f64 = rank_sums.iter().zip(groups).map(|(sum, group)| sum * sum / group.len() as f64).sum();
    let h = (12.0 / (n * (n + 1.0)) * ranks - 3.0 * (n + 1.0)) / correction;
    let df = sums.k - 1.0;
    let p = ChiSquared::new(df).ok()?.sf(h.max(0.0));
    Some(GroupTest { statistic: h, df: vec![df], p, effect: BTreeMap::from([("epsilon2", h / (n - 1.0))]) })
}

fn f_test(f: f64, df_between: f64, df_within: f64, effect: BTreeMap<&'static str, f64>) -> Option<GroupTest> {
    let p = FisherSnedecor::new(df_between, df_within).ok()?.sf(f);
    p.is_finite().then(|| GroupTest { statistic: f, df: vec![df_between, df_within], p, effect })
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
            sums.between += group.len() as f64 * (mean(group)? - grand).powi(2);
            sums.within += squares(group)?;
        }
        Some(sums)
    }
}

#[cfg(test)]
mod tests;
