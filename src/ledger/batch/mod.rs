//! Batches in the ledger: their files, their requests, and what is known of them on the server. The main types are [`BatchFile`] and [`BatchRow`].

mod file;
mod requests;
mod state;
#[cfg(test)]
mod tests;

pub use file::BatchFile;
pub use requests::{Found, OpenRequest};
pub use state::{BatchRow, BatchState};
