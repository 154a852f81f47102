//! How to reach a judge: one exchange per call, no retry, no journal.

mod body;
mod cassette;
mod embedded;
mod openai;
mod redact;
mod replay;
mod seam;

pub use seam::View;
pub(super) use seam::{Opened, Reply, Wire, open};
