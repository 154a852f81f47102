//! Tribunal: generated text, images, video and audio in; safety scores that people can trust out.
//!
//! ```text
//! manifest --Instance--> prepare --Payload--> judge --Outcome--> ledger --Record--> stats --> report / harness
//!                           |                   |
//!                  sandbox > media           rubric > taxonomy
//! ```
//!
//! The modules below stand in data-flow order; each names only modules above it (`tests/it/architecture.rs` checks).

pub mod taxonomy;
pub mod manifest;
pub mod sandbox;
pub mod prepare;
pub mod rubric;
pub mod judge;
pub mod ledger;
pub mod stats;
pub mod ensemble;
pub mod sampling;
pub mod report;
pub mod harness;
pub mod config;
pub mod pipeline;
pub mod doctor;

/// The first number in everyday tests, the second under `make soak`: `TRIBUNAL_SOAK=1`, or a share of it such as 0.1.
#[cfg(test)]
fn sized(everyday: u64, soak: u64) -> u64 {
    let Ok(share) = std::env::var("TRIBUNAL_SOAK") else { return everyday };
    let share: f64 = share.parse().unwrap_or_else(|error| panic!("TRIBUNAL_SOAK={share}: {error}"));
    (soak as f64 * share).ceil() as u64
}
