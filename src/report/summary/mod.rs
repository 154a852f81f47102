//! What a run amounts to: the contract's `summary.json`, and the only numbers that renderers show.

mod drift;
mod group;
mod probe;
mod scope;
mod summarise;
mod test;
mod warning;

#[cfg(test)]
pub(crate) mod tests;

pub use drift::DriftRow;
pub use group::{By, Group, Key};
pub use probe::ProbeRow;
pub use scope::Scope;
pub(super) use scope::Scoped;
pub use summarise::{JudgeRow, Summary, Tokens};
pub use test::TestRow;
pub use warning::Warning;
