//! The `prepare` command: exactly what a judge would be sent, on disk.

use std::collections::BTreeSet;
use std::path::Path;

use tribunal_media::SamplerSpec;

use super::evidence;
use super::recipes::RecipeBook;
use super::study::Study;
use crate::harness::PartsFolder;
use crate::judge::View;
use crate::manifest::Instance;
use crate::prepare::{self, Prepared, Rejected};
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
}

/// Items decoded between two writes, at most: enough to keep every thread busy.
const BATCH_PER_THREAD: usize = 4;

/// Writes the parts of every selected item into `dir`, in manifest order, samplers as given.
pub fn prepare(study: &Study, pool: &Pool, dir: &Path) -> std::io::Result<PrepareDone> {
    let mut folder = PartsFolder::create(dir)?;
    let mut done = PrepareDone::default();
    let selected = study.selected();
    let mut rest = selected.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(batch_len(study, rest));
        rest = later;
        let results = evidence::map(study.settings.threads, batch, |instance| decode(study, pool, instance));
        for (instance, result) in batch.iter().zip(results) {
            match result {
                None => done.blocked += 1,
                Some(Ok((book, prepared))) => write(study, &mut folder, instance, &book, &prepared, &mut done)?,
                Some(Err(rejected)) if rejected.is_ours() => return Err(std::io::Error::other(rejected.message)),
                Some(Err(rejected)) => {
                    folder.refused(&instance.id, "media_rejected", &rejected)?;
                    done.refused += 1;
                }
            }
        }
    }
    folder.finish()?;
    Ok(done)
}

/// How many of the next items are decoded together: what their parts may need fits into memory, but one always goes.
fn batch_len(study: &Study, rest: &[&Instance]) -> usize {
    let mut room = study.settings.memory_bytes;
    let fits = |instance: &&&Instance| {
        let bound = book(study, instance).upper_bound(evidence::asset_len(&study.manifest.root, instance));
        let left = room.checked_sub(bound);
        room = left.unwrap_or(0);
        left.is_some()
    };
    rest.iter().take(study.settings.threads.max(1) * BATCH_PER_THREAD).take_while(fits).count().max(1)
}

fn book(study: &Study, instance: &Instance) -> RecipeBook {
    RecipeBook::new(&study.plan, study.settings.recipe, instance.modality, &[View::Parts], false)
}

type Decoded = Result<(RecipeBook, Prepared), Rejected>;

fn decode(study: &Study, pool: &Pool, instance: &Instance) -> Option<Decoded> {
    let output = instance.output.as_ref()?;
    let book = book(study, instance);
    Some(prepare::prepare(&study.manifest.root, output, book.recipes(), pool).map(|prepared| (book, prepared)))
}

fn write(
    study: &Study,
    folder: &mut PartsFolder,
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
        done.bytes += payload.parts.iter().map(|part| part.bytes.len() as u64).sum::<u64>();
        folder.parts(&instance.id, sampler.as_deref(), payload)?;
    }
    Ok(())
}
