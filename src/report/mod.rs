//! A stored run -> summary, tables and pages.

mod agreement;
mod chart;
mod comparison;
mod format;
mod gate;
mod html;
mod json;
mod markdown;
mod models;
mod plain;
mod rows;
mod stored;
mod summary;
mod table;
mod terminal;
mod visible;
mod words;

pub use crate::ensemble::StandardisedMean;
pub use agreement::{
    Aggregated, Agreement, Alphas, Annotators, Apart, Disputed, Estimate, JudgeAgainstHumans, JudgesAmong, Kappas, OneAnnotator, Pairs,
    Pairwise, Ranked, Ratings, RuleRow, text as agreement_text,
};
pub use comparison::{Comparison, Difference, Moved, PairRow, PartRow, Unpaired, comparison_terminal, write_comparison};
pub use format::{Error, Folder, Format, FormatKind, RunView, write};
pub use gate::{Gate, GateError};
pub use rows::Rows;
pub use stored::{OpenError, StoredRun};
pub use summary::{
    AmongRow, By, ComponentRow, DependabilityRow, Detects, DriftRow, Group, HumansRow, JudgeRow, Key, ModelPair, PairTest, Placed,
    ProbeRow, Quality, QualityRow, RunSettings, SamplersRow, Scope, ServedName, ServedRow, StandardisedDifference, Standing, Summary,
    TestRow, Tokens, VarianceRow, Versus, Warning, WarningSettings,
};
pub use table::TableKind;
pub use terminal::{strategies_terminal, terminal};
pub use visible::visible;
