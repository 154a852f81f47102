//! How far two groups lie apart, in units that do not grow with n.

use super::describe::squares;
use super::mean;
use super::rounding::{code, distinct};
use super::special::{Z975, stirling_error};

/// Cohen's d: the difference of means in units of the pooled standard deviation; `None` with an empty group, without a degree of freedom, or when
/// neither varies.
pub fn cohens_d(a: &[f64], b: &[f64]) -> Option<f64> {
    let df = (a.len() + b.len()).checked_sub(2).filter(|df| *df > 0)?;
    let pooled = ((squares(a)? + squares(b)?) / df as f64).sqrt();
    (pooled > 0.0).then_some((mean(a)? - mean(b)?) / pooled)
}

/// Hedges' g: Cohen's d without its bias, by the exact factor J(m) = G(m/2) / (sqrt(m/2) G((m-1)/2)), m = n_a + n_b - 2.
///
/// Hedges (1981), "Distribution theory for Glass's estimator of effect size". `None` also at m = 1, where J is 0.
pub fn hedges_g(a: &[f64], b: &[f64]) -> Option<f64> {
    let d = cohens_d(a, b)?;
    let half = (a.len() + b.len() - 2) as f64 / 2.0;
    if half <= 0.5 {
        return None;
    }
    // Log-gammas by Stirling's formula, the large terms cancelled by hand.
    let log = -(half - 1.0) * (-0.5 / half).ln_1p() - 0.5 + stirling_error(half) - stirling_error(half - 0.5);
    Some(d * log.exp())
}

/// Cliff's delta: the chance that a value of `a` exceeds one of `b`, less the chance of the reverse, -1..=1; and its 95 % interval.
///
/// Cliff (1993), "Dominance statistics", with the unbiased variance held above (1 - delta^2) / (n_a n_b - 1); the asymmetric interval of Feng and
/// Cliff (2004), "Monte Carlo evaluation of ordinal d with improved confidence interval". `None` with an empty group; no interval below two values
/// or at -1 and 1, where the variance is 0.
pub fn cliffs_delta(a: &[f64], b: &[f64]) -> Option<(f64, Option<[f64; 2]>)> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let levels = distinct(a.iter().chain(b).copied());
    let codes = |group: &[f64]| group.iter().map(|value| code(&levels, *value)).collect::<Vec<_>>();
    let (a, b) = (codes(a), codes(b));
    let (of_a, of_b) = (dominance(&a, &b), dominance(&b, &a));
    let delta = mean(&of_a)?;
    Some((delta, interval(delta, &of_a, &of_b, unequal(&a, &b))))
}

/// For each value of `a`, the share of `b` below it less the share above it.
fn dominance(a: &[usize], b: &[usize]) -> Vec<f64> {
    let mut sorted = b.to_vec();
    sorted.sort_unstable();
    let below = |x: usize| sorted.partition_point(|y| *y < x) as f64;
    let above = |x: usize| (sorted.len() - sorted.partition_point(|y| *y <= x)) as f64;
    a.iter().map(|x| (below(*x) - above(*x)) / b.len() as f64).collect()
}

/// Pairs that are not tied.
fn unequal(a: &[usize], b: &[usize]) -> f64 {
    let mut sorted = b.to_vec();
    sorted.sort_unstable();
    let tied = |x: &usize| sorted.partition_point(|y| y <= x) - sorted.partition_point(|y| y < x);
    a.iter().map(|x| (b.len() - tied(x)) as f64).sum()
}

fn interval(delta: f64, of_a: &[f64], of_b: &[f64], unequal: f64) -> Option<[f64; 2]> {
    let (n, m) = (of_a.len() as f64, of_b.len() as f64);
    if n < 2.0 || m < 2.0 || delta.abs() >= 1.0 {
        return None;
    }
    let rows: f64 = of_a.iter().map(|d| (d - delta).powi(2)).sum();
    let columns: f64 = of_b.iter().map(|d| (-d - delta).powi(2)).sum();
    // The squares of -1, 0 and 1 sum to the pairs that are not tied.
    let cells = unequal - n * m * delta * delta;
    let unbiased = (m * m * rows + n * n * columns - cells) / (n * m * (n - 1.0) * (m - 1.0));
    let rest = 1.0 - delta * delta;
    let z2 = Z975 * Z975 * unbiased.max(rest / (n * m - 1.0));
    let half = z2.sqrt() * (rest * rest + z2).sqrt();
    Some([-1.0, 1.0].map(|side| (delta - delta.powi(3) + side * half) / (rest + z2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_is_none() {
        assert!(cohens_d(&[1.0], &[2.0]).is_none() && cohens_d(&[2.0, 2.0], &[2.0]).is_none() && cohens_d(&[], &[1.0, 2.0]).is_none());
        assert!(cohens_d(&[11.0 / 3.0 - 10.0 / 3.0; 30], &[4.2 - 4.0; 30]).is_none(), "neither varies but by rounding");
        assert!(hedges_g(&[1.0, 2.0], &[4.0]).is_none(), "its factor is 0");
        assert_eq!(cliffs_delta(&[], &[1.0]), None);
        assert_eq!(cliffs_delta(&[5.0, 4.0], &[1.0, 2.0]), Some((1.0, None)));
    }
}
