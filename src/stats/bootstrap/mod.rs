//! Seeded bootstrap intervals of means whose values come in clusters.

mod bca;
mod draws;
mod means;

pub use bca::NoInterval;
pub use draws::Resampling;
pub(super) use draws::Urn;
pub use means::{Observed, clustered_intervals, differences};

#[cfg(test)]
mod tests;
