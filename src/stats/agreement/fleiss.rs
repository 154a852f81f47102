//! Agreement of several raters over names: Fleiss' kappa and the plain share of agreeing pairs.

use std::collections::BTreeMap;

/// Fleiss' kappa over the items that every rater rated; `None` below two raters, without such an item, or when all ratings are equal.
///
/// Fleiss (1971), "Measuring nominal scale agreement among many raters".
pub fn fleiss<R: AsRef<[Option<f64>]>>(rows: &[R]) -> Option<f64> {
    let complete: Vec<Vec<f64>> = rows.iter().filter_map(|row| row.as_ref().iter().copied().collect()).collect();
    let raters = complete.first().map_or(0, Vec::len);
    if raters < 2 {
        return None;
    }
    let n = (complete.len() * raters) as f64;
    let agreeing = complete.iter().filter_map(|ratings| agreeing(ratings)).sum::<f64>() / complete.len() as f64;
    let by_chance = tally(complete.iter().flatten()).values().map(|count| (count / n).powi(2)).sum::<f64>();
    (by_chance < 1.0).then(|| (agreeing - by_chance) / (1.0 - by_chance))
}

/// Mean over items of the share of their pairs of ratings that are equal, 0..=1; `None` when no item has two ratings.
pub fn percent_agreement<R: AsRef<[Option<f64>]>>(rows: &[R]) -> Option<f64> {
    let ratings = |row: &R| row.as_ref().iter().flatten().copied().collect::<Vec<_>>();
    let shares: Vec<f64> = rows.iter().filter_map(|row| agreeing(&ratings(row))).collect();
    crate::stats::mean(&shares)
}

/// Share of the pairs of one item's ratings that are equal; `None` below two.
fn agreeing(ratings: &[f64]) -> Option<f64> {
    let n = ratings.len() as f64;
    let equal: f64 = tally(ratings.iter()).values().map(|count| count * (count - 1.0)).sum();
    (n >= 2.0).then(|| equal / (n * (n - 1.0)))
}

/// How often each rating was given; equal bits are equal ratings.
fn tally<'a>(ratings: impl Iterator<Item = &'a f64>) -> BTreeMap<u64, f64> {
    let mut counts = BTreeMap::new();
    ratings.for_each(|rating| *counts.entry(rating.to_bits()).or_default() += 1.0);
    counts
}
