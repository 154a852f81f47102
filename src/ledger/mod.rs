//! The durable record of every intent, attempt, reply and outcome of a run. The main types are [`Ledger`] (writer) and [`Reader`].

mod experiment;
mod record;
mod store;

pub use experiment::Experiment;
pub use record::{ChunkRow, FrameRow, ItemRow, PartsRow, Record, RunInfo};
pub use store::{Ledger, LedgerError, Reader};
