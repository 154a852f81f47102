//! Every pair of several groups, and p values of several tests.

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::ranks::midranks;
use super::special::normal_two_sided;
use super::studentized::{range_critical, range_sf};
use super::{mean, sd};

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

/// Tukey's test in Kramer's version for unequal groups, with one variance for all; of the pairs `of`, though adjusted for all.
///
/// Kramer (1956), "Extension of multiple range tests". `None` below two groups, with an empty one, without a degree of freedom within, or when no
/// group varies.
pub fn tukey_hsd(groups: &[&[f64]], of: &[[usize; 2]]) -> Option<Vec<Pair>> {
    let n: usize = groups.iter().map(|group| group.len()).sum();
    let df = n.checked_sub(groups.len()).filter(|df| *df > 0)? as f64;
    let within = groups.iter().map(|group| super::describe::squares(group)).sum::<Option<f64>>()? / df;
    let critical = range_critical(0.05, groups.len(), df)?;
    let variance = |group: &[f64]| Some(within / group.len() as f64);
    pairs(groups, of, |pair| studentized(pair, groups, variance, |_, _| Some((df, critical))))
}

/// Games and Howell's test, for groups whose variances differ; of the pairs `of`, though adjusted for all.
///
/// Games and Howell (1976), "Pairwise multiple comparison procedures with unequal n's and/or variances", with Welch's degrees of freedom. `None`
/// below two groups, with a group of fewer than two values, or when two of them do not vary.
pub fn games_howell(groups: &[&[f64]], of: &[[usize; 2]]) -> Option<Vec<Pair>> {
    let variance = |group: &[f64]| Some(sd(group)?.powi(2) / group.len() as f64);
    let welch = |a: &[f64], b: &[f64]| {
        let (va, vb) = (variance(a)?, variance(b)?);
        let df = (va + vb).powi(2) / (va * va / (a.len() - 1) as f64 + vb * vb / (b.len() - 1) as f64);
        Some((df, range_critical(0.05, groups.len(), df)?))
    };
    pairs(groups, of, |pair| studentized(pair, groups, variance, welch))
}

/// Dunn's test of mean ranks with tie correction, adjusted by Holm.
///
/// Dunn (1964), "Multiple comparisons using rank sums". `None` below two groups, with an empty one, or when all values are equal.
pub fn dunn(groups: &[&[f64]]) -> Option<Vec<Pair>> {
    if groups.iter().any(|group| group.is_empty()) {
        return None;
    }
    let (ranks, ties) = midranks(&groups.concat());
    let n = ranks.len() as f64;
    let variance = n * (n + 1.0) / 12.0 - ties / (12.0 * (n - 1.0));
    let mut rest = ranks.as_slice();
    let mean_ranks: Vec<f64> = groups
        .iter()
        .map(|group| {
            let (own, others) = rest.split_at(group.len());
            rest = others;
            own.iter().sum::<f64>() / own.len() as f64
        })
        .collect();
    let mut found = pairs(groups, &every_pair(groups.len()), |[a, b]| {
        let difference = mean_ranks[a] - mean_ranks[b];
        let statistic = difference / (variance * (1.0 / groups[a].len() as f64 + 1.0 / groups[b].len() as f64)).sqrt();
        statistic.is_finite().then(|| Pair { groups: [a, b], difference, ci95: None, statistic, p: normal_two_sided(statistic) })
    })?;
    let adjusted = holm(&found.iter().map(|pair| pair.p).collect::<Vec<_>>());
    found.iter_mut().zip(adjusted).for_each(|(pair, p)| pair.p = p);
    Some(found)
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

/// Side by side, since a critical value is the root of a double integral.
fn pairs(groups: &[&[f64]], of: &[[usize; 2]], compare: impl Fn([usize; 2]) -> Option<Pair> + Sync) -> Option<Vec<Pair>> {
    if groups.len() < 2 { None } else { of.par_iter().map(|pair| compare(*pair)).collect() }
}

/// `variance` is that of a group's mean; `scale` gives degrees of freedom and the critical range of a pair.
fn studentized(
    [a, b]: [usize; 2],
    groups: &[&[f64]],
    variance: impl Fn(&[f64]) -> Option<f64>,
    scale: impl Fn(&[f64], &[f64]) -> Option<(f64, f64)>,
) -> Option<Pair> {
    let (one, other) = (groups[a], groups[b]);
    let difference = mean(one)? - mean(other)?;
    let error = f64::midpoint(variance(one)?, variance(other)?).sqrt();
    if error <= 0.0 {
        return None;
    }
    let (df, critical) = scale(one, other)?;
    let statistic = difference / error;
    let p = range_sf(statistic.abs(), groups.len(), df)?;
    Some(Pair { groups: [a, b], difference, ci95: Some([-1.0, 1.0].map(|side| difference + side * critical * error)), statistic, p })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_is_none() {
        for groups in [&[][..], &[&[1.0, 2.0][..]], &[&[1.0], &[2.0]], &[&[3.0, 3.0], &[3.0, 3.0]], &[&[1.0, 2.0], &[]]] {
            let all = every_pair(groups.len());
            assert!(tukey_hsd(groups, &all).is_none() && games_howell(groups, &all).is_none(), "{groups:?}");
        }
        assert!(dunn(&[&[3.0, 3.0], &[3.0]]).is_none() && dunn(&[&[1.0], &[]]).is_none());
        assert_eq!(holm(&[]), Vec::<f64>::new());
    }

    #[test]
    fn some_pairs_are_as_among_all() {
        let groups: [&[f64]; 3] = [&[1.0, 2.0, 4.0], &[2.0, 3.0, 5.0, 5.0], &[1.0, 1.0, 2.0]];
        for test in [tukey_hsd, games_howell] {
            assert_eq!(test(&groups, &[[1, 2]]).unwrap(), test(&groups, &every_pair(3)).unwrap()[2..]);
        }
    }
}
