//! A run by numbers: what its statistics need of every item and task, without a text but ids and names. The main type is [`Facts`].

mod build;
mod run;
mod source;
#[cfg(test)]
mod tests;
mod texts;

pub use build::FactsBuilder;
pub use run::{Dimension, Facts, ItemFacts, Label, Scope, ScopeFacts, TaskFacts};
pub use source::SOURCE_TAG;
pub(super) use source::digest as source_of;
pub use texts::{Name, Texts};
