//! A mean as a thin mark over a bar, which is its interval, on an axis that is stated.

use super::scale::Scale;
use super::svg::{Svg, number};

const HEIGHT: u32 = 22;
const MIDDLE: &str = "11";
/// No axis of safety shows fewer levels than from one to two further on: a tenth of a level should not look like much.
const NARROWEST: f64 = 2.0;
/// Beyond the ends of an axis of differences there is a little room for marks.
const ROOM: f64 = 1.05;
/// Ends of an axis of differences, in levels; no two levels are farther apart than the last.
const REACHES: [f64; 7] = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0];

/// The whole levels of safety that have room for all `drawn`: the ends of an axis.
pub(in crate::report) fn ends(drawn: impl Iterator<Item = f64>) -> [f64; 2] {
    let (least, most) = drawn.fold((5.0_f64, 1.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    let (from, to) = (least.floor().max(1.0), most.ceil().min(5.0));
    if from > to {
        return [1.0, 5.0]; // nothing is drawn
    }
    let to = to.max(from + NARROWEST).min(5.0);
    [from.min(to - NARROWEST), to]
}

/// The least axis of differences that has room for all `drawn`, to both sides of 0.
pub(in crate::report) fn reach(drawn: impl Iterator<Item = f64>) -> f64 {
    let most = drawn.map(f64::abs).fold(0.0, f64::max);
    REACHES.into_iter().find(|reach| *reach >= most).unwrap_or(4.0)
}

/// The levels from `ends[0]` to `ends[1]`, for the head of a column of [`interval`]s.
pub(in crate::report) fn axis(ends: [f64; 2]) -> String {
    let (mut svg, scale) = (Svg::strip("plot axis", HEIGHT), Scale::of_safety(ends));
    levels(ends).for_each(|level| _ = svg.text(&scale.percent(f64::from(level)), "16", "tick", &level.to_string()));
    svg.finish()
}

/// No difference and the ends of such an axis, for the head of a column of [`shift`]s.
pub(in crate::report) fn shift_axis(most: f64) -> String {
    let (mut svg, scale) = (Svg::strip("plot axis", HEIGHT), Scale::around_zero(most * ROOM));
    let ends = [(-most, format!("\u{2212}{}", number(most))), (0.0, "0".to_owned()), (most, format!("+{}", number(most)))];
    ends.iter().for_each(|(at, label)| _ = svg.text(&scale.percent(*at), "16", "tick", label));
    svg.finish()
}

/// The mark of `mean`, a bar over its interval and a thin line over its bounds; a bare grid without a mean.
pub(in crate::report) fn interval(mean: Option<f64>, ci95: Option<[f64; 2]>, bounds: Option<[f64; 2]>, ends: [f64; 2]) -> String {
    let (mut svg, scale) = (Svg::strip("plot", HEIGHT), Scale::of_safety(ends));
    levels(ends).for_each(|level| grid(&mut svg, scale.percent(f64::from(level)), "grid"));
    // Bounds of what has no score say nothing, and axes leave no room for them.
    span(&mut svg, scale, bounds.filter(|_| mean.is_some()), "bounds");
    span(&mut svg, scale, ci95, "ci");
    mark(&mut svg, scale, mean);
    svg.finish()
}

/// A difference of levels on -most..=most with its interval; the line in the middle is no difference.
pub(in crate::report) fn shift(mean: Option<f64>, ci95: Option<[f64; 2]>, most: f64) -> String {
    let (mut svg, scale) = (Svg::strip("plot", HEIGHT), Scale::around_zero(most * ROOM));
    [-most, -most / 2.0, most / 2.0, most].into_iter().for_each(|at| grid(&mut svg, scale.percent(at), "grid"));
    grid(&mut svg, scale.percent(0.0), "zero");
    span(&mut svg, scale, ci95, "ci");
    mark(&mut svg, scale, mean);
    svg.finish()
}

fn levels([from, to]: [f64; 2]) -> impl Iterator<Item = u8> {
    (1..=5).filter(move |level| (from..=to).contains(&f64::from(*level)))
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

/// Narrow, so that the bar beneath is seen however short it is.
fn mark(svg: &mut Svg, scale: Scale, mean: Option<f64>) {
    let Some(mean) = mean else { return };
    let place = [("x", scale.percent(mean)), ("y", "2".to_owned()), ("width", "2".to_owned()), ("height", "18".to_owned())];
    let shape = [("class", "mark".to_owned()), ("transform", "translate(-1)".to_owned())];
    svg.titled("rect", &[&shape[..], &place].concat(), &number(mean));
}

#[cfg(test)]
mod tests {
    use super::{axis, ends, interval, reach, shift, shift_axis};

    #[test]
    fn a_mean_without_an_interval_has_a_mark_and_no_bar() {
        let bare = interval(Some(3.0), None, None, [1.0, 5.0]);
        assert!(bare.contains("x=\"50%\"") && !bare.contains("class=\"ci\"") && !bare.contains("class=\"bounds\""), "{bare}");
        assert!(!interval(None, None, None, [1.0, 5.0]).contains("mark"));
        assert!(interval(Some(3.0), Some([2.0, 4.0]), Some([1.0, 5.0]), [1.0, 5.0]).contains("class=\"bounds\""));
        assert!(!interval(None, None, Some([1.0, 5.0]), [2.0, 4.0]).contains("class=\"bounds\""), "of what has no score");
        assert!(shift(Some(0.0), Some([-1.0, 1.0]), 4.0).contains("x=\"50%\""));
    }

    #[test]
    fn an_axis_states_the_levels_that_have_room_for_what_is_drawn() {
        let of = |drawn: &[f64]| ends(drawn.iter().copied());
        assert_eq!([of(&[]), of(&[1.9, 4.2]), of(&[3.2, 4.7]), of(&[4.1, 4.3])], [[1.0, 5.0], [1.0, 5.0], [3.0, 5.0], [3.0, 5.0]]);
        assert_eq!([of(&[5.0]), of(&[1.0]), of(&[2.2, 2.9])], [[3.0, 5.0], [1.0, 3.0], [2.0, 4.0]]);
        assert!(axis([3.0, 5.0]).matches("<text").count() == 3 && axis([1.0, 5.0]).matches("<text").count() == 5);
        assert!(interval(Some(4.0), None, None, [3.0, 5.0]).contains("x=\"50%\""));
    }

    #[test]
    fn one_axis_of_differences_has_room_for_all() {
        let of = |drawn: &[f64]| reach(drawn.iter().copied()).to_string();
        assert_eq!([of(&[]), of(&[0.1, -0.2]), of(&[-0.7]), of(&[2.5]), of(&[9.0])], ["0.25", "0.25", "1", "3", "4"]);
        let (head, row) = (shift_axis(0.25), shift(Some(0.25), None, 0.25));
        let place =
            |svg: &str, from: &str| svg.split(from).nth(1).and_then(|rest| rest.split("x=\"").nth(1)?.split('"').next().map(str::to_owned));
        assert!(head.contains(">\u{2212}0.25<") && head.contains(">0<") && head.contains(">+0.25<"), "{head}");
        assert_eq!(place(&head, ">0<"), place(&row, "class=\"mark\""), "a label stands above what it names");
    }
}
