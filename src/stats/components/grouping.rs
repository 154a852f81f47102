//! Observations in groups.

/// A partition of the observations.
#[derive(Debug)]
pub(super) struct Grouping {
    /// The group of each observation.
    of: Vec<u32>,
    /// The observations, group by group.
    order: Vec<u32>,
    /// Where each group ends in `order`.
    ends: Vec<u32>,
}

impl Grouping {
    /// One group for every combination of levels that occurs among `n` observations.
    pub(super) fn of(columns: &[&[u32]], n: usize) -> Self {
        let whole = Self { of: vec![0; n], order: (0..n as u32).collect(), ends: vec![n as u32] };
        columns.iter().fold(whole, |groups, column| groups.crossed(column))
    }

    fn crossed(self, column: &[u32]) -> Self {
        if column.windows(2).all(|two| two[0] == two[1]) {
            return self; // one level: of one judge there is nothing to cross
        }
        let order = sorted(&sorted(&(0..column.len() as u32).collect::<Vec<_>>(), column), &self.of);
        let key = |at: &u32| (self.of[*at as usize], column[*at as usize]);
        let (mut of, mut ends) = (vec![0; column.len()], Vec::new());
        for run in order.chunk_by(|a, b| key(a) == key(b)) {
            run.iter().for_each(|at| of[*at as usize] = ends.len() as u32);
            ends.push(ends.last().unwrap_or(&0) + run.len() as u32);
        }
        Self { of, order, ends }
    }

    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The observations of each group.
    fn groups(&self) -> impl Iterator<Item = &[u32]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.order[start as usize..*end as usize])
    }

    /// Whether all groups are of one size.
    pub(super) fn is_balanced(&self) -> bool {
        let size = self.of.len() / self.len();
        self.groups().all(|group| group.len() == size)
    }

    /// Whether both put the same observations together.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let one_in_other = |group: &[u32]| group.iter().all(|at| other.of[*at as usize] == other.of[group[0] as usize]);
        self.len() == other.len() && self.groups().all(one_in_other)
    }

    /// Sum over groups of (sum of values)^2 / size.
    pub(super) fn between(&self, values: &[f64]) -> f64 {
        let square = |group: &[u32]| group.iter().map(|at| values[*at as usize]).sum::<f64>().powi(2) / group.len() as f64;
        self.groups().map(square).sum()
    }

    /// Sum over groups g of this and u of the other of (observations in both)^2 / (those in g).
    pub(super) fn overlap(&self, other: &Self) -> f64 {
        let mut both = vec![0.0_f64; other.len()];
        let mut square = |group: &[u32]| {
            let place = |at: &u32| other.of[*at as usize] as usize;
            group.iter().for_each(|at| both[place(at)] += 1.0);
            // Each of the other's groups once: taken out where it is first met.
            let squares: f64 = group.iter().map(|at| std::mem::take(&mut both[place(at)]).powi(2)).sum();
            squares / group.len() as f64
        };
        self.groups().map(&mut square).sum()
    }
}

/// Observations by their keys, those of one key in the given order. Counting takes a place a key, and no comparison.
fn sorted(order: &[u32], keys: &[u32]) -> Vec<u32> {
    let mut starts = vec![0_u32; keys.iter().max().map_or(0, |most| *most as usize + 2)];
    order.iter().for_each(|at| starts[keys[*at as usize] as usize + 1] += 1);
    let mut before = 0;
    for start in &mut starts {
        before += *start;
        *start = before;
    }
    let mut sorted = vec![0; order.len()];
    for at in order {
        let next = &mut starts[keys[*at as usize] as usize];
        sorted[*next as usize] = *at;
        *next += 1;
    }
    sorted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn groups_are_all_combinations_in_their_order(rows in proptest::collection::vec((0..4u32, 0..9u32), 1..60)) {
            let (a, b): (Vec<u32>, Vec<u32>) = rows.iter().copied().unzip();
            let found = Grouping::of(&[&a, &b], rows.len());
            let mut expected: Vec<usize> = (0..rows.len()).collect();
            expected.sort_by_key(|at| rows[*at]);
            prop_assert!(found.order.iter().map(|at| *at as usize).eq(expected.iter().copied()));
            let keys: std::collections::BTreeSet<_> = rows.iter().collect();
            prop_assert_eq!(found.len(), keys.len());
            let alike = |one: usize, other: usize| (found.of[one] == found.of[other]) == (rows[one] == rows[other]);
            prop_assert!((0..rows.len()).all(|one| (0..rows.len()).all(|other| alike(one, other))));
        }
    }
}
