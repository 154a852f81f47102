//! Judges: one task in, one honest outcome out. The main types are [`Judge`], [`Outcome`] and the [`Journal`] they need.

mod client;
mod journal;
mod outcome;
mod provider;
mod settings;

pub use client::{Judge, OpenError, Settled, Stop, Work};
pub use journal::{AttemptEnd, Intent, Journal, JournalError, Reservation};
pub use outcome::{Outcome, OutcomeName, Scale, Task, Triage, Usage, Verdict, Why};
pub use provider::View;
pub use settings::{JudgeSpec, Price, ProviderKind, Settings, SpecError};
