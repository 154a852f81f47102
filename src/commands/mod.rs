//! One file per command: flags in, library calls, words on the terminal out. The main types are [`Context`] and [`Failure`].

pub mod doctor;
pub mod export;
pub mod prepare;
pub mod probe;
pub mod report;
pub mod samplers;
pub mod score;
pub mod taxonomy;

mod context;
mod open;
mod output;
mod progress;
mod signals;

pub use context::{Context, Exit, Failure};
pub use output::complain;
