//! The folder that `prepare` writes: `parts.jsonl`, `items.jsonl` and one file per distinct part.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tribunal_media::{Detail, Digest, Encoding, FrameDetail, PerceptualHash, Report};

use crate::ledger::{Lock, take_lock};
use crate::prepare::{Part, Payload, Prepared, Rejected};

/// Writes `parts.jsonl` and `items.jsonl` line by line, and each distinct part once under `parts/`. The lists are not there until `finish`.
#[derive(Debug)]
pub struct PartsFolder {
    dir: PathBuf,
    /// Held for as long as the folder is written.
    _lock: Lock,
    parts: List,
    items: List,
    /// Files of items that were refused in the end; another item may show the same.
    abandoned: Mutex<BTreeSet<String>>,
}

/// A list of JSON lines that has its name only once it is whole.
#[derive(Debug)]
struct List {
    path: PathBuf,
    lines: Mutex<BufWriter<File>>,
}

/// One line: what decoding one item saw and measured.
#[derive(Debug, Serialize)]
struct ItemLine<'a> {
    item_id: &'a str,
    media_id: Digest,
    /// The samplers of the recipes, in the order in which `dropped` counts them.
    samplers: &'a [Option<String>],
    #[serde(flatten)]
    report: &'a Report,
}

/// One line: one part of one item under one sampler.
#[derive(Debug, Serialize)]
struct PartLine<'a> {
    item_id: &'a str,
    parts_id: Digest,
    sampler: Option<&'a str>,
    index: usize,
    kind: &'static str,
    mime: &'static str,
    path: &'a str,
    sha256: &'a str,
    bytes: u64,
    t: Option<f64>,
    pts: Option<i64>,
    time_base: Option<(i32, i32)>,
    keyframe: Option<bool>,
    estimated: bool,
    substituted: bool,
    damaged: bool,
    width: Option<u32>,
    height: Option<u32>,
    start: Option<f64>,
    end: Option<f64>,
    /// What the frame looks like; null for stills, sheets and sound.
    phash: Option<PerceptualHash>,
    /// Cells of a contact sheet, below and beside each other, and the frames in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    frames: &'a [FrameDetail],
}

/// One line: an item that gave no parts.
#[derive(Debug, Serialize)]
struct RefusedLine<'a> {
    item_id: &'a str,
    outcome: &'static str,
    reason: &'a str,
    message: &'a str,
}

impl PartsFolder {
    /// Makes `dir` (it may exist) and starts its lists anew; parts that are there already stay. An error of the kind
    /// [`ResourceBusy`](std::io::ErrorKind::ResourceBusy) while another process writes it.
    pub fn create(dir: &Path) -> std::io::Result<Self> {
        fs::create_dir_all(dir.join("parts"))?;
        let busy = || std::io::Error::new(std::io::ErrorKind::ResourceBusy, "in use by another prepare");
        Ok(Self {
            dir: dir.to_owned(),
            _lock: take_lock(&dir.join("prepare.lock"))?.ok_or_else(busy)?,
            parts: List::create(dir.join("parts.jsonl"))?,
            items: List::create(dir.join("items.jsonl"))?,
            abandoned: Mutex::default(),
        })
    }

    /// Adds what decoding one item saw; `samplers` are those of its recipes.
    pub fn item(&self, item_id: &str, samplers: &[Option<String>], prepared: &Prepared) -> std::io::Result<()> {
        self.items.line(&ItemLine { item_id, media_id: prepared.media_id, samplers, report: &prepared.report })
    }

    /// Adds the parts of one item under one sampler, in order.
    pub fn parts(&self, item_id: &str, sampler: Option<&str>, payload: &Payload) -> std::io::Result<()> {
        for (index, part) in payload.parts.iter().enumerate() {
            let path = path_of(part);
            let line = PartLine {
                item_id,
                parts_id: payload.parts_id,
                sampler,
                index,
                kind: kind(part.header.encoding),
                mime: part.header.encoding.mime(),
                path: &path,
                sha256: &part.sha256,
                bytes: part.len,
                ..shown(&part.header.detail)
            };
            self.parts.line(&line)?;
        }
        Ok(())
    }

    /// Adds an item that gave no parts: `outcome` is the one it would end in.
    pub fn refused(&self, item_id: &str, outcome: &'static str, rejected: &Rejected) -> std::io::Result<()> {
        self.parts.line(&RefusedLine { item_id, outcome, reason: &rejected.reason, message: &rejected.message })
    }

