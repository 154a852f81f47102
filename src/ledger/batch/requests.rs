//! The requests of batches: intent before send, the end of each, and the tasks that share one.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;
use tribunal_media::Digest;

use super::BatchFile;
use crate::judge::{AttemptEnd, Intent, JournalError, Outcome, OutcomeName, Past, Reservation, Task};
use crate::ledger::journal::{ATTEMPTS, Checked, flatten, past, write_end, write_intent};
use crate::ledger::plan::{find_task, task_at};
use crate::ledger::{Ledger, LedgerError, files};

/// What the ledger knows of a `custom_id`.
#[derive(Debug)]
pub enum Found {
    /// No batch of this run has it.
    Unknown,
    /// Its result was taken before.
    Settled(Task),
    /// It waits for its result.
    Open(Box<OpenRequest>),
    /// An earlier program wrote it into several files, and not all of their results were taken: which of them this one is cannot be told.
    Doubtful(Task),
}

impl Found {
    /// Whose item it is about, where that is known.
    pub fn item_id(self) -> Option<String> {
        match self {
            Self::Settled(task) | Self::Doubtful(task) => Some(task.item_id),
            Self::Open(request) => Some(request.task.item_id),
            Self::Unknown => None,
        }
    }
}

/// A request that waits for its result.
#[derive(Debug)]
pub struct OpenRequest {
    /// The attempt.
    pub reservation: Reservation,
    /// The batch, by its number in this run.
    pub batch: i64,
    /// Whose request it is.
    pub task: Task,
    /// Which verdict it asks for.
    pub verdict_id: Digest,
    /// What its reply is read by, as JSON.
    pub reading: String,
    /// Every attempt of the task, this one among them.
    pub past: Vec<Past>,
}

