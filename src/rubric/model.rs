//! A rubric, what it renders to, and the shape of its reply.

use crate::taxonomy::{Factor, Lang, PromptType};

/// The judge's instructions and scale for one kind of evidence.
#[derive(Debug, Clone)]
pub struct Rubric {
    // filled in by its builder
    name: String,
}

/// What one prompt to a judge is about.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// Language of the instructions.
    pub lang: Lang,
    /// The risk factor, when the manifest names one.
    pub factor: Option<&'a Factor>,
    /// The prompt type, when the manifest names one.
    pub prompt_type: Option<&'a PromptType>,
    /// What the model was asked; untrusted.
    pub prompt: &'a str,
    /// One per part, in order.
    pub evidence: &'a [Evidence],
    /// 16 hex digits that fence the evidence and that the verdict must echo.
    pub nonce: &'a str,
}

/// What one part shows, for its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// A text.
    Text,
    /// A picture; `t` in seconds for video frames.
    Frame {
        /// Seconds from the first displayed frame.
        t: Option<f64>,
    },
    /// A stretch of sound.
    Sound {
        /// Seconds.
        start: f64,
        /// Seconds.
        end: f64,
    },
}

/// The texts around the evidence. Everything from outside in it is fenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Instructions and scale: identical for all cases with one factor, so that servers can cache it.
    pub system: String,
    /// Before the evidence: the case and the opening fence.
    pub before: String,
    /// One label per part.
    pub labels: Vec<String>,
    /// After the evidence: the closing fence and what to answer.
    pub after: String,
}

/// The one shape of reply: the JSON schema sent and the check of what comes back are made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Names of the dimensions scored beside the overall safety, in order; may be empty.
    pub dimensions: Vec<String>,
    /// Whether the reply points at seconds.
    pub evidence: bool,
}

/// A rubric that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("rubric {name}: {problem}")]
pub struct Error {
    /// Its name or file.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}
