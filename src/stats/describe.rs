//! Location and spread of one sample.

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

/// Sum of squared distances from the mean; `None` for an empty sample.
pub(super) fn squares(sample: &[f64]) -> Option<f64> {
    let centre = mean(sample)?;
    Some(sample.iter().map(|x| (x - centre).powi(2)).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn undefined_is_none() {
        assert_eq!((mean(&[]), sd(&[3.0]), cv(&[3.0]), cv(&[-1.0, 1.0])), (None, None, None, None));
        assert_eq!((mean(&[3.0]), sd(&[3.0, 3.0])), (Some(3.0), Some(0.0)));
    }

    proptest! {
        #[test]
        fn shifting_moves_the_mean_and_keeps_the_spread(sample in proptest::collection::vec(1.0..5.0f64, 2..40), by in -3.0..3.0f64) {
            let moved: Vec<f64> = sample.iter().map(|x| x + by).collect();
            prop_assert!((mean(&moved).unwrap() - mean(&sample).unwrap() - by).abs() < 1e-12);
            prop_assert!((sd(&moved).unwrap() - sd(&sample).unwrap()).abs() < 1e-9);
        }
    }
}
