//! Judges: one task in, one honest outcome out. The main types are [`Judge`], [`Outcome`] and the [`Journal`] they need.
//!
//! ```text
//! Work -> fit (terms) -> ask --Intent--> Journal
//!                         |  wire --Request--> limit -> provider --Reply--> retry (class of failure) -> wire -> verdict -> Outcome
//! ```

mod alike;
mod ask;
mod asked;
mod attempt;
mod batch;
mod body;
mod client;
mod delay;
mod dialect;
mod disguise;
mod fit;
mod flight;
mod foresee;
mod journal;
mod json;
mod key;
mod lessons;
mod limit;
mod outcome;
mod pace;
mod paid;
mod provider;
mod provider_kind;
mod quiet;
mod rate;
mod receipt;
mod reply;
mod request;
mod retry;
mod scout;
mod senses;
mod server_error;
mod settings;
mod spec;
mod terms;
#[cfg(test)]
mod tests;
mod verdict;
mod view;
mod waits;
mod wire;

pub use batch::{
    BatchEnd, BatchJournal, BatchOrder, BatchReply, BatchStep, Came, Closed, Double, Line, Packed, Reading, ResultLine, packed_terms,
};
pub use client::{Judge, OpenError, Settled, Stop, Work};
pub use dialect::ReplyFormat;
pub use fit::Fit;
pub use foresee::Expected;
pub use journal::{AttemptEnd, Intent, Journal, JournalError, Known, PaidReply, Past, Reservation, Room};
pub(crate) use key::may_be_key;
pub use lessons::Lesson;
pub use outcome::{Odds, Outcome, OutcomeName, Scale, Served, Task, Triage, Usage, Verdict, Why};
pub use provider::NOT_IN_CASSETTE;
pub use provider_kind::ProviderKind;
pub use request::nonce;
pub use settings::{PictureDetail, Receipt, Settings};
pub use spec::{JudgeSpec, SpecError};
pub use terms::{
    BatchTerms, Calibration, Estimate, Limits, OwnTokens, PictureTokens, Price, PriceStep, Takes, Terms, TokenRules, profile_names,
    profiles_version,
};
pub use view::View;
pub use wire::TRIAGE_FACTORS;
