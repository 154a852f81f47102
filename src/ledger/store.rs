//! The writer of one run folder.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};
use tribunal_media::{Digest, Report};

use super::budget::Budget;
use super::names::Names;
use super::plan::{self, stored_sampler};
use super::reader::{self, Recalled};
use super::spool::{self, Spool};
use super::writer::Writer;
use super::{Experiment, Facts, LedgerError, Lock, PartsRow, Reader, RunInfo, Thumb, files, lock, schema};
use crate::judge::{OutcomeName, Task};

/// The writer of one run folder; share it by reference or `Arc`. All writing goes through one thread, which commits what its callers queue in
/// groups and answers after the commit. Dropping it without [`close`](Self::close) loses nothing that was acknowledged. Methods that are not async
/// block for one commit (milliseconds).
#[derive(Debug)]
pub struct Ledger {
    pub(super) writer: Writer,
    pub(super) budget: Arc<Mutex<Budget>>,
    pub(super) spool: Spool,
    dir: PathBuf,
    /// Held as long as the ledger lives. Last, since fields are dropped in order: the run is free once the database is closed.
    _lock: Lock,
}

impl Ledger {
    /// Creates the run in `dir` (made if need be), or opens it when it holds the same experiment (perhaps extended by this one), and writes
    /// `run.json` anew.
    pub fn open(dir: &Path, info: &RunInfo) -> Result<Self, LedgerError> {
        std::fs::create_dir_all(dir).map_err(|error| LedgerError::io(dir, &error))?;
        let lock = lock::lock(dir)?;
        spool::clear(dir);
        clear_leftovers(dir);
        Self::opened(dir, info, lock).map_err(|error| error.within(dir))
    }

    fn opened(dir: &Path, info: &RunInfo, lock: Lock) -> Result<Self, LedgerError> {
        let connection = schema::open_writer(dir)?;
        let info = merged(&connection, info)?;
        let sql = "INSERT INTO run (one, info, clean) VALUES (1, ?1, 0) ON CONFLICT (one) DO UPDATE SET info = ?1, clean = 0";
        connection.execute(sql, [serde_json::to_string(&info)?])?;
        // total() is exact below nine thousand million dollars, and does not fail above, as sum() would.
        let sql = "SELECT (SELECT total(charged) FROM attempts) + (SELECT total(charged) FROM sentinel_attempts)";
        let charged: f64 = connection.query_row(sql, [], |row| row.get(0))?;
        write_info(dir, &info)?;
        let parent = dir.parent().unwrap_or(Path::new("."));
        files::sync_folder(parent).map_err(|error| LedgerError::io(parent, &error))?;
        let budget = Arc::new(Mutex::new(Budget::new(charged as u64)));
        let names = Names::of(dir).map_err(|error| LedgerError::io(dir, &error))?;
        Ok(Self { writer: Writer::start(connection, names)?, budget, spool: Spool::default(), dir: dir.to_owned(), _lock: lock })
    }

    /// Reopens those of `tasks` that ended in one of these outcomes; their attempts and costs stay. Returns how many. Tasks outside this
    /// invocation's limit or shard keep their outcomes: nobody would ask for them again.
    pub fn reopen(&self, tasks: &[Task], outcomes: &[OutcomeName]) -> Result<u64, LedgerError> {
        if outcomes.is_empty() {
            return Ok(0);
        }
        let (tasks, outcomes) = (tasks.to_vec(), outcomes.to_vec());
        self.writer.ask_blocking(move |connection| plan::reopen(connection, &tasks, &outcomes))
    }

    /// Tasks without an outcome whose items stand at these positions of the manifest, in the order of `verdicts.jsonl`; also those that an
    /// invocation with another limit or shard planned.
    pub fn pending(&self, positions: RangeInclusive<u64>) -> Result<Vec<Task>, LedgerError> {
        self.writer.ask_blocking(move |connection| plan::pending(connection, positions))
    }

