//! Repeated measures: the same items under every condition.

use super::noncentral::variance_share;
use super::rounding::less;
use super::special::f_sf;
use super::{TestResult, mean};

/// A repeated-measures analysis of variance.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeated {
    /// As if conditions were equally correlated.
    pub uncorrected: TestResult,
    /// With degrees of freedom times `epsilon`, for conditions that are not.
    pub corrected: TestResult,
    /// Greenhouse and Geisser's epsilon, 1 / (k - 1)..=1.
    pub epsilon: f64,
}

/// One-way repeated-measures analysis of variance; each item is a row with one value a condition.
///
/// Greenhouse and Geisser (1959), "On methods in the analysis of profile data". Effects: `partial_eta2` = SSC / (SSC + SSE) and
/// `generalised_eta2` = SSC / (SSC + SSE + SSI), items being part of the noise. `None` below two items or two conditions, when rows have not the
/// same length, or when nothing is left to vary.
pub fn anova_repeated(items: &[&[f64]]) -> Option<Repeated> {
    let (n, k) = (items.len(), items.first()?.len());
    if n < 2 || k < 2 || items.iter().any(|item| item.len() != k) {
        return None;
    }
    let (rows, columns) = (n as f64, k as f64);
    let grand = mean(&items.concat())?;
    let of_items: Vec<f64> = items.iter().map(|item| item.iter().sum::<f64>() / columns).collect();
    let of_conditions: Vec<f64> = (0..k).map(|j| items.iter().map(|item| item[j]).sum::<f64>() / rows).collect();
    let conditions = rows * of_conditions.iter().map(|centre| (centre - grand).powi(2)).sum::<f64>();
    let between = columns * of_items.iter().map(|centre| (centre - grand).powi(2)).sum::<f64>();
    let residual = |i: usize, j: usize| less(items[i][j], of_items[i] + of_conditions[j] - grand);
    let error: f64 = (0..n).flat_map(|i| (0..k).map(move |j| residual(i, j).powi(2))).sum();
    if error <= 0.0 {
        return None;
    }
    let (df, df_error) = (columns - 1.0, (rows - 1.0) * (columns - 1.0));
    let f = conditions / df / (error / df_error);
    // Residuals are centred both ways, so that their products are the doubly centred covariances: trace^2 / ((k - 1) sum of squares).
    let product = |j: usize, l: usize| (0..n).map(|i| residual(i, j) * residual(i, l)).sum::<f64>();
    let squared: f64 = (0..k).flat_map(|j| (0..k).map(move |l| product(j, l).powi(2))).sum();
    let epsilon = (error * error / (df * squared)).min(1.0);
    let effect = [("partial_eta2", conditions / (conditions + error)), ("generalised_eta2", conditions / (conditions + between + error))];
    let result = |df: f64, df_error: f64| {
        let result = TestResult::new(f, [df, df_error], f_sf(f, df, df_error), effect)?;
        Some(TestResult { effect_ci95: variance_share(f, df, df_error, df + df_error + 1.0), ..result })
    };
    Some(Repeated { uncorrected: result(df, df_error)?, corrected: result(df * epsilon, df_error * epsilon)?, epsilon })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_is_none() {
        assert_eq!(anova_repeated(&[]), None);
        assert_eq!(anova_repeated(&[&[1.0, 2.0]]), None);
        assert_eq!(anova_repeated(&[&[1.0], &[2.0]]), None);
        assert_eq!(anova_repeated(&[&[1.0, 2.0], &[2.0]]), None);
        assert_eq!(anova_repeated(&[&[1.0, 2.0], &[3.0, 4.0]]), None, "items differ, and nothing else varies");
        let thirds = [4.0 / 3.0 - 1.0, 7.0 / 3.0 - 2.0, 4.0 - 11.0 / 3.0];
        let rounded: Vec<[f64; 2]> = (0..9).map(|at| [thirds[at % 3], 1.0 + thirds[at / 3]]).collect();
        assert_eq!(anova_repeated(&rounded.iter().map(|row| &row[..]).collect::<Vec<_>>()), None, "nothing varies but by rounding");
    }

    #[test]
    fn the_interval_is_of_the_effect_that_stands_beside_it() {
        // The second of two conditions is two levels higher, give or take one.
        let items: Vec<[f64; 2]> = (0..400).map(|at| [f64::from(at % 5), f64::from(at % 5 + [1, 2, 2, 3][at as usize / 5 % 4])]).collect();
        let found = anova_repeated(&items.iter().map(|row| &row[..]).collect::<Vec<_>>()).unwrap().uncorrected;
        let ([lo, hi], effect) = (found.effect_ci95.unwrap(), found.effect["partial_eta2"]);
        assert!(lo < effect && effect < hi && effect > 0.8, "{lo} {effect} {hi}");
    }

    #[test]
    fn two_conditions_are_a_paired_t_test() {
        let items: [&[f64]; 4] = [&[5.0, 3.0], &[4.0, 4.0], &[2.0, 1.0], &[5.0, 2.0]];
        let differences: Vec<f64> = items.iter().map(|item| item[0] - item[1]).collect();
        let (t, f) = (crate::stats::paired_t(&differences).unwrap(), anova_repeated(&items).unwrap());
        assert!((t.statistic.powi(2) - f.uncorrected.statistic).abs() < 1e-12 && (t.p - f.corrected.p).abs() < 1e-12);
        assert!((f.epsilon - 1.0).abs() < 1e-12);
    }
}
