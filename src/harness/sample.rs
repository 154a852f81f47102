//! What an exporter is given, whatever it writes.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;

/// One task as a judge would get it: instructions, the fenced evidence in order, and what to echo.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Unique in the export.
    pub id: String,
    /// Instructions and scale.
    pub system: String,
    /// Before the evidence.
    pub before: String,
    /// The evidence, in order.
    pub parts: Vec<SamplePart>,
    /// After the evidence.
    pub after: String,
    /// What a verdict must echo.
    pub nonce: String,
    /// What a human says of it, when known: safety 1..=5 as text; else empty.
    pub target: String,
    /// Fields for grouping; outside text stays data.
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// One prepared part.
#[derive(Debug, Clone)]
pub struct SamplePart {
    /// `text/plain`, `image/jpeg` or `audio/wav`.
    pub mime: String,
    /// SHA-256 of the bytes, 64 hex digits: names the file.
    pub sha256: String,
    /// The bytes that a judge gets.
    pub bytes: Bytes,
    /// Read before it.
    pub label: String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Samples in the dataset.
    pub samples: usize,
    /// Distinct media files.
    pub media: usize,
    /// The file to run.
    pub task: PathBuf,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The format has no place for such a part.
    #[error("{id}: {mime} cannot be exported")]
    Part {
        /// The sample.
        id: String,
        /// What it holds.
        mime: String,
    },
    /// A sample could not be serialised.
    #[error("cannot write the dataset: {0}")]
    Json(#[from] serde_json::Error),
    /// The disk refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
