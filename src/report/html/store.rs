//! What lies in the run folders beside the ledger's rows: replies, thumbnails, kept parts.

use std::fs;
use std::path::{Path, PathBuf};

use tribunal_media::Digest;

use crate::ledger::{AttemptRow, LedgerError};
use crate::report::Rows;

/// The run folders of a report; a run that was never stored has none.
#[derive(Debug)]
pub(super) struct Store<'a>(pub(super) &'a Rows);

/// Characters of a reply that a report shows.
const REPLY: u32 = 20_000;

/// Larger files are no thumbnails or parts that a page should carry.
const MOST_BYTES: u64 = 25_000_000;

impl Store<'_> {
    /// What was asked about an item and what came back, oldest first.
    pub(super) fn attempts(&self, item_id: &str) -> Result<Vec<AttemptRow>, LedgerError> {
        self.0.attempts(item_id, REPLY)
    }

    /// A thumbnail and its bytes, if it is what its name says.
    pub(super) fn thumbnail(&self, name: &str) -> Option<(PathBuf, Vec<u8>)> {
        self.read("thumbs", name)
            .filter(|(_, bytes)| name.strip_suffix(".jpg").is_some_and(|id| Digest::of(bytes).to_string().starts_with(id)))
    }

    /// A kept part and its bytes, if they are those that were sent.
    pub(super) fn part(&self, sha256: &str, extension: &str) -> Option<(PathBuf, Vec<u8>)> {
        self.read("parts", &format!("{sha256}.{extension}")).filter(|(_, bytes)| crate::prepare::sha256(bytes) == sha256)
    }

    /// Nothing outside of the run folders is read, whatever a name says.
    fn read(&self, folder: &str, name: &str) -> Option<(PathBuf, Vec<u8>)> {
        let plain = Path::new(name).file_name() == Some(name.as_ref());
        let mut paths = self.0.folders().iter().filter(|_| plain).map(|(dir, _)| dir.join(folder).join(name));
        let path = paths.find(|path| path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MOST_BYTES))?;
        let bytes = fs::read(&path).ok()?;
        Some((path, bytes))
    }
}
