//! What an exporter is given, whatever it writes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::ledger::LedgerError;

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
    /// The run could not be read.
    #[error("cannot read the run: {0}")]
    Ledger(#[from] LedgerError),
    /// The disk refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// What the file system says of the file at `path`.
    pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path: path.clone(), source }
    }

    /// The same while JSON is written into it.
    pub(super) fn writing(path: &Path) -> impl Fn(serde_json::Error) -> Self + use<> {
        let at = Self::at(path);
        move |error| if error.is_io() { at(error.into()) } else { Self::Json(error) }
    }
}