    /// Makes the lists durable under their names, and removes parts of refused items that nothing else shows.
    pub fn finish(self) -> std::io::Result<()> {
        self.items.finish()?;
        let mut abandoned = self.abandoned.into_inner().unwrap_or_else(PoisonError::into_inner);
        let list = self.parts.finish()?;
        if !abandoned.is_empty() {
            for line in BufReader::new(File::open(list)?).lines() {
                let line: Named = serde_json::from_str(&line?)?;
                line.path.map(|path| abandoned.remove(&path));
            }
        }
        abandoned.iter().try_for_each(|path| fs::remove_file(self.dir.join(path)))
    }

    /// Notes the files of an item that gave no parts in the end.
    pub fn abandon(&self, paths: Vec<String>) {
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).extend(paths);
    }

    /// Writes the file of a part; its path when it was not there yet. Files are named by their content, so one that is there is the same one.
    pub fn keep(&self, part: &Part) -> std::io::Result<Option<String>> {
        let path = path_of(part);
        let file = self.dir.join(&path);
        if fs::metadata(&file).is_ok_and(|meta| meta.len() == part.len) {
            return Ok(None);
        }
        fs::write(file, &part.bytes)?;
        Ok(Some(path))
    }
}

fn path_of(part: &Part) -> String {
    format!("parts/{}.{}", part.sha256, part.header.encoding.extension())
}

/// The file that a line names.
#[derive(Deserialize)]
struct Named {
    path: Option<String>,
}

impl List {
    fn create(path: PathBuf) -> std::io::Result<Self> {
        let lines = Mutex::new(BufWriter::new(File::create(Self::unfinished(&path))?));
        Ok(Self { path, lines })
    }

    fn unfinished(path: &Path) -> PathBuf {
        path.with_added_extension("unfinished")
    }

    fn line(&self, line: &impl Serialize) -> std::io::Result<()> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_writer(&mut *lines, line)?;
        lines.write_all(b"\n")
    }

    /// The path under which it now lies.
    fn finish(self) -> std::io::Result<PathBuf> {
        let lines = self.lines.into_inner().unwrap_or_else(PoisonError::into_inner);
        lines.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(Self::unfinished(&self.path), &self.path)?;
        Ok(self.path)
    }
}

const fn kind(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "text",
        Encoding::Jpeg | Encoding::Rgb8 | Encoding::Gray8 => "image",
        Encoding::Wav | Encoding::Flac => "audio",
    }
}

/// The fields that say what a part shows; the rest is filled in by the caller.
fn shown(detail: &Detail) -> PartLine<'_> {
    let blank = PartLine {
        item_id: "",
        parts_id: Digest::of(b""),
        sampler: None,
        index: 0,
        kind: "",
        mime: "",
        path: "",
        sha256: "",
        bytes: 0,
        t: None,
        pts: None,
        time_base: None,
        keyframe: None,
        estimated: false,
        substituted: false,
        damaged: false,
        width: None,
        height: None,
        start: None,
        end: None,
        phash: None,
        rows: None,
        columns: None,
        frames: &[],
    };
    match detail {
        Detail::Text { .. } => blank,
        Detail::Sound { start, end } => PartLine { start: Some(*start), end: Some(*end), ..blank },
        Detail::Sheet(sheet) => PartLine {
            width: Some(sheet.width),
            height: Some(sheet.height),
            rows: Some(sheet.rows),
            columns: Some(sheet.columns),
            frames: &sheet.frames,
            ..blank
        },
        Detail::Frame(frame) => PartLine {
            t: frame.t,
            pts: frame.pts,
            time_base: frame.time_base,
            keyframe: frame.keyframe,
            estimated: frame.estimated,
            substituted: frame.substituted,
            damaged: frame.damaged,
            phash: frame.phash,
            width: Some(frame.width),
            height: Some(frame.height),
            ..blank
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::PartsFolder;

    #[test]
    fn a_folder_has_one_writer_at_a_time_and_the_second_leaves_the_lists_of_the_first_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = PartsFolder::create(dir.path()).unwrap();
        let second = PartsFolder::create(dir.path()).unwrap_err();
        assert_eq!((second.kind(), second.to_string().as_str()), (ErrorKind::ResourceBusy, "in use by another prepare"));
        first.finish().unwrap();
        PartsFolder::create(dir.path()).unwrap().finish().unwrap();
    }
}
