//! Tasks into batch files: what `export --to batch` writes, and what `score` sends for judges that are set to batches.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tribunal_media::Digest;

use super::gate::Gate;
use crate::judge::{Journal as _, JournalError, Judge, Line, OutcomeName, Packed, Reservation, Stop, Work};
use crate::ledger::{BatchFile, Ledger, LedgerError};

/// The files that are being filled, one a judge. Bodies go to disk as they come, so that no file is ever held in memory.
pub(super) struct Packing<'a> {
    ledger: &'a Ledger,
    /// Whether this program sends them.
    online: bool,
    open: Mutex<Open>,
    judges: &'a [Judge],
    /// Fingerprints of judges whose servers have answered in this run: what one of them learns, all others of the same know.
    answered: tokio::sync::Mutex<BTreeSet<&'a str>>,
}

#[derive(Default)]
struct Open {
    files: BTreeMap<String, BatchFile>,
    /// Requests packed by this process. Of files for somebody else to run, each with its judge: nobody would come back to read its reply by another's rules.
    ids: BTreeSet<(Option<String>, Digest)>,
    packed: Packs,
}

/// What was packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packs {
    pub(super) files: Vec<PathBuf>,
    pub(super) requests: u64,
    pub(super) bytes: u64,
    /// Tasks that share an equal request.
    pub(super) twins: u64,
}

impl<'a> Packing<'a> {
    /// Knows the requests that wait for their results already: equal ones are not asked again.
    pub(super) fn new(ledger: &'a Ledger, judges: &'a [Judge], online: bool) -> Result<Self, LedgerError> {
        let ids = ledger.waiting_ids(online)?.into_iter().map(|(judge, id)| (whose(&judge, online), id)).collect();
        let (open, answered) = (Open { ids, ..Open::default() }, BTreeSet::new());
        Ok(Self { ledger, online, judges, open: Mutex::new(open), answered: tokio::sync::Mutex::new(answered) })
    }

    /// Ends the task, or puts its request into the judge's file. The result is the outcome of a task that ended.
    pub(super) async fn take(&self, judge: &'a Judge, work: &Work, journal: &Gate<'_>) -> Result<Option<OutcomeName>, Stop> {
        if self.online
            && let Some(name) = self.ask_first(judge, work, journal).await?
        {
            return Ok(Some(name));
        }
        let claim = |id| self.open().ids.insert((whose(judge.name(), self.online), id));
        match judge.pack(work, journal, &claim).await? {
            Packed::Ends(settled) => {
                let name = settled.outcome.name();
                journal.conclude(&work.task, settled.verdict_id, settled.outcome).await?;
                Ok(Some(name))
            }
            Packed::Twin(id) => {
                self.ledger.batch_twin(&work.task, id).await?;
                self.open().packed.twins += 1;
                Ok(None)
            }
            Packed::Line(line) => {
                // The lock is let go of before the commit is awaited, so that intents share commits.
                let intended = self.put(judge, *line)?;
                intended.await?;
                Ok(None)
            }
        }
    }

    /// Asks the task singly when the judge's server has not answered in this run: what it does not accept is then learnt at once, and not from every
    /// line of a batch a day later. One task at a time, until there is an answer.
    async fn ask_first(&self, judge: &'a Judge, work: &Work, journal: &Gate<'_>) -> Result<Option<OutcomeName>, Stop> {
        let mut answered = self.answered.lock().await;
        if answered.contains(judge.fingerprint()) {
            return Ok(None);
        }
        for alike in self.judges.iter().filter(|other| other.fingerprint() == judge.fingerprint()) {
            if self.ledger.has_answer(alike.name()).await? {
                answered.insert(judge.fingerprint());
                return Ok(None);
            }
        }
        let settled = judge.judge(work, journal).await?;
        Ok(Some(settled.outcome.name()))
    }

    /// Files that are not full yet become whole too.
    pub(super) fn finish(&self) -> Result<Packs, LedgerError> {
        let files = std::mem::take(&mut self.open().files);
        files.into_values().try_for_each(|file| self.finish_file(&mut self.open(), file))?;
        Ok(std::mem::take(&mut self.open().packed))
    }

    /// Queues the intent and writes the line. Both are durable before the file is whole, and it is sent only then.
    fn put(&self, judge: &Judge, line: Line) -> Result<BoxFuture<'static, Result<Reservation, JournalError>>, Stop> {
        let failed = |error: LedgerError| Stop::Journal(error.into());
        let terms = judge.batch_terms();
        let mut open = self.open();
        let full = |file: &BatchFile| {
            let pieces = line.pieces(&file.custom_id(line.verdict_id));
            let bytes = pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
            file.requests >= terms.requests || (file.requests > 0 && file.bytes + bytes > terms.bytes)
        };
        if open.files.get(judge.name()).is_some_and(full)
            && let Some(file) = open.files.remove(judge.name())
        {
            self.finish_file(&mut open, file).map_err(failed)?;
        }
        let mut file = match open.files.remove(judge.name()) {
            Some(file) => file,
            None => self.ledger.begin_batch(judge.name(), &judge.reading_settings(), self.online).map_err(failed)?,
        };
        let reading = serde_json::to_string(&line.reading).map_err(|error| Stop::Journal(JournalError(error.to_string())))?;
        let pieces = line.pieces(&file.custom_id(line.verdict_id));
        let intended = self.ledger.batch_intent(&file, line.intent, reading);
        let written = file.line(&pieces);
        open.files.insert(judge.name().to_owned(), file);
        written.map_err(failed)?;
        Ok(intended)
    }

    fn finish_file(&self, open: &mut Open, file: BatchFile) -> Result<(), LedgerError> {
        let (requests, bytes) = (file.requests, file.bytes);
        let path = self.ledger.finish_batch(file)?;
        open.packed.files.push(path);
        open.packed.requests += requests;
        open.packed.bytes += bytes;
        Ok(())
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose equal requests are one line.
fn whose(judge: &str, online: bool) -> Option<String> {
    (!online).then(|| judge.to_owned())
}
