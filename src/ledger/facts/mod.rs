//! A run by numbers: what its statistics need of every item and task, without a text but ids and names. The main type is [`Facts`].

mod build;
mod run;
mod source;
#[cfg(test)]
mod tests;
mod texts;

pub use build::FactsBuilder;
pub use run::{Dimension, Facts, Failures, ItemFacts, Label, Scope, ScopeFacts, TaskFacts};
pub(super) use source::digest as source_of;
pub use source::{Asked, SOURCE_TAG, Sources};
pub use texts::{Name, Texts};
