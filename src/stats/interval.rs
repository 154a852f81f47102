//! 95 % intervals of a mean and of a proportion.

use std::collections::BTreeMap;

use super::bootstrap::NoInterval;
use super::special::{Z975, t_critical};
use super::{mean, sd};

/// Student-t 95 % interval `[lo, hi]` of the mean, mean +- t(0.975, n - 1) sd / sqrt(n).
///
/// There is none below two values, and none where they do not vary: that a sample is constant does not say how far another would be.
/// It takes the values as independent. It may reach beyond the scale's ends, and is not cut there.
pub fn mean_interval(sample: &[f64]) -> Result<[f64; 2], NoInterval> {
    let few = NoInterval::TooFewClusters;
    let (mean, sd) = (mean(sample).ok_or(few)?, sd(sample).ok_or(few)?);
    if sd <= 0.0 {
        return Err(NoInterval::Constant);
    }
    let half = t_critical(0.05, (sample.len() - 1) as f64).ok_or(few)? * sd / (sample.len() as f64).sqrt();
    Ok([mean - half, mean + half])
}

/// Student-t 95 % interval `[lo, hi]` of the mean of values that come in clusters, mean +- t(0.975, C - 1) se, where C is the number of clusters and
/// se^2 = C / (C - 1) times the sum over clusters of the square of their deviations' sum / n^2; `clusters` are those of the values.
///
/// Liang and Zeger (1986), "Longitudinal data analysis using generalized linear models". With one value a cluster that is [`mean_interval`].
pub fn clustered_mean_interval(sample: &[f64], clusters: &[usize]) -> Result<[f64; 2], NoInterval> {
    mean_interval(sample)?;
    let mean = mean(sample).ok_or(NoInterval::TooFewClusters)?;
    let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
    clusters.iter().zip(sample).for_each(|(cluster, value)| *sums.entry(*cluster).or_default() += value - mean);
    let c = sums.len() as f64;
    let t = t_critical(0.05, c - 1.0).filter(|_| sums.len() > 1).ok_or(NoInterval::TooFewClusters)?;
    let half = t * (c / (c - 1.0) * sums.values().map(|sum| sum * sum).sum::<f64>()).sqrt() / sample.len() as f64;
    if half > 0.0 { Ok([mean - half, mean + half]) } else { Err(NoInterval::Constant) }
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
        assert_eq!([&[][..], &[4.0]].map(mean_interval), [Err(NoInterval::TooFewClusters); 2]);
        assert_eq!(mean_interval(&[4.0, 4.0]), Err(NoInterval::Constant));
        assert_eq!((wilson(0.0, 0), wilson(2.0, 1)), (None, None));
    }

    #[test]
    fn values_of_one_cluster_count_as_one() {
        let sample = [4.0, 1.0, 3.0, 5.0];
        let [alone, twice] = [[0, 1, 2, 3].to_vec(), [0, 1, 2, 3].repeat(2)];
        let [lo, hi] = mean_interval(&sample).unwrap();
        for (sample, clusters) in [(sample.to_vec(), alone), (sample.repeat(2), twice)] {
            let [low, high] = clustered_mean_interval(&sample, &clusters).unwrap();
            assert!((low - lo).abs() < 1e-12 && (high - hi).abs() < 1e-12, "{low} {high}");
        }
        assert_eq!(clustered_mean_interval(&sample, &[7; 4]), Err(NoInterval::TooFewClusters));
        assert_eq!(clustered_mean_interval(&[2.0; 4], &[0, 1, 2, 3]), Err(NoInterval::Constant));
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
