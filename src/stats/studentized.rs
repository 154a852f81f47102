//! The studentized range distribution, behind Tukey's and Games and Howell's tests.

use super::noncentral::root;
use super::special::{normal_cdf, stirling_error};

/// Step of the inner sum. The integrand is bell-shaped and analytic, for which the trapezoidal rule converges geometrically.
const INNER: f64 = 0.25;

/// Upper tail of the studentized range of `k` means with `df` degrees of freedom; `None` below two means, one degree or a negative `q`.
///
/// The double integral of Copenhaver and Holland (1988), by trapezoidal sums over the logarithm of the standard deviation and over the
/// normal quantile. The tail itself is summed, not 1 minus the rest, so that small probabilities are as good as large ones: within 1e-11 of
/// what mpmath gives.
pub(super) fn range_sf(q: f64, k: usize, df: f64) -> Option<f64> {
    if k < 2 || df.is_nan() || df < 1.0 || q.is_nan() || q < 0.0 {
        return None;
    }
    if q == 0.0 {
        return Some(1.0);
    }
    let bell = bell();
    // The logarithm of chi / sqrt(df) has a standard deviation near 1 / sqrt(2 df).
    let step = (0.6 / (2.0 * df).sqrt()).min(0.14);
    let constant = std::f64::consts::LN_2 + 0.5 * (df / 2.0 / std::f64::consts::TAU).ln() - stirling_error(df / 2.0);
    let term = |t: f64| {
        let density = (constant + df * (t - (2.0 * t).exp_m1() / 2.0)).exp();
        if density == 0.0 { 0.0 } else { density * tail_of_range(q * t.exp(), k, &bell) }
    };
    // Near the top of the product, whose tail falls as exp(-w^2 / 4). A walk outwards ends where nothing is added any more.
    let top = -0.5 * (q * q / (2.0 * df)).ln_1p();
    let mut sum = term(top);
    for direction in [-1.0, 1.0] {
        let mut i = 1.0;
        loop {
            let next = term(top + direction * i * step);
            sum += next;
            if next <= 1e-17 * sum {
                break;
            }
            i += 1.0;
        }
    }
    Some((sum * step).min(1.0))
}

/// The `q` beyond which lies `p` of the studentized range, 0 < p < 1.
pub(super) fn range_critical(p: f64, k: usize, df: f64) -> Option<f64> {
    let (mut lo, mut hi) = (0.0, 4.0);
    while range_sf(hi, k, df)? > p {
        (lo, hi) = (hi, hi * 2.0);
        if hi > 1e6 {
            return None;
        }
    }
    // The logarithm of the tail is nearly straight, so that a few of its secants lead there.
    Some(root(|q| range_sf(q, k, df).map_or(f64::NAN, |tail| (tail / p).ln()), lo, hi))
}

/// Nodes z, and at each the normal density times the step, and the normal distribution function.
fn bell() -> Vec<(f64, f64, f64)> {
    let node = |i: i32| {
        let z = f64::from(i) * INNER;
        (z, INNER * (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt(), normal_cdf(z))
    };
    (-36..=120).map(node).collect()
}

/// Probability that the range of `k` standard normal values exceeds `w`.
fn tail_of_range(w: f64, k: usize, bell: &[(f64, f64, f64)]) -> f64 {
    let power = (k - 1) as f64;
    // F^(k-1) - (F - f)^(k-1) without cancellation, where F and f are the distribution function at z and at z - w.
    let term = |(z, weight, below): &(f64, f64, f64)| {
        let far = normal_cdf(z - w) / below;
        if far >= 1.0 { weight * below.powf(power) } else { -weight * below.powf(power) * (power * (-far).ln_1p()).exp_m1() }
    };
    // Left of -9 and beyond w / 2 + 9 nothing is left.
    (k as f64 * bell.iter().take_while(|(z, ..)| *z <= w / 2.0 + 9.0).map(term).sum::<f64>()).min(1.0)
}
