//! What was asked of judges and what came back, one item at a time.

use rusqlite::params;
use serde::Serialize;

use super::plan::task_at;
use super::{LedgerError, Reader};
use crate::judge::Task;

/// One request and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptRow {
    /// What it was for.
    #[serde(flatten)]
    pub task: Task,
    /// 1, 2, ... within the task's round.
    pub attempt: u32,
    /// `answered`, or a fault class; null while nothing is known of its end.
    pub class: Option<String>,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// Where it went.
    pub endpoint: String,
    /// Digest of the recorded body: what was sent with each media part replaced by its blake3.
    pub body_digest: String,
    /// Body of the reply, empty where it had none, or why no reply came, up to the length asked for.
    pub reply: String,
    /// Characters of the reply that were left out.
    pub reply_cut: u64,
}

impl Reader {
    /// The attempts of one item, oldest first, each with at most `reply` characters of its reply.
    pub fn attempts(&self, item_id: &str, reply: u32) -> Result<Vec<AttemptRow>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT item_id, sampler, rubric, judge, repeat, attempt, class, attempts.status, endpoint, body_digest,
                    substr(coalesce(reply, ''), 1, ?2), max(length(coalesce(reply, '')) - ?2, 0)
             FROM attempts JOIN tasks ON tasks.id = task WHERE item_id = ?1 ORDER BY attempts.id",
        )?;
        let rows = statement.query_map(params![item_id, reply], |row| {
            Ok(AttemptRow {
                task: task_at(row, 0)?,
                attempt: row.get(5)?,
                class: row.get(6)?,
                status: row.get(7)?,
                endpoint: row.get(8)?,
                body_digest: row.get(9)?,
                reply: row.get(10)?,
                reply_cut: row.get::<_, i64>(11)? as u64,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::{AttemptEnd, Journal as _};
    use crate::ledger::Reader;
    use crate::ledger::fixtures::{end, intent, items, open, plan, run, task, tasks};

    #[test]
    fn an_items_attempts_come_back_cut_to_what_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        plan(&ledger, &items(2), &tasks(2)).unwrap();
        run(async {
            let settled = ledger.intent(intent(&task(1), None)).await.unwrap();
            ledger.settle(settled, AttemptEnd { reply: "가나다".to_owned(), ..end("answered", None) }).await.unwrap();
            ledger.intent(intent(&task(1), None)).await.unwrap();
        });
        ledger.close().unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        let rows = reader.attempts(&task(1).item_id, 2).unwrap();
        let seen: Vec<_> = rows.iter().map(|row| (row.class.as_deref(), row.status, row.reply.as_str(), row.reply_cut)).collect();
        assert_eq!(seen, [(Some("answered"), Some(200), "가나", 1), (None, None, "", 0)]);
        assert_eq!((&rows[0].task, rows[0].attempt), (&task(1), 1));
        assert!(reader.attempts(&task(0).item_id, 2).unwrap().is_empty());
    }
}
