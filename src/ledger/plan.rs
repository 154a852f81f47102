//! What is to be done: items, tasks, and which of them are open.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tribunal_media::Digest;

use super::{ItemRow, LedgerError};
use crate::judge::{OutcomeName, Task};

/// An item as it is stored.
pub(super) struct StoredItem {
    pub(super) item_id: String,
    pub(super) position: i64,
    pub(super) digest: Digest,
    pub(super) row: String,
}

impl StoredItem {
    /// Serialises what the manifest says of an item; what decoding says of it has columns of its own.
    pub(super) fn new(item: ItemRow) -> Result<Self, LedgerError> {
        let item = ItemRow { media_id: None, media: None, thumbs: Vec::new(), ..item };
        let row = serde_json::to_string(&item)?;
        Ok(Self { item_id: item.item_id, position: stored(item.position), digest: item.digest, row })
    }
}

/// Whether an item is known yet, and the name of the last plan that was written to its end.
pub(super) fn known(connection: &Connection) -> rusqlite::Result<(bool, Option<String>)> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM items), planned FROM run", [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Adds items; of known ones, takes over position and labels (their digest is the same).
pub(super) fn add_items<'r>(connection: &Connection, mut items: impl Iterator<Item = &'r StoredItem>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "INSERT INTO items (item_id, position, digest, row) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (item_id) DO UPDATE SET position = ?2, row = ?4 WHERE position <> ?2 OR row <> ?4",
    )?;
    items.try_for_each(|item| statement.execute(params![item.item_id, item.position, item.digest.to_string(), item.row]).map(drop))
}

/// Adds tasks; known ones stay as they are.
pub(super) fn add_tasks<'r>(connection: &Connection, mut tasks: impl Iterator<Item = &'r Task>) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare("INSERT INTO tasks (item_id, sampler, rubric, judge, repeat) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")?;
    tasks.try_for_each(|task| {
        let Task { item_id, sampler, rubric, judge, repeat } = task;
        statement.execute(params![item_id, stored_sampler(sampler.as_deref()), rubric, judge, repeat]).map(drop)
    })
}

/// See [`Ledger::reopen`](super::Ledger::reopen). A new round: what earlier attempts came to no longer counts against the task.
pub(super) fn reopen(connection: &Connection, tasks: &[Task], outcomes: &[OutcomeName]) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare(
        "UPDATE tasks SET outcome = NULL, detail = NULL, verdict_id = NULL, round = round + 1, since = (SELECT coalesce(max(id), 0) FROM attempts)
         WHERE id = ?1 AND outcome = ?2",
    )?;
    let mut reopened = 0;
    for task in tasks {
        let Some((id, _)) = find_task(connection, task)? else { continue };
        for name in outcomes {
            reopened += statement.execute(params![id, name.as_str()])? as u64;
        }
    }
    Ok(reopened)
}

/// Tasks without an outcome whose items stand at these positions, in the order of the table.
pub(super) fn pending(connection: &Connection, positions: RangeInclusive<u64>) -> rusqlite::Result<Vec<Task>> {
    // CROSS: items first, by their index, so that a page costs no more than its own rows.
    let mut statement = connection.prepare(
        "SELECT tasks.item_id, sampler, rubric, judge, repeat FROM items CROSS JOIN tasks USING (item_id)
         WHERE position BETWEEN ?1 AND ?2 AND outcome IS NULL ORDER BY position, items.item_id, sampler, rubric, judge, repeat",
    )?;
    let ends = [stored(*positions.start()), stored(*positions.end())];
    statement.query_map(ends, |row| task_at(row, 0))?.collect()
}

/// The first and the last position at which a task has no outcome. Few pending tasks are found without a look at those that ended.
pub(super) fn pending_span(connection: &Connection) -> rusqlite::Result<Option<RangeInclusive<u64>>> {
    let sql = "SELECT min(position), max(position) FROM tasks CROSS JOIN items USING (item_id) WHERE outcome IS NULL";
    let ends: (Option<i64>, Option<i64>) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(ends.0.zip(ends.1).map(|(first, last)| first as u64..=last as u64))
}

/// How many tasks ended how; `None` counts the pending ones.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<BTreeMap<Option<OutcomeName>, u64>> {
    let mut statement = connection.prepare("SELECT outcome, count(*) FROM tasks GROUP BY outcome")?;
    let read = |row: &Row<'_>| Ok((outcome_name(row.get(0)?)?, row.get::<_, i64>(1)? as u64));
    statement.query_map([], read)?.collect()
}

/// The task's row and round, if it was planned.
pub(super) fn find_task(connection: &Connection, task: &Task) -> rusqlite::Result<Option<(i64, i64)>> {
    let Task { item_id, sampler, rubric, judge, repeat } = task;
    let sql = "SELECT id, round FROM tasks WHERE item_id = ?1 AND sampler = ?2 AND rubric = ?3 AND judge = ?4 AND repeat = ?5";
    let fields = params![item_id, stored_sampler(sampler.as_deref()), rubric, judge, repeat];
    connection.query_row(sql, fields, |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// The task in five columns from `first`.
pub(super) fn task_at(row: &Row<'_>, first: usize) -> rusqlite::Result<Task> {
    Ok(Task {
        item_id: row.get(first)?,
        sampler: Some(row.get(first + 1)?).filter(|sampler: &String| !sampler.is_empty()),
        rubric: row.get(first + 2)?,
        judge: row.get(first + 3)?,
        repeat: row.get(first + 4)?,
    })
}

/// A number as SQLite can hold it; those of servers may be anything.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How a sampler is stored: '' stands for none, since NULLs would not be unique.
pub(super) fn stored_sampler(sampler: Option<&str>) -> &str {
    sampler.unwrap_or("")
}

pub(super) fn outcome_name(name: Option<String>) -> rusqlite::Result<Option<OutcomeName>> {
    let parse = |name: String| name.parse().map_err(|problem: String| rusqlite::Error::ToSqlConversionFailure(problem.into()));
    name.map(parse).transpose()
}
