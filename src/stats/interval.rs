//! 95 % intervals of a mean and of a proportion.

use statrs::distribution::{Continuous, ContinuousCDF, StudentsT};

use super::{mean, sd};

/// 0.975 quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Student-t 95 % interval `[lo, hi]` of the mean, mean +- t(0.975, n - 1) sd / sqrt(n); `None` below two values.
///
/// It takes the values as independent. It may reach beyond the scale's ends, and is not cut there.
pub fn mean_interval(sample: &[f64]) -> Option<[f64; 2]> {
    let (mean, sd) = (mean(sample)?, sd(sample)?);
    let half = t_quantile((sample.len() - 1) as f64)? * sd / (sample.len() as f64).sqrt();
    Some([mean - half, mean + half])
}

/// Wilson 95 % score interval of `k` successes among `n`; `None` when `n` is 0 or less than `k`.
///
/// Wilson (1927), "Probable inference, the law of succession, and statistical inference".
pub fn wilson(k: usize, n: usize) -> Option<[f64; 2]> {
    if n == 0 || k > n {
        return None;
    }
    let (p, n) = (k as f64 / n as f64, n as f64);
    let z2 = Z * Z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Some([(centre - half).max(0.0), (centre + half).min(1.0)])
}

/// 0.975 quantile of Student's t. The library's inverse is good to a few digits only; Newton steps on its exact
/// distribution function bring the rest.
fn t_quantile(df: f64) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, df).ok()?;
    let mut x = t.inverse_cdf(0.975);
    for _ in 0..4 {
        x += (t.sf(x) - 0.025) / t.pdf(x);
    }
    x.is_finite().then_some(x)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn undefined_is_none() {
        assert_eq!((mean_interval(&[]), mean_interval(&[4.0])), (None, None));
        assert_eq!((wilson(0, 0), wilson(2, 1)), (None, None));
    }

    proptest! {
        #[test]
        fn the_wilson_interval_holds_the_proportion(n in 1..500usize, share in 0.0..=1.0f64) {
            let k = (share * n as f64) as usize;
            let [lo, hi] = wilson(k, n).unwrap();
            let p = k as f64 / n as f64;
            prop_assert!(0.0 <= lo && lo <= p + 1e-12 && p <= hi + 1e-12 && hi <= 1.0);
        }

        #[test]
        fn more_of_the_same_narrows_the_interval(sample in proptest::collection::vec(1.0..5.0f64, 2..30)) {
            let width = |s: &[f64]| mean_interval(s).map(|[lo, hi]| hi - lo).unwrap();
            prop_assert!(width(&[&sample[..], &sample[..]].concat()) <= width(&sample));
        }
    }
}
