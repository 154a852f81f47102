//! Which reply a task's outcome rests on, and whether it was the task's own.

use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};

use super::LedgerError;
use super::entries::maybe;
use crate::judge::Served;

/// The last reply that a task got itself or read of another in this round; without either, what an equal request was answered since, as a task has it that
/// ended with an equal one.
const ANSWER: &str = "
SELECT served, cost IS NOT NULL, task = ?1 FROM attempts WHERE id = coalesce(
    (SELECT max(id) FROM (
        SELECT id FROM attempts WHERE task = ?1 AND round = ?2 AND class = 'answered'
        UNION ALL SELECT attempt FROM shared WHERE task = ?1 AND round = ?2)),
    (SELECT max(theirs.id) FROM attempts AS theirs JOIN tasks AS asked ON asked.id = theirs.task AND asked.round = theirs.round
     WHERE theirs.verdict_id = ?3 AND theirs.class = 'answered' AND theirs.id > ?4))";

/// The reply that an ended task rests on.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// What the server said of its model.
    pub(super) served: Served,
    /// Whether it was another task's request.
    pub(super) is_shared: bool,
    /// Whether what it cost is known.
    pub(super) is_priced: bool,
}

/// Prepares [`of`].
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<Statement<'_>> {
    connection.prepare(ANSWER)
}

/// The answer of a task with this id, round and `since`; none without a `verdict_id`, which is that of what was never asked.
pub(super) fn of(statement: &mut Statement<'_>, task: (i64, i64, i64), verdict_id: Option<&str>) -> Result<Option<Answer>, LedgerError> {
    let (Some(verdict_id), (id, round, since)) = (verdict_id, task) else { return Ok(None) };
    let read = |row: &Row<'_>| {
        let is_own: bool = row.get(2)?;
        Ok((maybe(row, 0), row.get(1)?, !is_own))
    };
    let found = statement.query_row(params![id, round, verdict_id, since], read).optional()?;
    found.map(|(served, is_priced, is_shared)| Ok(Answer { served: served?.unwrap_or_default(), is_shared, is_priced })).transpose()
}
