//! Every pair of several groups, and p values of several tests.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::describe::squares;
use super::ranks::midranks;
use super::special::normal_two_sided;
use super::studentized::{range_critical, range_sf};
use super::{NoInterval, mean, sd};

/// Two of several groups compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The groups' places, `a` < `b`.
    pub groups: [usize; 2],
    /// Mean of the first less mean of the second; of ranks in [`dunn`].
    pub difference: f64,
    /// Simultaneous 95 % interval of it; `None` for ranks.
    pub ci95: Option<[f64; 2]>,
    /// q or z.
    pub statistic: f64,
    /// Probability of one so large, adjusted for all pairs.
    pub p: f64,
}

/// Every two of so many groups, the first ones ascending, then the second ones.
pub fn every_pair(groups: usize) -> Vec<[usize; 2]> {
    (0..groups).flat_map(|a| (a + 1..groups).map(move |b| [a, b])).collect()
}

/// Tukey's test in Kramer's version for unequal groups, with one variance for all; of the pairs `of`, in their order, though adjusted for all.
///
/// Kramer (1956), "Extension of multiple range tests". Fails for every pair without a degree of freedom within, or when no group varies; for those of
/// an empty group.
pub fn tukey_hsd(groups: &[&[f64]], of: &[[usize; 2]]) -> Vec<Result<Pair, NoInterval>> {
    let filled = groups.iter().filter(|group| !group.is_empty()).count();
    let df = groups.iter().map(|group| group.len()).sum::<usize>() as f64 - filled as f64;
    let within = groups.iter().filter_map(|group| squares(group)).sum::<f64>() / df;
    let critical = range_critical(0.05, groups.len(), df);
    let variance = |group: &[f64]| within / group.len() as f64;
    side_by_side(of, |pair| studentized(pair, groups, 1, variance, |_, _| Some((df, critical?))))
}

/// Games and Howell's test, for groups whose variances differ; of the pairs `of`, in their order, though adjusted for all.
///
/// Games and Howell (1976), "Pairwise multiple comparison procedures with unequal n's and/or variances", with Welch's degrees of freedom. Fails for
/// pairs of a group of fewer than two values, and for those of which neither group varies.
pub fn games_howell(groups: &[&[f64]], of: &[[usize; 2]]) -> Vec<Result<Pair, NoInterval>> {
    let variance = |group: &[f64]| sd(group).map_or(f64::NAN, |sd| sd.powi(2) / group.len() as f64);
    let welch = |a: &[f64], b: &[f64]| {
        let (va, vb) = (variance(a), variance(b));
        let df = (va + vb).powi(2) / (va * va / (a.len() - 1) as f64 + vb * vb / (b.len() - 1) as f64);
        Some((df, range_critical(0.05, groups.len(), df)?))
    };
    side_by_side(of, |pair| studentized(pair, groups, 2, variance, welch))
}

/// Dunn's test of mean ranks with tie correction, adjusted by Holm for all pairs; of the pairs `of`, in their order.
///
/// Dunn (1964), "Multiple comparisons using rank sums". Fails for pairs of an empty group, and for every pair when all values are equal.
pub fn dunn(groups: &[&[f64]], of: &[[usize; 2]]) -> Vec<Result<Pair, NoInterval>> {
    let (ranks, ties) = midranks(&groups.concat());
    let n = ranks.len() as f64;
    let variance = (n.powi(3) - n - ties) / (12.0 * (n - 1.0));
    let mut rest = ranks.as_slice();
    let mean_ranks: Vec<f64> = groups
        .iter()
        .map(|group| {
            let (own, others) = rest.split_at(group.len());
            rest = others;
            own.iter().sum::<f64>() / own.len() as f64
        })
        .collect();
    let compare = |[a, b]: [usize; 2]| {
        enough([groups[a], groups[b]], 1)?;
        let difference = mean_ranks[a] - mean_ranks[b];
        let statistic = difference / (variance * (1.0 / groups[a].len() as f64 + 1.0 / groups[b].len() as f64)).sqrt();
        let pair = Pair { groups: [a, b], difference, ci95: None, statistic, p: normal_two_sided(statistic) };
        if statistic.is_finite() { Ok(pair) } else { Err(NoInterval::Constant) }
    };
    let all: Vec<Pair> = every_pair(groups.len()).into_iter().filter_map(|pair| compare(pair).ok()).collect();
    let adjusted: BTreeMap<[usize; 2], f64> =
        all.iter().map(|pair| pair.groups).zip(holm(&all.iter().map(|pair| pair.p).collect::<Vec<_>>())).collect();
    let adjust = |pair: Pair| Pair { p: adjusted.get(&pair.groups).copied().unwrap_or(pair.p), ..pair };
    of.iter().map(|pair| compare(*pair).map(adjust)).collect()
}

