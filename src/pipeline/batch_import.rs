//! The `import --from batch` command: results of exported requests to the ends of their tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::batch_close::Closing;
use super::invocation::{self, ScoreError};
use crate::judge::{BatchReply, Came, Double, Judge, OpenError};
use crate::ledger::{Found, Ledger, LedgerError, Reader};

/// A verdict has about 1 KiB: a longer line is none.
const MAX_LINE: u64 = 4 << 20;
/// Bad lines and unknown ids that are named; more are only counted.
const NAMED: usize = 20;

/// What a file of results came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BatchImported {
    /// Lines that were read.
    pub lines: u64,
    /// Results that were taken.
    pub taken: u64,
    /// Tasks that ended with them.
    pub ended: u64,
    /// Results that leave their tasks pending: put off, expired, or perhaps billed without an answer.
    pub again: u64,
    /// Results that were taken by an earlier import.
    pub before: u64,
    /// Results whose id came before in this file; the first one counts.
    pub doubled: u64,
    /// Results that may be of more than one request, by the ids of an earlier version of this program; not taken.
    pub doubtful: u64,
    /// Results of requests that this run never made.
    pub unknown: u64,
    /// Requests of the same files that got no result.
    pub missing: u64,
    /// Lines that cannot be read.
    pub bad: u64,
    /// Places of bad and unknown lines and of those that contradict an earlier one, the first of them.
    pub problems: Vec<String>,
}

/// The results cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The results cannot be read; what was read before is kept.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A judge of the run cannot be opened to read replies.
    #[error(transparent)]
    Judge(#[from] OpenError),
    /// The run.
    #[error(transparent)]
    Score(#[from] ScoreError),
}

impl From<LedgerError> for ImportError {
    fn from(error: LedgerError) -> Self {
        Self::Score(error.into())
    }
}

/// Takes every result in the file `results` into the run in `dir`. A line that is wrong costs nothing but itself.
pub fn import_batch(results: &Path, dir: &Path) -> Result<BatchImported, ImportError> {
    let fail = |error| ImportError::File { path: results.to_owned(), error };
    let file = File::open(results).map_err(fail)?;
    let info = Reader::open(dir)?.info().clone();
    let ledger = Ledger::open(dir, &info)?;
    ledger.drop_unfinished_batches()?;
    let judges = judges(&ledger)?;
    let runtime = invocation::runtime()?;
    let mut import = Import {
        results,
        closing: Closing {
            ledger: &ledger,
            judges: &judges.iter().map(|(id, judge)| (*id, judge)).collect(),
            terms: &BTreeMap::new(),
            reasks: false,
        },
        came: Came::default(),
        batches: BTreeSet::new(),
        done: BatchImported::default(),
    };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let read = loop {
        match next_line(&mut reader) {
            Ok(None) => break Ok(()),
            Ok(Some(line)) => runtime.block_on(import.line(&line)).map_err(|error| LedgerError::Store(error.to_string()))?,
            Err(error) => break Err(fail(error)),
        }
    };
    let mut done = import.done;
    done.missing = ledger.open_requests(&import.batches.into_iter().collect::<Vec<_>>())?;
    ledger.close()?;
    read.map(|()| done)
}

/// The judges of the run's batches, by the batch's number: each as it was when the batch was written. Nothing is sent, so no key is needed.
fn judges(ledger: &Ledger) -> Result<BTreeMap<i64, Judge>, ImportError> {
    let mut judges = BTreeMap::new();
    for batch in ledger.batches()? {
        let settings = serde_json::from_str(&batch.settings).map_err(LedgerError::from)?;
        let settings = crate::judge::Settings { api_key_optional: true, ..settings };
        judges.insert(batch.id, Judge::open(&batch.judge, &settings, &|_| None)?);
    }
    Ok(judges)
}

struct Import<'a> {
    results: &'a Path,
    closing: Closing<'a>,
    came: Came,
    batches: BTreeSet<i64>,
    done: BatchImported,
}

impl Import<'_> {
    async fn line(&mut self, line: &[u8]) -> Result<(), crate::judge::JournalError> {
        self.done.lines += 1;
        let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"));
        let reply = match text.and_then(|text| if text.trim().is_empty() { Ok(None) } else { read(text).map(Some) }) {
            Ok(Some(reply)) => reply,
            Ok(None) => return Ok(()),
            Err(problem) => {
                self.done.bad += 1;
                self.note(&problem);
                return Ok(());
            }
        };
        let double = self.came.note(&reply);
        if let Some(double) = double {
            self.done.doubled += 1;
            return if double == Double::Other { self.contradicts(&reply.custom_id).await } else { Ok(()) };
        }
        match self.closing.ledger.find_request(&reply.custom_id, None).await? {
            Found::Unknown => {
                self.done.unknown += 1;
                self.note(&format!("custom_id {} is no request of this run", reply.custom_id));
            }
            Found::Settled(task) => {
                self.done.before += 1;
                let kept = self.closing.ledger.kept_result(&reply.custom_id).await?;
                if kept.is_some_and(|kept| !says(&kept, reply.kept())) {
                    let id = &reply.custom_id;
                    self.note(&format!(
                        "another result for item {} ({id}) was taken before and says something else; the first one counts",
                        task.item_id
                    ));
                }
            }
            Found::Doubtful(task) => {
                self.done.doubtful += 1;
                let id = &reply.custom_id;
                self.note(&format!(
                    "custom_id {id} is of several requests for item {}, written by an earlier version: which of them this answers cannot be \
                     told, so that it is not taken",
                    task.item_id
                ));
            }
            Found::Open(request) => {
                self.batches.insert(request.batch);
                let taken = self.closing.close(&request, &reply).await?;
                self.done.taken += 1;
                self.done.ended += taken.ended.len() as u64;
                self.done.again += u64::from(taken.again);
            }
        }
        Ok(())
    }

    /// Says whose results contradict each other.
    async fn contradicts(&mut self, custom_id: &str) -> Result<(), crate::judge::JournalError> {
        if let Some(item) = self.closing.ledger.find_request(custom_id, None).await?.item_id() {
            self.note(&format!("another result for item {item} ({custom_id}) came before and says something else; the first one counts"));
        }
        Ok(())
    }

    fn note(&mut self, problem: &str) {
        if self.done.problems.len() < NAMED {
            self.done.problems.push(format!("{}:{}: {problem}", self.results.display(), self.done.lines));
        }
    }
}

/// Whether what was kept of a result says the same as this one. It is cut somewhere where it was very long.
fn says(kept: &str, now: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    now.starts_with(kept) || json(kept).is_some_and(|kept| json(now) == Some(kept))
}

fn read(text: &str) -> Result<BatchReply, String> {
    if text.len() as u64 >= MAX_LINE {
        return Err(format!("longer than {MAX_LINE} bytes"));
    }
    BatchReply::read(text)
}

/// The next line without its end, cut at the limit; the rest of a longer one is passed over.
fn next_line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if reader.take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 == MAX_LINE {
        reader.skip_until(b'\n')?;
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINE, next_line};

    #[test]
    fn an_endless_line_is_cut_and_the_next_one_is_whole() {
        let text = [vec![b'a'; 2 * MAX_LINE as usize], b"\nnext\n\nlast".to_vec()].concat();
        let mut reader = std::io::BufReader::new(&text[..]);
        let mut lines = std::iter::from_fn(|| next_line(&mut reader).unwrap());
        assert_eq!(lines.next().unwrap().len() as u64, MAX_LINE);
        assert_eq!(lines.collect::<Vec<_>>(), [b"next".to_vec(), b"".to_vec(), b"last".to_vec()]);
    }
}
