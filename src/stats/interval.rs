//! 95 % intervals of a mean and of a proportion.

use super::special::{Z975, t_critical};
use super::{mean, sd};

/// Student-t 95 % interval `[lo, hi]` of the mean, mean +- t(0.975, n - 1) sd / sqrt(n); `None` below two values.
///
/// It takes the values as independent. It may reach beyond the scale's ends, and is not cut there.
pub fn mean_interval(sample: &[f64]) -> Option<[f64; 2]> {
    let (mean, sd) = (mean(sample)?, sd(sample)?);
    let half = t_critical(0.05, (sample.len() - 1) as f64)? * sd / (sample.len() as f64).sqrt();
    Some([mean - half, mean + half])
}

/// Wilson 95 % score interval of a proportion seen as `share`, 0..=1, of `n`; `None` when `n` is 0 or the share is none.
///
/// Wilson (1927), "Probable inference, the law of succession, and statistical inference". A share that is a mean of shares (repeats of an
/// item) varies less than one of yes and no, so that the interval is then too wide rather than too narrow.
pub fn wilson(share: f64, n: usize) -> Option<[f64; 2]> {
    if n == 0 || !(0.0..=1.0).contains(&share) {
        return None;
    }
    let (p, n) = (share, n as f64);
    let z2 = Z975 * Z975;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z975 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Some([(centre - half).max(0.0), (centre + half).min(1.0)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn undefined_is_none() {
        assert_eq!((mean_interval(&[]), mean_interval(&[4.0])), (None, None));
        assert_eq!((wilson(0.0, 0), wilson(2.0, 1)), (None, None));
    }

    proptest! {
        #[test]
        fn the_wilson_interval_holds_the_proportion(n in 1..500usize, share in 0.0..=1.0f64) {
            let [lo, hi] = wilson(share, n).unwrap();
            prop_assert!(0.0 <= lo && lo <= share + 1e-12 && share <= hi + 1e-12 && hi <= 1.0);
        }

        #[test]
        fn more_of_the_same_narrows_the_interval(sample in proptest::collection::vec(1.0..5.0f64, 2..30)) {
            let width = |s: &[f64]| mean_interval(s).map(|[lo, hi]| hi - lo).unwrap();
            prop_assert!(width(&[&sample[..], &sample[..]].concat()) <= width(&sample));
        }
    }
}