    /// The first and the last position of a task without an outcome; `None` when there is none.
    pub fn pending_span(&self) -> Result<Option<RangeInclusive<u64>>, LedgerError> {
        self.writer.ask_blocking(plan::pending_span)
    }

    /// The facts of the run as a [`Reader`] would find it now; on some file systems there can be none beside the writer.
    pub fn facts(&self) -> Result<Facts, LedgerError> {
        self.writer.ask_blocking(|connection| Ok(reader::facts(connection)))?
    }

    /// What earlier invocations learnt of a judge's server, as a [`Reader`] would tell it.
    pub fn recalled(&self, judge: &str) -> Result<Recalled, LedgerError> {
        let judge = judge.to_owned();
        self.writer.ask_blocking(move |connection| Ok(reader::recalled(connection, &judge)))?
    }

    /// How many tasks ended how; `None` counts the pending ones.
    pub fn counts(&self) -> Result<BTreeMap<Option<OutcomeName>, u64>, LedgerError> {
        self.writer.ask_blocking(plan::counts)
    }

    /// What is charged or reserved so far, in micro-dollars, over all invocations.
    pub fn spent_micro_usd(&self) -> u64 {
        self.budget().total()
    }

    /// What the budget has left, in micro-dollars; `None` without a budget.
    pub fn room_micro_usd(&self) -> Option<u64> {
        let budget = self.budget();
        budget.limit.map(|limit| limit.saturating_sub(budget.total()))
    }

    /// The dearest attempt that this process settled above what was reserved for it: what was reserved and what it cost, in micro-dollars.
    pub fn overrun_micro_usd(&self) -> Option<(u64, u64)> {
        self.budget().overrun
    }

    /// Records what decoding saw of an item, and writes its thumbnails, in time order. Blocks.
    /// `false`: the run holds what was seen of other bytes under this item; nothing was changed.
    pub fn record_media(&self, item_id: &str, media_id: Digest, report: &Report, thumbs: &[(Thumb, Bytes)]) -> Result<bool, LedgerError> {
        thumbs.iter().try_for_each(|(thumb, bytes)| self.write_named("thumbs", &thumb.name, bytes))?;
        let thumbs: Vec<_> = thumbs.iter().map(|(thumb, _)| thumb).collect();
        let values = [media_id.to_string(), serde_json::to_string(report)?, serde_json::to_string(&thumbs)?, item_id.to_owned()];
        let earlier = "SELECT media_id IS NULL OR media_id = ?1 FROM items WHERE item_id = ?2";
        let update = "UPDATE items SET media_id = ?1, media = ?2, thumbs = ?3 WHERE item_id = ?4";
        let same = self.writer.ask_blocking(move |connection| {
            let same: Option<bool> = connection.query_row(earlier, [&values[0], &values[3]], |row| row.get(0)).optional()?;
            if same == Some(true) {
                connection.execute(update, values)?;
            }
            Ok(same)
        })?;
        same.ok_or_else(|| unplanned(item_id))
    }

    /// Records what a task shows its judge; its repeats share it, and a second time replaces the first. Blocks.
    pub fn record_parts(&self, task: &Task, parts: &PartsRow) -> Result<(), LedgerError> {
        let (frames, chunks) = (serde_json::to_string(&parts.frames)?, serde_json::to_string(&parts.chunks)?);
        let key = [&task.item_id, stored_sampler(task.sampler.as_deref()), &task.rubric, &task.judge].map(str::to_owned);
        let fit = parts.fit.as_ref().map(serde_json::to_string).transpose()?;
        let sql = "INSERT OR REPLACE INTO parts (item_id, sampler, rubric, judge, frames, chunks, fit) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
                   WHERE EXISTS (SELECT 1 FROM items WHERE item_id = ?1)";
        let insert = move |connection: &Connection| {
            let [item_id, sampler, rubric, judge] = key;
            connection.execute(sql, params![item_id, sampler, rubric, judge, frames, chunks, fit])
        };
        let known = self.writer.ask_blocking(insert)?;
        if known == 1 { Ok(()) } else { Err(unplanned(&task.item_id)) }
    }

