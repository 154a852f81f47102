//! Wire formats: what a request looks like, and where a reply keeps its final message, its refusal and its counts.

mod chat;
mod gemini;
mod messages;
mod odds;
mod ollama;
mod responses;
mod seam;
mod triage;

pub(super) use chat::Chat;
pub(super) use gemini::Gemini;
pub(super) use messages::Messages;
pub(super) use ollama::Ollama;
pub(super) use responses::Responses;
pub(super) use seam::{Correction, Draft, Said, Wire};
pub use triage::TRIAGE_FACTORS;
pub(super) use triage::{
    FrameScore, MODEL as TRIAGE_MODEL, SHA256 as TRIAGE_SHA256, Scores, Triage as TriageWire, fingerprint as triage_fingerprint, moment,
};
