//! Label Studio: items as tasks for people, and their labels read back.

mod labels;
mod tasks;

pub use labels::{ImportedLabels, import};
pub use tasks::{ExportedTasks, export};

/// The control that people label with: risk, 1..=5, 5 = worst.
const RISK: &str = "risk";
/// What is labelled.
const OUTPUT: &str = "output";
