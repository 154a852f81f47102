//! Krippendorff's alpha, for any number of raters and with missing ratings.

use super::codes::{code, distinct, mid_ranks};
use super::resample::Kinds;

/// What differences between ratings mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Names: different or not.
    Nominal,
    /// Ranks: squared number of ratings between the two, by the ratings given.
    Ordinal,
    /// Numbers: squared difference.
    Interval,
}

/// Krippendorff's alpha, 1 - observed / expected disagreement: 1 in full agreement, 0 by chance, below 0 worse than that.
///
/// Items with fewer than two ratings say nothing and are left out. `None` without a pair of ratings, or when all ratings are equal.
/// Krippendorff (2019), "Content Analysis", 4th ed., ch. 12; ordinal distances are differences of mid-ranks.
pub fn alpha<R: AsRef<[Option<f64>]>>(level: Level, rows: &[R]) -> Option<f64> {
    let coded = Coded::of(rows);
    coded.alpha(level, &coded.units.sizes)
}

/// 95 % percentile interval of [`alpha`] over resamples of the items; `None` where the bootstrap says nothing.
pub fn alpha_interval<R: AsRef<[Option<f64>]>>(level: Level, rows: &[R], seed: u64) -> Option<[f64; 2]> {
    let coded = Coded::of(rows);
    coded.units.interval(seed, |counts| coded.alpha(level, counts))
}

struct Coded {
    values: Vec<f64>,
    /// Items with at least two ratings: their ratings, ascending, since alpha does not ask whose they are.
    units: Kinds<Vec<usize>>,
}

impl Coded {
    fn of<R: AsRef<[Option<f64>]>>(rows: &[R]) -> Self {
        let pairable = || rows.iter().map(|row| row.as_ref().iter().flatten()).filter(|ratings| ratings.clone().count() >= 2);
        let values = distinct(pairable().flatten().copied());
        let unit = |ratings: &mut dyn Iterator<Item = &f64>| {
            let mut codes: Vec<usize> = ratings.map(|rating| code(&values, *rating)).collect();
            codes.sort_unstable();
            codes
        };
        let units: Vec<Vec<usize>> = pairable().map(|mut ratings| unit(&mut ratings)).collect();
        Self { units: Kinds::of(units), values }
    }

    fn alpha(&self, level: Level, items: &[f64]) -> Option<f64> {
        let mut counts = vec![0.0; self.values.len()];
        for (unit, items) in self.units.kinds.iter().zip(items) {
            unit.iter().for_each(|value| counts[*value] += items);
        }
        if counts.iter().filter(|count| **count > 0.0).count() < 2 {
            return None;
        }
        let places = match level {
            Level::Nominal => None,
            Level::Ordinal => Some(mid_ranks(&counts)),
            Level::Interval => Some(self.values.clone()),
        };
        let distance = |a: usize, b: usize| match &places {
            Some(places) => (places[a] - places[b]).powi(2),
            None => f64::from(u8::from(a != b)),
        };
        // Twice the sum over pairs of one item's ratings, each rating with the weight of its item.
        let within = |unit: &Vec<usize>| {
            let pairs = unit.iter().enumerate().flat_map(|(at, a)| unit[at + 1..].iter().map(move |b| (*a, *b)));
            2.0 * pairs.map(|(a, b)| distance(a, b)).sum::<f64>() / (unit.len() - 1) as f64
        };
        let observed: f64 = self.units.kinds.iter().zip(items).map(|(unit, items)| items * within(unit)).sum();
        Some(1.0 - observed / expected(&counts, places.as_deref()))
    }
}

/// Disagreement of the ratings put together at random: the sum of distances over all ordered pairs / (n - 1).
fn expected(counts: &[f64], places: Option<&[f64]>) -> f64 {
    let n: f64 = counts.iter().sum();
    let sum = match places {
        None => n * n - counts.iter().map(|count| count * count).sum::<f64>(),
        Some(places) => {
            let mean = counts.iter().zip(places).map(|(count, place)| count * place).sum::<f64>() / n;
            2.0 * n * counts.iter().zip(places).map(|(count, place)| count * (place - mean).powi(2)).sum::<f64>()
        }
    };
    sum / (n - 1.0)
}
