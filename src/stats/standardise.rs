//! Means as they would be under one common mixture of strata.

use super::NoInterval;
use super::jackknife::{Jackknifed, combined};
use super::layers::{Part, Without, components};
use super::within::Stratified;

/// A mean after post-stratification.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardised {
    /// `None` where a stratum of the mixture has no value: it would have to be made up.
    pub mean: Option<f64>,
    /// Places of the strata that have a share and no value.
    pub missing: Vec<usize>,
    /// Places of the strata that have a share and the values of a single cluster, which tell nothing of how others would vary.
    pub lone: Vec<usize>,
    /// By cluster and stratum, ascending.
    parts: Vec<Part>,
}

/// The mean of stratum means of each kind of values, weighted by each stratum's share of the common mixture (direct standardisation), so that models which
/// were asked other mixtures of risk factors can be compared; by kind, of so many `kinds`.
///
/// `shares` are 0 or more and need not sum to 1; a stratum without a share does not count. Holt and Smith (1979), "Post stratification".
pub fn standardise(shares: &[f64], values: impl Iterator<Item = Stratified>, kinds: usize) -> Vec<Standardised> {
    let mut of_kinds = vec![Vec::new(); kinds];
    values.for_each(|one| of_kinds[one.kind as usize].push(one));
    let total: f64 = shares.iter().sum();
    let shares: Vec<f64> = shares.iter().map(|share| share / total).collect();
    of_kinds.into_iter().map(|values| Standardised::of(&shares, values)).collect()
}

impl Standardised {
    fn of(shares: &[f64], mut values: Vec<Stratified>) -> Self {
        values.retain(|one| shares[one.stratum as usize] > 0.0);
        // To the last field, so that the order of values cannot change the last digit of a sum.
        values.sort_unstable_by(|one, other| {
            (one.cluster, one.stratum).cmp(&(other.cluster, other.stratum)).then(one.value.total_cmp(&other.value))
        });
        let alike = || values.chunk_by(|one, other| (one.cluster, one.stratum) == (other.cluster, other.stratum));
        let mut cells = vec![Cell::default(); shares.len()];
        alike().for_each(|part| cells[part[0].stratum as usize].add(part));
        let of_size = |clusters: usize| {
            let wanted = (0..shares.len()).filter(move |place| shares[*place] > 0.0);
            wanted.filter(|place| cells[*place].clusters == clusters).collect::<Vec<usize>>()
        };
        let part = |values: &[Stratified]| {
            let Stratified { cluster, stratum, .. } = values[0];
            let (share, cell, mut own) = (shares[stratum as usize], cells[stratum as usize], Cell::default());
            own.add(values);
            let left = cell.mean_without(own).map(|mean| share * (mean - cell.mean()));
            Part { cluster, stratum, value: own.mean(), without: left.map_or(Without::Nothing { share }, Without::Change) }
        };
        let (missing, lone) = (of_size(0), of_size(1));
        let cells = shares.iter().zip(&cells).filter(|(share, _)| **share > 0.0);
        let mean = (missing.is_empty() && !values.is_empty()).then(|| cells.map(|(share, cell)| share * cell.mean()).sum());
        Self { mean, missing, lone, parts: alike().map(part).collect() }
    }

    /// 95 % interval of the mean, by the jackknife over the clusters of each stratum; none where no stratum has two.
    pub fn ci95(&self) -> Result<[f64; 2], NoInterval> {
        let mean = self.mean.ok_or(NoInterval::TooFewClusters)?;
        Ok(combined(mean, &components(&self.parts, &[]))?.ci95)
    }

    /// This mean less the other one, and how sure that is, a cluster that both have being left out of both at once; `None` without either mean.
    pub fn less(&self, other: &Self) -> Option<(f64, Result<Jackknifed, NoInterval>)> {
        let difference = self.mean? - other.mean?;
        Some((difference, combined(difference, &components(&self.parts, &other.parts))))
    }
}

/// The values of a stratum, or of a cluster in it.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    sum: f64,
    n: f64,
    clusters: usize,
}

impl Cell {
    /// A cluster's values.
    fn add(&mut self, values: &[Stratified]) {
        let own: f64 = values.iter().map(|one| one.value).sum();
        *self = Self { sum: self.sum + own, n: self.n + values.len() as f64, clusters: self.clusters + 1 };
    }

    fn mean(self) -> f64 {
        self.sum / self.n
    }

