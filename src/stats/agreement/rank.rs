//! Rank correlations of two raters.

use std::collections::BTreeMap;

use serde::Serialize;

use super::resample::Sample;
use crate::stats::ranks::mid_ranks;
use crate::stats::rounding::{code, distinct};
use crate::stats::special::{normal_two_sided, t_two_sided};

/// A correlation and how likely one as far from 0 is by chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Correlation {
    /// -1..=1.
    pub value: f64,
    /// Two-sided; null where it is undefined.
    pub p: Option<f64>,
}

/// Spearman's rho: the correlation of mid-ranks; p by Student's t with n - 2 degrees of freedom.
///
/// `None` below two pairs, or when one side does not vary. Spearman (1904).
pub fn spearman(pairs: &[(f64, f64)]) -> Option<Correlation> {
    let coded = CodedPairs::of(pairs, Sample::of);
    let value = coded.rho(&coded.pairs.sizes)?;
    let df = pairs.len() as f64 - 2.0;
    let t = value * (df / ((1.0 + value) * (1.0 - value))).sqrt();
    let p = (df > 0.0).then(|| t_two_sided(t, df));
    Some(Correlation { value, p })
}

/// 95 % percentile interval of [`spearman`] over resamples of `clusters`, the cluster of each pair; `None` where the bootstrap says nothing.
pub fn spearman_interval(pairs: &[(f64, f64)], clusters: &[usize], seed: u64) -> Option<[f64; 2]> {
    let coded = CodedPairs::of(pairs, |pairs| Sample::clustered(&pairs, clusters));
    coded.pairs.interval(seed, |counts| coded.rho(counts))
}

/// Kendall's tau-b; p is exact without ties up to 33 pairs (and where at most one pair of items is in another order), else by the
/// normal approximation with tie correction. `None` below two pairs, or when one side does not vary.
///
/// Kendall (1970), "Rank Correlation Methods", 4th ed. Its time grows with the square of the number of different pairs.
pub fn kendall(pairs: &[(f64, f64)]) -> Option<Correlation> {
    let CodedPairs { pairs: sample, .. } = CodedPairs::of(pairs, Sample::of);
    let n = pairs.len() as f64;
    let (x, y) = (Ties::of(&sample, |pair| pair.0), Ties::of(&sample, |pair| pair.1));
    let total = n * (n - 1.0) / 2.0;
    let scale = ((total - x.pairs) * (total - y.pairs)).sqrt();
    if scale.is_nan() || scale <= 0.0 {
        return None;
    }
    let (concordant, discordant) = orders(&sample);
    let value = ((concordant - discordant) / scale).clamp(-1.0, 1.0);
    let fewer = concordant.min(discordant);
    let p = if x.pairs == 0.0 && y.pairs == 0.0 && (n <= 33.0 || fewer <= 1.0) {
        Some(exact(pairs.len(), fewer as usize))
    } else {
        let mixed = if n > 2.0 { x.triples * y.triples / (9.0 * n * (n - 1.0) * (n - 2.0)) } else { 0.0 };
        let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - x.spread - y.spread) / 18.0 + 2.0 * x.pairs * y.pairs / (n * (n - 1.0)) + mixed;
        let z = (concordant - discordant).abs() / variance.sqrt();
        Some(normal_two_sided(z)).filter(|p| p.is_finite())
    };
    Some(Correlation { value, p })
}

/// Pairs as indices into the ascending values of each side.
struct CodedPairs {
    pairs: Sample<(usize, usize)>,
    /// Values of each side.
    values: [usize; 2],
}

impl CodedPairs {
    fn of(pairs: &[(f64, f64)], kinds: impl FnOnce(Vec<(usize, usize)>) -> Sample<(usize, usize)>) -> Self {
        let (first, second) = (distinct(pairs.iter().map(|pair| pair.0)), distinct(pairs.iter().map(|pair| pair.1)));
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (code(&first, *a), code(&second, *b))).collect();
        Self { pairs: kinds(pairs), values: [first.len(), second.len()] }
    }

    /// Correlation of mid-ranks.
    fn rho(&self, items: &[f64]) -> Option<f64> {
        let mut counts = self.values.map(|values| vec![0.0; values]);
        for ((a, b), items) in self.pairs.kinds.iter().zip(items) {
            counts[0][*a] += items;
            counts[1][*b] += items;
        }
        let centre = counts[0].iter().sum::<f64>() / 2.0;
        let ranks = counts.each_ref().map(|counts| mid_ranks(counts).iter().map(|rank| rank - centre).collect::<Vec<f64>>());
        let squares = |side: usize| counts[side].iter().zip(&ranks[side]).map(|(count, rank)| count * rank * rank).sum::<f64>();
        let scale = (squares(0) * squares(1)).sqrt();
        let both: f64 = self.pairs.kinds.iter().zip(items).map(|((a, b), items)| items * ranks[0][*a] * ranks[1][*b]).sum();
        (scale > 0.0).then(|| (both / scale).clamp(-1.0, 1.0))
    }
}

/// Sums over runs of t equal values.
struct Ties {
    /// t (t - 1) / 2
    pairs: f64,
    /// t (t - 1) (t - 2)
    triples: f64,
    /// t (t - 1) (2 t + 5)
    spread: f64,
}

impl Ties {
    fn of(pairs: &Sample<(usize, usize)>, side: fn(&(usize, usize)) -> usize) -> Self {
        let mut runs: BTreeMap<usize, f64> = BTreeMap::new();
        pairs.kinds.iter().zip(&pairs.sizes).for_each(|(pair, size)| *runs.entry(side(pair)).or_default() += size);
        let sum = |term: fn(f64) -> f64| runs.values().map(|t| term(*t)).sum();
        Self {
            pairs: sum(|t| t * (t - 1.0) / 2.0),
            triples: sum(|t| t * (t - 1.0) * (t - 2.0)),
            spread: sum(|t| t * (t - 1.0) * (2.0 * t + 5.0)),
        }
    }
}

/// Pairs of items that both sides order alike, and contrarily; equal pairs are counted together.
fn orders(pairs: &Sample<(usize, usize)>) -> (f64, f64) {
    let cells = || pairs.kinds.iter().zip(&pairs.sizes);
    let (mut concordant, mut discordant) = (0.0, 0.0);
    for (at, ((x, y), count)) in cells().enumerate() {
        for ((_, other), more) in cells().skip(at + 1).filter(|((other, _), _)| other > x) {
            concordant += if other > y { count * more } else { 0.0 };
            discordant += if other < y { count * more } else { 0.0 };
        }
    }
    (concordant, discordant)
}

/// Two-sided p of at most `fewer` inversions (or as many less than all) among the orders of n items, all equally likely.
fn exact(n: usize, fewer: usize) -> f64 {
    if 4 * fewer == n * (n - 1) {
        return 1.0; // the middle of the distribution: both sides hold it
    }
    // Row j of the triangle of inversion numbers, as shares of j! orders.
    let mut shares = vec![0.0; fewer + 1];
    shares[0] = 1.0;
    for j in 2..=n {
        let mut window = 0.0;
        let before = shares.clone();
        for at in 0..=fewer {
            window += before[at] - if at >= j { before[at - j] } else { 0.0 };
            shares[at] = window / j as f64;
        }
    }
    (2.0 * shares.iter().sum::<f64>()).min(1.0)
}
