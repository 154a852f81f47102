//! Which annotators stand apart from the others, and which items they could not agree on.

use serde::Serialize;

use super::alpha::alpha_without;
use super::{Metric, Rule, bland_altman, mean_absolute_error, spearman};
use crate::stats::{mean, sd};

/// One rater against the mean of the others, over the items that both rated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// Items that this rater rated.
    pub rated: usize,
    /// Of those, items that another rated too; the numbers below are over them.
    pub n: usize,
    /// This rater minus the others' mean.
    pub bias: Option<f64>,
    /// Student-t 95 % interval of it.
    pub bias_ci95: Option<[f64; 2]>,
    /// Mean absolute difference.
    pub mae: Option<f64>,
    /// Spearman's rho.
    pub spearman: Option<f64>,
    /// Ordinal alpha of the others alone: above the alpha of all, this rater lowers it.
    pub alpha_without: Option<f64>,
}

/// The ratings of one item, and whose they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rated<'a> {
    /// Raters by number, from 0; each at most once.
    pub raters: &'a [u32],
    /// What each gave.
    pub ratings: &'a [f64],
}

impl AsRef<[f64]> for Rated<'_> {
    fn as_ref(&self) -> &[f64] {
        self.ratings
    }
}

/// One row a rater, by number; there are so many `raters`.
pub fn reliability(rows: &[Rated], raters: usize) -> Vec<Reliability> {
    let (mut given, mut pairs) = (vec![Vec::new(); raters], vec![Vec::new(); raters]);
    for (row, Rated { raters, ratings }) in rows.iter().enumerate() {
        let (sum, others) = (ratings.iter().sum::<f64>(), ratings.len() as f64 - 1.0);
        for (rater, own) in raters.iter().map(|rater| *rater as usize).zip(*ratings) {
            given[rater].push((row, *own));
            pairs[rater].extend((others > 0.0).then(|| (*own, (sum - own) / others)));
        }
    }
    let without = alpha_without(Metric::Ordinal, rows, &given);
    let found = given.iter().zip(pairs).zip(without);
    found.map(|((given, pairs), alpha_without)| Reliability { alpha_without, ..Reliability::of(given.len(), &pairs) }).collect()
}

impl Reliability {
    /// Of so many ratings, those with others of the same item as pairs: the rater's own, and the mean of the others.
    fn of(rated: usize, pairs: &[(f64, f64)]) -> Self {
        Self {
            rated,
            n: pairs.len(),
            bias: mean(&pairs.iter().map(|(own, others)| own - others).collect::<Vec<_>>()),
            bias_ci95: bland_altman(pairs).and_then(|limits| limits.bias_ci95),
            mae: mean_absolute_error(pairs),
            spearman: spearman(pairs).map(|rho| rho.value),
            alpha_without: None,
        }
    }
}

/// An item whose ratings leave room for doubt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Dispute {
    /// Its row.
    pub row: usize,
    /// Largest minus smallest rating, in levels.
    pub spread: f64,
    /// More than half gave one and the same rating.
    pub majority: bool,
}

/// Items to adjudicate: ratings two or more levels apart, or no majority among three or more. The largest spread first, then
/// the larger standard deviation, then in the order of the rows.
pub fn disputes<R: AsRef<[f64]>>(rows: &[R]) -> Vec<Dispute> {
    let mut found: Vec<(Dispute, f64)> = Vec::new();
    for (row, ratings) in rows.iter().enumerate() {
        let ratings = ratings.as_ref();
        let (Some(sd), Some(spread)) = (sd(ratings), spread(ratings)) else { continue };
        let majority = Rule::Majority.of(ratings).is_some();
        if spread >= 2.0 || !majority && ratings.len() >= 3 {
            found.push((Dispute { row, spread, majority }, sd));
        }
    }
    found.sort_by(|(a, sd_a), (b, sd_b)| b.spread.total_cmp(&a.spread).then(sd_b.total_cmp(sd_a)).then(a.row.cmp(&b.row)));
    found.into_iter().map(|(dispute, _)| dispute).collect()
}

fn spread(ratings: &[f64]) -> Option<f64> {
    let lowest = ratings.iter().copied().min_by(f64::total_cmp)?;
    Some(ratings.iter().copied().max_by(f64::total_cmp)? - lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_who_stands_apart_is_seen() {
        let ratings: [&[f64]; 5] = [&[1.0, 1.0, 4.0], &[2.0, 2.0, 1.0], &[3.0, 3.0, 5.0], &[5.0, 5.0, 2.0], &[4.0]];
        let rows = ratings.map(|ratings| Rated { raters: &[0, 1, 2][..ratings.len()], ratings });
        let [a, _, c] = reliability(&rows, 3).try_into().unwrap();
        assert_eq!((a.rated, a.n, c.n), (5, 4, 4));
        assert_eq!(c.bias, Some(0.25));
        assert!(c.alpha_without == Some(1.0) && a.alpha_without < Some(0.5), "{a:?} {c:?}");
        assert!(a.mae < c.mae && c.spearman < a.spearman);
    }

    #[test]
    fn the_widest_dispute_comes_first() {
        let rows = [vec![1.0, 2.0, 1.0], vec![2.0, 4.0, 4.0], vec![1.0, 5.0], vec![1.0, 2.0, 3.0], vec![5.0], vec![1.0, 2.0]];
        let found = disputes(&rows);
        assert_eq!(found.iter().map(|dispute| dispute.row).collect::<Vec<_>>(), [2, 1, 3]);
        assert_eq!((found[0].spread, found[0].majority, found[1].majority, found[2].majority), (4.0, false, true, false));
    }
}
