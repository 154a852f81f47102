//! A stored run -> summary, tables and pages.

mod chart;
mod comparison;
mod csv;
mod format;
mod gate;
mod html;
mod json;
mod markdown;
mod stored;
mod summary;
mod terminal;
mod visible;
mod words;

pub use comparison::{Comparison, Difference, FactorRow, Moved, PairRow, Unpaired, comparison_terminal, write_comparison};
pub use format::{Error, Folder, Format, FormatKind, RunView, write};
pub use gate::{Gate, GateError};
pub use stored::{OpenError, StoredRun};
pub use summary::{
    Basis, By, DriftRow, Group, JudgeRow, Key, ModelPair, PairTest, ProbeRow, Scope, StandardisedMean, Summary, TestRow, Tokens, Warning,
    WarningSettings,
};
pub use terminal::terminal;
pub use visible::visible;
