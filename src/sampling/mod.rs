//! Sampling strategies compared: observations in, comparison out.

mod compare;
mod coverage;
mod hash;

pub use compare::{Comparison, Observation, compare, markdown};
pub use coverage::{Coverage, View, coverage};
pub use hash::{PLANE, PerceptualHash};
