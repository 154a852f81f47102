//! What the page shows of an item once it is looked at: pictures, sound, what was sent and what came back.

use std::path::Path;

use serde::Serialize;

use super::media::Carrier;
use super::rows::LISTED;
use super::sound::peaks;
use super::store::Store;
use crate::judge::Fit;
use crate::ledger::{AttemptRow, ChunkRow, Entry, FrameRow, Record};
use crate::report::format::Error;
use crate::report::visible::{visible, visible_lines};
use crate::rubric::Probe;

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
    thumbs: Vec<Thumb>,
    sent: Vec<Sent>,
    attempts: Vec<Attempt>,
}

/// A picture as the item's first sampler saw it.
#[derive(Debug, PartialEq, Serialize)]
struct Thumb {
    src: String,
    /// Seconds; null where it is not known which frame it is.
    t: Option<f64>,
    /// A judge points at it.
    evidence: bool,
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
        Ok(Self {
            prompt: whole(&entry.item.prompt),
            output: whole(&entry.item.output),
            duration: entry.item.media.as_ref().and_then(|report| report.duration),
            thumbs: thumbs(entry, store, carrier)?,
            sent: sent(&entry.records, store, carrier)?,
            attempts: attempts.into_iter().map(|row| attempt(row, &entry.records)).collect(),
        })
    }
}

fn thumbs(entry: &Entry, store: &Store, carrier: &mut Carrier) -> Result<Vec<Thumb>, Error> {
    let times = times(&entry.records, entry.item.thumbs.len());
    let mut thumbs = Vec::new();
    for (name, t) in entry.item.thumbs.iter().zip(times) {
        if let Some((path, bytes)) = store.thumbnail(name)
            && let Some(src) = carrier.carry((&path, &bytes), "thumbs", "image/jpeg")?
        {
            thumbs.push(Thumb { src, t, evidence: false });
        }
    }
    for second in plain(&entry.records).flat_map(|record| &record.evidence) {
        frame(&mut thumbs, *second);
    }
    Ok(thumbs)
}

/// Marks the picture nearest to a second that a judge points at.
fn frame(thumbs: &mut [Thumb], second: f64) {
    let distance = |thumb: &Thumb| thumb.t.map_or(f64::INFINITY, |t| (t - second).abs());
    let nearest = thumbs.iter_mut().filter(|thumb| thumb.t.is_some()).min_by(|one, other| distance(one).total_cmp(&distance(other)));
    if let Some(thumb) = nearest {
        thumb.evidence = true;
    }
}

/// When each of `count` pictures is on screen: the times of frames that were sent, if only one list of them can be meant.
fn times(records: &[Record], count: usize) -> Vec<Option<f64>> {
    let mut lists: Vec<Vec<Option<f64>>> = Vec::new();
    for record in plain(records).filter(|record| record.frames.len() == count) {
        let list = record.frames.iter().map(|frame| frame.t).collect();
        if !lists.contains(&list) {
            lists.push(list);
        }
    }
    if lists.len() == 1 { lists.remove(0) } else { vec![None; count] }
}

/// Under probes, frames have other places than on screen.
fn plain(records: &[Record]) -> impl Iterator<Item = &Record> {
    records.iter().filter(|record| Probe::split(&record.rubric).is_none())
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

#[cfg(test)]
mod tests {
    use super::{Thumb, frame, times};
    use crate::judge::OutcomeName;
    use crate::ledger::{FrameRow, Record};
    use crate::report::summary::tests::{item, record};

    fn seen(at: &[f64], rubric: &str) -> Record {
        let frame = |t: &f64| FrameRow { t: Some(*t), pts: None, sha256: String::new(), width: 1, height: 1 };
        let row = record(&item("v", 0, "x", "R05"), "m", 1, Some(OutcomeName::Scored), Some(4));
        Record { frames: at.iter().map(frame).collect(), rubric: rubric.to_owned(), ..row }
    }

    #[test]
    fn a_picture_has_a_time_only_when_one_can_be_meant() {
        let (one, other, probed) = (seen(&[0.5, 1.5], "temporal"), seen(&[0.0, 2.0], "temporal"), seen(&[1.5, 0.5], "temporal~reversed"));
        assert_eq!(times(&[one.clone(), one.clone(), probed], 2), [Some(0.5), Some(1.5)]);
        assert_eq!(times(&[one.clone(), other], 2), [None, None]);
        assert_eq!(times(&[one], 3), [None; 3]);
    }

    #[test]
    fn the_nearest_picture_is_framed() {
        let thumb = |t| Thumb { src: String::new(), t, evidence: false };
        let mut thumbs = [thumb(Some(0.5)), thumb(Some(1.5)), thumb(None)];
        frame(&mut thumbs, 1.2);
        assert_eq!(thumbs.map(|thumb| thumb.evidence), [false, true, false]);
        frame(&mut [thumb(None)], 1.0);
    }
}
