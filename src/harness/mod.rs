//! Other evaluation tools: what is handed over, in their words.

mod inspect;
mod kind;
mod sample;

pub use inspect::export as inspect;
pub use kind::ExportKind;
pub use sample::{Error, Exported, Sample, SamplePart};
