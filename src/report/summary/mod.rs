//! What a run amounts to: the contract's `summary.json`, and most numbers that renderers show.

mod doubt;
mod drift;
mod field;
mod figures;
mod group;
mod groups;
mod interval;
mod model_pair;
mod paired;
mod probe;
mod quality;
mod scope;
mod sentence;
mod served;
mod settings;
mod spent;
mod standing;
mod summarise;
mod tags;
mod telling;
mod test;
mod unpaired;
mod variance;
mod warning;
mod weak;

#[cfg(test)]
mod cascaded;
#[cfg(test)]
pub(crate) mod tests;

pub use drift::DriftRow;
pub(in crate::report) use figures::{FIGURES, Figure};
pub use group::{By, Group, Key};
pub use model_pair::ModelPair;
pub(in crate::report) use paired::Paired;
pub use paired::{Detects, PairTest};
pub use probe::ProbeRow;
pub(in crate::report) use quality::among;
pub use quality::{AmongRow, HumansRow, Quality, QualityRow, SamplersRow};
pub use scope::Scope;
pub(in crate::report) use scope::{Pooled, Scoped};
pub use served::{ServedName, ServedRow};
pub use settings::{RunSettings, WarningSettings};
pub(in crate::report) use spent::Spent;
pub use standing::{Placed, Standing, Versus};
pub use summarise::{JudgeRow, Summary, Tokens};
pub(in crate::report) use telling::Telling;
pub use test::TestRow;
pub use unpaired::StandardisedDifference;
pub use variance::{ComponentRow, DependabilityRow, VarianceRow};
pub use warning::Warning;
