//! What goes into a pool and what comes out.

use std::fs::File;

use tribunal_media::{Digest, PartHeader, PartSink, Recipe, Report};

/// One source to normalise.
#[derive(Debug)]
pub struct Job {
    /// Open, read-only; a sealed memfd or a regular file.
    pub input: File,
    /// Its length in bytes.
    pub len: u64,
    /// Digest of its bytes: what took a worker down twice is not tried again under another name.
    pub content: Digest,
    /// What to make of it; all of one modality.
    pub recipes: Vec<Recipe>,
}

/// Receives the parts of one job as they come. A job that crashed is tried once more from its start, and one that fails in the end may have
/// delivered some.
pub trait JobSink: PartSink {
    /// Forgets what came so far: the job begins anew.
    fn restart(&mut self);
}

/// Keeps everything: for tests and small inputs.
impl JobSink for Vec<(PartHeader, Vec<u8>)> {
    fn restart(&mut self) {
        self.clear();
    }
}

/// A finished job.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// What the decoders saw.
    pub report: Report,
    /// CPU time the job took in the worker, in milliseconds.
    pub cpu_ms: f64,
}

/// A job that gave no result. The item ends `media_rejected`; the run goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Stable code: a media reason code, or `crashed`, `timed_out`, `over_memory`, `protocol`, `no_worker`.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Failure {
    pub(super) fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into() }
    }

    /// The parts of one job are more than `Settings::reply_bytes`.
    pub(super) fn over_reply() -> Self {
        let why = "the parts are more bytes than one job may have: sound takes about half of its with `sound = \"flac\"` and pictures less with a smaller \
                   `long_edge` under [recipe] in tribunal.toml; else raise `reply_bytes` under [limits] there";
        Self::new("over_limit", why)
    }
}

impl From<tribunal_media::Error> for Failure {
    fn from(error: tribunal_media::Error) -> Self {
        Self::new(error.reason_code(), error.to_string())
    }
}

/// The workers could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);
