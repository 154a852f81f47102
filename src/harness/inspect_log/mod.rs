//! Logs of the Inspect framework: verdicts written as such, and outputs of the models that it evaluated.

mod export;
mod import;
mod log;

pub use export::{ExportedLogs, export};
pub use import::{ImportedOutputs, import};
