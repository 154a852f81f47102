//! Batches: requests as lines of a file, and verdicts from the lines that come back. The main types are [`Line`], [`BatchReply`] and [`Reading`].
//!
//! ```text
//! Work -> pack -> Line (+ Intent, Reading) -> file -> somebody else's server -> file -> BatchReply -> close (+ Reading) -> AttemptEnd, Outcome
//! ```

mod came;
mod close;
mod drive;
mod form;
mod pack;
mod patience;
mod reading;
mod reply;
#[cfg(test)]
mod tests;

pub use came::{Came, Double};
pub use close::{Closed, ResultLine, packed_terms};
pub use drive::{BatchEnd, BatchJournal, BatchOrder, BatchStep};
pub use pack::{Line, Packed};
pub use reading::Reading;
pub use reply::BatchReply;
