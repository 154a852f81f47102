//! Two conditions on the same items, by their differences.

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::bootstrap::{Resampling, heads};
use super::ranks::midranks;
use super::rounding::near;
use super::special::{normal_two_sided, t_two_sided};
use super::{TestResult, mean, sd};

/// Share of the smaller side's items that both sides must have for their pairs to stand for them. From half on, pairs leave out less of that side
/// than they keep; below, a comparison of all items knows more, and takes the few that are on both sides as independent, which errs to the safe side.
const SHARED: f64 = 0.5;

/// Whether two sides with `one` and `other` items are compared on those that they share, by their differences, or as two groups of all their items.
pub fn is_paired(shared: usize, one: usize, other: usize) -> bool {
    let smaller = one.min(other);
    shared >= smaller.min(2) && shared as f64 >= SHARED * smaller as f64 // one pair of two says nothing
}

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
    let moved = moved(differences);
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

/// Those that are not zero but for rounding.
fn moved(differences: &[f64]) -> Vec<f64> {
    differences.iter().copied().filter(|d| !near(*d, 0.0)).collect()
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
/// Exact while differences as large as each other leave no more different choices of signs than resamples; else seeded draws, with
/// p = (1 + as extreme) / (1 + draws), which is never 0 (Phipson and Smyth 2010). `None` without a difference that is not zero.
pub fn sign_flip(differences: &[f64], how: Resampling) -> Option<TestResult> {
    let sizes = sizes(differences);
    let (most, observed) =
        sizes.iter().fold((0.0, 0.0), |(most, sum), one| (most + one.value * one.times as f64, sum + one.value * one.net));
    let reached = |sum: f64| sum.abs() >= f64::abs(observed) - 1e-12 * most;
    let choices: f64 = sizes.iter().map(|one| one.times as f64 + 1.0).product();
    let p = if sizes.is_empty() {
        return None;
    } else if choices <= how.resamples as f64 {
        sums(&sizes).into_iter().filter(|(sum, _)| reached(*sum)).map(|(_, chance)| chance).sum::<f64>().min(1.0)
    } else {
        let extreme = (0..how.resamples).into_par_iter().filter(|resample| {
            let mut generator = how.generator(*resample);
            reached(sizes.iter().map(|one| one.signed(heads(&mut generator, one.times))).sum())
        });
        (1 + extreme.count()) as f64 / (1 + how.resamples) as f64
    };
    TestResult::new(mean(differences)?, [], p, [])
}

/// Differences of one size.
struct Size {
    value: f64,
    times: u64,
    /// How many more are above 0 than below.
    net: f64,
}

impl Size {
    /// Their sum when so many are above 0.
    fn signed(&self, above: u64) -> f64 {
        self.value * (2.0 * above as f64 - self.times as f64)
    }
}

/// Sizes ascending, without 0.
fn sizes(differences: &[f64]) -> Vec<Size> {
    let mut moved = moved(differences);
    moved.sort_unstable_by(|one, other| one.abs().total_cmp(&other.abs()).then(one.total_cmp(other)));
    let alike = moved.chunk_by(|one, other| near(one.abs(), other.abs()));
    alike.map(|run| Size { value: run[0].abs(), times: run.len() as u64, net: run.iter().map(|d| d.signum()).sum() }).collect()
}

/// Every sum that signs can make, and its chance.
fn sums(sizes: &[Size]) -> Vec<(f64, f64)> {
    sizes.iter().fold(vec![(0.0, 1.0)], |sums, one| {
        let chances = fair(one.times);
        let with =
            |(sum, chance): (f64, f64)| chances.iter().zip(0..).map(move |(of_one, above)| (sum + one.signed(above), chance * of_one));
        sums.into_iter().flat_map(with).collect()
    })
}

/// The chance of each number of heads among `tosses`: ratios to the middle, so that no power of two is too small.
fn fair(tosses: u64) -> Vec<f64> {
    let middle = (tosses / 2) as usize;
    let mut ratios = vec![1.0; tosses as usize + 1];
    for heads in middle..tosses as usize {
        ratios[heads + 1] = ratios[heads] * (tosses as usize - heads) as f64 / (heads + 1) as f64;
    }
    for heads in (0..middle).rev() {
        ratios[heads] = ratios[tosses as usize - heads];
    }
    let total: f64 = ratios.iter().sum();
    ratios.into_iter().map(|ratio| ratio / total).collect()
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
        assert!(paired_t(&[11.0 / 3.0 - 10.0 / 3.0; 30]).is_none(), "no spread but by rounding");
        assert_eq!(wilcoxon(&[1.0]).map(|test| test.p), Some(1.0));
    }

    #[test]
    fn few_shared_items_do_not_stand_for_the_rest() {
        assert!(is_paired(500, 1000, 1000) && !is_paired(499, 1000, 1000) && !is_paired(2, 1000, 1000) && !is_paired(0, 1, 1));
        assert!(is_paired(3, 5, 1000), "most of the smaller side");
        assert!(!is_paired(1, 2, 1000) && is_paired(1, 1, 1000), "a single pair is compared only where there is no more");
    }

    #[test]
    fn drawn_signs_come_near_all_signs() {
        let differences: Vec<f64> = (1..=10).map(|i| f64::from(i) * if i % 3 == 0 { -1.0 } else { 1.0 }).collect();
        let p = |resamples| sign_flip(&differences, Resampling { resamples, ..HOW }).unwrap().p;
        // Five standard deviations of a share near a third.
        assert!((p(1024) - p(1000)).abs() < 5.0 * 0.015, "{} is not {}", p(1000), p(1024));
    }

    #[test]
    fn differences_of_one_size_need_no_draws() {
        // 15 of 20 above 0: both tails of 20 tosses.
        let differences: Vec<f64> = (0..20).map(|i| if i < 5 { -0.3 } else { 0.1 + 0.2 }).collect();
        let tail: f64 = [15_504.0, 4845.0, 1140.0, 190.0, 20.0, 1.0].iter().sum();
        let p = sign_flip(&differences, HOW).unwrap().p;
        assert!((p - 2.0 * tail / 2f64.powi(20)).abs() < 1e-15, "{p}");
        let many = sign_flip(&vec![1.0; 5000], Resampling { resamples: 10_000, ..HOW }).unwrap().p;
        assert!((0.0..1e-300).contains(&many), "2^-4999 is no number, and nothing overflows: {many}");
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
