//! Payloads that a run keeps, and reads back for a replay when their media are gone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};
use tribunal_media::{Digest, PartHeader, Report};

use super::entries::{digest, maybe};
use super::{Ledger, LedgerError, Reader, Thumb};
use crate::prepare::{Part, Payload};

/// Where they are, in a run folder.
const FOLDER: &str = "parts";

/// What is known of a part; its bytes have a file of their own.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    header: PartHeader,
    blake3: Digest,
    sha256: String,
}

impl Ledger {
    /// Keeps the parts of a payload, each in a file named by its SHA-256. Blocks.
    pub fn keep_parts(&self, payload: &Payload) -> Result<(), LedgerError> {
        payload.parts.iter().try_for_each(|part| self.write_named(FOLDER, &file(&part.sha256, &part.header), &part.bytes))
    }

    /// Keeps what is known of the parts of a payload, in a file named by its id. Blocks.
    pub fn list_parts(&self, payload: &Payload) -> Result<(), LedgerError> {
        let listed = |part: &Part| Listed { header: part.header.clone(), blake3: part.blake3, sha256: part.sha256.clone() };
        let list: Vec<Listed> = payload.parts.iter().map(listed).collect();
        self.write_named(FOLDER, &list_of(payload.parts_id), &serde_json::to_vec(&list)?)
    }
}

/// What another run kept.
#[derive(Debug)]
pub struct Kept {
    dir: PathBuf,
    run: Mutex<Reader>,
}

impl Kept {
    /// Opens the run in `dir`.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        Ok(Self { dir: dir.to_owned(), run: Mutex::new(Reader::open(dir)?) })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The digest of an item's media, and what their decoders saw; `None` where that run decoded nothing of it, or knew it under another path than `output`.
    pub fn media(&self, item_id: &str, output: &str) -> Result<Option<(Digest, Report)>, LedgerError> {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = "SELECT media_id, media FROM items WHERE item_id = ?1 AND row ->> 'output' = ?2";
        let read = |row: &rusqlite::Row<'_>| Ok(digest(row, 0).and_then(|id| Ok((id, maybe(row, 1)?))));
        let (media_id, report) = run.connection.query_row(sql, [item_id, output], read).optional()?.transpose()?.unwrap_or_default();
        Ok(media_id.zip(report))
    }

    /// The payload of this id as far as its parts are there and are what they were; `place` is that of its recipe among those of the caller. And whether
    /// that is all of it. Parts that the caller `has` are not read again: equal ones share their bytes.
    pub fn payload(&self, parts_id: Digest, place: usize, has: &mut BTreeMap<Digest, Part>) -> Option<(Payload, bool)> {
        let list = self.list(parts_id)?;
        let parts: Vec<Part> = list.iter().filter_map(|listed| self.part(listed, place, has)).collect();
        let whole = parts.len() == list.len();
        Some((Payload { parts_id, parts }, whole))
    }

    /// The parts of the payload of this id and how many bytes reading them takes at most, by what the file system says: none is read.
    pub fn lengths(&self, parts_id: Digest) -> Vec<(Digest, u64)> {
        let len = |path: PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let most = |listed: &Listed| (listed.blake3, self.places(listed).map(len).max().unwrap_or(0));
        self.list(parts_id).unwrap_or_default().iter().map(most).collect()
    }

    fn list(&self, parts_id: Digest) -> Option<Vec<Listed>> {
        let list = std::fs::read(self.dir.join(FOLDER).join(list_of(parts_id))).ok()?;
        serde_json::from_slice(&list).ok()
    }

    fn part(&self, listed: &Listed, place: usize, has: &mut BTreeMap<Digest, Part>) -> Option<Part> {
        let header = || PartHeader { recipes: vec![place], ..listed.header.clone() };
        if let Some(part) = has.get(&listed.blake3) {
            return Some(part.under(header()));
        }
        let read = |path: PathBuf| Some(Part::new(header(), std::fs::read(path).ok()?));
        let part = self.places(listed).find_map(|path| read(path).filter(|part| part.blake3 == listed.blake3))?;
        has.insert(part.blake3, part.clone());
        Some(part)
    }

