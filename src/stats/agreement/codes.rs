//! Ratings as indices into their ascending values, so that resampling does not sort anew.

/// The different values, ascending.
pub(super) fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// The place of a rating among the values that hold it.
pub(super) fn code(values: &[f64], rating: f64) -> usize {
    values.partition_point(|value| *value < rating)
}

/// The mean rank, from 0.5, of the ratings of each value, by how often it occurs.
pub(super) fn mid_ranks(counts: &[f64]) -> Vec<f64> {
    let mut before = 0.0;
    let rank = |count: &f64| {
        before += count;
        before - count / 2.0
    };
    counts.iter().map(rank).collect()
}
