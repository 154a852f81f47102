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
