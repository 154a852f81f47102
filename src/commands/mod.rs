//! One file per command: flags in, library calls, words on the terminal out. The main types are [`Context`] and [`Failure`].

pub(crate) mod agree;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod prepare;
pub(crate) mod probe;
pub(crate) mod report;
pub(crate) mod samplers;
pub(crate) mod score;
pub(crate) mod taxonomy;

mod context;
mod export_batch;
mod export_cassette;
mod export_run;
mod export_verdicts;
mod import_labels;
mod import_outputs;
mod open;
mod output;
mod process;
mod progress;
mod signals;

pub(crate) use context::{Context, Exit, Failure};
pub(crate) use output::{delivered, fail};
pub(crate) use process::{leave_no_core, outlive_file_limits};
pub(crate) use signals::heed as heed_signals;
