//! How to reach a judge: one exchange per call, no retry, no journal.

mod address;
mod batch;
mod body;
mod cassette;
mod embedded;
mod file_body;
mod http;
mod lines;
mod redact;
mod replay;
mod seam;

pub(super) use batch::{BatchServer, Ended, Look, Mark, Sighting};
pub use replay::NOT_IN_CASSETTE;
pub(super) use replay::replay_of;
#[cfg(test)]
pub(super) use seam::Provider;
pub(super) use seam::{Opened, Reply, open};