    /// Where a part may lie.
    fn places(&self, listed: &Listed) -> impl Iterator<Item = PathBuf> {
        // What another run says is not trusted: a digest is a name, a path is none.
        let is_digest = listed.sha256.len() == 64 && listed.sha256.bytes().all(|digit| digit.is_ascii_hexdigit());
        let part = is_digest.then(|| format!("{FOLDER}/{}", file(&listed.sha256, &listed.header)));
        let names = part.into_iter().chain([format!("thumbs/{}", Thumb::name_of(listed.blake3))]);
        names.map(|name| self.dir.join(name))
    }
}

fn file(sha256: &str, header: &PartHeader) -> String {
    format!("{sha256}.{}", header.encoding.extension())
}

fn list_of(parts_id: Digest) -> String {
    format!("{parts_id}.json")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tribunal_media::{Detail, Digest, Encoding, PartHeader};

    use super::{FOLDER, Kept, Part, Payload};
    use crate::ledger::fixtures::open;

    #[test]
    fn what_was_kept_comes_back_and_what_was_changed_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let header = || PartHeader { recipes: vec![0, 2], encoding: Encoding::Utf8, detail: Detail::Text { characters: 1 } };
        let parts: Vec<Part> = ["a", "b"].map(|text| Part::new(header(), text.as_bytes().to_vec())).into();
        let (payload, ledger) = (Payload { parts_id: Digest::of(b"p"), parts }, open(dir.path()));
        ledger.keep_parts(&payload).and_then(|()| ledger.list_parts(&payload)).unwrap();
        ledger.close().unwrap();
        let kept = Kept::open(dir.path()).unwrap();
        let lengths: Vec<_> = payload.parts.iter().map(|part| (part.blake3, part.len)).collect();
        assert_eq!((kept.lengths(payload.parts_id), kept.lengths(Digest::of(b"q"))), (lengths, vec![]));
        let mut has = BTreeMap::new();
        let (found, whole) = kept.payload(payload.parts_id, 5, &mut has).unwrap();
        assert!(whole && found.parts.iter().map(|part| part.bytes.clone()).eq(["a", "b"]));
        assert_eq!((&found.parts[1].header.recipes[..], &found.parts[1].header.detail), (&[5][..], &payload.parts[1].header.detail));
        assert!(kept.payload(Digest::of(b"q"), 0, &mut has).is_none());
        std::fs::write(dir.path().join(FOLDER).join(format!("{}.txt", payload.parts[0].sha256)), "x").unwrap();
        let (again, _) = kept.payload(payload.parts_id, 0, &mut has).unwrap();
        let shared = |at: usize| again.parts[at].bytes.as_ptr() == found.parts[at].bytes.as_ptr();
        assert!(shared(0) && shared(1) && again.parts[0].header.recipes == [0], "what is in memory is not read a second time");
        let (found, whole) = kept.payload(payload.parts_id, 0, &mut BTreeMap::new()).unwrap();
        assert!(!whole && found.parts.len() == 1 && found.parts[0].bytes == "b");
        assert_eq!(kept.media("nobody", "").unwrap(), None);
        // A list that names a file elsewhere in the place of a digest.
        let list = dir.path().join(FOLDER).join(format!("{}.json", payload.parts_id));
        std::fs::write(dir.path().join("b.txt"), "b").unwrap();
        let led = std::fs::read_to_string(&list).unwrap().replace(&payload.parts[1].sha256, "../b");
        std::fs::write(&list, led).unwrap();
        assert!(kept.payload(payload.parts_id, 0, &mut BTreeMap::new()).unwrap().0.parts.is_empty(), "a digest is no path");
    }
}
