//! Location and spread of one sample.

use super::rounding::less;

/// Arithmetic mean; `None` for an empty sample.
pub fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// Sample standard deviation with n - 1 in the denominator (ddof 1); `None` below two values.
pub fn sd(sample: &[f64]) -> Option<f64> {
    if sample.len() < 2 {
        return None;
    }
    Some((squares(sample)? / (sample.len() - 1) as f64).sqrt())
}

/// Coefficient of variation, sd / mean, as a fraction; `None` below two values or around a mean of zero.
pub fn cv(sample: &[f64]) -> Option<f64> {
    let mean = mean(sample).filter(|mean| *mean != 0.0)?;
    Some(sd(sample)? / mean)
}

/// The middle value, or the mean of the two middle ones; `None` for an empty sample.
pub fn median(sample: &[f64]) -> Option<f64> {
    quantiles(sample, [0.5]).map(|[median]| median)
}

/// Quantiles at `shares`, each 0..=1, by linear interpolation between the order statistics around (n - 1) p, the sample's definition 7 of
/// Hyndman and Fan (1996), "Sample quantiles in statistical packages". `None` for an empty sample.
pub fn quantiles<const N: usize>(sample: &[f64], shares: [f64; N]) -> Option<[f64; N]> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| shares.map(|share| of_sorted(&sorted, share)))
}

/// One quantile of an ascending sample that is not empty.
pub(super) fn of_sorted(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * share.clamp(0.0, 1.0);
    let below = sorted[at.floor() as usize];
    let above = sorted[at.ceil() as usize];
    below + (above - below) * at.fract()
}

/// Share of values at or below `level`, 0..=1; `None` for an empty sample.
pub fn share_at_most(sample: &[f64], level: f64) -> Option<f64> {
    let low = sample.iter().filter(|value| **value <= level).count();
    (!sample.is_empty()).then(|| low as f64 / sample.len() as f64)
}

/// The mean if `unknown` further values were all `worst`, and all `best`: what the mean can be when values are not missing at random
/// (Manski 1989, "Anatomy of the selection problem"). `None` when there is nothing at all.
pub fn mean_bounds(sample: &[f64], unknown: usize, worst: f64, best: f64) -> Option<[f64; 2]> {
    let n = sample.len() + unknown;
    let known: f64 = sample.iter().sum();
    (n > 0).then(|| [worst, best].map(|level| (known + level * unknown as f64) / n as f64))
}

/// Sum of squared distances from the mean, exactly 0 where values differ by rounding alone; `None` for an empty sample.
pub(super) fn squares(sample: &[f64]) -> Option<f64> {
    let centre = mean(sample)?;
    Some(sample.iter().map(|x| less(*x, centre).powi(2)).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn undefined_is_none() {
        assert_eq!((mean(&[]), sd(&[3.0]), cv(&[3.0]), cv(&[-1.0, 1.0])), (None, None, None, None));
        assert_eq!((mean(&[3.0]), sd(&[3.0, 3.0])), (Some(3.0), Some(0.0)));
        assert_eq!((median(&[]), share_at_most(&[], 2.0), mean_bounds(&[], 0, 1.0, 5.0)), (None, None, None));
    }

    #[test]
    fn what_differs_by_rounding_alone_does_not_vary() {
        let third = 11.0 / 3.0 - 10.0 / 3.0;
        assert!((2..200).all(|n| sd(&vec![third; n]) == Some(0.0)));
        let thirds = [4.0 / 3.0 - 1.0, 7.0 / 3.0 - 2.0, 4.0 - 11.0 / 3.0];
        assert!(thirds[0] < thirds[1] && sd(&thirds) == Some(0.0));
    }

    #[test]
    fn failures_bound_the_mean() {
        assert_eq!(mean_bounds(&[4.0], 1, 1.0, 5.0), Some([2.5, 4.5]));
        assert_eq!(mean_bounds(&[], 2, 1.0, 5.0), Some([1.0, 5.0]));
    }

    proptest! {
        #[test]
        fn shifting_moves_the_mean_and_keeps_the_spread(sample in proptest::collection::vec(1.0..5.0f64, 2..40), by in -3.0..3.0f64) {
            let moved: Vec<f64> = sample.iter().map(|x| x + by).collect();
            prop_assert!((mean(&moved).unwrap() - mean(&sample).unwrap() - by).abs() < 1e-12);
            prop_assert!((sd(&moved).unwrap() - sd(&sample).unwrap()).abs() < 1e-9);
        }

        #[test]
        fn quantiles_ascend_within_the_sample(sample in proptest::collection::vec(1.0..5.0f64, 1..40)) {
            let ends = quantiles(&sample, [0.0, 0.25, 0.5, 0.75, 1.0]).unwrap();
            prop_assert!(ends.is_sorted());
            prop_assert!(share_at_most(&sample, ends[4]) == Some(1.0) && sample.contains(&ends[0]));
        }
    }
}
