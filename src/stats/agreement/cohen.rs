//! Cohen's kappa of two raters.

use super::resample::Sample;
use crate::stats::rounding::{code, distinct};

/// How far apart two ratings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Different or not.
    Unweighted,
    /// Absolute difference.
    Linear,
    /// Squared difference.
    Quadratic,
}

/// Cohen's kappa, 1 - observed / expected disagreement, over pairs of ratings of one item each.
///
/// Weights are distances of the ratings themselves, so levels that nobody gave change nothing. `None` without a pair, or when chance
/// alone leaves no disagreement (both always gave one and the same rating).
/// Cohen (1960), "A coefficient of agreement for nominal scales"; weighted: Cohen (1968).
pub fn cohen(weights: Weights, pairs: &[(f64, f64)]) -> Option<f64> {
    let coded = CodedPairs::of(pairs, Sample::of);
    coded.kappa(weights, &coded.pairs.sizes)
}

/// 95 % percentile interval of [`cohen`] over resamples of `clusters`, the cluster of each pair; `None` where the bootstrap says nothing.
pub fn cohen_interval(weights: Weights, pairs: &[(f64, f64)], clusters: &[usize], seed: u64) -> Option<[f64; 2]> {
    let coded = CodedPairs::of(pairs, |pairs| Sample::clustered(&pairs, clusters));
    coded.pairs.interval(seed, |counts| coded.kappa(weights, counts))
}

/// Pairs as indices into the ascending values of both raters.
struct CodedPairs {
    values: Vec<f64>,
    pairs: Sample<(usize, usize)>,
}

impl CodedPairs {
    fn of(pairs: &[(f64, f64)], kinds: impl FnOnce(Vec<(usize, usize)>) -> Sample<(usize, usize)>) -> Self {
        let values = distinct(pairs.iter().flat_map(|(a, b)| [*a, *b]));
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (code(&values, *a), code(&values, *b))).collect();
        Self { pairs: kinds(pairs), values }
    }

    fn kappa(&self, weights: Weights, items: &[f64]) -> Option<f64> {
        let distance = |a: usize, b: usize| match weights {
            Weights::Unweighted => f64::from(u8::from(a != b)),
            Weights::Linear => (self.values[a] - self.values[b]).abs(),
            Weights::Quadratic => (self.values[a] - self.values[b]).powi(2),
        };
        let mut margins = [vec![0.0; self.values.len()], vec![0.0; self.values.len()]];
        let (mut n, mut observed) = (0.0, 0.0);
        for ((a, b), items) in self.pairs.kinds.iter().zip(items) {
            margins[0][*a] += items;
            margins[1][*b] += items;
            n += items;
            observed += items * distance(*a, *b);
        }
        let mut expected = 0.0;
        for (a, of_a) in margins[0].iter().enumerate().filter(|(_, count)| **count > 0.0) {
            expected += margins[1].iter().enumerate().map(|(b, of_b)| of_a * of_b * distance(a, b)).sum::<f64>();
        }
        (expected > 0.0).then(|| 1.0 - observed * n / expected)
    }
}
