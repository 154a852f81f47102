//! Krippendorff's alpha, for any number of raters and with missing ratings.

use super::resample::Sample;
use crate::stats::ranks::mid_ranks;
use crate::stats::rounding::{code, distinct};

/// What differences between ratings mean: Krippendorff's metric, which follows from the level of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
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
pub fn alpha<R: AsRef<[f64]>>(metric: Metric, rows: &[R]) -> Option<f64> {
    let coded = CodedUnits::of(rows, Sample::of);
    coded.alpha(metric, &coded.coincidences(&coded.units.sizes))
}

/// 95 % percentile interval of [`alpha`] over resamples of `clusters`, the cluster of each row; `None` where the bootstrap says nothing.
pub fn alpha_interval<R: AsRef<[f64]>>(metric: Metric, rows: &[R], clusters: &[usize], seed: u64) -> Option<[f64; 2]> {
    let pairable = rows.iter().zip(clusters).filter(|(row, _)| is_pairable(*row));
    let clusters: Vec<usize> = pairable.map(|(_, cluster)| *cluster).collect();
    let coded = CodedUnits::of(rows, |units| Sample::clustered(&units, &clusters));
    coded.units.interval(seed, |items| coded.alpha(metric, &coded.coincidences(items)))
}

/// [`alpha`] of all but some of the ratings at a time: each of `left_out` names some by row and rating.
pub(super) fn alpha_without<R: AsRef<[f64]>>(metric: Metric, rows: &[R], left_out: &[Vec<(usize, f64)>]) -> Vec<Option<f64>> {
    let coded = CodedUnits::of(rows, Sample::of);
    let all = coded.coincidences(&coded.units.sizes);
    let without = |ratings: &Vec<(usize, f64)>| {
        let mut others = all.clone();
        for (row, rating) in ratings.iter().filter(|(row, _)| is_pairable(&rows[*row])) {
            let (mut unit, value) = (coded.unit(rows[*row].as_ref()), code(&coded.values, *rating));
            others.add(&coded.meetings(&unit), -1.0);
            unit.iter_mut().filter(|(of, _)| *of == value).for_each(|(_, times)| *times -= 1);
            others.add(&coded.meetings(&unit), 1.0);
        }
        coded.alpha(metric, &others)
    };
    left_out.iter().map(without).collect()
}

fn is_pairable<R: AsRef<[f64]>>(row: &R) -> bool {
    row.as_ref().len() >= 2
}

/// The different values that one item was given, ascending, and how often each: alpha does not ask by whom.
type Unit = Vec<(usize, u32)>;

/// What one item, or several together, have given.
#[derive(Clone)]
struct Coincidences {
    /// How often each value was given, in items with two ratings or more.
    values: Vec<f64>,
    /// How often two different values met in one item, each item with the weight 2 / (its ratings - 1).
    pairs: Vec<f64>,
}

/// The places of the values and pairs of one item, and what each adds there.
#[derive(Default)]
struct Meetings {
    values: Vec<(usize, f64)>,
    pairs: Vec<(usize, f64)>,
}

struct CodedUnits {
    /// Ascending.
    values: Vec<f64>,
    /// Two different values that some item has, ascending.
    pairs: Vec<(usize, usize)>,
    /// Items with two ratings or more.
    units: Sample<Unit>,
    /// Of each kind of them.
    meetings: Vec<Meetings>,
}

impl CodedUnits {
    fn of<R: AsRef<[f64]>>(rows: &[R], kinds: impl FnOnce(Vec<Unit>) -> Sample<Unit>) -> Self {
        let pairable = || rows.iter().filter(|row| is_pairable(*row)).map(AsRef::as_ref);
        let values = distinct(pairable().flatten().copied());
        let mut coded = Self { values, pairs: Vec::new(), units: Sample::of(Vec::new()), meetings: Vec::new() };
        coded.units = kinds(pairable().map(|ratings| coded.unit(ratings)).collect());
        coded.pairs = coded.units.kinds.iter().flat_map(|unit| pairs(unit).map(|(a, b)| (a.0, b.0))).collect();
        coded.pairs.sort_unstable();
        coded.pairs.dedup();
        coded.meetings = coded.units.kinds.iter().map(|unit| coded.meetings(unit)).collect();
        coded
    }

    fn unit(&self, ratings: &[f64]) -> Unit {
        let mut values: Vec<usize> = ratings.iter().map(|rating| code(&self.values, *rating)).collect();
        values.sort_unstable();
        values.chunk_by(|a, b| a == b).map(|alike| (alike[0], alike.len() as u32)).collect()
    }

    /// What an item adds; fewer than two ratings add nothing.
    fn meetings(&self, unit: &Unit) -> Meetings {
        let ratings = unit.iter().map(|(_, times)| times).sum::<u32>();
        if ratings < 2 {
            return Meetings::default();
        }
        let weight = |(a, b): ((usize, u32), (usize, u32))| {
            let place = self.pairs.partition_point(|pair| *pair < (a.0, b.0));
            (place, 2.0 * f64::from(a.1) * f64::from(b.1) / f64::from(ratings - 1))
        };
        Meetings {
            values: unit.iter().map(|(value, times)| (*value, f64::from(*times))).collect(),
            pairs: pairs(unit).map(weight).collect(),
        }
    }

    /// Of so many items of each kind.
    fn coincidences(&self, items: &[f64]) -> Coincidences {
        let mut all = Coincidences { values: vec![0.0; self.values.len()], pairs: vec![0.0; self.pairs.len()] };
        self.meetings.iter().zip(items).for_each(|(meetings, items)| all.add(meetings, *items));
        all
    }

    fn alpha(&self, metric: Metric, found: &Coincidences) -> Option<f64> {
        if found.values.iter().filter(|count| **count > 0.0).count() < 2 {
            return None;
        }
        let places = match metric {
            Metric::Nominal => None,
            Metric::Ordinal => Some(mid_ranks(&found.values)),
            Metric::Interval => Some(self.values.clone()),
        };
        let distance = |(a, b): (usize, usize)| places.as_ref().map_or(1.0, |places| (places[a] - places[b]).powi(2));
        let observed: f64 = self.pairs.iter().zip(&found.pairs).map(|(pair, met)| met * distance(*pair)).sum();
        Some(1.0 - observed / expected(&found.values, places.as_deref()))
    }
}

/// Every two different values of an item, with how often each was given.
fn pairs(unit: &Unit) -> impl Iterator<Item = ((usize, u32), (usize, u32))> {
    unit.iter().enumerate().flat_map(|(at, a)| unit[at + 1..].iter().map(move |b| (*a, *b)))
}

impl Coincidences {
    /// Adds an item so often.
    fn add(&mut self, item: &Meetings, times: f64) {
        item.values.iter().for_each(|(place, count)| self.values[*place] += times * count);
        item.pairs.iter().for_each(|(place, met)| self.pairs[*place] += times * met);
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
