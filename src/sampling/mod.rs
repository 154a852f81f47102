//! Sampling strategies compared: observations in, comparison out.

mod compare;
mod coverage;

pub use compare::{Observation, StrategyRow, compare};
pub use coverage::{Coverage, View, coverage};