impl Ledger {
    /// Makes the intent of one line of `file` durable, as [`Journal::intent`](crate::judge::Journal::intent) does for a single request.
    pub fn batch_intent(&self, file: &BatchFile, intent: Intent, reading: String) -> BoxFuture<'static, Result<Reservation, JournalError>> {
        if let Err(error) = self.claim(&intent) {
            return ready(Err(error)).boxed();
        }
        self.budget().park(intent.reserved_micro_usd.unwrap_or(0));
        let (batch, line) = (file.id, file.custom_id(intent.verdict_id));
        let written = self.writer.ask(move |connection| {
            let reservation = match write_intent(connection, &intent)? {
                Ok(reservation) => reservation,
                Err(problem) => return Ok(Err(problem)),
            };
            let sql = "INSERT INTO batch_requests (custom_id, task, batch, attempt, reading, line)
                       SELECT ?1, task, ?2, id, ?3, ?5 FROM attempts WHERE id = ?4";
            connection.execute(sql, params![intent.verdict_id.to_string(), batch, reading, reservation.0, line])?;
            Ok(Ok(reservation))
        });
        written.map(flatten).boxed()
    }

    /// Notes that `task` shares the reply to an equal request.
    pub fn batch_twin(&self, task: &Task, verdict_id: Digest) -> BoxFuture<'static, Result<(), JournalError>> {
        let task = task.clone();
        let written = self.writer.ask(move |connection| {
            let Some((task, _)) = find_task(connection, &task)? else { return Ok(Err("a twin was never planned".to_owned())) };
            let sql = "INSERT INTO batch_requests (custom_id, task) SELECT ?1, ?2
                       WHERE NOT EXISTS (SELECT 1 FROM batch_requests WHERE custom_id = ?1 AND task = ?2 AND attempt IS NULL)";
            connection.execute(sql, params![verdict_id.to_string(), task]).map(|_| Ok(()))
        });
        written.map(flatten).boxed()
    }

    /// Whether the server of a judge has answered any task: then it is known what it accepts.
    pub fn has_answer(&self, judge: &str) -> BoxFuture<'static, Result<bool, JournalError>> {
        let judge = judge.to_owned();
        let sql = "SELECT EXISTS (SELECT 1 FROM attempts JOIN tasks ON tasks.id = task WHERE judge = ?1 AND class = 'answered')";
        let read = self.writer.ask(move |connection| connection.query_row(sql, [judge], |row| row.get(0)).map(Ok));
        read.map(flatten).boxed()
    }

    /// Tasks that wait for the result of a batch (their own request's, or an equal one's, at a server also of another judge's); with `online`, of one that
    /// this program sent.
    pub fn waiting_tasks(&self, online: bool) -> Result<Vec<Task>, LedgerError> {
        self.writer.ask_blocking(move |connection| {
            let sql =
                "SELECT DISTINCT item_id, sampler, rubric, judge, repeat FROM batch_requests AS mine JOIN tasks ON tasks.id = mine.task
                       WHERE outcome IS NULL AND EXISTS (SELECT 1 FROM batch_requests AS own JOIN attempts ON attempts.id = own.attempt
                       JOIN tasks AS asked ON asked.id = own.task JOIN batches ON batches.id = own.batch
                       WHERE own.custom_id = mine.custom_id AND (asked.judge = tasks.judge OR online) AND attempts.state = 'open' AND online >= ?1)";
            connection.prepare(sql)?.query_map([online], |row| task_at(row, 0))?.collect()
        })
    }

    /// The verdicts that tasks of [`waiting_tasks`](Self::waiting_tasks) wait for, each with its judge.
    pub fn waiting_ids(&self, online: bool) -> Result<Vec<(String, Digest)>, LedgerError> {
        self.writer.ask_blocking(move |connection| {
            let sql = "SELECT tasks.judge, custom_id FROM batch_requests AS own JOIN attempts ON attempts.id = own.attempt
                       JOIN tasks ON tasks.id = own.task JOIN batches ON batches.id = own.batch WHERE attempts.state = 'open' AND online >= ?1";
            let mut statement = connection.prepare(sql)?;
            let ids = statement.query_map([online], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
            ids.filter_map(|id| id.map(|(judge, id)| Some((judge, Digest::from_hex(&id)?))).transpose()).collect()
        })
    }

    /// What is known of a line's `custom_id` in one batch, or without one in every file for somebody else to run.
    pub fn find_request(&self, custom_id: &str, batch: Option<i64>) -> BoxFuture<'static, Result<Found, JournalError>> {
        let custom_id = custom_id.to_owned();
        let read = self.writer.ask(move |connection| find(connection, &custom_id, batch));
        read.map(flatten).boxed()
    }

    /// What is kept of the result of a line for somebody else to run, if there is one.
    pub fn kept_result(&self, custom_id: &str) -> BoxFuture<'static, Result<Option<String>, JournalError>> {
        let custom_id = custom_id.to_owned();
        let sql = "SELECT coalesce(reply, '') FROM batch_requests AS mine JOIN attempts ON attempts.id = mine.attempt
                   JOIN batches ON batches.id = batch WHERE line = ?1 AND attempts.state = 'settled' AND NOT online";
        self.writer.ask(move |connection| connection.query_row(sql, [custom_id], |row| row.get(0)).optional().map(Ok)).map(flatten).boxed()
    }

    /// Whether a line of this batch has this `custom_id`.
    pub fn owns_line(&self, batch: i64, custom_id: &str) -> BoxFuture<'static, Result<bool, JournalError>> {
        let custom_id = custom_id.to_owned();
        let sql = "SELECT EXISTS (SELECT 1 FROM batch_requests WHERE batch = ?1 AND (line = ?2 OR (line IS NULL AND custom_id = ?2)))";
        self.writer
            .ask(move |connection| connection.query_row(sql, params![batch, custom_id], |row| row.get(0)).map(Ok))
            .map(flatten)
            .boxed()
    }

    /// What was sent in an attempt, as it is recorded.
    pub fn recorded_body(&self, attempt: Reservation) -> BoxFuture<'static, Result<String, JournalError>> {
        let sql = "SELECT body FROM attempts JOIN requests USING (body_digest) WHERE attempts.id = ?1";
        self.writer.ask(move |connection| connection.query_row(sql, [attempt.0], |row| row.get(0)).map(Ok)).map(flatten).boxed()
    }

    /// Settles a request and, with an outcome, every task that shares it and has none yet, or is unresolved. Returns how many ended.
    pub fn close_request(
        &self,
        request: &OpenRequest,
        end: AttemptEnd,
        outcome: Option<&Outcome>,
    ) -> BoxFuture<'static, Result<Vec<OutcomeName>, JournalError>> {
        let (reservation, verdict_id, budget) = (request.reservation, request.verdict_id, Arc::clone(&self.budget));
        let judge = request.task.judge.clone();
        let outcome = outcome.map(|outcome| Ok::<_, LedgerError>((outcome.name(), serde_json::to_string(outcome)?))).transpose();
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return ready(Err(error.into())).boxed(),
        };
        let written = self.writer.ask(move |connection| {
            let (bound, cost) = match write_end(connection, ATTEMPTS, reservation, &end)? {
                Ok(charged) => charged,
                Err(problem) => return Ok(Err(problem)),
            };
            budget.lock().unwrap_or_else(PoisonError::into_inner).settle_parked(bound, cost);
            let Some((name, detail)) = outcome else { return Ok(Ok(Vec::new())) };
            // Another judge reads the reply by its own rules, once it is asked. Of a task that is unresolved something is known now.
            let sql = "UPDATE tasks SET outcome = ?2, detail = ?3, verdict_id = ?1 WHERE coalesce(outcome, 'unresolved') = 'unresolved' AND judge = ?4
                       AND id IN (SELECT task FROM batch_requests WHERE custom_id = ?1)";
            let ended = connection.execute(sql, params![verdict_id.to_string(), name.as_str(), detail, judge])?;
            Ok(Ok(vec![name; ended]))
        });
        written.map(flatten).boxed()
    }

    /// How many requests of these batches still wait for their results.
    pub fn open_requests(&self, batches: &[i64]) -> Result<u64, LedgerError> {
        let batches = batches.to_vec();
        let sql =
            "SELECT count(*) FROM batch_requests AS mine JOIN attempts ON attempts.id = mine.attempt WHERE batch = ?1 AND state = 'open'";
        self.writer.ask_blocking(move |connection| {
            batches.iter().try_fold(0, |sum, batch| Ok(sum + connection.query_row(sql, [batch], |row| row.get::<_, i64>(0))? as u64))
        })
    }

    /// Replaces `batch/index.jsonl`: which request of which file is which task's.
    pub fn write_batch_index(&self) -> Result<PathBuf, LedgerError> {
        let lines = self.writer.ask_blocking(|connection| {
            // A task that shares a reply waits for the line that was written last.
            let sql = "SELECT coalesce(line, (SELECT own.line FROM batch_requests AS own JOIN tasks AS asked ON asked.id = own.task
                       WHERE own.custom_id = mine.custom_id AND own.line IS NOT NULL AND asked.judge = tasks.judge ORDER BY own.id DESC LIMIT 1), custom_id), item_id, sampler, rubric, judge, repeat, file, body_digest, custom_id
                       FROM batch_requests AS mine
                       JOIN tasks ON tasks.id = mine.task LEFT JOIN attempts ON attempts.id = mine.attempt
                       LEFT JOIN (SELECT id AS number, file, online FROM batches) ON number = mine.batch
                       WHERE online = 0 OR online IS NULL ORDER BY mine.id";
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            let mut lines = String::new();
            while let Some(row) = rows.next()? {
                let (custom_id, task): (String, Task) = (row.get(0)?, task_at(row, 1)?);
                let Task { item_id, sampler, rubric, judge, repeat } = task;
                let (file, body_digest): (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
                let verdict_id: String = row.get(8)?;
                let line = json!({"custom_id": custom_id, "verdict_id": verdict_id, "file": file, "item_id": item_id, "sampler": sampler, "rubric": rubric,
                    "judge": judge, "repeat": repeat, "body_digest": body_digest});
                lines.push_str(&line.to_string());
                lines.push('\n');
            }
            Ok(lines)
        })?;
        let path = self.dir().join("batch/index.jsonl");
        let failed = |error| LedgerError::io(&path, &error);
        std::fs::create_dir_all(self.dir().join("batch")).map_err(failed)?;
        files::replace_file(&path, failed, |out| out.write_all(lines.as_bytes()).map_err(failed))?;
        Ok(path)
    }
}

