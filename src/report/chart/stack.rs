//! Counts that make a whole, as one bar: outcomes, or how often each level was given.

use super::svg::{Svg, number};

/// One part of the whole.
#[derive(Debug, Clone)]
pub(in crate::report) struct Segment<'a> {
    /// Its colour.
    pub class: String,
    /// What it counts.
    pub name: &'a str,
    /// How many.
    pub count: usize,
}

/// The parts side by side, `height` pixels high; empty ones are left out. Nothing at all gives an empty bar.
pub(in crate::report) fn stack(segments: &[Segment], height: u32) -> String {
    let whole: usize = segments.iter().map(|segment| segment.count).sum();
    let mut svg = Svg::strip("stack", height);
    let mut before = 0;
    for segment in segments.iter().filter(|segment| segment.count > 0) {
        let percent = |count: usize| format!("{}%", number(count as f64 / whole as f64 * 100.0));
        let text = format!("{}: {} ({})", segment.name, segment.count, percent(segment.count));
        let place = [("x", percent(before)), ("width", percent(segment.count)), ("height", height.to_string())];
        svg.titled("rect", &[&[("class", segment.class.clone())][..], &place].concat(), &text);
        before += segment.count;
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::{Segment, stack};

    #[test]
    fn parts_fill_the_bar_and_empty_ones_are_left_out() {
        let part = |name, count| Segment { class: "s1".to_owned(), name, count };
        let bar = stack(&[part("a", 1), part("b", 0), part("c", 3)], 10);
        assert_eq!(bar.matches("<rect").count(), 2);
        assert!(bar.contains("x=\"25%\" width=\"75%\"") && bar.contains("<title>c: 3 (75%)</title>"), "{bar}");
        assert!(!stack(&[part("a", 0)], 10).contains("rect"));
    }
}
