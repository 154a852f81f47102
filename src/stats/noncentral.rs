//! The noncentral F distribution, and intervals of the share of variance from it.

use super::special::{beta_density, beta_reg, poisson};

/// Distribution function of the noncentral F with noncentrality `lambda`: incomplete beta functions weighted by Poisson probabilities.
///
/// From the top down, since there the recurrence I(a, b) = I(a + 1, b) + x^a y^b / (a B(a, b)) only adds. Good to about 1e-12, absolutely.
#[expect(clippy::many_single_char_names, reason = "the letters of the formula")]
pub(super) fn f_cdf(f: f64, d1: f64, d2: f64, lambda: f64) -> f64 {
    if f <= 0.0 {
        return 0.0;
    }
    let (half, b, whole) = (lambda / 2.0, d2 / 2.0, d1 * f + d2);
    let (x, y) = (d1 * f / whole, d2 / whole);
    if lambda <= 0.0 {
        return beta_reg(d1 / 2.0, b, x, y);
    }
    // Beyond, the Poisson tail is below 1e-17.
    let top = (half + 9.0 * half.sqrt() + 30.0).ceil();
    let mut weight = poisson(top, half);
    let mut beta = beta_reg(d1 / 2.0 + top, b, x, y);
    let mut step = beta_density(d1 / 2.0 + top, b, x, y) / (d1 / 2.0 + top);
    let (mut j, mut sum) = (top, 0.0);
    loop {
        sum += weight * beta;
        if j < 1.0 || (j < half && weight < 1e-18) {
            return sum.min(1.0);
        }
        let a = d1 / 2.0 + j;
        step *= a / ((a + b - 1.0) * x);
        beta += step;
        weight *= j / half;
        j -= 1.0;
    }
}

/// 95 % interval of the population's (partial) share of variance behind an F test, lambda / (lambda + n): the noncentralities under which `f` is the 0.975
/// and the 0.025 quantile; an end that no noncentrality reaches is 0.
///
/// `n` is the number of observations of one or two factors (Steiger 2004, "Beyond the F test"): the share is what partial omega^2 estimates, and partial eta^2 of
/// many cells with few observations each lies above it. Of repeated measures it is d1 + d2 + 1 (Smithson 2003, "Confidence Intervals"): the share of what items leave.
pub(super) fn variance_share(f: f64, d1: f64, d2: f64, n: f64) -> Option<[f64; 2]> {
    let share = |p| noncentrality(f, d1, d2, p).map(|lambda| lambda / (lambda + n));
    Some([share(0.975)?, share(0.025)?])
}

/// The noncentrality under which `f` is the `p` quantile; 0 when even the central distribution has it lower.
fn noncentrality(f: f64, d1: f64, d2: f64, p: f64) -> Option<f64> {
    if !f.is_finite() {
        return None;
    }
    let excess = |lambda: f64| f_cdf(f, d1, d2, lambda) - p;
    if excess(0.0) <= 0.0 {
        return Some(0.0);
    }
    let (mut lo, mut hi) = (0.0, (d1 * f).max(1.0));
    while excess(hi) > 0.0 {
        (lo, hi) = (hi, hi * 2.0);
        if hi > 1e9 {
            return None;
        }
    }
    Some(root(excess, lo, hi))
}

/// A root between `lo` and `hi`, where the sign changes: secants, and halves of what is left where a secant leads beyond (Dekker 1969, "Finding a zero
/// by means of successive linear interpolation"). A secant step this small leaves an error in the last digits.
pub(super) fn root(function: impl Fn(f64) -> f64, lo: f64, hi: f64) -> f64 {
    const SMALL: f64 = 1e-9;
    let (mut far, mut near) = ((lo, function(lo)), (hi, function(hi)));
    let mut last = far;
    for _ in 0..200 {
        let middle = f64::midpoint(near.0, far.0);
        let secant = near.0 - near.1 * (near.0 - last.0) / (near.1 - last.1);
        let leads = (secant - near.0) * (secant - middle) < 0.0;
        let next = if leads { secant } else { middle };
        let (step, tolerance) = ((next - near.0).abs(), if leads { SMALL } else { 1e-14 });
        last = near;
        near = (next, function(next));
        if (near.1 > 0.0) != (last.1 > 0.0) {
            far = last;
        }
        if far.1.abs() < near.1.abs() {
            (near, far) = (far, near);
        }
        if near.1 == 0.0 || step <= tolerance * next.abs() {
            break;
        }
    }
    near.0
}
