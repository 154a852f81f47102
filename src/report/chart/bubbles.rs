//! Judge against humans: one bubble for each pair of scores, its area by how many items have it.

use std::collections::BTreeMap;

use super::svg::{Svg, number};

/// Pixels from one level to the next.
const STEP: f64 = 56.0;
/// Pixels to the left of level 1, and beneath it.
const LEFT: f64 = 64.0;
const SIZE: u32 = 330;
/// Radius of the bubble with the most items.
const LARGEST: f64 = 22.0;

/// `pairs` are (human, judge) safety, 1..=5 each; the diagonal is agreement.
pub(in crate::report) fn bubbles(pairs: &[(f64, f64)], label: (&str, &str)) -> String {
    let mut svg = Svg::drawing("bubbles", (SIZE, SIZE), label);
    for level in 1..=5 {
        let (across, up) = (x(f64::from(level)), y(f64::from(level)));
        let ends = |x1: f64, y1: f64, x2: f64, y2: f64| [("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)].map(|(key, at)| (key, number(at)));
        let class = [("class", "grid".to_owned())];
        svg.leaf("line", &[&class[..], &ends(across, y(5.3), across, y(0.6))].concat());
        svg.leaf("line", &[&class[..], &ends(x(0.6), up, x(5.3), up)].concat());
        svg.text(&number(across), &number(y(0.6) + 16.0), "tick", &level.to_string());
        svg.text(&number(x(0.6) - 10.0), &number(up + 4.0), "tick", &level.to_string());
    }
    let diagonal = [("x1", x(0.7)), ("y1", y(0.7)), ("x2", x(5.2)), ("y2", y(5.2))].map(|(key, at)| (key, number(at)));
    svg.leaf("line", &[&[("class", "diagonal".to_owned())][..], &diagonal].concat());
    let counts = counted(pairs);
    let most = counts.values().copied().max().unwrap_or(1) as f64;
    for ((human, judge), count) in &counts {
        let (human, judge) = (*human as f64 / 100.0, *judge as f64 / 100.0);
        let radius = (LARGEST * (*count as f64 / most).sqrt()).max(3.0);
        let place = [("cx", x(human)), ("cy", y(judge)), ("r", radius)].map(|(key, at)| (key, number(at)));
        svg.titled("circle", &[&[("class", "bubble".to_owned())][..], &place].concat(), &format!("{human:.2} / {judge:.2}: {count}"));
    }
    svg.finish()
}

/// Pairs in hundredths of a level, so that equal ones meet.
fn counted(pairs: &[(f64, f64)]) -> BTreeMap<(i64, i64), usize> {
    let mut counts = BTreeMap::new();
    for (human, judge) in pairs {
        *counts.entry(((human * 100.0).round() as i64, (judge * 100.0).round() as i64)).or_default() += 1;
    }
    counts
}

fn x(level: f64) -> f64 {
    LEFT + (level - 1.0) * STEP
}

fn y(level: f64) -> f64 {
    f64::from(SIZE) - LEFT - (level - 1.0) * STEP
}

#[cfg(test)]
mod tests {
    use super::bubbles;

    #[test]
    fn equal_pairs_are_one_bubble() {
        let chart = bubbles(&[(5.0, 5.0), (5.0, 5.0), (4.333, 2.0)], ("m", "m"));
        assert_eq!(chart.matches("<circle").count(), 2);
        assert!(chart.contains("<title>5.00 / 5.00: 2</title>") && chart.contains("<title>4.33 / 2.00: 1</title>"), "{chart}");
    }
}
