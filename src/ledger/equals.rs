//! Equal requests: what is known of their replies, and whether one is paid for.

use rusqlite::{Connection, OptionalExtension as _, params};
use tribunal_media::Digest;

use super::journal::{Checked, format};
use super::plan::find_task;
use super::{LedgerError, Reader};
use crate::judge::{Known, OutcomeName, PaidReply, Reservation, Task};

/// What equal requests that the server answered came to. Of one that was lost nothing is known: it is worth asking. Whoever reopens a task wants it asked
/// anew, not the same reply read again: what came before that is not looked at, whoever's it is.
pub(super) fn known(connection: &Connection, task: &Task, verdict_id: Digest) -> Checked<Option<Known>> {
    let verdict_id = verdict_id.to_string();
    let sql = "SELECT id, since FROM tasks WHERE id = ?1";
    let own =
        find_task(connection, task)?.map(|(id, _)| connection.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))).transpose()?;
    let (id, since): (i64, i64) = own.unwrap_or_default();
    // One that was reopened no earlier than this task has ended since, too.
    let sql = "SELECT detail FROM tasks
               WHERE verdict_id = ?1 AND judge = ?2 AND outcome IN ('scored', 'judge_refused', 'judge_unusable') AND (since >= ?3
                   OR EXISTS (SELECT 1 FROM attempts WHERE task = tasks.id AND attempts.round = tasks.round AND attempts.id > ?3)) LIMIT 1";
    let detail: Option<String> = connection.query_row(sql, params![verdict_id, task.judge, since], |row| row.get(0)).optional()?;
    if let Some(detail) = detail {
        return Ok(serde_json::from_str(&detail).map(|outcome| Some(Known::Ended(outcome))).map_err(|error| error.to_string()));
    }
    let paid = paid(connection, &verdict_id, id, since)?;
    Ok(Ok((!paid.is_empty()).then_some(Known::Paid(paid))))
}

/// The replies to equal requests of tasks other than `id`, whatever became of them, oldest first.
fn paid(connection: &Connection, verdict_id: &str, id: i64, since: i64) -> rusqlite::Result<Vec<PaidReply>> {
    let mut statement = connection.prepare(
        "SELECT body_digest, reply, served ->> 'format', attempts.id FROM attempts JOIN tasks ON tasks.id = attempts.task AND tasks.round = attempts.round
         WHERE attempts.verdict_id = ?1 AND class = 'answered' AND attempts.task <> ?2 AND attempts.id > ?3 ORDER BY attempts.id",
    )?;
    let mut rows = statement.query(params![verdict_id, id, since])?;
    let mut paid = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(body_digest) = Digest::from_hex(&row.get::<_, String>(0)?) {
            paid.push(PaidReply { of: Some(Reservation(row.get(3)?)), body_digest, reply: row.get(1)?, format: format(row.get(2)?) });
        }
    }
    Ok(paid)
}

/// As [`known`] and a task's own past have it, were the tasks that ended in one of `again` (?5) reopened first: an equal task of this judge has ended, this very
/// body was answered, or an equal request of this judge lies in a batch (?6: of any).
const PAID: &str = "
WITH again AS (SELECT value FROM json_each(?5))
SELECT EXISTS (SELECT 1 FROM tasks
        WHERE verdict_id = ?1 AND judge = ?2 AND outcome IN ('scored', 'judge_refused', 'judge_unusable') AND outcome NOT IN again AND (since >= ?3
            OR EXISTS (SELECT 1 FROM attempts WHERE task = tasks.id AND attempts.round = tasks.round AND attempts.id > ?3)))
    OR EXISTS (SELECT 1 FROM attempts JOIN tasks ON tasks.id = attempts.task AND tasks.round = attempts.round
        WHERE attempts.verdict_id = ?1 AND class = 'answered' AND attempts.id > ?3 AND body_digest = ?4 AND coalesce(outcome, '') NOT IN again)
    OR EXISTS (SELECT 1 FROM batch_requests AS own JOIN attempts ON attempts.id = own.attempt JOIN tasks AS asked ON asked.id = own.task
        JOIN batches ON batches.id = own.batch WHERE own.custom_id = ?1 AND (asked.judge = ?2 OR ?6) AND attempts.state = 'open' AND online)";

impl Reader {
    /// Whether nothing is to be paid for a task's first request any more, which has this `verdict_id` and in what the server accepts by now this
    /// `body_digest`. Tasks that ended in one of `reopened` are asked anew, this one among them. What would go in a batch itself (`batched`) waits for other
    /// judges' batches, too.
    pub fn is_paid(
        &self,
        task: &Task,
        (verdict_id, body_digest): (Digest, Digest),
        reopened: &[OutcomeName],
        batched: bool,
    ) -> Result<bool, LedgerError> {
        let own = |(id, _)| {
            self.connection.query_row("SELECT since, outcome FROM tasks WHERE id = ?1", [id], |row| Ok((row.get(0)?, row.get(1)?)))
        };
        let (since, outcome): (i64, Option<String>) = find_task(&self.connection, task)?.map(own).transpose()?.unwrap_or_default();
        let again: Vec<&str> = reopened.iter().map(|name| name.as_str()).collect();
        if outcome.is_some_and(|outcome| again.contains(&outcome.as_str())) {
            return Ok(false);
        }
        let (ids, again) = ([verdict_id, body_digest].map(|id| id.to_string()), serde_json::to_string(&again)?);
        let mut statement = self.connection.prepare(PAID)?;
        Ok(statement.query_row(params![ids[0], task.judge, since, ids[1], again, batched], |row| row.get(0))?)
    }
}
