//! Each kind of values against the others of the same strata.

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::NoInterval;
use super::jackknife::jackknife;

/// One value of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stratified {
    /// From 0; values are compared within strata.
    pub stratum: u32,
    /// Any number; values of one cluster (source item) depend on each other.
    pub cluster: u32,
    /// From 0.
    pub kind: u32,
    /// The value.
    pub value: f64,
}

/// The values of one kind against the others, over the strata that have both.
#[derive(Debug, Clone, PartialEq)]
pub struct Within {
    /// Values of the kind.
    pub n: usize,
    /// Others.
    pub others: usize,
    /// Mean of those of the kind.
    pub mean: f64,
    /// Mean of the others, each stratum weighted by how many values of it are of the kind.
    pub other_mean: f64,
    /// 95 % interval of the first mean less the second.
    pub ci95: Result<[f64; 2], NoInterval>,
}

/// Compares each kind of values with the others of their strata, so that none is blamed for the strata that it lies in; by kind, `None` where no stratum
/// has it and another.
///
/// The others' mean is standardised as by [`super::standardise`]. The interval is the jackknife's, clusters left out one by one, which holds the
/// errors of both sides, also of strata with one value each.
pub fn within(mut values: Vec<Stratified>) -> Vec<Option<Within>> {
    // To the last field, so that the order of values cannot change the last digit of a sum.
    values.sort_unstable_by(|one, other| {
        (one.cluster, one.stratum, one.kind).cmp(&(other.cluster, other.stratum, other.kind)).then(one.value.total_cmp(&other.value))
    });
    let kinds = values.iter().map(|one| one.kind + 1).max().unwrap_or(0);
    (0..kinds).into_par_iter().map(|kind| compare(&values, kind)).collect()
}

/// `values` stand cluster by cluster, and there stratum by stratum.
fn compare(values: &[Stratified], kind: u32) -> Option<Within> {
    let mut cells = vec![Cell::default(); values.iter().map(|one| one.stratum as usize + 1).max()?];
    values.iter().for_each(|one| cells[one.stratum as usize].add(one, kind));
    cells.iter_mut().filter(|cell| !cell.is_shared()).for_each(|cell| *cell = Cell::default());
    let total = cells.iter().fold(Total::default(), |total, cell| total.plus(cell, 1.0));
    let mut left_out = Vec::new();
    for cluster in values.chunk_by(|one, other| one.cluster == other.cluster) {
        let parts = cluster.chunk_by(|one, other| one.stratum == other.stratum).filter(|part| cells[part[0].stratum as usize].is_shared());
        let without = |rest: Option<Total>, part: &[Stratified]| {
            let (cell, mut own) = (&cells[part[0].stratum as usize], Cell::default());
            part.iter().for_each(|one| own.add(one, kind));
            Some(rest.unwrap_or(total).plus(cell, -1.0).plus(&cell.less(&own), 1.0))
        };
        left_out.extend(parts.fold(None, without).map(|rest| rest.difference()));
    }
    let difference = total.difference()?;
    let left_out: Option<Vec<f64>> = left_out.into_iter().collect();
    Some(Within {
        n: total.weight as usize,
        others: cells.iter().map(|cell| cell.others.1 as usize).sum(),
        mean: total.inside / total.weight,
        other_mean: total.others / total.weight,
        ci95: left_out.ok_or(NoInterval::TooFewClusters).and_then(|left_out| Ok(jackknife(difference, &left_out)?.ci95)),
    })
}

/// Sum and number of a stratum's values, of the kind and others, or of a cluster's in it.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    inside: (f64, f64),
    others: (f64, f64),
}

impl Cell {
    fn add(&mut self, one: &Stratified, kind: u32) {
        let side = if one.kind == kind { &mut self.inside } else { &mut self.others };
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
        Self { inside: self.inside + times * sum, others: self.others + times * n * other_sum / other_n, weight: self.weight + times * n }
    }

    fn difference(&self) -> Option<f64> {
        (self.weight > 0.5).then(|| (self.inside - self.others) / self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::special::t_critical;

    /// Kind 0 is asked about, each value in a cluster of its own.
    fn of(rows: &[(u32, bool, f64)]) -> Option<Within> {
        let value = |(cluster, &(stratum, inside, value)): (u32, &(u32, bool, f64))| Stratified {
            stratum,
            cluster,
            kind: u32::from(!inside),
            value,
        };
        within((0..).zip(rows).map(value).collect()).into_iter().next().flatten()
    }

    #[test]
    fn a_hard_stratum_is_not_blamed_on_what_lies_in_it() {
        // All inside but one lies in the hard stratum, where the others are as low.
        let rows = [
            (0, true, 1.0),
            (0, true, 2.0),
            (0, false, 1.0),
            (0, false, 2.0),
            (1, true, 5.0),
            (1, false, 5.0),
            (1, false, 5.0),
            (2, true, 1.0),
        ];
        let found = of(&rows).unwrap();
        assert_eq!((found.n, found.others), (3, 4), "nothing is known of the third stratum");
        assert!((found.mean - found.other_mean).abs() < 1e-12 && (found.mean - 8.0 / 3.0).abs() < 1e-12, "{found:?}");
        assert!(found.ci95.is_ok_and(|[lo, hi]| lo < 0.0 && 0.0 < hi));
    }

    #[test]
    fn one_stratum_of_independent_values_has_the_interval_of_two_means() {
        let (a, b) = ([1.0, 2.0, 4.0, 2.0], [3.0, 5.0, 5.0, 4.0]);
        let rows: Vec<_> = a.iter().map(|value| (0, true, *value)).chain(b.iter().map(|value| (0, false, *value))).collect();
        let found = of(&rows).unwrap();
        let [lo, hi] = found.ci95.unwrap();
        // Leaving one of n out moves a mean by (x - mean) / (n - 1): of each side s^2 / (n - 1), times (K - 1) / K.
        let error = ((super::super::sd(&a).unwrap().powi(2) + super::super::sd(&b).unwrap().powi(2)) / 3.0 * 7.0 / 8.0).sqrt();
        assert!(((hi - lo) / 2.0 - t_critical(0.05, 7.0).unwrap() * error).abs() < 1e-12 && (f64::midpoint(lo, hi) + 2.0).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_other_side_or_does_not_vary_has_no_answer() {
        assert_eq!((of(&[]), of(&[(0, true, 1.0), (1, false, 2.0)])), (None, None));
        assert_eq!(of(&[(0, true, 1.0), (0, false, 2.0)]).unwrap().ci95, Err(NoInterval::TooFewClusters));
        let alike = [(0, true, 1.0), (0, true, 1.0), (0, false, 2.0), (0, false, 2.0)];
        assert_eq!(of(&alike).unwrap().ci95, Err(NoInterval::Constant));
    }
}
