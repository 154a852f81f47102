//! Percentile bootstrap over clusters of items: seeded, and the same on any number of threads.

use rayon::prelude::*;

use crate::stats::Resampling;
use crate::stats::bootstrap::Urn;
use crate::stats::describe::of_sorted;

/// Resamples behind an interval.
const RESAMPLES: usize = 2_000;
/// Share of resamples that must be defined; with fewer, the interval would be one of a chosen few.
const DEFINED: f64 = 0.95;

/// Items in kinds: those rated alike are alike in every number, so that a resample is a count of each kind.
pub(super) struct Sample<T> {
    /// One of each kind, ascending.
    pub(super) kinds: Vec<T>,
    /// How many items are of each kind.
    pub(super) sizes: Vec<f64>,
    /// Clusters by what they hold (items of some kinds), and how many hold just that.
    clusters: Vec<(Vec<(usize, f64)>, u32)>,
}

impl<T: Ord + Sync> Sample<T> {
    /// Every item is a cluster of its own.
    pub(super) fn of(mut items: Vec<T>) -> Self {
        items.sort_unstable();
        let sizes: Vec<f64> = items.chunk_by(|a, b| a == b).map(|run| run.len() as f64).collect();
        items.dedup();
        let clusters = sizes.iter().enumerate().map(|(kind, size)| (vec![(kind, 1.0)], *size as u32)).collect();
        Self { kinds: items, sizes, clusters }
    }

    /// Items and the cluster of each.
    pub(super) fn clustered(items: &[T], clusters: &[usize]) -> Self
    where
        T: Clone,
    {
        let alone = Self::of(items.to_vec());
        let kind = |item: &T| alone.kinds.partition_point(|kind| kind < item);
        let mut placed: Vec<(usize, usize)> = clusters.iter().copied().zip(items.iter().map(kind)).collect();
        placed.sort_unstable();
        let count = |alike: &[(usize, usize)]| (alike[0].1, alike.len());
        let contents = |cluster: &[(usize, usize)]| cluster.chunk_by(|a, b| a == b).map(count).collect::<Vec<_>>();
        let mut held: Vec<Vec<(usize, usize)>> = placed.chunk_by(|a, b| a.0 == b.0).map(contents).collect();
        held.sort_unstable(); // clusters of one item each come in the order of their kinds, and so are drawn as if nothing were clustered
        let in_kinds = |held: &[(usize, usize)]| held.iter().map(|(kind, items)| (*kind, *items as f64)).collect();
        let clusters = held.chunk_by(|a, b| a == b).map(|alike| (in_kinds(&alike[0]), alike.len() as u32)).collect();
        Self { clusters, ..alone }
    }

    /// 95 % percentile interval of a statistic of the count of each kind.
    ///
    /// Efron (1979), "Bootstrap methods: another look at the jackknife". `None` below two clusters, when the statistic is undefined in
    /// more than 1 of 20 resamples, or when the resamples do not vary.
    pub(super) fn interval(&self, seed: u64, statistic: impl Fn(&[f64]) -> Option<f64> + Sync) -> Option<[f64; 2]> {
        if self.clusters.iter().map(|(_, clusters)| clusters).sum::<u32>() < 2 {
            return None;
        }
        let (urn, how) = (self.urn(), Resampling { resamples: RESAMPLES, seed });
        let one = |resample: usize| {
            let (mut drawn, mut counts) = (urn.counts(), vec![0.0; self.kinds.len()]);
            urn.draw(&mut how.generator(resample), &mut drawn);
            for ((held, _), times) in self.clusters.iter().zip(drawn) {
                held.iter().for_each(|(kind, items)| counts[*kind] += items * times);
            }
            statistic(&counts)
        };
        let mut values: Vec<f64> = (0..RESAMPLES).into_par_iter().filter_map(one).collect();
        values.sort_unstable_by(f64::total_cmp);
        let varies = values.first() < values.last();
        let enough = values.len() as f64 >= DEFINED * RESAMPLES as f64;
        (varies && enough).then(|| [of_sorted(&values, 0.025), of_sorted(&values, 0.975)])
    }

    fn urn(&self) -> Urn {
        Urn::new(&self.clusters.iter().map(|(_, clusters)| *clusters).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(kinds: &Sample<u32>) -> impl Fn(&[f64]) -> Option<f64> + Sync {
        |counts| Some(counts.iter().zip(&kinds.kinds).map(|(count, kind)| count * f64::from(*kind)).sum())
    }

    #[test]
    fn threads_do_not_change_it_and_the_seed_does() {
        let kinds = Sample::of((0..40).map(|at| at * at % 17).collect::<Vec<u32>>());
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kinds.interval(7, sum(&kinds)))
        };
        assert!(on(1).is_some() && on(1) == on(3));
        assert_ne!(on(1), kinds.interval(8, sum(&kinds)));
    }

    #[test]
    fn items_of_one_cluster_are_drawn_together() {
        let items: Vec<u32> = (0..40).map(|at| at * at % 17).collect();
        let drawn = |clusters: &[usize]| {
            let kinds = Sample::clustered(&items, clusters);
            kinds.interval(7, sum(&kinds))
        };
        let alone = Sample::of(items.clone());
        assert_eq!(drawn(&(100..140).rev().collect::<Vec<_>>()), alone.interval(7, sum(&alone)), "each alone is not clustered");
        // Forty values that come in eight clusters of five alike vary as eight do, five times as much.
        let fives = Sample::clustered(&items[..8].repeat(5), &(0..8).collect::<Vec<_>>().repeat(5));
        let eight = Sample::of(items[..8].to_vec());
        assert_eq!(fives.interval(7, sum(&fives)), eight.interval(7, sum(&eight)).map(|ends| ends.map(|end| 5.0 * end)));
        assert_eq!(drawn(&[3; 40]), None, "one cluster");
    }

    #[test]
    fn what_says_nothing_is_none() {
        let kinds = Sample::of(vec![1, 2, 3, 4]);
        assert_eq!(Sample::of(vec![1]).interval(0, |_| Some(1.0)), None, "one item");
        assert_eq!(kinds.interval(0, |_| Some(1.0)), None, "no resample differs");
        assert_eq!(kinds.interval(0, |counts| (counts[0] > 0.0).then(|| counts[1])), None, "often undefined");
    }
}
