//! Some values against the others of the same strata.

use std::collections::BTreeMap;

use super::NoInterval;
use super::bootstrap::near;
use super::special::t_critical;

/// One value, of those that are asked about or of the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stratified {
    /// Any number; values are compared within strata.
    pub stratum: usize,
    /// Any number; values of one cluster (source item) depend on each other.
    pub cluster: usize,
    /// Whether it is asked about.
    pub inside: bool,
    /// The value.
    pub value: f64,
}

/// Some values against the others, over the strata that have both.
#[derive(Debug, Clone, PartialEq)]
pub struct Within {
    /// Values that are asked about.
    pub n: usize,
    /// Others.
    pub others: usize,
    /// Mean of those that are asked about.
    pub mean: f64,
    /// Mean of the others, each stratum weighted by how many values of it are asked about.
    pub other_mean: f64,
    /// 95 % interval of the first mean less the second.
    pub ci95: Result<[f64; 2], NoInterval>,
}

/// Compares values with the others of their strata, so that neither is blamed for the strata that it lies in; `None` where no stratum has both.
///
/// The others' mean is standardised as by [`super::standardise`]. The interval is Student-t with the jackknife's variance, clusters left out one by one
/// (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", ch. 11), which holds the errors of both sides, also of strata with one value each.
pub fn within(values: &[Stratified]) -> Option<Within> {
    let (mut cells, mut clusters): (BTreeMap<usize, Cell>, BTreeMap<usize, BTreeMap<usize, Cell>>) = <_>::default();
    values.iter().for_each(|one| cells.entry(one.stratum).or_default().add(one));
    cells.retain(|_, cell| cell.is_shared());
    for one in values.iter().filter(|one| cells.contains_key(&one.stratum)) {
        clusters.entry(one.cluster).or_default().entry(one.stratum).or_default().add(one);
    }
    let total = cells.values().fold(Total::default(), |total, cell| total.plus(cell, 1.0));
    let without = |cluster: &BTreeMap<usize, Cell>| {
        let rest = cluster.iter().fold(total, |rest, (stratum, part)| {
            let cell = &cells[stratum];
            rest.plus(cell, -1.0).plus(&cell.less(part), 1.0)
        });
        rest.difference().ok_or(NoInterval::TooFewClusters)
    };
    let left_out: Result<Vec<f64>, NoInterval> = clusters.values().map(without).collect();
    let difference = total.difference()?;
    Some(Within {
        n: total.weight as usize,
        others: cells.values().map(|cell| cell.others.1 as usize).sum(),
        mean: total.inside / total.weight,
        other_mean: total.others / total.weight,
        ci95: left_out.and_then(|left_out| jackknife(difference, &left_out)),
    })
}

/// The interval around `estimate`, given what it is without each cluster.
fn jackknife(estimate: f64, left_out: &[f64]) -> Result<[f64; 2], NoInterval> {
    let n = left_out.len() as f64;
    let few = NoInterval::TooFewClusters;
    let centre = super::mean(left_out).filter(|_| left_out.len() > 1).ok_or(few)?;
    if left_out.iter().all(|one| near(*one, centre)) {
        return Err(NoInterval::Constant);
    }
    let variance = left_out.iter().map(|one| (one - centre).powi(2)).sum::<f64>() * (n - 1.0) / n;
    let half = t_critical(0.05, n - 1.0).ok_or(few)? * variance.sqrt();
    Ok([estimate - half, estimate + half])
}

/// Sum and number of a stratum's values, or of a cluster's in it.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    inside: (f64, f64),
    others: (f64, f64),
}

impl Cell {
    fn add(&mut self, one: &Stratified) {
        let side = if one.inside { &mut self.inside } else { &mut self.others };
        *side = (side.0 + one.value, side.1 + 1.0);
    }

    fn less(&self, part: &Self) -> Self {
        let less = |all: (f64, f64), part: (f64, f64)| (all.0 - part.0, all.1 - part.1);
        Self { inside: less(self.inside, part.inside), others: less(self.others, part.others) }
    }

    fn is_shared(&self) -> bool {
        self.inside.1 > 0.0 && self.others.1 > 0.0
    }
}

/// Sums over the strata that have both sides.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    inside: f64,
    others: f64,
    weight: f64,
}

impl Total {
    fn plus(self, cell: &Cell, times: f64) -> Self {
        let Cell { inside: (sum, n), others: (other_sum, other_n) } = *cell;
        if !cell.is_shared() {
            return self;
        }
        Self {
            inside: self.inside + times * sum,
            others: self.others + times * n * other_sum / other_n,
            weight: self.weight + times * n,
        }
    }

    fn difference(&self) -> Option<f64> {
        (self.weight > 0.5).then(|| (self.inside - self.others) / self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rows: &[(usize, bool, f64)]) -> Vec<Stratified> {
        rows.iter().enumerate().map(|(cluster, &(stratum, inside, value))| Stratified { stratum, cluster, inside, value }).collect()
    }

    #[test]
    fn a_hard_stratum_is_not_blamed_on_what_lies_in_it() {
        // All inside but one lies in the hard stratum, where the others are as low.
        let rows = [(0, true, 1.0), (0, true, 2.0), (0, false, 1.0), (0, false, 2.0), (1, true, 5.0), (1, false, 5.0), (1, false, 5.0), (2, true, 1.0)];
        let found = within(&values(&rows)).unwrap();
        assert_eq!((found.n, found.others), (3, 4), "nothing is known of the third stratum");
        assert!((found.mean - found.other_mean).abs() < 1e-12 && (found.mean - 8.0 / 3.0).abs() < 1e-12, "{found:?}");
        assert!(found.ci95.is_ok_and(|[lo, hi]| lo < 0.0 && 0.0 < hi));
    }

    #[test]
    fn one_stratum_of_independent_values_has_the_interval_of_two_means() {
        let (a, b) = ([1.0, 2.0, 4.0, 2.0], [3.0, 5.0, 5.0, 4.0]);
        let rows: Vec<_> = a.iter().map(|value| (0, true, *value)).chain(b.iter().map(|value| (0, false, *value))).collect();
        let found = within(&values(&rows)).unwrap();
        let [lo, hi] = found.ci95.unwrap();
        // Leaving one of n out moves a mean by (x - mean) / (n - 1): of each side s^2 / (n - 1), times (K - 1) / K.
        let error = ((super::super::sd(&a).unwrap().powi(2) + super::super::sd(&b).unwrap().powi(2)) / 3.0 * 7.0 / 8.0).sqrt();
        assert!(((hi - lo) / 2.0 - t_critical(0.05, 7.0).unwrap() * error).abs() < 1e-12 && ((lo + hi) / 2.0 + 2.0).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_other_side_or_does_not_vary_has_no_answer() {
        assert_eq!((within(&[]), within(&values(&[(0, true, 1.0), (1, false, 2.0)]))), (None, None));
        assert_eq!(within(&values(&[(0, true, 1.0), (0, false, 2.0)])).unwrap().ci95, Err(NoInterval::TooFewClusters));
        let alike = [(0, true, 1.0), (0, true, 1.0), (0, false, 2.0), (0, false, 2.0)];
        assert_eq!(within(&values(&alike)).unwrap().ci95, Err(NoInterval::Constant));
    }
}
