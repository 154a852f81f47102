//! The `probe` command: what the decoders see in files, under the same guards as a run.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tribunal_media::{Modality, Probe};

use super::plan::{Plan, PlanError};
use super::recipes::recipe;
use crate::judge::View;
use crate::prepare::{self, Rejected, Settings};
use crate::sandbox::Pool;

/// One file and what was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeRow {
    /// As given.
    pub path: PathBuf,
    /// Whether a run makes parts of it: they were made, and dropped.
    pub accepted: bool,
    /// What the decoders see.
    #[serde(flatten)]
    pub seen: Option<Probe>,
    /// Why it would end `media_rejected`.
    pub reason: Option<String>,
    /// That reason in words.
    pub message: Option<String>,
}

/// Looks at files, as a run would that is asked for nothing in particular.
pub fn probe(paths: &[PathBuf], settings: Settings, pool: &Pool) -> Result<Vec<ProbeRow>, PlanError> {
    let plan = Plan::new(Vec::new(), &[], &Modality::ALL.into())?;
    let recipes = |modality| plan.wants(modality).iter().map(|want| recipe(&plan, settings, want, modality, View::Parts)).collect();
    Ok(paths.iter().map(|path| row(path, prepare::probe(path, recipes, pool))).collect())
}

fn row(path: &Path, seen: Result<Probe, Rejected>) -> ProbeRow {
    match seen {
        Ok(seen) => ProbeRow { path: path.to_owned(), accepted: true, seen: Some(seen), reason: None, message: None },
        Err(Rejected { reason, message }) => {
            ProbeRow { path: path.to_owned(), accepted: false, seen: None, reason: Some(reason), message: Some(message) }
        }
    }
}
