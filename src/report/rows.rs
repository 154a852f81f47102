//! The rows of a run with all their texts: read from its folders whenever they are needed, never held.

use std::path::{Path, PathBuf};

use crate::ledger::{AttemptRow, Entry, LedgerError, Reader};

/// Where the rows of a run are.
#[derive(Debug)]
pub enum Rows {
    /// In the folder of the run, or in those of its complementary shards.
    Stored(Vec<(PathBuf, Reader)>),
    /// Here, in manifest order: of a run that was never stored.
    Given(Vec<Entry>),
}

/// A folder and why it cannot be read.
pub(super) type Failed = (PathBuf, LedgerError);

impl Rows {
    /// Opens run folders: one picture of each, for as long as this lives.
    pub(super) fn open(dirs: &[PathBuf]) -> Result<Self, Failed> {
        let open = |dir: &PathBuf| Ok((dir.clone(), Reader::open(dir).map_err(|error| (dir.clone(), error))?));
        dirs.iter().map(open).collect::<Result<_, _>>().map(Self::Stored)
    }

    /// The run folders and their readers.
    pub(super) fn folders(&self) -> &[(PathBuf, Reader)] {
        match self {
            Self::Stored(folders) => folders,
            Self::Given(_) => &[],
        }
    }

    /// Every item with its tasks, in manifest order.
    pub fn entries(&self) -> Result<Box<dyn Iterator<Item = Result<Entry, LedgerError>> + '_>, LedgerError> {
        Ok(match self {
            Self::Stored(_) => {
                let alike = self.side_by_side().map_err(|(_, error)| error)?;
                Box::new(alike.filter_map(|alike| alike.map(merge).map_err(|(_, error)| error).transpose()))
            }
            Self::Given(entries) => Box::new(entries.iter().cloned().map(Ok)),
        })
    }

    /// The next item of every folder at a time, none where a folder has no more. A failure comes with its folder, and nothing comes after it.
    pub(super) fn side_by_side(&self) -> Result<impl Iterator<Item = Result<Vec<Option<Entry>>, Failed>> + '_, Failed> {
        let at = |dir: &Path| {
            let dir = dir.to_owned();
            move |error| (dir, error)
        };
        let mut folders = Vec::new();
        for (dir, reader) in self.folders() {
            folders.push((dir, reader.entries().map_err(at(dir))?));
        }
        let mut failed = false;
        Ok(std::iter::from_fn(move || {
            if failed {
                return None;
            }
            let next = folders.iter_mut().map(|(dir, entries)| entries.next().transpose().map_err(at(dir)));
            let alike = next.collect::<Result<Vec<Option<Entry>>, _>>();
            failed = alike.is_err();
            alike.map(|alike| Some(alike).filter(|alike| alike.iter().any(Option::is_some))).transpose()
        }))
    }

    /// What was asked about an item and what came back, oldest first, each reply cut to `reply` characters.
    pub(super) fn attempts(&self, item_id: &str, reply: u32) -> Result<Vec<AttemptRow>, LedgerError> {
        let mut rows = Vec::new();
        for (_, reader) in self.folders() {
            rows.extend(reader.attempts(item_id, reply)?);
        }
        Ok(rows)
    }
}

/// One item as all shards together know it: its tasks are in one of them, and what decoding saw only that one knows.
pub(super) fn merge(alike: Vec<Option<Entry>>) -> Option<Entry> {
    alike.into_iter().flatten().reduce(|mut whole, Entry { item, records }| {
        whole.records.extend(records);
        if whole.item.media.is_none() {
            (whole.item.media_id, whole.item.media, whole.item.thumbs) = (item.media_id, item.media, item.thumbs);
        }
        whole
    })
}
