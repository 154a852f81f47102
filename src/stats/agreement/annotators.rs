//! Which annotators stand apart from the others, and which items they could not agree on.

use serde::Serialize;

use super::{Level, Rule, alpha, bland_altman, mean_absolute_error, spearman};
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

/// One row a rater, in the order of the columns.
pub fn reliability<R: AsRef<[Option<f64>]>>(rows: &[R]) -> Vec<Reliability> {
    let raters = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    (0..raters).map(|rater| against_others(rows, rater)).collect()
}

fn against_others<R: AsRef<[Option<f64>]>>(rows: &[R], rater: usize) -> Reliability {
    let own = |row: &R| row.as_ref().get(rater).copied().flatten();
    let others = |row: &R| -> Vec<Option<f64>> {
        let apart = row.as_ref().iter().enumerate().filter(|(at, _)| *at != rater);
        apart.map(|(_, rating)| *rating).collect()
    };
    let pair = |row: &R| Some((own(row)?, mean(&others(row).into_iter().flatten().collect::<Vec<_>>())?));
    let pairs: Vec<(f64, f64)> = rows.iter().filter_map(pair).collect();
    let limits = bland_altman(&pairs);
    Reliability {
        rated: rows.iter().filter(|row| own(row).is_some()).count(),
        n: pairs.len(),
        bias: mean(&pairs.iter().map(|(own, others)| own - others).collect::<Vec<_>>()),
        bias_ci95: limits.and_then(|limits| limits.bias_ci95),
        mae: mean_absolute_error(&pairs),
        spearman: spearman(&pairs).map(|rho| rho.value),
        alpha_without: alpha(Level::Ordinal, &rows.iter().map(others).collect::<Vec<_>>()),
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
pub fn disputes<R: AsRef<[Option<f64>]>>(rows: &[R]) -> Vec<Dispute> {
    let mut found: Vec<(Dispute, f64)> = Vec::new();
    for (row, ratings) in rows.iter().enumerate() {
        let ratings: Vec<f64> = ratings.as_ref().iter().flatten().copied().collect();
        let (Some(sd), Some(spread)) = (sd(&ratings), spread(&ratings)) else { continue };
        let majority = Rule::Majority.of(&ratings).is_some();
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
        let row = |a: f64, b: f64, c: f64| vec![Some(a), Some(b), Some(c)];
        let rows = [row(1.0, 1.0, 4.0), row(2.0, 2.0, 1.0), row(3.0, 3.0, 5.0), row(5.0, 5.0, 2.0), vec![Some(4.0), None, None]];
        let [a, _, c] = reliability(&rows).try_into().unwrap();
        assert_eq!((a.rated, a.n, c.n), (5, 4, 4));
        assert_eq!(c.bias, Some(0.25));
        assert!(c.alpha_without == Some(1.0) && a.alpha_without < Some(0.5), "{a:?} {c:?}");
        assert!(a.mae < c.mae && c.spearman < a.spearman);
    }

    #[test]
    fn the_widest_dispute_comes_first() {
        let rows = [
            vec![Some(1.0), Some(2.0), Some(1.0)],
            vec![Some(2.0), Some(4.0), Some(4.0)],
            vec![Some(1.0), Some(5.0), None],
            vec![Some(1.0), Some(2.0), Some(3.0)],
            vec![None, Some(5.0), None],
            vec![Some(1.0), Some(2.0), None],
        ];
        let found = disputes(&rows);
        assert_eq!(found.iter().map(|dispute| dispute.row).collect::<Vec<_>>(), [2, 1, 3]);
        assert_eq!((found[0].spread, found[0].majority, found[1].majority, found[2].majority), (4.0, false, true, false));
    }
}