/// One request that has an id.
struct Candidate {
    attempt: i64,
    batch: i64,
    reading: String,
    task: i64,
    verdict_id: String,
    open: bool,
}

/// The requests that a line's id may mean: that one, or of an earlier program, which wrote the verdict's id into every file, each that asks for it.
fn candidates(connection: &Connection, custom_id: &str, batch: Option<i64>) -> rusqlite::Result<Vec<Candidate>> {
    let sql = "SELECT mine.attempt, batch, reading, mine.task, custom_id, attempts.state = 'open' FROM batch_requests AS mine
               JOIN attempts ON attempts.id = mine.attempt JOIN batches ON batches.id = batch
               WHERE (line = ?1 OR (line IS NULL AND custom_id = ?1)) AND coalesce(batch = ?2, NOT online) ORDER BY mine.id";
    let read = |row: &Row<'_>| {
        let (attempt, batch, reading) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Candidate { attempt, batch, reading, task: row.get(3)?, verdict_id: row.get(4)?, open: row.get(5)? })
    };
    connection.prepare(sql)?.query_map(params![custom_id, batch], read)?.collect()
}

fn find(connection: &Connection, custom_id: &str, batch: Option<i64>) -> Checked<Found> {
    let mut found = candidates(connection, custom_id, batch)?;
    let (count, open) = (found.len(), found.iter().any(|request| request.open));
    let Some(Candidate { attempt, batch, reading, task, verdict_id, .. }) = found.pop() else {
        return elsewhere(connection, custom_id).map(Ok);
    };
    let task = task_of(connection, task)?;
    if !open {
        return Ok(Ok(Found::Settled(task)));
    }
    if count > 1 {
        return Ok(Ok(Found::Doubtful(task)));
    }
    let past = match past(connection, &task)? {
        Ok(past) => past,
        Err(problem) => return Ok(Err(problem)),
    };
    let Some(verdict_id) = Digest::from_hex(&verdict_id) else { return Ok(Err(format!("`{verdict_id}` is no digest"))) };
    Ok(Ok(Found::Open(Box::new(OpenRequest { reservation: Reservation(attempt), batch, task, verdict_id, reading, past }))))
}

/// What is known of an id that none of the requests in question has.
fn elsewhere(connection: &Connection, custom_id: &str) -> rusqlite::Result<Found> {
    let sql = "SELECT task FROM batch_requests WHERE line = ?1 OR (line IS NULL AND custom_id = ?1) LIMIT 1";
    let task: Option<i64> = connection.query_row(sql, [custom_id], |row| row.get(0)).optional()?;
    task.map_or(Ok(Found::Unknown), |task| task_of(connection, task).map(Found::Settled))
}

fn task_of(connection: &Connection, task: i64) -> rusqlite::Result<Task> {
    connection.query_row("SELECT item_id, sampler, rubric, judge, repeat FROM tasks WHERE id = ?1", [task], |row| task_at(row, 0))
}
