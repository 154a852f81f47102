//! Percentile bootstrap over items: seeded, and the same on any number of threads.

use rayon::prelude::*;

use crate::stats::Resampling;
use crate::stats::bootstrap::Urn;
use crate::stats::describe::of_sorted;

/// Resamples behind an interval.
const RESAMPLES: usize = 2_000;
/// Share of resamples that must be defined; with fewer, the interval would be one of a chosen few.
const DEFINED: f64 = 0.95;

/// Items in kinds: those rated alike are alike in every number, so that a resample is a count of each kind.
pub(super) struct Kinds<T> {
    /// One of each kind, ascending.
    pub(super) kinds: Vec<T>,
    /// How many items are of each kind.
    pub(super) sizes: Vec<f64>,
}

impl<T: Ord + Sync> Kinds<T> {
    pub(super) fn of(mut items: Vec<T>) -> Self {
        items.sort_unstable();
        let sizes = items.chunk_by(|a, b| a == b).map(|run| run.len() as f64).collect();
        items.dedup();
        Self { kinds: items, sizes }
    }

    /// 95 % percentile interval of a statistic of the count of each kind.
    ///
    /// Efron (1979), "Bootstrap methods: another look at the jackknife". `None` below two items, when the statistic is undefined in
    /// more than 1 of 20 resamples, or when the resamples do not vary.
    pub(super) fn interval(&self, seed: u64, statistic: impl Fn(&[f64]) -> Option<f64> + Sync) -> Option<[f64; 2]> {
        if self.sizes.iter().sum::<f64>() < 2.0 {
            return None;
        }
        let (urn, how) = (self.urn(), Resampling { resamples: RESAMPLES, seed });
        let one = |resample: usize| {
            let mut counts = urn.counts();
            urn.draw(&mut how.generator(resample), &mut counts);
            statistic(&counts)
        };
        let mut values: Vec<f64> = (0..RESAMPLES).into_par_iter().filter_map(one).collect();
        values.sort_unstable_by(f64::total_cmp);
        let varies = values.first() < values.last();
        let enough = values.len() as f64 >= DEFINED * RESAMPLES as f64;
        (varies && enough).then(|| [of_sorted(&values, 0.025), of_sorted(&values, 0.975)])
    }

    fn urn(&self) -> Urn {
        Urn::new(&self.sizes.iter().map(|size| *size as u32).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(kinds: &Kinds<u32>) -> impl Fn(&[f64]) -> Option<f64> + Sync {
        |counts| Some(counts.iter().zip(&kinds.kinds).map(|(count, kind)| count * f64::from(*kind)).sum())
    }

    #[test]
    fn threads_do_not_change_it_and_the_seed_does() {
        let kinds = Kinds::of((0..40).map(|at| at * at % 17).collect::<Vec<u32>>());
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kinds.interval(7, sum(&kinds)))
        };
        assert!(on(1).is_some() && on(1) == on(3));
        assert_ne!(on(1), kinds.interval(8, sum(&kinds)));
    }

    #[test]
    fn what_says_nothing_is_none() {
        let kinds = Kinds::of(vec![1, 2, 3, 4]);
        assert_eq!(Kinds::of(vec![1]).interval(0, |_| Some(1.0)), None, "one item");
        assert_eq!(kinds.interval(0, |_| Some(1.0)), None, "no resample differs");
        assert_eq!(kinds.interval(0, |counts| (counts[0] > 0.0).then(|| counts[1])), None, "often undefined");
    }
}
