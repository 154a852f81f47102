//! Agreement of several raters over names: Fleiss' kappa and the plain share of agreeing pairs.

use std::collections::BTreeMap;

/// Fleiss' kappa over items that every rater rated, in one order of the raters; `None` below two raters, without an item, or when all ratings are equal.
///
/// Fleiss (1971), "Measuring nominal scale agreement among many raters".
pub fn fleiss<R: AsRef<[f64]>>(rows: &[R]) -> Option<f64> {
    let raters = rows.first().map_or(0, |row| row.as_ref().len());
    if raters < 2 {
        return None;
    }
    let n = (rows.len() * raters) as f64;
    let agreeing = rows.iter().filter_map(|row| agreeing(row.as_ref())).sum::<f64>() / rows.len() as f64;
    let by_chance = tally(rows.iter().flat_map(AsRef::as_ref)).values().map(|count| (count / n).powi(2)).sum::<f64>();
    (by_chance < 1.0).then(|| (agreeing - by_chance) / (1.0 - by_chance))
}

/// Mean over items of the share of their pairs of ratings that are equal, 0..=1; `None` when no item has two ratings.
pub fn percent_agreement<R: AsRef<[f64]>>(rows: &[R]) -> Option<f64> {
    let shares: Vec<f64> = rows.iter().filter_map(|row| agreeing(row.as_ref())).collect();
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
