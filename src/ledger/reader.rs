//! Reading a run folder, beside its writer or long after.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::entries::json;
use super::journal::format;
use super::plan::{outcome_name, task_at};
use super::{Entries, Experiment, Facts, LedgerError, Out, Record, RunInfo, VerdictRow, files, schema};
use crate::judge::{Estimate, Lesson, OutcomeName, Task, Usage};

/// Reads a run folder: one consistent picture of the moment it was opened, while a writer is at it or after it stopped, however it stopped.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    info: RunInfo,
}

/// Tokens that were expected of a judge's answered attempts, each with those that its server counted; and refusals of its server that named something
/// a request should not hold, each once for each way in which the shape of the reply was asked for, oldest first, only those after which it answered.
pub type Recalled = (Vec<(Estimate, Usage)>, Vec<Lesson>);

/// What attempts of unknown cost may have cost beyond what is known, at most, in micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerhapsBilled {
    /// Lost on their way, or left open: nobody knows whether they were billed.
    pub lost: u64,
    /// Answered, and the server did not say how many tokens it counted.
    pub uncounted: u64,
}

impl Reader {
    /// Whether a run is recorded in `dir`, or was: then [`open`](Self::open) says what became of it.
    pub fn is_there(dir: &Path) -> bool {
        dir.join(schema::FILE).is_file() || schema::trace(dir).is_some()
    }

