//! The durable record of every intent, attempt, reply and outcome of a run. The main types are [`Ledger`] (writer) and [`Reader`].

mod answer;
mod attempts;
mod batch;
mod budget;
mod entries;
mod equals;
mod error;
mod experiment;
mod facts;
mod files;
mod journal;
mod kept;
mod lock;
mod names;
mod place;
mod plan;
mod planning;
mod reader;
mod record;
mod schema;
mod sentinel;
mod spool;
mod store;
mod verdict;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_crash;
#[cfg(test)]
mod tests_equals;
#[cfg(test)]
mod tests_files;
mod writer;

pub use attempts::AttemptRow;
pub use batch::{BatchFile, BatchRow, BatchState, Found, OpenRequest};
pub use entries::Entries;
pub use error::LedgerError;
pub use experiment::Experiment;
pub use facts::{
    Asked, Dimension, Facts, FactsBuilder, Failures, ItemFacts, Label, Name, SOURCE_TAG, Scope, ScopeFacts, Sources, TaskFacts, Texts,
};
pub use files::{Out, replace_file, write_file};
pub use kept::Kept;
pub(crate) use lock::{Lock, take_lock};
pub use reader::{PerhapsBilled, Reader, Recalled};
pub use record::{ChunkRow, Entry, FrameRow, ItemRow, PartsRow, Record, RunInfo, Thumb};
pub use sentinel::{SentinelRow, SentinelSettings, Sentinels};
pub use store::Ledger;
pub use verdict::VerdictRow;
