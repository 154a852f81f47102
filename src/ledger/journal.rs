//! The ledger as judges see it: intent before send, outcome after.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use rusqlite::{Connection, OptionalExtension as _, params};
use tribunal_media::Digest;

use super::budget::{NotReserved, charge};
use super::equals::known;
use super::plan::{find_task, stored};
use super::{Ledger, LedgerError};
use crate::judge::{AttemptEnd, Intent, Journal, JournalError, Known, Outcome, Past, ReplyFormat, Reservation, Room, Task};

/// Where attempts of tasks are kept.
pub(super) const ATTEMPTS: &str = "attempts";

/// How a call went inside the transaction: its value, or what the caller got wrong (nothing was written then).
pub(super) type Checked<T> = rusqlite::Result<Result<T, String>>;

impl Journal for Ledger {
    /// Takes over what `reserve` held for it: `reserved_micro_usd` moves from "held" to this row in one step, so it is never counted twice. With a
    /// budget set, an intent whose bound was not reserved before is refused. Not awaiting it to its end leaves the intent open, thus charged.
    fn intent(&self, intent: Intent) -> BoxFuture<'_, Result<Reservation, JournalError>> {
        if let Err(error) = self.claim(&intent) {
            return ready(Err(error)).boxed();
        }
        let written = self.writer.ask(move |connection| write_intent(connection, &intent));
        written.map(flatten).boxed()
    }

    fn settle(&self, reservation: Reservation, end: AttemptEnd) -> BoxFuture<'_, Result<(), JournalError>> {
        self.settle_in(ATTEMPTS, reservation, end)
    }

    /// Attempts before the task was last reopened are not among them: they no longer count against it.
    fn lookup(&self, task: &Task) -> BoxFuture<'_, Result<Vec<Past>, JournalError>> {
        let task = task.clone();
        let read = self.writer.ask(move |connection| past(connection, &task));
        read.map(flatten).boxed()
    }

    fn known(&self, task: &Task, verdict_id: Digest) -> BoxFuture<'_, Result<Option<Known>, JournalError>> {
        let task = task.clone();
        let read = self.writer.ask(move |connection| known(connection, &task, verdict_id));
        read.map(flatten).boxed()
    }

    fn read(&self, task: &Task, of: Vec<Reservation>) -> BoxFuture<'_, Result<(), JournalError>> {
        let task = task.clone();
        let written = self.writer.ask(move |connection| {
            let Some((id, round)) = find_task(connection, &task)? else { return Ok(Err(unplanned(&task))) };
            let mut statement = connection.prepare("INSERT OR IGNORE INTO shared (task, round, attempt) VALUES (?1, ?2, ?3)")?;
            of.iter().try_for_each(|attempt| statement.execute(params![id, round, attempt.0]).map(drop)).map(Ok)
        });
        written.map(flatten).boxed()
    }

    /// Holds the amount until an intent takes it over, or until this process ends.
    fn reserve(&self, micro_usd: u64) -> BoxFuture<'_, Result<Room, JournalError>> {
        let room = self.writer.check().map(|()| self.budget().reserve(micro_usd)).map_err(JournalError::from);
        ready(room).boxed()
    }

    fn conclude(&self, task: &Task, verdict_id: Option<Digest>, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        let task = task.clone();
        let detail = match serde_json::to_string(&outcome) {
            Ok(detail) => detail,
            Err(error) => return ready(Err(LedgerError::from(error).into())).boxed(),
        };
        let written = self.writer.ask(move |connection| write_outcome(connection, &task, verdict_id, outcome.name().as_str(), &detail));
        written.map(flatten).boxed()
    }
}

impl Ledger {
    /// Turns what was reserved for an intent into its charge; refused where it was not.
    pub(super) fn claim(&self, intent: &Intent) -> Result<(), JournalError> {
        let bound = intent.reserved_micro_usd.unwrap_or(0);
        self.budget().claim(bound).map_err(|NotReserved| JournalError(format!("{bound} micro-dollars were not reserved before the intent")))
    }

    /// Records how an attempt in `table` ended, and gives back what it did not cost.
    pub(super) fn settle_in(
        &self,
        table: &'static str,
        reservation: Reservation,
        end: AttemptEnd,
    ) -> BoxFuture<'static, Result<(), JournalError>> {
        let budget = Arc::clone(&self.budget);
        let written = self.writer.ask(move |connection| {
            let settled = write_end(connection, table, reservation, &end)?;
            Ok(settled.map(|(bound, cost)| {
                // Before the commit: should that fail, nothing can be sent any more, whatever the budget says.
                budget.lock().unwrap_or_else(PoisonError::into_inner).settle(bound, cost);
            }))
        });
        written.map(flatten).boxed()
    }
}

impl From<LedgerError> for JournalError {
    fn from(error: LedgerError) -> Self {
        Self(error.to_string())
    }
}

pub(super) fn flatten<T>(result: Result<Result<T, String>, LedgerError>) -> Result<T, JournalError> {
    result?.map_err(JournalError)
}

fn unplanned(task: &Task) -> String {
    let Task { item_id, sampler, rubric, judge, repeat } = task;
    format!("task ({item_id}, {}, {rubric}, {judge}, {repeat}) was never planned", sampler.as_deref().unwrap_or("no sampler"))
}