    /// `None` where nothing is left.
    fn mean_without(self, part: Self) -> Option<f64> {
        (self.clusters > part.clusters).then(|| (self.sum - part.sum) / (self.n - part.n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::special::t_critical;
    use crate::stats::{paired_t, sd};

    /// Of each kind the values of each stratum, every value in a cluster of its own.
    fn of(shares: &[f64], kinds: &[&[&[f64]]]) -> Vec<Standardised> {
        let strata =
            kinds.iter().zip(0..).flat_map(|(strata, kind)| strata.iter().zip(0..).map(move |(values, stratum)| (kind, stratum, *values)));
        let values = strata.flat_map(|(kind, stratum, values)| values.iter().map(move |value| (kind, stratum, *value)));
        let one = |((kind, stratum, value), cluster)| Stratified { stratum, cluster, kind, value };
        standardise(shares, values.zip(0..).map(one), kinds.len())
    }

    #[test]
    fn strata_weigh_as_the_common_mixture_says() {
        let easy: &[f64] = &[5.0, 5.0, 5.0];
        let found = &of(&[1.0, 1.0], &[&[easy, &[1.0]]])[0];
        assert_eq!((found.mean, &found.missing[..], found.ci95()), (Some(3.0), &[][..], Err(NoInterval::Constant)));
        assert_eq!(of(&[2.0, 0.0], &[&[easy, &[]]])[0].mean, Some(5.0));
        assert_eq!(of(&[1.0, 1.0], &[&[easy, &[1.0, 1.0]]])[0].ci95(), Err(NoInterval::Constant));
    }

    #[test]
    fn an_empty_stratum_is_named_and_leaves_no_mean() {
        let found = &of(&[1.0, 1.0, 1.0], &[&[&[2.0], &[], &[]]])[0];
        assert_eq!((found.mean, &found.missing[..]), (None, &[1, 2][..]));
        assert_eq!(of(&[], &[&[]])[0].mean, None);
        assert_eq!(of(&[1.0, 1.0], &[&[&[2.0], &[]], &[&[2.0], &[3.0]]])[0].less(found), None);
    }

    #[test]
    fn one_stratum_has_the_interval_of_its_mean() {
        let values = [1.0, 2.0, 4.0, 2.0, 5.0];
        let found = &of(&[3.0], &[&[&values]])[0];
        let half = t_critical(0.05, 4.0).unwrap() * sd(&values).unwrap() / 5f64.sqrt();
        let [lo, hi] = found.ci95().unwrap();
        assert!((lo - (2.8 - half)).abs() < 1e-12 && (hi - (2.8 + half)).abs() < 1e-12, "{lo} {hi}");
    }

    /// A thin stratum of half the weight: with one variance for all clusters as if they were alike, 76 to 88 % of intervals held.
    #[test]
    fn intervals_hold_though_a_stratum_is_thin() {
        use rand::rngs::Xoshiro256PlusPlus;
        use rand::{RngExt as _, SeedableRng as _};
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        for (thin, least) in [(3, 0.88), (5, 0.91), (30, 0.93)] {
            let mut draw = |count: usize, low: f64| (0..count).map(|_| (low + random.random_range(0.0..3.0)).floor()).collect::<Vec<f64>>();
            let holds = (0..1500).filter(|_| {
                let (many, few) = (draw(100 - thin, 3.0), draw(thin, 1.0));
                // Draws that do not vary have no interval.
                let ends = of(&[1.0, 1.0], &[&[&many, &few]])[0].ci95();
                ends.is_ok_and(|[lo, hi]| lo <= 3.0 && 3.0 <= hi)
            });
            let share = holds.count() as f64 / 1500.0;
            assert!(share >= least, "{thin}: {share}");
        }
    }

    #[test]
    fn a_lone_cluster_varies_as_those_of_other_strata_do() {
        let (many, some): (&[f64], &[f64]) = (&[1.0, 2.0, 4.0, 2.0, 5.0], &[3.0, 1.0, 2.0]);
        let squares = |values| sd(values).unwrap().powi(2);
        let found = of(&[1.0, 2.0, 1.0], &[&[many, some, &[4.0]], &[&[2.0], &[3.0], &[1.0]], &[&[], &[], &[1.0]]]);
        assert_eq!(found.iter().map(|one| &one.lone[..]).collect::<Vec<_>>(), [&[2][..], &[0, 1, 2], &[2]]);
        assert_eq!((found[1].mean, found[1].ci95()), (Some(2.25), Err(NoInterval::TooFewClusters)), "nothing is there to go by");
        // Of many 1/4 share, 4 of 6 degrees of freedom; of some 1/2, and 2 of 6; the lone one has 1/4.
        let parts = [(1.0 / 80.0 + 4.0 / 96.0) * squares(many), (1.0 / 12.0 + 2.0 / 96.0) * squares(some)];
        let all = parts[0] + parts[1];
        let half = t_critical(0.05, all * all / (parts[0].powi(2) / 4.0 + parts[1].powi(2) / 2.0)).unwrap() * all.sqrt();
        let [lo, hi] = found[0].ci95().unwrap();
        let mean = 0.7 + 1.0 + 1.0;
        assert!((lo - (mean - half)).abs() < 1e-12 && (hi - (mean + half)).abs() < 1e-12, "{lo} {hi}");
        let (difference, jackknifed) = found[0].less(&found[1]).unwrap();
        assert_eq!((jackknifed, difference > 0.0), (Err(NoInterval::TooFewClusters), true));
    }

    #[test]
    fn differences_with_lone_clusters_add_what_each_side_lends() {
        let strata: [&[f64]; 2] = [&[1.0, 2.0, 4.0, 2.0, 5.0], &[3.0]];
        let found = of(&[1.0, 1.0], &[&strata, &[&[2.0, 2.0, 4.0, 5.0, 5.0], &[4.0]]]);
        let half = |ends: [f64; 2]| (ends[1] - ends[0]) / 2.0;
        let variance = |values: &[f64]| sd(values).unwrap().powi(2) * (1.0 / 20.0 + 1.0 / 4.0);
        let parts = [variance(strata[0]), variance(&[2.0, 2.0, 4.0, 5.0, 5.0])];
        let (all, both) = (parts[0] + parts[1], parts.map(|part| part * part / 4.0).iter().sum::<f64>());
        let (_, Ok(jackknifed)) = found[0].less(&found[1]).unwrap() else { panic!() };
        assert!((half(jackknifed.ci95) - t_critical(0.05, all * all / both).unwrap() * all.sqrt()).abs() < 1e-12, "{jackknifed:?}");
        // All clusters are those of both, the lone one too: only differences vary.
        let values = |kind, of: [f64; 6]| {
            of.into_iter().zip(0..).map(move |(value, cluster)| Stratified { stratum: u32::from(cluster == 5), cluster, kind, value })
        };
        let (a, b) = ([5.0, 3.0, 4.0, 2.0, 5.0, 1.0], [4.0, 3.0, 2.0, 1.0, 5.0, 3.0]);
        let found = standardise(&[1.0, 1.0], values(0, a).chain(values(1, b)), 2);
        let (_, Ok(jackknifed)) = found[0].less(&found[1]).unwrap() else { panic!() };
        let error = sd(&std::array::from_fn::<f64, 5, _>(|at| a[at] - b[at])).unwrap() * (1.0f64 / 20.0 + 1.0 / 4.0).sqrt();
        assert!((half(jackknifed.ci95) - t_critical(0.05, 4.0).unwrap() * error).abs() < 1e-12, "{jackknifed:?}");
    }

    /// Scores of five levels, of two strata with 20 clusters each and of one with a lone cluster, which spreads as far as they do, half and twice as far.
    #[test]
    fn intervals_hold_though_a_stratum_has_a_lone_cluster() {
        use rand::rngs::Xoshiro256PlusPlus;
        use rand::{RngExt as _, SeedableRng as _};
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let mean = 3.65;
        let mut draw = |count: usize, spread: f64| {
            let mut level = || 1 + [0.05, 0.15, 0.4, 0.75].iter().filter(|below| random.random::<f64>() >= **below).count();
            (0..count).map(|_| mean + spread * (level() as f64 - mean)).collect::<Vec<f64>>()
        };
        for share in [0.05, 0.2, 0.5] {
            let held = [1.0, 0.5, 2.0].map(|spread| {
                let holds = (0..1500).filter(|_| {
                    let (one, other, lone) = (draw(20, 1.0), draw(20, 1.0), draw(1, spread));
                    let shares = [(1.0 - share) / 2.0, (1.0 - share) / 2.0, share];
                    of(&shares, &[&[&one, &other, &lone]])[0].ci95().is_ok_and(|[lo, hi]| lo <= mean && mean <= hi)
                });
                holds.count() as f64 / 1500.0
            });
            // Where the lone cluster's stratum spreads farther, nothing in the data says so, and 76 % hold.
            let least = if share > 0.1 { 0.7 } else { 0.9 };
            assert!(held[0] >= 0.91 && held[1] >= 0.93 && held[2] >= least, "{share}: {held:?}");
        }
    }

    #[test]
    fn kinds_on_the_same_clusters_differ_as_pairs_do() {
        let (a, b) = ([5.0, 3.0, 4.0, 2.0, 5.0], [4.0, 3.0, 2.0, 1.0, 5.0]);
        let values =
            |kind, of: [f64; 5]| of.into_iter().zip(0..).map(move |(value, cluster)| Stratified { stratum: 0, cluster, kind, value });
        let found = standardise(&[1.0], values(0, a).chain(values(1, b)), 2);
        let (difference, Ok(jackknifed)) = found[0].less(&found[1]).unwrap() else { panic!() };
        let t = paired_t(&std::array::from_fn::<f64, 5, _>(|at| a[at] - b[at])).unwrap();
        assert!((difference - 0.8).abs() < 1e-12 && (jackknifed.test.p - t.p).abs() < 1e-12 && jackknifed.test.df == t.df);
    }
}
