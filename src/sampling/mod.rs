//! Sampling strategies compared: observations in, comparison out.

mod compare;
mod coverage;

pub use compare::{Comparison, Observation, compare, markdown};
pub use coverage::{Coverage, View, coverage};