    /// Opens the run in `dir`.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let open = || {
            let connection = schema::open_reader(dir)?;
            Ok(Self { info: info(&connection)?, connection })
        };
        open().map_err(|error: LedgerError| error.within(dir))
    }

    /// What `run.json` says.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// Every item with its tasks, in manifest order, without holding them.
    pub fn entries(&self) -> Result<Entries<'_>, LedgerError> {
        Entries::of(&self.connection)
    }

    /// What statistics need of the run.
    pub fn facts(&self) -> Result<Facts, LedgerError> {
        facts(&self.connection)
    }

    /// The names of all further scores.
    pub fn dimensions(&self) -> Result<BTreeSet<String>, LedgerError> {
        let sql = "SELECT DISTINCT key FROM tasks, json_each(detail, '$.detail.dimensions') WHERE outcome = 'scored'";
        let mut statement = self.connection.prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// One per task, pending ones too, sorted by manifest order, sampler (none first, then by its spelling), rubric, judge, repeat.
    pub fn records(&self) -> Result<Vec<Record>, LedgerError> {
        let mut records = Vec::new();
        for entry in self.entries()? {
            records.extend(entry?.records);
        }
        Ok(records)
    }

    /// Whether all rows and tasks of the last invocation are in the run: not while it registers them, nor if that was cut short.
    pub fn is_planned(&self) -> Result<bool, LedgerError> {
        Ok(self.connection.query_row("SELECT planned IS NOT '' FROM run", [], |row| row.get(0))?)
    }

    /// Refuses, by name, what an invocation with `info` would change of the experiment of this run.
    pub fn admits(&self, info: &RunInfo) -> Result<(), LedgerError> {
        let extended = Experiment::extends(&self.info.experiment, &info.experiment);
        extended.map(|_| ()).map_err(|changes| LedgerError::Changed(changes.join("; ")))
    }

    /// The tasks of an item that ended otherwise than in one of `reopened`.
    pub fn ended(&self, item_id: &str, reopened: &[OutcomeName]) -> Result<Vec<Task>, LedgerError> {
        let sql = "SELECT item_id, sampler, rubric, judge, repeat, outcome FROM tasks WHERE item_id = ?1 AND outcome IS NOT NULL";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([item_id])?;
        let mut ended = Vec::new();
        while let Some(row) = rows.next()? {
            if !outcome_name(row.get(5)?)?.is_some_and(|outcome| reopened.contains(&outcome)) {
                ended.push(task_at(row, 0)?);
            }
        }
        Ok(ended)
    }

    /// What earlier invocations learnt of a judge's server.
    pub fn recalled(&self, judge: &str) -> Result<Recalled, LedgerError> {
        recalled(&self.connection, judge)
    }

    /// Writes the verdicts of this run to the place that a user named, one a line, as in `verdicts.jsonl`; returns how many there are.
    pub fn write_verdicts(&self, path: &Path) -> Result<usize, LedgerError> {
        let failed = |error| LedgerError::io(path, &error);
        files::write_file(path, failed, |out| self.put_verdicts(out, failed))
    }

    /// The lines of `verdicts.jsonl`; `failed` makes an error of what the file system says.
    pub(super) fn put_verdicts(&self, out: &mut Out, failed: impl Fn(io::Error) -> LedgerError) -> Result<usize, LedgerError> {
        let mut lines = 0;
        for entry in self.entries()? {
            for row in VerdictRow::of(&self.info, entry?) {
                serde_json::to_writer(&mut *out, &row).map_err(io::Error::from).and_then(|()| out.write_all(b"\n")).map_err(&failed)?;
                lines += 1;
            }
        }
        Ok(lines)
    }

    /// Micro-dollars, upper bounds, of the attempts whose cost is not known.
    pub fn perhaps_billed(&self) -> Result<PerhapsBilled, LedgerError> {
        let sql = "WITH unknown AS (SELECT class, charged FROM attempts WHERE cost IS NULL
                                    UNION ALL SELECT class, charged FROM sentinel_attempts WHERE cost IS NULL)
                   SELECT total(charged) FILTER (WHERE class IS NOT 'answered'), total(charged) FILTER (WHERE class IS 'answered') FROM unknown";
        let (lost, uncounted): (f64, f64) = self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(PerhapsBilled { lost: lost as u64, uncounted: uncounted as u64 })
    }

    /// The replies that servers gave, as lines of a cassette in the order in which they came: what `--replay` uses. Without those that stopped the
    /// run, and without those of outcomes that were reopened since. Refusals that taught what the server accepts are marked so, and so is what was lost.
    /// Of one judge only: lines name none; with the replies to other judges that this one read instead of asking. Keys were removed before they were stored.
    pub fn cassette(&self, judge: &str) -> Result<String, LedgerError> {
        let mut statement = self.connection.prepare(CASSETTE)?;
        let mut rows = statement.query([judge])?;
        // A fingerprint begins with its provider.
        let fingerprint = self.info.experiment.judges.get(judge).map(String::as_str).unwrap_or_default();
        let provider = fingerprint.split(' ').next();
        // What a person wrote stays authored, however often it is replayed.
        let origin = if self.info.authored_judges.iter().any(|name| name == judge) { "authored" } else { "recorded" };
        // How it was made sure that the judge saw the media decides what was asked and how replies are read.
        let receipt = self.info.settings.get("receipts").and_then(|receipts| receipts.get(judge));
        let mut lines = String::new();
        while let Some(row) = rows.next()? {
            let Task { item_id, sampler, rubric, repeat, .. } = task_at(row, 0)?;
            let (digest, status, body): (Option<String>, Option<u16>, String) = (row.get(5)?, row.get(6)?, row.get(7)?);
            let mut line = serde_json::json!({
                "v": 1, "item_id": item_id, "sampler": sampler, "rubric": rubric, "repeat": repeat, "request_digest": digest,
                "status": status, "headers": {}, "body": body, "origin": origin, "provider": provider,
            });
            if let Some(receipt) = receipt {
                line["receipt"] = receipt.clone();
            }
            if line["request_digest"].is_null() {
                line["taught"] = true.into();
                line["format"] = row.get::<_, Option<String>>(9)?.into();
            } else if status.is_none() {
                line["lost"] = row.get::<_, Option<String>>(8)?.into();
            } else {
                line["class"] = row.get::<_, Option<String>>(10)?.into();
            }
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        Ok(lines)
    }
}