    /// Sets the budget in micro-dollars that `reserve` enforces over all invocations; `None` means none.
    pub fn set_budget(&self, micro_usd: Option<u64>) -> Result<(), LedgerError> {
        self.budget().limit = micro_usd;
        self.writer.check()
    }

    /// Commits what is queued, writes `run.json` and `verdicts.jsonl` anew (atomically) and closes. After a failure of the store it still tries to
    /// write the verdicts, and returns that failure.
    pub fn close(mut self) -> Result<(), LedgerError> {
        let marked = self.writer.ask_blocking(|connection| connection.execute("UPDATE run SET clean = 1", []).map(drop));
        self.writer.stop();
        let written = Reader::open(&self.dir).and_then(|reader| {
            write_info(&self.dir, reader.info())?;
            let path = self.dir.join("verdicts.jsonl");
            let failed = |error| LedgerError::io(&path, &error);
            files::replace_file(&path, failed, |out| reader.put_verdicts(out, failed)).map(drop)
        });
        marked.and(written)
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn budget(&self) -> MutexGuard<'_, Budget> {
        // Each change to it is complete before anything could panic.
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Atomic, but not synced: these files can be made again from the media, and a run makes thousands; whoever reads kept parts holds them against their digests. Names say what they hold: one that is there stays.
    pub(super) fn write_named(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(LedgerError::Store(format!("{folder}/{name}: not a plain file name")));
        }
        let (beneath, folder) = (folder, self.dir.join(folder));
        let path = folder.join(name);
        if path.is_file() {
            return Ok(());
        }
        // Two threads may write equal parts at once.
        let temporary = folder.join(format!("{name}.{}.tmp", WRITES.fetch_add(1, Ordering::Relaxed)));
        let write = || {
            files::create_beneath(&self.dir, Path::new(beneath))?;
            files::create_anew(&temporary)?.write_all(bytes)?;
            std::fs::rename(&temporary, &path)
        };
        write().map_err(|error| {
            // No litter where there may be no room.
            let _ = std::fs::remove_file(&temporary);
            LedgerError::io(&path, &error)
        })
    }
}

/// What is stored about the run, extended by this invocation. Locks that an earlier invocation lacked stay named: its verdicts are still there.
fn merged(connection: &Connection, new: &RunInfo) -> Result<RunInfo, LedgerError> {
    let stored: Option<String> = connection.query_row("SELECT info FROM run", [], |row| row.get(0)).optional()?;
    let mut info = new.clone();
    if let Some(stored) = stored {
        let stored: RunInfo = serde_json::from_str(&stored)?;
        let changed = |changes: Vec<String>| LedgerError::Changed(changes.join("; "));
        info.experiment = Experiment::extends(&stored.experiment, &new.experiment).map_err(changed)?;
        info.started_at = stored.started_at;
        info.missing_locks.extend(stored.missing_locks);
        info.missing_locks.sort_unstable();
        info.missing_locks.dedup();
    }
    Ok(info)
}

/// Removes what a process that was killed had begun to write under another name. What cannot be removed is in nobody's way.
fn clear_leftovers(dir: &Path) {
    for entry in ["thumbs", "parts"].iter().filter_map(|folder| std::fs::read_dir(dir.join(folder)).ok()).flatten().flatten() {
        if Path::new(&entry.file_name()).extension().is_some_and(|extension| extension == "tmp") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Leaves the file alone when it says the same already.
fn write_info(dir: &Path, info: &RunInfo) -> Result<(), LedgerError> {
    let path = dir.join("run.json");
    let mut json = serde_json::to_vec_pretty(info)?;
    json.push(b'\n');
    if std::fs::read(&path).is_ok_and(|stored| stored == json) {
        return Ok(());
    }
    let failed = |error| LedgerError::io(&path, &error);
    files::replace_file(&path, failed, |out| out.write_all(&json).map_err(failed))
}

fn unplanned(item_id: &str) -> LedgerError {
    LedgerError::Store(format!("item {item_id} was never planned"))
}
