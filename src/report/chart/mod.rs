//! Charts as inline SVG: pure functions from numbers to text. Positions across are percentages, so that a chart fills its place and text is never scaled.

mod bubbles;
mod interval;
mod scale;
mod stack;
mod svg;
mod tradeoff;

pub(super) use bubbles::bubbles;
pub(super) use interval::{axis, ends, interval, reach, shift, shift_axis};
pub(super) use stack::{Segment, stack};
pub(super) use tradeoff::{Point, tradeoff};
