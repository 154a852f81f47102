//! Clustered means and what they would have been with other clusters.

use std::cmp::Ordering;

use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;

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

/// The 95 % BCa interval of each column's mean, clusters drawn with replacement.
///
/// Columns (models on the same items) are resampled together, by the same draws, from all clusters that any of them has. The same input gives
/// the same bytes on any number of threads and in any order of values. A mean is over values, not over clusters.
pub fn clustered_intervals(columns: &[&[Observed]], how: Resampling) -> Vec<Result<[f64; 2], NoInterval>> {
    let kinds = Kinds::of(columns);
    let width = columns.len();
    let estimates: Vec<Result<f64, NoInterval>> = (0..width).map(|column| kinds.estimate(column)).collect();
    let means = if estimates.iter().any(Result::is_ok) { kinds.resampled(how) } else { Vec::new() };
    estimates.into_iter().enumerate().map(|(column, estimate)| kinds.interval(column, estimate?, &means)).collect()
}

/// Mean of `a` less mean of `b` in every cluster that both have, by cluster, as values of one column: for paired differences.
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
    /// Columns of a row.
    width: usize,
    /// Clusters of each kind.
    sizes: Vec<u32>,
    /// The sum and the number of a kind's values in each column, kind after kind.
    cells: Vec<(f64, f64)>,
}

impl Kinds {
    fn of(columns: &[&[Observed]]) -> Self {
        let width = columns.len();
        let mut values: Vec<(usize, usize, f64)> = Vec::with_capacity(columns.iter().map(|values| values.len()).sum());
        for (column, of_column) in columns.iter().enumerate() {
            values.extend(of_column.iter().map(|one| (one.cluster, column, one.value)));
        }
        // Sorted to the last field, so that the order of values cannot change the last digit of a sum.
        values.sort_unstable_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)).then(one.2.total_cmp(&other.2)));
        let mut clusters = Vec::new();
        for cluster in values.chunk_by(|one, other| one.0 == other.0) {
            let start = clusters.len();
            clusters.resize(start + width, (0.0, 0.0));
            for (_, column, value) in cluster {
                let (sum, n): &mut (f64, f64) = &mut clusters[start + column];
                (*sum, *n) = (*sum + value, *n + 1.0);
            }
        }
        let mut rows: Vec<&[(f64, f64)]> = clusters.chunks(width.max(1)).collect();
        rows.sort_unstable_by(|one, other| order(one, other));
        let kinds = || rows.chunk_by(|one, other| alike(one, other));
        let cells = kinds().flat_map(|kind| kind[0]).copied().collect();
        Self { width, sizes: kinds().map(|kind| kind.len() as u32).collect(), cells }
    }

    /// The mean of each column in each resample, resample after resample.
    fn resampled(&self, how: Resampling) -> Vec<f64> {
        let mut means = vec![0.0; how.resamples * self.width];
        let rows = means.par_chunks_mut(self.width).enumerate().with_min_len(32);
        let lattice = (self.width == 1).then(|| Lattice::of(&self.sizes, &self.cells, how.resamples)).flatten();
        if let Some(lattice) = lattice {
            let draw = |counts: &mut Vec<f64>, (resample, mean): (usize, &mut [f64])| {
                mean.fill(lattice.mean(&mut how.generator(resample), counts));
            };
            rows.for_each_init(|| lattice.counts(), draw);
        } else {
            let urn = Urn::new(&self.sizes);
            let draw = |(counts, sums): &mut (Vec<f64>, Vec<(f64, f64)>), (resample, means): (usize, &mut [f64])| {
                urn.draw(&mut how.generator(resample), counts);
                self.means(counts, sums, means);
            };
            rows.for_each_init(|| (urn.counts(), vec![(0.0, 0.0); self.width]), draw);
        }
        means
    }

    /// The mean of each column when each kind is there `counts` times.
    fn means(&self, counts: &[f64], sums: &mut [(f64, f64)], means: &mut [f64]) {
        sums.fill((0.0, 0.0));
        for (row, count) in self.cells.chunks_exact(self.width).zip(counts) {
            for ((sum, n), (of_row, n_row)) in sums.iter_mut().zip(row) {
                *sum += of_row * count;
                *n += n_row * count;
            }
        }
        means.iter_mut().zip(sums).for_each(|(mean, (sum, n))| *mean = *sum / *n);
    }

    /// (sum, number, clusters) of a column, kind by kind, where it has any value.
    fn of_column(&self, column: usize) -> impl Iterator<Item = (f64, f64, f64)> {
        let kinds = self.cells.iter().skip(column).step_by(self.width).zip(&self.sizes);
        kinds.map(|((sum, n), size)| (*sum, *n, f64::from(*size))).filter(|cell| cell.1 > 0.0)
    }

    /// Sum and number of all values of a column.
    fn total(&self, column: usize) -> (f64, f64) {
        self.of_column(column).fold((0.0, 0.0), |total, (sum, n, size)| (total.0 + sum * size, total.1 + n * size))
    }

    /// The mean of a column, or why nothing tells how far another would be.
    fn estimate(&self, column: usize) -> Result<f64, NoInterval> {
        if self.of_column(column).map(|(_, _, size)| size).sum::<f64>() < 2.0 {
            return Err(NoInterval::TooFewClusters);
        }
        let (sum, n) = self.total(column);
        let estimate = sum / n;
        let constant = self.of_column(column).all(|(sum, n, _)| near(sum / n, estimate));
        if constant { Err(NoInterval::Constant) } else { Ok(estimate) }
    }

    fn interval(&self, column: usize, estimate: f64, means: &[f64]) -> Result<[f64; 2], NoInterval> {
        let (sum, n) = self.total(column);
        let jackknife: Vec<(f64, f64)> = self.of_column(column).map(|(s, m, size)| ((sum - s) / (n - m), size)).collect();
        // A resample without a cluster of this column has no mean of it.
        let mut resampled: Vec<f64> = means.iter().skip(column).step_by(self.width).copied().filter(|mean| mean.is_finite()).collect();
        bca::ends(&mut resampled, estimate, &jackknife)
    }
}

/// By numbers of values first, so that sums that differ in their last digits lie side by side.
fn order(one: &[(f64, f64)], other: &[(f64, f64)]) -> Ordering {
    let by = |of: fn(&(f64, f64)) -> f64| one.iter().map(of).zip(other.iter().map(of)).map(|(a, b)| a.total_cmp(&b));
    by(|cell| cell.1).chain(by(|cell| cell.0)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Whether clusters are of one kind.
fn alike(one: &[(f64, f64)], other: &[(f64, f64)]) -> bool {
    one.iter().zip(other).all(|(a, b)| a.1.total_cmp(&b.1).is_eq() && near(a.0, b.0))
}
