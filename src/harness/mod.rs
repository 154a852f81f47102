//! Other evaluation tools: what is handed over, in their words.

mod inspect;
mod inspect_log;
mod kind;
mod label_studio;
mod parts_folder;
mod sample;

pub use inspect::export as inspect;
pub use inspect_log::{ExportedLogs, ImportedOutputs, export as inspect_log, import as inspect_log_outputs};
pub use kind::{ExportKind, ImportKind};
pub use label_studio::{ExportedTasks, ImportedLabels, export as label_studio, import as label_studio_labels};
pub use parts_folder::PartsFolder;
pub use sample::{Error, Exported, Sample, SamplePart};
