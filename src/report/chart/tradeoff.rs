//! What a sampling strategy costs against what it misses: one point a strategy.

use super::scale::Scale;
use super::svg::{Svg, number};

const WIDTH: u32 = 560;
const HEIGHT: u32 = 260;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 30.0;

/// One strategy.
#[derive(Debug, Clone)]
pub(in crate::report) struct Point<'a> {
    /// Its name.
    pub name: &'a str,
    /// Across: what it costs.
    pub cost: f64,
    /// Up: what it misses.
    pub missed: f64,
}

/// Points over both axes, which start at 0; the best are at the bottom left.
pub(in crate::report) fn tradeoff(points: &[Point], label: (&str, &str)) -> String {
    let across = Scale::from_zero(points.iter().map(|point| point.cost));
    let up = Scale::from_zero(points.iter().map(|point| point.missed));
    let (wide, high) = (f64::from(WIDTH) - LEFT - RIGHT, f64::from(HEIGHT) - TOP - BOTTOM);
    let (x, y) = (|cost: f64| LEFT + across.share(cost) * wide, |missed: f64| TOP + (1.0 - up.share(missed)) * high);
    let mut svg = Svg::drawing("tradeoff", (WIDTH, HEIGHT), label);
    for (x1, y1, x2, y2) in [(LEFT, TOP + high, LEFT + wide, TOP + high), (LEFT, TOP, LEFT, TOP + high)] {
        let ends = [("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)].map(|(key, at)| (key, number(at)));
        svg.leaf("line", &[&[("class", "grid".to_owned())][..], &ends].concat());
    }
    let most = |value: fn(&Point) -> f64| points.iter().map(value).fold(0.0, f64::max);
    let (dear, far) = (most(|point| point.cost), most(|point| point.missed));
    svg.text(&number(LEFT), &number(TOP + high + 20.0), "tick", "0").text(
        &number(x(dear)),
        &number(TOP + high + 20.0),
        "tick",
        &number(dear),
    );
    svg.text(&number(LEFT - 24.0), &number(y(far) + 4.0), "tick", &number(far));
    for point in points {
        let (cx, cy) = (x(point.cost), y(point.missed));
        let place = [("cx", cx), ("cy", cy), ("r", 5.0)].map(|(key, at)| (key, number(at)));
        svg.leaf("circle", &[&[("class", "dot".to_owned())][..], &place].concat());
        svg.text(&number(cx + 9.0), &number(cy + 4.0), "name", point.name);
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::{Point, tradeoff};

    #[test]
    fn the_dearest_is_at_the_right() {
        let point = |name, cost, missed| Point { name, cost, missed };
        let chart = tradeoff(&[point("uniform:8", 8.0, 0.1), point("middle", 1.0, 0.4)], ("x", "x"));
        let cx: Vec<f64> = chart.split("cx=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect();
        assert!(cx.len() == 2 && cx[0] > cx[1], "{chart}");
        assert!(tradeoff(&[], ("x", "x")).ends_with("</svg>"));
    }
}
