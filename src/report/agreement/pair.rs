//! Every coefficient of two raters of the same items.

use serde::Serialize;

use crate::stats;
use crate::stats::agreement::{
    BlandAltman, Icc, LEVELS, Metric, Weights, alpha, alpha_interval, bias_interval, bland_altman, cohen, cohen_interval, confusion, icc,
    kendall, level, mae_interval, mean_absolute_error, percent_agreement, spearman, spearman_interval,
};

/// Seed of every bootstrap here: the same run gives the same report.
pub(in crate::report) const SEED: u64 = 0;

/// A number with its 95 % interval; null where undefined.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: Option<f64>,
    /// Of alpha, kappa and Spearman: percentile bootstrap; of MAE and bias: Student's t. All by source items, as what shares one is not independent.
    pub ci95: Option<[f64; 2]>,
}

/// Krippendorff's alpha at each level of measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alphas {
    /// Different or not.
    pub nominal: Estimate,
    /// By ranks: the one to quote for levels of safety.
    pub ordinal: Estimate,
    /// By squared differences.
    pub interval: Estimate,
}

/// Cohen's kappa, over whole levels: what lies between two counts as the nearer one, halves as the more harmful one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kappas {
    /// Different or not.
    pub unweighted: Estimate,
    /// By differences.
    pub linear: Estimate,
    /// By squared differences.
    pub quadratic: Estimate,
}

/// A rank correlation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ranked {
    /// -1..=1.
    pub value: Option<f64>,
    /// Two-sided, as if no two items shared a source.
    pub p: Option<f64>,
    /// Of Spearman's only.
    pub ci95: Option<[f64; 2]>,
}

/// Two raters of the same items, on the scale of safety. Differences are first minus second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pairwise {
    /// Items that both rated.
    pub n: usize,
    /// Krippendorff's alpha.
    pub alpha: Alphas,
    /// Cohen's kappa.
    pub kappa: Kappas,
    /// Intraclass correlations, their intervals as if no two items shared a source; null where undefined.
    pub icc: Option<Icc>,
    /// Spearman's rho.
    pub spearman: Ranked,
    /// Kendall's tau-b.
    pub kendall: Ranked,
    /// Share of items with the same whole level.
    pub percent_agreement: Option<f64>,
    /// Mean absolute difference, in levels.
    pub mae: Estimate,
    /// Mean difference, in levels: above 0 the first rates safer.
    pub bias: Estimate,
    /// Bland-Altman limits of agreement, likewise.
    pub limits: Option<BlandAltman>,
    /// Counts by `[first][second]` of whole levels 1..=5.
    pub confusion: [[usize; LEVELS]; LEVELS],
}

/// The safety that two raters gave each item that both rated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pairs {
    /// The first's and the second's.
    pub values: Vec<(f64, f64)>,
    /// The source of each item.
    pub clusters: Vec<usize>,
}

impl Pairs {
    /// As rows of two.
    pub(in crate::report) fn rows(&self) -> Vec<[f64; 2]> {
        self.values.iter().map(|(a, b)| [*a, *b]).collect()
    }
}

impl FromIterator<(usize, f64, f64)> for Pairs {
    /// The source first.
    fn from_iter<I: IntoIterator<Item = (usize, f64, f64)>>(items: I) -> Self {
        let (clusters, values) = items.into_iter().map(|(cluster, a, b)| (cluster, (a, b))).unzip();
        Self { values, clusters }
    }
}

impl Pairwise {
    /// Of pairs of safety.
    pub fn of(both: &Pairs) -> Self {
        let Pairs { values: pairs, clusters } = both;
        let rows = both.rows();
        let whole: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (level(*a), level(*b))).collect();
        let whole_rows: Vec<[f64; 2]> = whole.iter().map(|(a, b)| [*a, *b]).collect();
        let kappa = |weights| Estimate { value: cohen(weights, &whole), ci95: cohen_interval(weights, &whole, clusters, SEED) };
        let (rho, tau) = (spearman(pairs), kendall(pairs));
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
        Self {
            n: pairs.len(),
            alpha: Alphas::of(&rows, clusters),
            kappa: Kappas { unweighted: kappa(Weights::Unweighted), linear: kappa(Weights::Linear), quadratic: kappa(Weights::Quadratic) },
            icc: icc(&rows),
            spearman: Ranked {
                value: rho.map(|rho| rho.value),
                p: rho.and_then(|rho| rho.p),
                ci95: spearman_interval(pairs, clusters, SEED),
            },
            kendall: Ranked { value: tau.map(|tau| tau.value), p: tau.and_then(|tau| tau.p), ci95: None },
            percent_agreement: percent_agreement(&whole_rows),
            mae: Estimate { value: mean_absolute_error(pairs), ci95: mae_interval(pairs, clusters) },
            bias: Estimate { value: stats::mean(&differences), ci95: bias_interval(pairs, clusters) },
            limits: bland_altman(pairs),
            confusion: confusion(pairs),
        }
    }
}

impl Alphas {
    /// Of items, each with its labels and its source.
    pub(super) fn of<R: AsRef<[f64]>>(rows: &[R], clusters: &[usize]) -> Self {
        let at = |metric| Estimate { value: alpha(metric, rows), ci95: alpha_interval(metric, rows, clusters, SEED) };
        Self { nominal: at(Metric::Nominal), ordinal: at(Metric::Ordinal), interval: at(Metric::Interval) }
    }
}
