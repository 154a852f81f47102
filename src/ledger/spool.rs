//! Parts that wait for a slow judge, on disk and not in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Ledger, LedgerError};
use crate::prepare::{Part, Payload};

/// Where they wait, in a run folder.
const FOLDER: &str = "parts/waiting";

/// Who waits for each file. Equal parts share one, which goes when the last that waits for it has it back.
#[derive(Debug, Default)]
pub(super) struct Spool(Mutex<BTreeMap<String, u32>>);

impl Spool {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what a process that was killed had parked.
pub(super) fn clear(dir: &Path) {
    // Mostly there is nothing; what cannot be removed is in nobody's way.
    let _ = std::fs::remove_dir_all(dir.join(FOLDER));
}

impl Ledger {
    /// Puts the parts on disk, and gives the payload back without them. Nothing of it outlives the process.
    /// What fails leaves nothing behind.
    pub fn park(&self, payload: &Payload) -> Result<Payload, LedgerError> {
        for (number, part) in payload.parts.iter().enumerate() {
            // Counted first: nobody removes the file from now on.
            *self.spool.waiting().entry(name(part)).or_default() += 1;
            if let Err(error) = self.write_named(FOLDER, &name(part), &part.bytes) {
                // The last one has no file.
                payload.parts[..=number].iter().for_each(|part| _ = self.leave(part));
                return Err(error);
            }
        }
        Ok(Payload { parts_id: payload.parts_id, parts: payload.parts.iter().map(Part::emptied).collect() })
    }

    /// A payload that was [parked](Self::park), with its parts again.
    pub fn unpark(&self, payload: &Payload) -> Result<Payload, LedgerError> {
        let parts = payload.parts.iter().map(|part| {
            let path = self.parked_at(part);
            let bytes = std::fs::read(&path).map_err(|error| LedgerError::io(&path, &error))?;
            self.leave(part)?;
            part.with_bytes(bytes).ok_or_else(|| LedgerError::Store(format!("{} was changed while it waited", path.display())))
        });
        Ok(Payload { parts_id: payload.parts_id, parts: parts.collect::<Result<_, _>>()? })
    }

    /// One less waits for the part's file.
    fn leave(&self, part: &Part) -> Result<(), LedgerError> {
        let (name, path, mut waiting) = (name(part), self.parked_at(part), self.spool.waiting());
        let left = waiting.remove(&name).unwrap_or_default().saturating_sub(1);
        if left > 0 {
            waiting.insert(name, left);
            return Ok(());
        }
        // Under the lock: somebody who is about to write it again waits.
        std::fs::remove_file(&path).map_err(|error| LedgerError::io(&path, &error))
    }

    fn parked_at(&self, part: &Part) -> PathBuf {
        self.dir().join(FOLDER).join(name(part))
    }
}

fn name(part: &Part) -> String {
    part.blake3.to_string()
}

#[cfg(test)]
mod tests {
    use tribunal_media::{Detail, Digest, Encoding, PartHeader};

    use super::{FOLDER, Part, Payload};
    use crate::ledger::fixtures::open;

    fn payload(texts: &[&str]) -> Payload {
        let header = || PartHeader { recipes: vec![0], encoding: Encoding::Utf8, detail: Detail::Text { characters: 1 } };
        let parts = texts.iter().map(|text| Part::new(header(), text.as_bytes().to_vec())).collect();
        Payload { parts_id: Digest::of(b"p"), parts }
    }

    #[test]
    fn parts_come_back_and_their_files_go_when_nobody_waits() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let files = || std::fs::read_dir(dir.path().join(FOLDER)).unwrap().count();
        let (one, two) = (ledger.park(&payload(&["a", "b"])).unwrap(), ledger.park(&payload(&["b", "b", "c"])).unwrap());
        assert!(one.parts.iter().chain(&two.parts).all(|part| part.bytes.is_empty() && part.len == 1));
        assert_eq!(files(), 3);
        let texts = |payload: &Payload| payload.parts.iter().map(|part| part.bytes.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&ledger.unpark(&two).unwrap()), ["b", "b", "c"]);
        assert_eq!(files(), 2, "one still waits for a and b");
        assert_eq!(texts(&ledger.unpark(&one).unwrap()), ["a", "b"]);
        assert_eq!(files(), 0);
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let whole = payload(&["a", "b"]);
        // A folder stands where the second file should be.
        let second = ledger.parked_at(&whole.parts[1]);
        std::fs::create_dir_all(&second).unwrap();
        assert!(ledger.park(&whole).is_err());
        assert!(ledger.spool.waiting().is_empty());
        std::fs::remove_dir(&second).unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_was_changed_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let parked = ledger.park(&payload(&["a"])).unwrap();
        std::fs::write(dir.path().join(FOLDER).join(parked.parts[0].blake3.to_string()), "x").unwrap();
        assert!(ledger.unpark(&parked).unwrap_err().to_string().contains("was changed"));
    }
}
