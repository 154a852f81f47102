//! What is equal but for rounding: means of thirds, and sums in another order, differ in their last digits.

/// How far rounding takes numbers of the size of levels apart, at most; means that do differ lie farther apart by orders of magnitude.
const SLACK: f64 = 1e-12;

/// Whether two values are equal but for rounding.
pub(super) fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= SLACK * other.abs().max(1.0)
}

/// `one` less `other`, exactly 0 where they are equal but for rounding.
pub(super) fn less(one: f64, other: f64) -> f64 {
    if near(one, other) { 0.0 } else { one - other }
}

/// The different values, ascending: of those that are equal but for rounding, the smallest.
pub(super) fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup_by(|next, kept| near(*next, *kept));
    values
}

/// The place of a value in [`distinct`] values that hold it.
pub(super) fn code(distinct: &[f64], value: f64) -> usize {
    distinct.partition_point(|known| *known < value && !near(value, *known))
}
