//! Other evaluation tools: what is handed over, in their words.

mod inspect;
mod kind;
mod parts_folder;
mod sample;

pub use inspect::export as inspect;
pub use kind::{ExportKind, ImportKind};
pub use parts_folder::PartsFolder;
pub use sample::{Error, Exported, Sample, SamplePart};
