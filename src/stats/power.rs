//! How many items an answer needs.

use super::noncentral::f_cdf;
use super::special::t_critical;

/// Beyond this many items the question is not a practical one.
const MOST: usize = 1 << 40;

/// The fewest independent items whose 95 % Student-t interval reaches at most `half_width` to either side, if they vary by `sd`; 2 or more.
///
/// `None` unless `half_width` is above 0 and `sd` is 0 or more. For means of clusters, `sd` is that of cluster means and the answer counts clusters.
pub fn items_for_width(sd: f64, half_width: f64) -> Option<usize> {
    let valid = sd.is_finite() && sd >= 0.0 && half_width > 0.0;
    let enough = |n: usize| Some(t_critical(0.05, (n - 1) as f64)? * sd <= half_width * (n as f64).sqrt());
    if valid { fewest(enough) } else { None }
}

/// Chance that a two-sided paired t test at the 5 % level sees a true mean difference of `dz` standard deviations among `n` items.
///
/// By the noncentral F distribution of t^2, both tails included. `None` below two items.
pub fn power_paired(dz: f64, n: usize) -> Option<f64> {
    let df = n.checked_sub(1).filter(|df| *df > 0)? as f64;
    let critical = t_critical(0.05, df)?;
    dz.is_finite().then(|| 1.0 - f_cdf(critical * critical, 1.0, df, n as f64 * dz * dz))
}

/// The fewest items with which [`power_paired`] is at least `power`, above 0 and below 1. `None` for an effect of 0.
pub fn items_for_power(dz: f64, power: f64) -> Option<usize> {
    let valid = dz != 0.0 && dz.is_finite() && 0.0 < power && power < 1.0;
    if valid { fewest(|n| Some(power_paired(dz, n)? >= power)) } else { None }
}

/// The least n of 2 or more from which on `enough` holds.
fn fewest(enough: impl Fn(usize) -> Option<bool>) -> Option<usize> {
    let (mut low, mut high) = (1, 2);
    while !enough(high)? {
        (low, high) = (high, high * 2);
        if high > MOST {
            return None;
        }
    }
    while high - low > 1 {
        let mid = usize::midpoint(low, high);
        if enough(mid)? { high = mid } else { low = mid }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::mean_interval;

    #[test]
    fn the_answer_is_the_least_that_suffices() {
        let n = items_for_width(1.2, 0.1).unwrap();
        let half = |n: usize| t_critical(0.05, (n - 1) as f64).unwrap() * 1.2 / (n as f64).sqrt();
        assert!(half(n) <= 0.1 && half(n - 1) > 0.1, "{n}");
        let n = items_for_power(0.3, 0.8).unwrap();
        assert!(power_paired(0.3, n) >= Some(0.8) && power_paired(0.3, n - 1) < Some(0.8), "{n}");
        let [lo, hi] = mean_interval(&[0.0, 2.0f64.sqrt() * 1.2]).unwrap();
        assert_eq!(items_for_width(1.2, (hi - lo) / 2.0 + 1e-9), Some(2));
    }

    #[test]
    fn impossible_questions_have_no_answer() {
        assert_eq!((items_for_width(1.0, 0.0), items_for_width(f64::NAN, 1.0), items_for_width(1.0, 1e-9)), (None, None, None));
        assert_eq!((items_for_power(0.0, 0.8), items_for_power(1.0, 1.0), power_paired(1.0, 1)), (None, None, None));
    }
}
