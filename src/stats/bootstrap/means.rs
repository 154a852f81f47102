//! A clustered mean and what it would have been with other clusters.

use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _};

use super::bca::{self, NoInterval};
use super::draws::{Resampling, Urn};
use super::lattice::Lattice;
use crate::stats::rounding::{less, near};

/// One value, and the cluster (source item) that it comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// Any number; values of one cluster are drawn together.
    pub cluster: usize,
    /// The value.
    pub value: f64,
}

/// The 95 % BCa interval of the mean, clusters drawn with replacement.
///
/// The same input gives the same bytes on any number of threads and in any order of values. The mean is over values, not over clusters.
pub(super) fn interval(values: &[Observed], how: Resampling) -> Result<[f64; 2], NoInterval> {
    let kinds = Kinds::of(values);
    let estimate = kinds.estimate()?;
    kinds.interval(estimate, &mut kinds.resampled(how))
}

/// Mean of `a` less mean of `b` in every cluster that both have, by cluster: for paired differences.
pub fn differences(a: &[Observed], b: &[Observed]) -> Vec<Observed> {
    let (means, others) = (cluster_means(a), cluster_means(b));
    let mut others = others.iter().peekable();
    let pair = |one: &Observed| {
        while others.next_if(|other| other.cluster < one.cluster).is_some() {}
        let other = others.next_if(|other| other.cluster == one.cluster)?;
        Some(Observed { value: less(one.value, other.value), ..*one })
    };
    means.iter().filter_map(pair).collect()
}

/// The mean of each cluster's values, clusters ascending.
pub fn cluster_means(values: &[Observed]) -> Vec<Observed> {
    let mut sorted = values.to_vec();
    sorted.sort_by_key(|one| one.cluster); // stable: values of a cluster are summed as they came
    let mean = |alike: &[Observed]| alike.iter().map(|one| one.value).sum::<f64>() / alike.len() as f64;
    sorted.chunk_by(|one, other| one.cluster == other.cluster).map(|alike| Observed { value: mean(alike), ..alike[0] }).collect()
}

/// Clusters by kind.
struct Kinds {
    /// Clusters of each kind.
    sizes: Vec<u32>,
    /// The sum and the number of values of a cluster of each kind.
    cells: Vec<(f64, f64)>,
}

impl Kinds {
    fn of(values: &[Observed]) -> Self {
        let mut sorted = values.to_vec();
        // Sorted to the last field, so that the order of values cannot change the last digit of a sum.
        sorted.sort_unstable_by(|one, other| one.cluster.cmp(&other.cluster).then(one.value.total_cmp(&other.value)));
        let clusters = sorted.chunk_by(|one, other| one.cluster == other.cluster);
        let mut cells: Vec<(f64, f64)> = clusters.map(|alike| (alike.iter().map(|one| one.value).sum(), alike.len() as f64)).collect();
        // By numbers of values first, so that sums that differ in their last digits lie side by side.
        cells.sort_unstable_by(|one, other| one.1.total_cmp(&other.1).then(one.0.total_cmp(&other.0)));
        let kinds = || cells.chunk_by(|one, other| one.1.total_cmp(&other.1).is_eq() && near(one.0, other.0));
        Self { sizes: kinds().map(|kind| kind.len() as u32).collect(), cells: kinds().map(|kind| kind[0]).collect() }
    }

    /// The mean in each resample.
    fn resampled(&self, how: Resampling) -> Vec<f64> {
        let mut means = vec![0.0; how.resamples];
        let resamples = means.par_iter_mut().enumerate().with_min_len(32);
        if let Some(lattice) = Lattice::of(&self.sizes, &self.cells, how.resamples) {
            let draw = |counts: &mut Vec<f64>, (resample, mean): (usize, &mut f64)| {
                *mean = lattice.mean(&mut how.generator(resample), counts);
            };
            resamples.for_each_init(|| lattice.counts(), draw);
        } else {
            let urn = Urn::new(&self.sizes);
            let draw = |counts: &mut Vec<f64>, (resample, mean): (usize, &mut f64)| {
                urn.draw(&mut how.generator(resample), counts);
                *mean = self.mean(counts);
            };
            resamples.for_each_init(|| urn.counts(), draw);
        }
        means
    }

    /// The mean when each kind is there `counts` times.
    fn mean(&self, counts: &[f64]) -> f64 {
        let add = |total: (f64, f64), (cell, count): (&(f64, f64), &f64)| (total.0 + cell.0 * count, total.1 + cell.1 * count);
        let (sum, n) = self.cells.iter().zip(counts).fold((0.0, 0.0), add);
        sum / n
    }

    /// (sum, number, clusters) of each kind.
    fn kinds(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.cells.iter().zip(&self.sizes).map(|((sum, n), size)| (*sum, *n, f64::from(*size)))
    }

    /// Sum and number of all values.
    fn total(&self) -> (f64, f64) {
        self.kinds().fold((0.0, 0.0), |total, (sum, n, size)| (total.0 + sum * size, total.1 + n * size))
    }

    /// The mean, or why nothing tells how far another would be.
    fn estimate(&self) -> Result<f64, NoInterval> {
        if self.sizes.iter().sum::<u32>() < 2 {
            return Err(NoInterval::TooFewClusters);
        }
        let (sum, n) = self.total();
        let estimate = sum / n;
        let constant = self.kinds().all(|(sum, n, _)| near(sum / n, estimate));
        if constant { Err(NoInterval::Constant) } else { Ok(estimate) }
    }

    fn interval(&self, estimate: f64, resampled: &mut [f64]) -> Result<[f64; 2], NoInterval> {
        let (sum, n) = self.total();
        let jackknife: Vec<(f64, f64)> = self.kinds().map(|(s, m, size)| ((sum - s) / (n - m), size)).collect();
        bca::ends(resampled, estimate, &jackknife)
    }
}
