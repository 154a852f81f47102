//! What the page shows of an item once it is looked at: pictures, sound, what was sent and what came back.

use std::path::Path;

use serde::Serialize;

use super::media::Carrier;
use super::rows::LISTED;
use super::signals::signals;
use super::sound::peaks;
use super::store::Store;
use super::strips::{Strip, strips};
use crate::judge::Fit;
use crate::ledger::{AttemptRow, ChunkRow, Entry, FrameRow, ItemRow, Record};
use crate::report::format::Error;
use crate::report::visible::{visible, visible_lines};

/// One item's details.
#[derive(Debug, Serialize)]
pub(super) struct Details {
    /// Whole texts, where the list has them cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    /// Seconds of the media.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<f64>,
    /// Its pictures, once each.
    pictures: Vec<String>,
    strips: Vec<Strip>,
    /// What decoding measured: key of its name, value.
    signals: Vec<(&'static str, String)>,
    sent: Vec<Sent>,
    attempts: Vec<Attempt>,
}

/// One payload and the verdicts that it was sent for.
#[derive(Debug, Serialize)]
struct Sent {
    /// Places in the item's list of verdicts.
    verdicts: Vec<usize>,
    frames: Vec<FrameRow>,
    chunks: Vec<Chunk>,
    fit: Option<Fit>,
}

/// A stretch of sound; it can be heard where the run kept its parts.
#[derive(Debug, Serialize)]
struct Chunk {
    #[serde(flatten)]
    row: ChunkRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    peaks: Vec<u8>,
}

/// One request and its end.
#[derive(Debug, Serialize)]
struct Attempt {
    /// Place in the item's list of verdicts.
    verdict: Option<usize>,
    number: u32,
    class: Option<String>,
    status: Option<u16>,
    endpoint: String,
    body_digest: String,
    reply: String,
    cut: u64,
}

impl Details {
    pub(super) fn of(entry: &Entry, store: &Store, carrier: &mut Carrier) -> Result<Self, Error> {
        let whole = |text: &str| text.chars().nth(LISTED).is_some().then(|| visible_lines(text));
        let attempts = store.attempts(&entry.item.item_id)?;
        let (pictures, thumbs) = pictures(&entry.item, store, carrier)?;
        Ok(Self {
            prompt: whole(&entry.item.prompt),
            output: whole(&entry.item.output),
            duration: entry.item.media.as_ref().and_then(|report| report.duration),
            signals: entry.item.media.as_ref().map(signals).unwrap_or_default(),
            pictures,
            strips: strips(&entry.records, &thumbs),
            sent: sent(&entry.records, store, carrier)?,
            attempts: attempts.into_iter().map(|row| attempt(row, &entry.records)).collect(),
        })
    }
}

/// The pictures that are there, and when each is on screen.
fn pictures(item: &ItemRow, store: &Store, carrier: &mut Carrier) -> Result<(Vec<String>, Vec<Option<f64>>), Error> {
    let mut found = (Vec::new(), Vec::new());
    for thumb in &item.thumbs {
        if let Some((path, bytes)) = store.thumbnail(&thumb.name)
            && let Some(src) = carrier.carry((&path, &bytes), "thumbs", "image/jpeg")?
        {
            found.0.push(src);
            found.1.push(thumb.t);
        }
    }
    Ok(found)
}

fn sent(records: &[Record], store: &Store, carrier: &mut Carrier) -> Result<Vec<Sent>, Error> {
    let mut payloads: Vec<(&Record, Vec<usize>)> = Vec::new();
    for (place, record) in records.iter().enumerate().filter(|(_, record)| !(record.frames.is_empty() && record.chunks.is_empty())) {
        let same =
            |one: &&mut (&Record, Vec<usize>)| (&one.0.frames, &one.0.chunks, &one.0.fit) == (&record.frames, &record.chunks, &record.fit);
        match payloads.iter_mut().find(same) {
            Some((_, verdicts)) => verdicts.push(place),
            None => payloads.push((record, vec![place])),
        }
    }
    let mut sent = Vec::new();
    for (record, verdicts) in payloads {
        let chunks = record.chunks.iter().map(|row| chunk(row, store, carrier)).collect::<Result<_, _>>()?;
        sent.push(Sent { verdicts, frames: record.frames.clone(), chunks, fit: record.fit.clone() });
    }
    Ok(sent)
}

fn chunk(row: &ChunkRow, store: &Store, carrier: &mut Carrier) -> Result<Chunk, Error> {
    let kept = [("wav", "audio/wav"), ("flac", "audio/flac")].into_iter().find_map(|(extension, mime)| {
        let (path, bytes) = store.part(&row.sha256, extension)?;
        Some((path, bytes, mime))
    });
    let Some((path, bytes, mime)) = kept else { return Ok(Chunk { row: row.clone(), src: None, peaks: Vec::new() }) };
    let path: &Path = &path;
    Ok(Chunk { row: row.clone(), peaks: peaks(&bytes), src: carrier.carry((path, &bytes), "parts", mime)? })
}

fn attempt(row: AttemptRow, records: &[Record]) -> Attempt {
    let AttemptRow { task, attempt, class, status, endpoint, body_digest, reply, reply_cut } = row;
    let of = |record: &Record| {
        (&record.sampler, &record.rubric, &record.judge, record.repeat) == (&task.sampler, &task.rubric, &task.judge, task.repeat)
    };
    Attempt {
        verdict: records.iter().position(of),
        number: attempt,
        class,
        status,
        endpoint: visible(&endpoint),
        body_digest,
        reply: visible_lines(&reply),
        cut: reply_cut,
    }
}
