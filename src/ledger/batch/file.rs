//! The file of one batch: it grows line by line and has its name only once it is whole and durable.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::params;
use tribunal_media::Digest;

use crate::ledger::{Ledger, LedgerError, files};

/// Characters of a judge's name in the name of a file.
const NAME: usize = 40;
/// Hex digits of the verdict's id and of the batch's token in a `custom_id`: 160 bits and 64, within the 64 characters that vendors allow.
const ID_DIGITS: [usize; 2] = [40, 16];

/// A batch that is being filled.
#[derive(Debug)]
pub struct BatchFile {
    pub(super) id: i64,
    token: String,
    path: PathBuf,
    writer: BufWriter<File>,
    /// Bytes written.
    pub bytes: u64,
    /// Lines written.
    pub requests: u64,
}

impl BatchFile {
    /// What the result of a request in this file is known by: the verdict that is asked for and the batch, so that a line answers the one attempt that
    /// it was made for, however often the same is asked again.
    pub fn custom_id(&self, verdict_id: Digest) -> String {
        let [verdict, token] = ID_DIGITS;
        format!("{}-{}", &verdict_id.to_string()[..verdict], &self.token[..token])
    }

    /// Adds one line.
    pub fn line(&mut self, pieces: &[Bytes]) -> Result<(), LedgerError> {
        let write = |writer: &mut BufWriter<File>| pieces.iter().try_for_each(|piece| writer.write_all(piece));
        write(&mut self.writer).map_err(|error| LedgerError::io(&self.path, &error))?;
        self.bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.requests += 1;
        Ok(())
    }
}

impl Ledger {
    /// Begins a batch for `judge`, whose `settings` its replies will be read by. What is sent by this program is `online` and lies under `parts/`;
    /// a file for somebody else to run lies under `batch/`.
    pub fn begin_batch(&self, judge: &str, settings: &str, online: bool) -> Result<BatchFile, LedgerError> {
        let place = std::path::absolute(self.dir()).unwrap_or_else(|_| self.dir().to_owned());
        let (seconds, nanos) = now();
        let (name, judge, settings) = (plain(judge), judge.to_owned(), settings.to_owned());
        let (id, token, file) = self.writer.ask_blocking(move |connection| {
            let sql = "INSERT INTO batches (token, judge, settings, online, file, state, since) VALUES ('', ?1, ?2, ?3, '', 'filling', ?4)";
            connection.execute(sql, params![judge, settings, online, seconds])?;
            let id = connection.last_insert_rowid();
            let file = format!("{}/batch-{id:06}-{name}.jsonl", if online { "parts" } else { "batch" });
            let token = Digest::of_fields([place.as_os_str().as_encoded_bytes(), &id.to_le_bytes(), &nanos.to_le_bytes()]).to_string()
                [..32]
                .to_owned();
            connection.execute("UPDATE batches SET token = ?2, file = ?3 WHERE id = ?1", params![id, token, file])?;
            Ok((id, token, file))
        })?;
        let path = self.dir().join(file);
        let create = || {
            std::fs::create_dir_all(path.parent().unwrap_or(self.dir()))?;
            files::create_anew(&unfinished(&path))
        };
        let file = create().map_err(|error| LedgerError::io(&path, &error))?;
        Ok(BatchFile { id, token, path, writer: BufWriter::with_capacity(1 << 16, file), bytes: 0, requests: 0 })
    }

    /// Makes the file durable under its name, then says that the batch is ready. Its intents were queued before, so they are durable too.
    pub fn finish_batch(&self, file: BatchFile) -> Result<PathBuf, LedgerError> {
        let BatchFile { id, path, writer, .. } = file;
        let finish = || {
            writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(unfinished(&path), &path)?;
            files::sync_folder(path.parent().unwrap_or(self.dir()))
        };
        finish().map_err(|error| LedgerError::io(&path, &error))?;
        self.writer.ask_blocking(move |connection| connection.execute("UPDATE batches SET state = 'ready' WHERE id = ?1", [id]))?;
        Ok(path)
    }

    /// Removes the file of a batch of which nothing is waited for any more.
    pub(super) fn remove_batch_file(&self, file: &str) {
        let path = self.dir().join(file);
        for path in [unfinished(&path), path] {
            // It only takes room; the next run would find it unused.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_added_extension("unfinished")
}

/// A judge's name with nothing in it that a file's name may not have.
fn plain(judge: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    judge.chars().rev().take(NAME).map(kept).collect::<Vec<_>>().into_iter().rev().collect()
}

/// Seconds since 1970, and nanoseconds, which make a token that no other run has.
pub(super) fn now() -> (i64, u128) {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (since.as_secs() as i64, since.as_nanos())
}
