//! Payloads that outlive their media: what a run keeps of them, and what a replay makes of that.

use std::sync::Arc;

use super::recipes::RecipeBook;
use crate::ledger::{Kept, Ledger, LedgerError};
use crate::manifest::{Asset, Instance};
use crate::prepare::{Payload, Prepared};

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

/// An instance as `kept` has it; `None` where a part that judges see is not there. Thumbnails may be fewer.
pub(super) fn prepared(kept: &Kept, instance: &Instance, book: &RecipeBook) -> Result<Option<Prepared>, LedgerError> {
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