/// Lessons first, without a digest: whatever taught the run something, in reopened tasks and sentinel rounds, too; in the same words once for each way in
/// which the shape of the reply was asked for. Then what each task got itself and what it read of others, in the order in which it came; of a task that
/// ended with an equal one of its judge, all that this one had. What was lost on the wire has no status, but the reason why its task ended so.
const CASSETTE: &str = "
WITH refusals AS (
    SELECT item_id, sampler, rubric, judge, repeat, class, status, reply, served, attempts.id AS place FROM attempts JOIN tasks ON tasks.id = task
    UNION ALL
    SELECT item_id, sampler, rubric, judge, repeat, class, status, reply, served, -1 FROM sentinel_attempts JOIN sentinels ON sentinels.id = task
), lines AS (
    SELECT task, attempts.id AS place, body_digest, status, coalesce(reply, detail ->> '$.detail.message', '') AS reply, class, CASE outcome WHEN 'unresolved' THEN detail ->> '$.detail.reason' ELSE 'lost' END AS lost
    FROM attempts JOIN tasks ON tasks.id = task AND tasks.round = attempts.round
    WHERE status IS NOT NULL AND class <> 'stopped' AND NOT (class = 'refused' AND status IN (400, 403, 422, 500))
        OR status IS NULL AND class = 'ambiguous' OR state = 'open' AND outcome = 'unresolved'
    UNION ALL
    SELECT shared.task, attempts.id, body_digest, status, reply, class, 'lost' FROM shared JOIN tasks ON tasks.id = shared.task AND tasks.round = shared.round
    JOIN attempts ON attempts.id = shared.attempt
)
SELECT item_id, sampler, rubric, judge, repeat, body_digest, status, reply, lost, format, class FROM (
    SELECT item_id, sampler, rubric, judge, repeat, NULL AS body_digest, status, reply, NULL AS lost, served ->> 'format' AS format, NULL AS class, 0 AS part, min(place) AS place
    FROM refusals WHERE judge = ?1 AND class = 'refused' AND status IN (400, 403, 422, 500) GROUP BY reply, served ->> 'format'
    UNION ALL
    SELECT item_id, sampler, rubric, judge, repeat, body_digest, status, reply, lost, NULL, class, 1, place
    FROM tasks AS mine JOIN lines ON lines.task = mine.id WHERE judge = ?1
    UNION ALL
    SELECT mine.item_id, mine.sampler, mine.rubric, mine.judge, mine.repeat, body_digest, status, reply, lost, NULL, class, 1, place
    FROM tasks AS mine CROSS JOIN tasks AS twin ON twin.verdict_id = mine.verdict_id AND twin.judge = mine.judge AND twin.outcome = mine.outcome AND twin.id <> mine.id
    JOIN lines ON lines.task = twin.id
    WHERE mine.judge = ?1 AND place > mine.since AND NOT EXISTS (SELECT 1 FROM shared WHERE shared.task = mine.id AND shared.round = mine.round)
        AND NOT EXISTS (SELECT 1 FROM attempts AS own WHERE own.task = mine.id AND own.round = mine.round
            AND (own.class IN ('answered', 'bad_item') OR mine.outcome = 'unresolved'))
    GROUP BY mine.id, place
) ORDER BY part, place, item_id, repeat";

fn info(connection: &Connection) -> Result<RunInfo, LedgerError> {
    let info: String = connection.query_row("SELECT info FROM run", [], |row| row.get(0))?;
    Ok(serde_json::from_str(&info)?)
}

/// See [`Reader::facts`].
pub(super) fn facts(connection: &Connection) -> Result<Facts, LedgerError> {
    Facts::read(&info(connection)?, Entries::of(connection)?)
}

/// See [`Reader::recalled`].
pub(super) fn recalled(connection: &Connection, judge: &str) -> Result<Recalled, LedgerError> {
    let mut statement = connection.prepare(
        "SELECT kinds, usage FROM attempts JOIN tasks ON tasks.id = task
         WHERE judge = ?1 AND usage IS NOT NULL AND kinds IS NOT NULL ORDER BY attempts.id DESC LIMIT 1000",
    )?;
    let mut rows = statement.query([judge])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        counts.push((json(row, 0)?, json(row, 1)?));
    }
    let mut statement = connection.prepare(
        "SELECT reply, served ->> 'format' FROM attempts JOIN tasks ON tasks.id = task
         WHERE judge = ?1 AND class = 'refused' AND attempts.status IN (400, 403, 422, 500)
           AND EXISTS (SELECT 1 FROM attempts AS later WHERE later.task = attempts.task AND later.id > attempts.id AND later.class = 'answered')
         GROUP BY reply, served ->> 'format' ORDER BY MIN(attempts.id)",
    )?;
    let lessons = statement.query_map([judge], |row| Ok((row.get(0)?, format(row.get(1)?))))?.collect::<Result<_, _>>()?;
    Ok((counts, lessons))
}
