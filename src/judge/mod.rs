//! Judges: one task in, one honest outcome out. The main types are [`Judge`], [`Outcome`] and the [`Journal`] they need.
//!
//! ```text
//! Work -> ask --Intent--> Journal
//!          |  chat | triage --Request--> provider --Reply--> retry (class of failure) -> verdict | triage -> Outcome
//! ```

mod ask;
mod budget;
mod chat;
mod client;
mod dialect;
mod journal;
mod json;
mod limit;
mod outcome;
mod provider;
mod request;
mod retry;
mod server_error;
mod settings;
mod spec;
#[cfg(test)]
mod tests;
mod triage;
mod verdict;

pub use client::{Judge, OpenError, Settled, Stop, Work};
pub use journal::{AttemptEnd, Intent, Journal, JournalError, Past, Reservation, Room};
pub use outcome::{Outcome, OutcomeName, Scale, Task, Triage, Usage, Verdict, Why};
pub use provider::View;
pub use request::nonce;
pub use settings::{Limits, PictureDetail, Price, ProviderKind, Settings};
pub use spec::{JudgeSpec, SpecError};
pub use triage::TRIAGE_FACTORS;
