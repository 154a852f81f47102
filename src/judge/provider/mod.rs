//! How to reach a judge: one exchange per call, no retry, no journal.

mod address;
mod body;
mod cassette;
mod embedded;
mod http;
mod redact;
mod replay;
mod seam;

pub(super) use replay::replay_of;
pub(super) use seam::{Opened, Reply, open};