pub(super) fn write_intent(connection: &Connection, intent: &Intent) -> Checked<Reservation> {
    match find_task(connection, &intent.task)? {
        Some(of) => insert_attempt(connection, ATTEMPTS, of, intent).map(Ok),
        None => Ok(Err(unplanned(&intent.task))),
    }
}

/// Writes an intent into `table` as an attempt of (task, round).
pub(super) fn insert_attempt(
    connection: &Connection,
    table: &str,
    (task, round): (i64, i64),
    intent: &Intent,
) -> rusqlite::Result<Reservation> {
    let Intent { task: _, verdict_id, body_digest, recorded_body, case, endpoint, attempt, reserved_micro_usd, estimated } = intent;
    let (body_digest, reserved) = (body_digest.to_string(), reserved_micro_usd.map(stored));
    insert_body(connection, &body_digest, recorded_body, case)?;
    connection.execute(
        &format!(
            "INSERT INTO {table} (task, round, attempt, verdict_id, body_digest, endpoint, reserved, charged, estimated, kinds)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        ),
        params![
            task,
            round,
            attempt,
            verdict_id.to_string(),
            body_digest,
            endpoint,
            reserved,
            reserved.unwrap_or(0),
            estimated.input().round() as i64,
            serde_json::to_string(estimated).ok(),
        ],
    )?;
    Ok(Reservation(connection.last_insert_rowid()))
}

/// What many bodies begin and end with is kept once. A `case` that is none of this body's keeps it whole.
fn insert_body(connection: &Connection, body_digest: &str, body: &str, case: &Range<usize>) -> rusqlite::Result<()> {
    let cut = || Some([body.get(..case.start)?, body.get(case.clone())?, body.get(case.end..)?]);
    let [head, middle, tail] = cut().unwrap_or(["", body, ""]);
    let [head, tail] = [head, tail].map(|text| (Digest::of(text.as_bytes()).to_string(), text));
    for (digest, text) in [&head, &tail] {
        connection.execute("INSERT INTO texts (digest, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING", [digest.as_str(), text])?;
    }
    let sql = "INSERT INTO bodies (body_digest, head, body, tail) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    connection.execute(sql, [body_digest, &head.0, middle, &tail.0]).map(drop)
}

/// Returns the attempt's upper bound and what it is charged instead.
pub(super) fn write_end(connection: &Connection, table: &str, reservation: Reservation, end: &AttemptEnd) -> Checked<(u64, u64)> {
    let AttemptEnd { class, status, reply, usage, served, cost_micro_usd, latency_ms } = end;
    let sql = format!("SELECT charged FROM {table} WHERE id = ?1 AND state = 'open'");
    let bound: Option<i64> = connection.query_row(&sql, [reservation.0], |row| row.get(0)).optional()?;
    let Some(bound) = bound.map(|bound| bound as u64) else {
        return Ok(Err(format!("attempt {} is not open", reservation.0)));
    };
    let cost = charge(class, bound, *cost_micro_usd);
    let usage = usage.map(|usage| serde_json::to_string(&usage)).transpose();
    let (Ok(usage), Ok(served)) = (usage, serde_json::to_string(served)) else { return Ok(Err("counts that are no JSON".to_owned())) };
    connection.execute(
        &format!(
            "UPDATE {table} SET state = 'settled', class = ?2, status = ?3, reply = ?4, usage = ?5, served = ?6, cost = ?7,
             latency_ms = ?8, charged = ?9 WHERE id = ?1"
        ),
        params![reservation.0, class, status, reply, usage, served, cost_micro_usd.map(stored), latency_ms.map(stored), stored(cost)],
    )?;
    Ok(Ok((bound, cost)))
}

pub(super) fn past(connection: &Connection, task: &Task) -> Checked<Vec<Past>> {
    let Some((task, round)) = find_task(connection, task)? else {
        return Ok(Err(unplanned(task)));
    };
    let sql =
        "SELECT coalesce(class, CASE WHEN EXISTS (SELECT 1 FROM batch_requests AS mine JOIN batches ON batches.id = batch
                   WHERE mine.attempt = attempts.id AND NOT online) THEN 'exported' ELSE 'open' END), coalesce(reply, ''), served ->> 'format', body_digest
               FROM attempts WHERE task = ?1 AND round = ?2 ORDER BY id";
    let mut statement = connection.prepare(sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        let body_digest = Digest::from_hex(&row.get::<_, String>(3)?);
        Ok(Past { class: row.get(0)?, reply: row.get(1)?, format: format(row.get(2)?), body_digest })
    };
    let past: rusqlite::Result<Vec<_>> = statement.query_map([task, round], read)?.collect();
    past.map(Ok)
}

pub(super) fn format(name: Option<String>) -> Option<ReplyFormat> {
    serde_json::from_value(serde_json::Value::from(name?)).ok()
}

fn write_outcome(connection: &Connection, task: &Task, verdict_id: Option<Digest>, name: &str, detail: &str) -> Checked<()> {
    let Some((id, _)) = find_task(connection, task)? else {
        return Ok(Err(unplanned(task)));
    };
    let sql = "UPDATE tasks SET outcome = ?2, detail = ?3, verdict_id = ?4 WHERE id = ?1 AND outcome IS NULL";
    let changed = connection.execute(sql, params![id, name, detail, verdict_id.map(|id| id.to_string())])?;
    Ok(if changed == 1 { Ok(()) } else { Err(format!("a task of item {} has its outcome already", task.item_id)) })
}
