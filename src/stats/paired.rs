//! Two conditions on the same items, by their differences.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::bootstrap::Resampling;
use super::ranks::midranks;
use super::special::{normal_two_sided, t_two_sided};
use super::{TestResult, mean, sd};

/// Student's t test of differences. Effect: `cohen_dz`, their mean in units of their own standard deviation.
///
/// `None` below two differences, or when they do not vary.
pub fn paired_t(differences: &[f64]) -> Option<TestResult> {
    let dz = mean(differences)? / sd(differences).filter(|sd| *sd > 0.0)?;
    let n = differences.len() as f64;
    let t = dz * n.sqrt();
    TestResult::new(t, [n - 1.0], t_two_sided(t, n - 1.0), [("cohen_dz", dz)])
}

/// Wilcoxon's signed-rank test, zeros left out; the statistic is the smaller sum of ranks.
///
/// As scipy chooses: exact up to 50 differences where no two are as large and none is zero, and up to 13 otherwise; else the normal approximation
/// with tie correction and without continuity correction. Effect: `rank_biserial`, (W+ - W-) / (W+ + W-). `None` when every difference is zero.
pub fn wilcoxon(differences: &[f64]) -> Option<TestResult> {
    let moved: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let (ranks, ties) = midranks(&moved.iter().map(|d| d.abs()).collect::<Vec<_>>());
    let n = moved.len() as f64;
    let total = n * (n + 1.0) / 2.0;
    let plus: f64 = ranks.iter().zip(&moved).filter(|(_, d)| **d > 0.0).map(|(rank, _)| rank).sum();
    let lower = plus.min(total - plus);
    let plain = ties == 0.0 && moved.len() == differences.len();
    let p = if differences.len() <= if plain { 50 } else { 13 } {
        (2.0 * share_of_signs(&ranks, lower)).min(1.0)
    } else {
        let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0;
        normal_two_sided((plus - total / 2.0) / variance.sqrt())
    };
    TestResult::new(lower, [], p, [("rank_biserial", (2.0 * plus - total) / total)])
}

/// Share of all choices of signs under which the ranks with a plus sum to at most `limit`; ranks are multiples of a half.
fn share_of_signs(ranks: &[f64], limit: f64) -> f64 {
    let limit = (2.0 * limit).round() as usize;
    let mut ways = vec![0.0; limit + 1];
    ways[0] = 1.0;
    for rank in ranks {
        let rank = (2.0 * rank).round() as usize;
        (rank..=limit).rev().for_each(|sum| ways[sum] += ways[sum - rank]);
    }
    ways.iter().sum::<f64>() / 2f64.powi(ranks.len() as i32)
}

/// Permutation test of the mean difference: under the null hypothesis its sign may as well be the other, item by item. The statistic is the mean.
///
/// Exact while all choices of signs are no more than the resamples; else seeded draws, with p = (1 + as extreme) / (1 + draws), which is never 0
/// (Phipson and Smyth 2010). `None` without a difference that is not zero.
pub fn sign_flip(differences: &[f64], how: Resampling) -> Option<TestResult> {
    let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
    for size in differences.iter().map(|d| d.abs()).filter(|size| *size > 0.0) {
        *sizes.entry(size.to_bits()).or_default() += 1;
    }
    let sizes: Vec<(f64, u64)> = sizes.into_iter().map(|(bits, times)| (f64::from_bits(bits), times)).collect();
    let n: u64 = sizes.iter().map(|(_, times)| times).sum();
    let observed = differences.iter().sum::<f64>().abs();
    let reached = |sum: f64| sum.abs() >= observed * (1.0 - 1e-12);
    let exact = n < 40 && 1u64 << n <= how.resamples as u64;
    let p = if n == 0 {
        return None;
    } else if exact {
        let flat: Vec<f64> = sizes.iter().flat_map(|(size, times)| std::iter::repeat_n(*size, *times as usize)).collect();
        let sum = |signs: u64| flat.iter().enumerate().map(|(bit, size)| if signs >> bit & 1 == 1 { *size } else { -size }).sum::<f64>();
        (0..1u64 << n).filter(|signs| reached(sum(*signs))).count() as f64 / (1u64 << n) as f64
    } else {
        let generators = how.generators();
        let extreme = (0..how.resamples).into_par_iter().filter(|resample| {
            let mut generator = generators(*resample);
            let mut signed = |(size, times): &(f64, u64)| size * (2.0 * heads(&mut generator, *times) as f64 - *times as f64);
            reached(sizes.iter().map(&mut signed).sum())
        });
        (1 + extreme.count()) as f64 / (1 + how.resamples) as f64
    };
    TestResult::new(mean(differences)?, [], p, [])
}

/// Heads among `tosses` of a coin.
fn heads(generator: &mut impl rand::Rng, tosses: u64) -> u64 {
    let words = (0..tosses / 64).map(|_| u64::from(generator.next_u64().count_ones())).sum::<u64>();
    let rest = tosses % 64;
    if rest == 0 { words } else { words + u64::from((generator.next_u64() >> (64 - rest)).count_ones()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOW: Resampling = Resampling { resamples: 500, seed: 5 };

    #[test]
    fn undefined_is_none() {
        for differences in [&[][..], &[0.0, 0.0]] {
            assert!(paired_t(differences).is_none() && wilcoxon(differences).is_none() && sign_flip(differences, HOW).is_none());
        }
        assert!(paired_t(&[1.0]).is_none() && paired_t(&[1.0, 1.0]).is_none());
        assert_eq!(wilcoxon(&[1.0]).map(|test| test.p), Some(1.0));
    }

    #[test]
    fn drawn_signs_come_near_all_signs() {
        let differences: Vec<f64> = [1.0, 2.0, -1.0, 3.0, 1.0, -2.0, 2.0, 1.0, 0.5, 1.5].into();
        let (exact, drawn) = (sign_flip(&differences, Resampling { resamples: 1024, ..HOW }), sign_flip(&differences, HOW));
        assert!((exact.unwrap().p - drawn.unwrap().p).abs() < 0.03);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_sign_of_all_differences_does_not_matter(differences in proptest::collection::vec(-4..=4i8, 1..40)) {
            let straight: Vec<f64> = differences.iter().map(|d| f64::from(*d)).collect();
            let turned: Vec<f64> = straight.iter().map(|d| -d).collect();
            for test in [paired_t, wilcoxon, |d: &[f64]| sign_flip(d, HOW)] {
                match (test(&straight), test(&turned)) {
                    (Some(one), Some(other)) => prop_assert!((one.p - other.p).abs() < 1e-12 && (0.0..=1.0).contains(&one.p)),
                    (one, other) => prop_assert_eq!(one.is_none(), other.is_none()),
                }
            }
        }
    }
}
