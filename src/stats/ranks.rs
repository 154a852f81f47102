//! Ranks with ties.

use super::rounding::{code, distinct};

/// Ranks from 1, tied values sharing the mean of theirs, and the tie sum: t^3 - t over every run of t equal values.
pub(super) fn midranks(values: &[f64]) -> (Vec<f64>, f64) {
    let levels = distinct(values.iter().copied());
    let codes: Vec<usize> = values.iter().map(|value| code(&levels, *value)).collect();
    let mut counts = vec![0.0; levels.len()];
    codes.iter().for_each(|code| counts[*code] += 1.0);
    let of_levels = mid_ranks(&counts);
    let ties = counts.iter().map(|t: &f64| t.powi(3) - t).sum();
    (codes.into_iter().map(|code| of_levels[code] + 0.5).collect(), ties)
}

/// The mean rank, from 0.5, of the values of each level, by how often it occurs.
pub(super) fn mid_ranks(counts: &[f64]) -> Vec<f64> {
    let mut before = 0.0;
    let rank = |count: &f64| {
        before += count;
        before - count / 2.0
    };
    counts.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::stats::agreement::{kendall, spearman};
    use crate::stats::{Resampling, cliffs_delta, dunn, kruskal_wallis, sign_flip, wilcoxon};

    /// A difference of two means of repeats, and how many fifteenths of a level it is.
    #[derive(Debug, Clone, Copy)]
    struct Exact {
        fifteenths: i32,
        rounded: f64,
    }

    /// A mean of three repeats less another, or of five; both between 1 and 5, as levels are.
    fn exact() -> impl Strategy<Value = Exact> {
        prop_oneof![Just(3), Just(5)].prop_flat_map(|repeats| {
            let sum = repeats..=5 * repeats;
            (sum.clone(), sum).prop_map(move |(a, b)| {
                let mean = |sum: i32| f64::from(sum) / f64::from(repeats);
                Exact { fifteenths: (a - b) * (15 / repeats), rounded: mean(a) - mean(b) }
            })
        })
    }

    fn both(sample: &[Exact]) -> [Vec<f64>; 2] {
        [sample.iter().map(|one| f64::from(one.fifteenths)).collect(), sample.iter().map(|one| one.rounded).collect()]
    }

    fn sample() -> impl Strategy<Value = Vec<Exact>> {
        proptest::collection::vec(exact(), 2..40)
    }

    #[test]
    fn thirds_tie_however_they_were_made() {
        // 12 differences of a third upwards and 4 downwards, from other levels each: normal approximation with all 16 tied.
        let thirds = [4.0 / 3.0 - 1.0, 7.0 / 3.0 - 2.0, 4.0 - 11.0 / 3.0];
        let differences: Vec<f64> = (0..16).map(|at| if at < 12 { thirds[at % 3] } else { -thirds[at % 3] }).collect();
        let p = wilcoxon(&differences).unwrap().p;
        assert!((p - 0.045_500_263_896).abs() < 1e-9, "{p}");
    }

    proptest! {
        #[test]
        fn signed_ranks_are_those_of_exact_fractions(sample in sample()) {
            let [exact, rounded] = both(&sample);
            prop_assert_eq!(wilcoxon(&exact), wilcoxon(&rounded));
            let flipped = |differences: &[f64]| sign_flip(differences, Resampling { resamples: 64, seed: 1 }).map(|test| test.p);
            match (flipped(&exact), flipped(&rounded)) {
                (Some(one), Some(other)) => prop_assert!((one - other).abs() < 1e-12),
                (one, other) => prop_assert_eq!(one, other),
            }
        }

        #[test]
        fn ranks_of_groups_are_those_of_exact_fractions(a in sample(), b in sample()) {
            let ([exact_a, rounded_a], [exact_b, rounded_b]) = (both(&a), both(&b));
            let (exact, rounded) = ([&exact_a[..], &exact_b[..]], [&rounded_a[..], &rounded_b[..]]);
            prop_assert_eq!(kruskal_wallis(&exact), kruskal_wallis(&rounded));
            let p = |groups: &[&[f64]]| dunn(groups, &[[0, 1]]).remove(0).map(|pair| pair.p);
            prop_assert_eq!(p(&exact), p(&rounded));
            prop_assert_eq!(cliffs_delta(&exact_a, &exact_b), cliffs_delta(&rounded_a, &rounded_b));
        }

        #[test]
        fn rank_correlations_are_those_of_exact_fractions(pairs in proptest::collection::vec((exact(), exact()), 2..40)) {
            let exact: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (f64::from(a.fifteenths), f64::from(b.fifteenths))).collect();
            let rounded: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (a.rounded, b.rounded)).collect();
            prop_assert_eq!(spearman(&exact), spearman(&rounded));
            prop_assert_eq!(kendall(&exact), kendall(&rounded));
        }
    }
}
