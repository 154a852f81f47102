//! Seeded bootstrap intervals of means whose values come in clusters.

mod basis;
mod bca;
mod draws;
mod lattice;
mod means;

pub use basis::{Basis, Bootstrapped};
pub use bca::NoInterval;
pub use draws::Resampling;
pub(super) use draws::{Urn, heads};
pub use means::{Observed, cluster_means, differences};

#[cfg(test)]
mod tests;