/// P values adjusted so that the chance of any false alarm stays below their level, in the given order.
///
/// Holm (1979), "A simple sequentially rejective multiple test procedure".
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut adjusted, mut highest) = (vec![0.0; p.len()], 0.0f64);
    for (place, index) in order.into_iter().enumerate() {
        highest = highest.max((p.len() - place) as f64 * p[index]).min(1.0);
        adjusted[index] = highest;
    }
    adjusted
}

/// Since a critical value is the root of a double integral.
fn side_by_side(of: &[[usize; 2]], compare: impl Fn([usize; 2]) -> Result<Pair, NoInterval> + Sync) -> Vec<Result<Pair, NoInterval>> {
    of.par_iter().map(|pair| compare(*pair)).collect()
}

fn enough(pair: [&[f64]; 2], least: usize) -> Result<(), NoInterval> {
    if pair.iter().all(|group| group.len() >= least) { Ok(()) } else { Err(NoInterval::TooFewClusters) }
}

/// `least` are the values that a group must have; `variance` is that of a group's mean; `scale` gives degrees of freedom and the critical range of a pair.
fn studentized(
    [a, b]: [usize; 2],
    groups: &[&[f64]],
    least: usize,
    variance: impl Fn(&[f64]) -> f64,
    scale: impl Fn(&[f64], &[f64]) -> Option<(f64, f64)>,
) -> Result<Pair, NoInterval> {
    let (one, other) = (groups[a], groups[b]);
    enough([one, other], least)?;
    let few = NoInterval::TooFewClusters;
    let difference = mean(one).ok_or(few)? - mean(other).ok_or(few)?;
    let error = f64::midpoint(variance(one), variance(other)).sqrt();
    if error <= 0.0 {
        return Err(NoInterval::Constant);
    }
    let (df, critical) = scale(one, other).ok_or(few)?;
    let statistic = difference / error;
    let p = range_sf(statistic.abs(), groups.len(), df).ok_or(few)?;
    Ok(Pair { groups: [a, b], difference, ci95: Some([-1.0, 1.0].map(|side| difference + side * critical * error)), statistic, p })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undefined_says_why() {
        let (few, constant) = (NoInterval::TooFewClusters, NoInterval::Constant);
        let why = |found: Vec<Result<Pair, NoInterval>>| found.into_iter().map(Result::err).collect::<Vec<_>>();
        let undefined: [(&[&[f64]], NoInterval); 3] =
            [(&[&[1.0], &[2.0]], few), (&[&[3.0, 3.0], &[3.0, 3.0]], constant), (&[&[1.0, 2.0], &[]], few)];
        for (groups, reason) in undefined {
            let all = every_pair(groups.len());
            assert_eq!(why(tukey_hsd(groups, &all)), [Some(reason)], "{groups:?}");
            assert_eq!(why(games_howell(groups, &all)), [Some(reason)], "{groups:?}");
        }
        assert_eq!(
            (why(dunn(&[&[3.0, 3.0], &[3.0]], &[[0, 1]])), why(dunn(&[&[1.0], &[]], &[[0, 1]]))),
            (vec![Some(constant)], vec![Some(few)])
        );
        assert!(games_howell(&[&[1.0, 2.0]], &[]).is_empty() && dunn(&[], &[]).is_empty());
        assert_eq!(holm(&[]), Vec::<f64>::new());
    }

    #[test]
    fn two_groups_that_do_not_vary_leave_other_pairs_alone() {
        let groups: [&[f64]; 3] = [&[5.0, 5.0, 5.0], &[5.0, 5.0], &[1.0, 2.0, 4.0]];
        let found = games_howell(&groups, &every_pair(3));
        assert_eq!(found[0], Err(NoInterval::Constant));
        let [one, other] = [1, 2].map(|pair| found[pair].as_ref().unwrap());
        // One side's spread alone: q = difference / sqrt(s^2 / n / 2), df of that side.
        let error = f64::sqrt(7.0 / 3.0 / 3.0 / 2.0);
        assert!((one.statistic - (5.0 - 7.0 / 3.0) / error).abs() < 1e-12 && one.p < 1.0 && other.ci95.is_some());
    }

    #[test]
    fn some_pairs_are_as_among_all() {
        let groups: [&[f64]; 3] = [&[1.0, 2.0, 4.0], &[2.0, 3.0, 5.0, 5.0], &[1.0, 1.0, 2.0]];
        for test in [tukey_hsd, games_howell, dunn] {
            assert_eq!(test(&groups, &[[1, 2]]), test(&groups, &every_pair(3))[2..]);
        }
    }
}
