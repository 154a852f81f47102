//! Payloads that outlive their media: what a run keeps of them, and what a replay makes of that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pass::Progress;
use super::recipes::RecipeBook;
use super::study::Study;
use crate::ledger::{Kept, Ledger, LedgerError};
use crate::manifest::{Asset, Instance};
use crate::prepare::{Payload, Prepared, Rejected};

/// Keeps what was made for judges, and of thumbnails which ones there are: their pictures lie in `thumbs/`.
pub(super) fn keep(ledger: &Ledger, book: &RecipeBook, prepared: &Prepared) -> Result<(), LedgerError> {
    for (place, payload) in prepared.payloads.iter().enumerate() {
        if book.is_judged(place) {
            ledger.keep_parts(payload)?;
        }
        ledger.list_parts(payload)?;
    }
    Ok(())
}

/// Looks for what the replayed run kept of media that are gone, and says so once, however many they are.
#[derive(Debug, Default)]
pub(super) struct StandIns {
    told: AtomicBool,
}

impl StandIns {
    /// The instance as it was kept; as it was `rejected` where its media are not gone, or too little of it was kept.
    pub(super) fn find(
        &self,
        study: &Study,
        instance: &Instance,
        book: &RecipeBook,
        rejected: Rejected,
        progress: &dyn Progress,
    ) -> Result<Prepared, Rejected> {
        let Some(kept) = study.kept.as_ref().filter(|_| rejected.is_missing()) else { return Err(rejected) };
        let found = prepared(kept, instance, book).map_err(|error| Rejected::ours(error.to_string()))?.ok_or(rejected)?;
        if !self.told.swap(true, Ordering::Relaxed) {
            let (item, run) = (&instance.id, kept.dir().display());
            progress.warn(&format!("the media of {item} are gone; the parts that {run} kept stand in for them, and for others like them"));
        }
        Ok(found)
    }
}

/// An instance as `kept` has it; `None` where a part that judges see is not there. Thumbnails may be fewer.
fn prepared(kept: &Kept, instance: &Instance, book: &RecipeBook) -> Result<Option<Prepared>, LedgerError> {
    let Some(Asset::File(path)) = &instance.output else { return Ok(None) };
    let Some((media_id, report)) = kept.media(&instance.id, &path.to_string_lossy())? else { return Ok(None) };
    let payload = |(place, recipe)| {
        let parts_id = Payload::id(recipe, media_id);
        match kept.payload(parts_id, place) {
            Some((payload, whole)) if whole || !book.is_judged(place) => Some(Arc::new(payload)),
            None if !book.is_judged(place) => Some(Arc::new(Payload { parts_id, parts: Vec::new() })),
            _ => None,
        }
    };
    let payloads: Option<Vec<_>> = book.recipes().iter().enumerate().map(payload).collect();
    Ok(payloads.map(|payloads| Prepared { media_id, payloads, report, cpu_ms: 0.0 }))
}
