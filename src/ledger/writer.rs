//! The one thread that writes: it takes what is queued, commits it as one transaction, and only then answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::oneshot;

use super::LedgerError;
use super::names::Names;

/// At most this many jobs share a commit.
const GROUP: usize = 64;
/// And no job joins a group older than this, so that a steady stream cannot put off its commit.
const GROUP_AGE: Duration = Duration::from_millis(5);
/// More jobs than this wait in their callers.
const QUEUE: usize = 1024;

/// Runs inside the transaction; what it returns runs after the commit.
type Job = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Answer> + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// Handle on the writer thread. Any failure of SQLite or of the disk is final: a failed fsync may have dropped the pages it was asked to keep, so
/// nothing is retried, and every later call fails with the first failure.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The database.
    file: String,
    failure: OnceLock<LedgerError>,
    commits: AtomicU64,
}

impl Writer {
    /// Hands the connection to a thread of its own, which acknowledges nothing that cannot be found by `names` again.
    pub(super) fn start(connection: Connection, names: Names) -> Result<Self, LedgerError> {
        let (jobs, queue) = sync_channel(QUEUE);
        let file = connection.path().unwrap_or_default().to_owned();
        let shared = Arc::new(Shared { file, failure: OnceLock::new(), commits: AtomicU64::new(0) });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(move || serve(&connection, &names, &queue, &theirs));
        let thread = thread.map_err(|error| LedgerError::Store(format!("cannot start the ledger's thread: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), shared })
    }

    /// Does `work` in the next group; resolves after its commit. The job is queued now, whether or not the future is polled.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, LedgerError>> {
        let (sender, receiver) = oneshot::channel();
        // A caller that no longer waits does not undo what is committed.
        let queued = self.send(work, move |value| _ = sender.send(value));
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            queued?;
            receiver.await.map_err(|_| shared.error())
        })
    }

    /// The same for callers outside the async runtime: blocks until the commit returned.
    pub(super) fn ask_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (sender, receiver) = sync_channel(1);
        self.send(work, move |value| _ = sender.send(value))?;
        receiver.recv().map_err(|_| self.shared.error())
    }

    fn send<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(T) + Send + 'static,
    ) -> Result<(), LedgerError> {
        let shared = Arc::clone(&self.shared);
        let job: Job = Box::new(move |connection| {
            // Noted here, before dropping `answer` tells its caller to look.
            let value = work(connection).inspect_err(|error| shared.fail(error))?;
            Ok(Box::new(move || answer(value)))
        });
        let jobs = self.jobs.as_ref().ok_or_else(|| self.shared.error())?;
        jobs.send(job).map_err(|_| self.shared.error())
    }

    /// How many transactions were committed.
    #[cfg(test)]
    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Fails when the writer has failed.
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        if self.shared.failure.get().is_some() { Err(self.shared.error()) } else { Ok(()) }
    }

    /// Commits what is queued and waits until the thread has closed the database.
    pub(super) fn stop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Were it to have panicked, its callers have been told by their closed channels.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Notes the first failure.
    fn fail(&self, error: &rusqlite::Error) {
        let _ = self.failure.set(LedgerError::sqlite(&self.file, error));
    }

    fn error(&self) -> LedgerError {
        self.failure.get().cloned().unwrap_or_else(|| LedgerError::Store("the ledger's writer has ended".to_owned()))
    }
}

fn serve(connection: &Connection, names: &Names, queue: &Receiver<Job>, shared: &Shared) {
    while let Ok(first) = queue.recv() {
        let committed = commit_group(connection, first, queue, shared).ok().filter(|_| is_in_place(connection, names, shared));
        let Some(answers) = committed else {
            // Closing must not move pages of a failed log into the database: the next process recovers from the log as it lies.
            // Should even that setting fail, there is no more to do.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            return;
        };
        shared.commits.fetch_add(1, Ordering::Relaxed);
        for answer in answers {
            answer();
        }
    }
}

/// Whether what was committed can be found again. Where it cannot, nothing more may be sent, and that is noted.
fn is_in_place(connection: &Connection, names: &Names, shared: &Shared) -> bool {
    let Some(lost) = names.lost() else { return true };
    let _ = shared.failure.set(LedgerError::Store(format!(
        "{} was moved or removed while the run wrote to it, so nothing more is sent; with the run folder back in its place the same command goes on",
        lost.display()
    )));
    // Should the log alone be gone, all that it held is in the database now. Closing would also remove a log of this name, whosever it is by now.
    let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    false
}

/// Any failure is noted in `shared` before the unanswered callers notice that nobody will answer.
fn commit_group(connection: &Connection, first: Job, queue: &Receiver<Job>, shared: &Shared) -> rusqlite::Result<Vec<Answer>> {
    let start = Instant::now();
    connection.execute_batch("BEGIN IMMEDIATE").inspect_err(|error| shared.fail(error))?;
    let mut answers = vec![first(connection)?];
    // Nobody is waited for: while one group is being synced, the next one queues up by itself.
    while answers.len() < GROUP && start.elapsed() < GROUP_AGE {
        match queue.try_recv() {
            Ok(job) => answers.push(job(connection)?),
            Err(_) => break,
        }
    }
    connection.execute_batch("COMMIT").inspect_err(|error| shared.fail(error))?;
    Ok(answers)
}
