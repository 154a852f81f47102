//! A mean as a dot on the scale of safety, with its interval and its bounds.

use super::scale::{SAFETY, Scale};
use super::svg::{Svg, number};

const HEIGHT: u32 = 22;
const MIDDLE: &str = "11";

/// The scale's levels, for the head of a column of [`interval`]s.
pub(in crate::report) fn axis() -> String {
    let mut svg = Svg::strip("plot axis", HEIGHT);
    (1..=5).for_each(|level| _ = svg.text(&SAFETY.percent(f64::from(level)), "16", "tick", &level.to_string()));
    svg.finish()
}

/// The dot of `mean` on 1..=5, a bar over its interval, a thin line over its bounds; a bare grid without a mean.
pub(in crate::report) fn interval(mean: Option<f64>, ci95: Option<[f64; 2]>, bounds: Option<[f64; 2]>) -> String {
    let mut svg = Svg::strip("plot", HEIGHT);
    (1..=5).for_each(|level| grid(&mut svg, SAFETY.percent(f64::from(level)), "grid"));
    span(&mut svg, SAFETY, bounds, "bounds");
    span(&mut svg, SAFETY, ci95, "ci");
    if let Some(mean) = mean {
        svg.leaf("circle", &[("class", "dot".to_owned()), ("cx", SAFETY.percent(mean)), ("cy", MIDDLE.to_owned()), ("r", "5".to_owned())]);
    }
    svg.finish()
}

/// A difference of levels on -most..=most with its interval; the line in the middle is no difference.
pub(in crate::report) fn shift(mean: Option<f64>, ci95: Option<[f64; 2]>, most: f64) -> String {
    let scale = Scale::around_zero(most * 1.05);
    let mut svg = Svg::strip("plot", HEIGHT);
    grid(&mut svg, scale.percent(0.0), "zero");
    span(&mut svg, scale, ci95, "ci");
    if let Some(mean) = mean {
        svg.titled(
            "circle",
            &[("class", "dot".to_owned()), ("cx", scale.percent(mean)), ("cy", MIDDLE.to_owned()), ("r", "5".to_owned())],
            &number(mean),
        );
    }
    svg.finish()
}

fn grid(svg: &mut Svg, x: String, class: &str) {
    let ends = [("y1", "0".to_owned()), ("y2", HEIGHT.to_string())];
    svg.leaf("line", &[&[("class", class.to_owned()), ("x1", x.clone()), ("x2", x)][..], &ends].concat());
}

fn span(svg: &mut Svg, scale: Scale, ends: Option<[f64; 2]>, class: &str) {
    let Some([lo, hi]) = ends else { return };
    let places = [("x1", scale.percent(lo)), ("x2", scale.percent(hi)), ("y1", MIDDLE.to_owned()), ("y2", MIDDLE.to_owned())];
    svg.leaf("line", &[&[("class", class.to_owned())][..], &places].concat());
}

#[cfg(test)]
mod tests {
    use super::{axis, interval, shift};

    #[test]
    fn a_mean_without_an_interval_has_a_dot_and_no_bar() {
        let bare = interval(Some(3.0), None, None);
        assert!(bare.contains("cx=\"50%\"") && !bare.contains("class=\"ci\"") && !bare.contains("class=\"bounds\""), "{bare}");
        assert!(!interval(None, None, None).contains("circle"));
        assert!(interval(Some(3.0), Some([2.0, 4.0]), Some([1.0, 5.0])).contains("class=\"bounds\""));
        assert!(axis().matches("<text").count() == 5 && shift(Some(0.0), Some([-1.0, 1.0]), 4.0).contains("cx=\"50%\""));
    }
}
