//! Distribution functions good to about 1e-13 at any size of sample. The library's incomplete beta function stops after 140 terms,
//! which is too few for 10^5 items.

use std::f64::consts::TAU;

use statrs::distribution::{ChiSquared, ContinuousCDF};
use statrs::function::erf::{erfc, erfc_inv};

/// 0.975 quantile of the standard normal distribution.
pub(super) const Z975: f64 = 1.959_963_984_540_054;

/// Distribution function of the standard normal.
pub(super) fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

/// Both tails of the standard normal beyond |z|.
pub(super) fn normal_two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Quantile of the standard normal; infinite at 0 and 1.
pub(super) fn normal_quantile(p: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p)
}

/// Upper tail of chi-squared with `df` degrees of freedom.
pub(super) fn chi2_sf(x: f64, df: f64) -> Option<f64> {
    Some(ChiSquared::new(df).ok()?.sf(x.max(0.0)))
}

/// Upper tail of F(d1, d2).
pub(super) fn f_sf(f: f64, d1: f64, d2: f64) -> f64 {
    let whole = d1 * f + d2;
    if f <= 0.0 { 1.0 } else { beta_reg(d2 / 2.0, d1 / 2.0, d2 / whole, d1 * f / whole) }
}

/// Both tails of Student's t with `df` degrees of freedom beyond |t|.
pub(super) fn t_two_sided(t: f64, df: f64) -> f64 {
    f_sf(t * t, 1.0, df)
}

/// The t beyond which both tails together hold `p`, 0 < p < 1; `None` without a degree of freedom.
///
/// Newton's steps from the normal quantile, which lies below: the tail is convex there, so that they cannot overshoot.
pub(super) fn t_critical(p: f64, df: f64) -> Option<f64> {
    if df.is_nan() || df <= 0.0 {
        return None;
    }
    let mut t = normal_quantile(1.0 - p / 2.0);
    for _ in 0..200 {
        let step = (t_two_sided(t, df) - p) / (2.0 * t_density(t, df));
        t += step;
        if step.abs() <= 1e-15 * t {
            break;
        }
    }
    t.is_finite().then_some(t)
}

/// The F(d1, d2) beyond which the upper tail holds `p`, 0 < p < 1; `None` for degrees of freedom that are none. By bisection on the
/// scale of logarithms, down to neighbouring numbers.
pub(super) fn f_critical(p: f64, d1: f64, d2: f64) -> Option<f64> {
    if !(d1 > 0.0 && d2 > 0.0 && d1.is_finite() && d2.is_finite()) {
        return None;
    }
    let (mut lo, mut hi) = (-700.0_f64, 700.0_f64);
    // 1400 / 2^64 is below the distance of numbers around 1.
    for _ in 0..64 {
        let middle = f64::midpoint(lo, hi);
        if f_sf(middle.exp(), d1, d2) > p { lo = middle } else { hi = middle }
    }
    Some(f64::midpoint(lo, hi).exp())
}

fn t_density(t: f64, df: f64) -> f64 {
    let whole = df + t * t;
    // By t^2 ~ F(1, df): the derivative of the incomplete beta function.
    beta_density(df / 2.0, 0.5, df / whole, t * t / whole) / t
}

/// x^a y^b / B(a, b) with y = 1 - x.
///
/// Loader (2000), "Fast and accurate computation of binomial probabilities": deviances instead of differences of log-gammas, which would
/// lose a digit for each power of ten of a + b.
#[expect(clippy::many_single_char_names, reason = "the letters of the formula")]
pub(super) fn beta_density(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 || y <= 0.0 {
        return 0.0;
    }
    let n = a + b;
    let log = stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
    (log - 0.5 * (TAU * a / n * b).ln()).exp() * a / n * b
}

/// Probability of `j` under Poisson's law, j > 0, in the same way.
pub(super) fn poisson(j: f64, mean: f64) -> f64 {
    (-stirling_error(j) - deviance(j, mean)).exp() / (TAU * j).sqrt()
}

/// I_x(a, b), the regularised incomplete beta function, with y = 1 - x given apart so that neither is rounded; by its continued fraction.
pub(super) fn beta_reg(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    let front = beta_density(a, b, x, y);
    if x * (a + b + 2.0) <= a + 1.0 { front * fraction(a, b, x) / a } else { 1.0 - front * fraction(b, a, y) / b }
}

/// Lentz's evaluation of the continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions.
#[expect(clippy::many_single_char_names, reason = "the letters of the formula")]
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    // It needs some sqrt(max(a, b)) rounds.
    for m in 1..100_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        result *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        result *= c * d;
        if (c * d - 1.0).abs() < 4.0 * f64::EPSILON {
            break;
        }
    }
    result
}

/// ln(x!) less Stirling's formula, x > 0.
pub(super) fn stirling_error(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.0);
    while x < 12.0 {
        below += (x + 0.5) * (1.0 / x).ln_1p() - 1.0;
        x += 1.0;
    }
    let x2 = x * x;
    let series = [1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0].into_iter();
    below + series.fold(-691.0 / 360_360.0, |sum, term| sum / x2 + term) / x
}

/// x ln(x / m) + m - x without cancellation where x is near m.
fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    let v = (x - m) / (x + m);
    let (mut sum, mut power) = ((x - m) * v, 2.0 * x * v);
    for j in 1..1000 {
        power *= v * v;
        let term = power / f64::from(2 * j + 1);
        sum += term;
        if term.abs() <= f64::EPSILON / 4.0 * sum.abs() {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_one() {
        for (a, b, x) in [(0.5, 0.5, 0.3), (17.5, 30_000.0, 0.0006), (2e5, 3e5, 0.4001), (1.0, 1.0, 0.25)] {
            let (left, right) = (beta_reg(a, b, x, 1.0 - x), beta_reg(b, a, 1.0 - x, x));
            assert!((left + right - 1.0).abs() < 1e-12, "{left} and {right}");
        }
        assert!((beta_reg(1.0, 1.0, 0.25, 0.75) - 0.25).abs() < 1e-15);
        assert_eq!((t_critical(0.05, 0.0), t_critical(0.05, f64::NAN)), (None, None));
    }
}
