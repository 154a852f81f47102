//! The `probe` command: what the decoders see in files, under the same guards as a run.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tribunal_media::Probe;

use crate::prepare::{self, Rejected};
use crate::sandbox::Pool;

/// One file and what was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeRow {
    /// As given.
    pub path: PathBuf,
    /// Whether a run would accept it, as far as headers and the index tell.
    pub accepted: bool,
    /// What the decoders see.
    #[serde(flatten)]
    pub seen: Option<Probe>,
    /// Why it would end `media_rejected`.
    pub reason: Option<String>,
    /// That reason in words.
    pub message: Option<String>,
}

/// Looks at one file.
pub fn probe(path: &Path, pool: &Pool) -> ProbeRow {
    match prepare::probe(path, pool) {
        Ok(seen) => ProbeRow { path: path.to_owned(), accepted: true, seen: Some(seen), reason: None, message: None },
        Err(Rejected { reason, message }) => {
            ProbeRow { path: path.to_owned(), accepted: false, seen: None, reason: Some(reason), message: Some(message) }
        }
    }
}
