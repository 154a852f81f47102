//! The `prepare` command: exactly what a judge would be sent, on disk.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tribunal_media::SamplerSpec;

use super::evidence;
use super::recipes::RecipeBook;
use super::stop::StopFlag;
use super::study::Study;
use crate::harness::PartsFolder;
use crate::judge::View;
use crate::manifest::{Instance, RowsError};
use crate::prepare::{Part, Prepared, Rejected};
use crate::sandbox::Pool;

/// What `prepare` did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct PrepareDone {
    /// Items with parts.
    pub prepared: u64,
    /// Parts listed.
    pub parts: u64,
    /// Bytes of those parts; a shared frame counts at each use.
    pub bytes: u64,
    /// Items the decoders refused.
    pub refused: u64,
    /// Items without an output by policy.
    pub blocked: u64,
    /// System calls for files and sockets that the workers were refused; see [`Counts`](crate::sandbox::Counts).
    pub refused_calls: u64,
}

/// Why the folder is not whole.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It could not be written.
    #[error(transparent)]
    Folder(#[from] std::io::Error),
    /// The source could not be read again.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// The source went away.
    #[error(transparent)]
    Source(Rejected),
    /// It was stopped.
    #[error("{0}")]
    Stopped(String),
}

/// Writes the parts of every selected item into `dir`, in manifest order, samplers as given. Once `stop` is raised it ends with the parts at hand.
pub fn prepare(study: &Study, pool: &Pool, dir: &Path, stop: &StopFlag) -> Result<PrepareDone, PrepareError> {
    let folder = PartsFolder::create(dir)?;
    let mut done = PrepareDone::default();
    let items = study.selected().map(|instance| instance.map_err(PrepareError::from));
    let decode = |instance: &Instance| if stop.is_raised() { None } else { decode(study, pool, instance, &folder, stop) };
    evidence::map(study.settings.threads, items, decode, |instance, result| {
        if let Some(reason) = stop.reason() {
            return Err(PrepareError::Stopped(reason));
        }
        match result {
            None => done.blocked += 1,
            Some(Ok((book, prepared))) => write(study, &folder, &instance, &book, &prepared, &mut done)?,
            Some(Err(rejected)) if rejected.is_ours() && rejected.is_missing() => return Err(PrepareError::Source(rejected)),
            Some(Err(rejected)) if rejected.is_ours() => return Err(std::io::Error::other(rejected.message).into()),
            Some(Err(rejected)) => {
                folder.refused(&instance.id, "media_rejected", &rejected)?;
                done.refused += 1;
            }
        }
        Ok(())
    })?;
    folder.finish()?;
    Ok(PrepareDone { refused_calls: pool.counts().refused_calls, ..done })
}

fn book(study: &Study, instance: &Instance) -> RecipeBook {
    RecipeBook::new(&study.plan, study.settings.recipe, instance, &[View::Parts], false)
}

type Decoded = Result<(RecipeBook, Prepared), Rejected>;

fn decode(study: &Study, pool: &Pool, instance: &Instance, folder: &PartsFolder, stop: &StopFlag) -> Option<Decoded> {
    let output = instance.output.as_ref()?;
    let book = book(study, instance);
    let written = Mutex::new(Vec::new());
    let shelf = |part: &Part| {
        if let Some(reason) = stop.reason() {
            return Err(std::io::Error::other(reason));
        }
        let new = folder.keep(part)?;
        written.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
        Ok(())
    };
    let prepared = study.prepare_onto(output, book.recipes(), pool, &shelf);
    if prepared.is_err() {
        folder.abandon(written.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    Some(prepared.map(|prepared| (book, prepared)))
}

fn write(
    study: &Study,
    folder: &PartsFolder,
    instance: &Instance,
    book: &RecipeBook,
    prepared: &Prepared,
    done: &mut PrepareDone,
) -> std::io::Result<()> {
    done.prepared += 1;
    let samplers: Vec<Option<String>> = book.recipes().iter().map(|recipe| recipe.sampler().map(SamplerSpec::to_string)).collect();
    folder.item(&instance.id, &samplers, prepared)?;
    let mut written: BTreeSet<Option<String>> = BTreeSet::new();
    for want in study.plan.wants(instance.modality) {
        let sampler = want.sampler.as_ref().map(SamplerSpec::to_string);
        let Some(position) = book.position(&study.plan, want, instance.modality, View::Parts) else { continue };
        if !written.insert(sampler.clone()) {
            continue;
        }
        let payload = &prepared.payloads[position];
        done.parts += payload.parts.len() as u64;
        done.bytes += payload.parts.iter().map(|part| part.len).sum::<u64>();
        folder.parts(&instance.id, sampler.as_deref(), payload)?;
    }
    Ok(())
}
