//! Intraclass correlations of several raters of the same items.

use serde::Serialize;

use crate::stats::mean;
use crate::stats::rounding::less;
use crate::stats::special::{f_critical, f_sf};

/// One intraclass correlation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IccForm {
    /// At most 1; negative values are reported as they are.
    pub value: f64,
    /// F of "no difference between items"; null in full agreement.
    pub f: Option<f64>,
    /// Its degrees of freedom.
    pub df: [f64; 2],
    /// Upper tail probability of F.
    pub p: Option<f64>,
    /// 95 % interval; null in full agreement, and of ICC(2,k) where that of ICC(2,1) begins below the least that k raters can have, -1 / (k - 1).
    pub ci95: Option<[f64; 2]>,
}

/// Intraclass correlations in the names of Shrout & Fleiss (1979), "Intraclass correlations: uses in assessing rater reliability".
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Icc {
    /// Items that every rater rated; only these count.
    pub items: usize,
    /// Raters.
    pub raters: usize,
    /// ICC(1): raters differ from item to item; one rating.
    pub icc1: IccForm,
    /// ICC(2,1): a random sample of raters, absolute agreement; one rating.
    pub icc2: IccForm,
    /// ICC(3,1): these very raters, consistency; one rating.
    pub icc3: IccForm,
    /// ICC(1,k): as ICC(1), of the mean of k.
    pub icc1k: IccForm,
    /// ICC(2,k): as ICC(2,1), of the mean of k.
    pub icc2k: IccForm,
    /// ICC(3,k): as ICC(3,1), of the mean of k.
    pub icc3k: IccForm,
}

/// All forms, over items that every rater rated, in one order of the raters; `None` below two such items or two raters, or when items do not differ.
///
/// Intervals: McGraw & Wong (1996), "Forming inferences about some intraclass correlation coefficients".
pub fn icc<R: AsRef<[f64]>>(rows: &[R]) -> Option<Icc> {
    let rows: Vec<&[f64]> = rows.iter().map(AsRef::as_ref).collect();
    let squares = MeanSquares::of(&rows)?;
    let MeanSquares { n, k, items, raters, rest, within } = squares;
    let one_way = Ratio::of(items, within, [n - 1.0, n * (k - 1.0)]);
    let two_way = Ratio::of(items, rest, [n - 1.0, (n - 1.0) * (k - 1.0)]);
    let single = |[lo, hi]: [f64; 2]| [(lo - 1.0) / (lo + k - 1.0), (hi - 1.0) / (hi + k - 1.0)];
    let mean_of_k = |ends: [f64; 2]| ends.map(|end| 1.0 - 1.0 / end);
    let icc2 = (items - rest) / (items + (k - 1.0) * rest + k * (raters - rest) / n);
    let absolute = squares.absolute_interval(icc2);
    // Spearman and Brown's step has a pole where no correlation of k raters can be: an interval that reaches it tells nothing of their mean.
    let stepped = |ends: [f64; 2]| (ends[0] > -1.0 / (k - 1.0)).then(|| ends.map(|end| end * k / (1.0 + end * (k - 1.0))));
    Some(Icc {
        items: rows.len(),
        raters: rows.first()?.len(),
        icc1: one_way.form((items - within) / (items + (k - 1.0) * within), one_way.ends.map(single)),
        icc2: two_way.form(icc2, absolute),
        icc3: two_way.form((items - rest) / (items + (k - 1.0) * rest), two_way.ends.map(single)),
        icc1k: one_way.form((items - within) / items, one_way.ends.map(mean_of_k)),
        icc2k: two_way.form((items - rest) / (items + (raters - rest) / n), absolute.and_then(stepped)),
        icc3k: two_way.form((items - rest) / items, two_way.ends.map(mean_of_k)),
    })
}

/// Mean squares of n items rated by k raters each.
#[derive(Debug, Clone, Copy)]
struct MeanSquares {
    n: f64,
    k: f64,
    items: f64,
    raters: f64,
    /// Neither items nor raters.
    rest: f64,
    /// Not items.
    within: f64,
}

impl MeanSquares {
    fn of(rows: &[&[f64]]) -> Option<Self> {
        let (n, raters) = (rows.len() as f64, rows.first()?.len());
        let k = raters as f64;
        if n < 2.0 || raters < 2 {
            return None;
        }
        let grand = mean(&rows.concat())?;
        let of_items = rows.iter().map(|row| mean(row)).collect::<Option<Vec<f64>>>()?;
        let of_raters =
            (0..raters).map(|rater| mean(&rows.iter().map(|row| row[rater]).collect::<Vec<_>>())).collect::<Option<Vec<f64>>>()?;
        let around = |means: &[f64]| means.iter().map(|mean| less(*mean, grand).powi(2)).sum::<f64>();
        let (items, between) = (k * around(&of_items), n * around(&of_raters));
        let mut rest = 0.0;
        for (row, of_item) in rows.iter().zip(&of_items) {
            rest += row.iter().zip(&of_raters).map(|(x, of_rater)| less(*x, of_item + of_rater - grand).powi(2)).sum::<f64>();
        }
        (items > 0.0).then(|| Self {
            n,
            k,
            items: items / (n - 1.0),
            raters: between / (k - 1.0),
            rest: rest / ((n - 1.0) * (k - 1.0)),
            within: (between + rest) / (n * (k - 1.0)),
        })
    }

    /// Interval of ICC(2,1), with Satterthwaite's degrees of freedom.
    fn absolute_interval(self, icc2: f64) -> Option<[f64; 2]> {
        let Self { n, k, items, raters, rest, .. } = self;
        let (ratio, chance) = (raters / rest, n * (1.0 + (k - 1.0) * icc2) - k * icc2);
        let above = (n - 1.0) * (k - 1.0) * (k * icc2 * ratio + chance).powi(2);
        let v = above / ((n - 1.0) * (k * icc2 * ratio).powi(2) + chance.powi(2));
        let (upper, lower) = (f_critical(0.025, n - 1.0, v)?, f_critical(0.025, v, n - 1.0)?);
        let noise = k * raters + (k * n - k - n) * rest;
        let ends = [n * (items - upper * rest) / (upper * noise + n * items), n * (lower * items - rest) / (noise + n * lower * items)];
        ends.iter().all(|end| end.is_finite()).then_some(ends)
    }
}

/// F of items over something, and F divided and multiplied by its 0.975 quantiles.
struct Ratio {
    f: Option<f64>,
    df: [f64; 2],
    p: Option<f64>,
    ends: Option<[f64; 2]>,
}

impl Ratio {
    fn of(above: f64, below: f64, df: [f64; 2]) -> Self {
        let f = (below > 0.0).then(|| above / below);
        let p = f.map(|f| f_sf(f, df[0], df[1]));
        let ends = f.and_then(|f| Some([f / f_critical(0.025, df[0], df[1])?, f * f_critical(0.025, df[1], df[0])?]));
        Self { f, df, p, ends }
    }

    const fn form(&self, value: f64, ci95: Option<[f64; 2]>) -> IccForm {
        IccForm { value, f: self.f, df: self.df, p: self.p, ci95 }
    }
}
