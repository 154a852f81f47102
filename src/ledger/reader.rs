//! Reading a run folder, beside its writer or long after.

use std::io;
use std::path::Path;

use rusqlite::{Connection, Row, Statement, params};
use serde::de::DeserializeOwned;
use tribunal_media::Digest;

use super::plan::{stored_sampler, task_at};
use super::{ItemRow, LedgerError, PartsRow, Record, RunInfo, files, schema};
use crate::judge::{Outcome, Task, Usage};

/// Reads a run folder: one consistent picture of the moment it was opened, while a writer is at it or after it stopped, however it stopped.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    info: RunInfo,
}

/// Tokens that were expected of a judge's answered attempts, each with those that its server counted; and refusals of its server that named something
/// a request should not hold, each once, oldest first, only those after which it answered.
pub type Recalled = (Vec<(u64, Usage)>, Vec<String>);

/// What the attempts of one task come to.
#[derive(Default)]
struct Totals {
    attempts: u32,
    usage: Option<Usage>,
    cost: Option<u64>,
    latency_ms: Option<u64>,
}

impl Reader {
    /// Whether a run is recorded in `dir`.
    pub fn is_there(dir: &Path) -> bool {
        dir.join(schema::FILE).is_file()
    }

    /// Opens the run in `dir`.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let connection = schema::open_reader(dir)?;
        let info: String = connection.query_row("SELECT info FROM run", [], |row| row.get(0))?;
        Ok(Self { info: serde_json::from_str(&info)?, connection })
    }

    /// What `run.json` says.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// Items in manifest order.
    pub fn items(&self) -> Result<Vec<ItemRow>, LedgerError> {
        let mut statement =
            self.connection.prepare("SELECT row, position, media_id, media, thumbs FROM items ORDER BY position, item_id")?;
        let mut rows = statement.query([])?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            let item: ItemRow = json(row, 0)?;
            let media: Option<String> = row.get(3)?;
            let media = media.map(|media| serde_json::from_str(&media)).transpose()?;
            items.push(ItemRow { position: row.get::<_, i64>(1)? as u64, media_id: digest(row, 2)?, media, thumbs: json(row, 4)?, ..item });
        }
        Ok(items)
    }

    /// One per task, pending ones too, sorted by manifest order, sampler (none first, then by its spelling), rubric, judge, repeat.
    pub fn records(&self) -> Result<Vec<Record>, LedgerError> {
        records(&self.connection)
    }

    /// The same one by one, without holding them.
    pub fn each_record(&self, each: impl FnMut(Record) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        each_record(&self.connection, each)
    }

    /// What earlier invocations learnt of a judge's server.
    pub fn recalled(&self, judge: &str) -> Result<Recalled, LedgerError> {
        recalled(&self.connection, judge)
    }

    /// Replaces `verdicts.jsonl` in `dir` by the records of this run.
    pub fn write_verdicts(&self, dir: &Path) -> Result<(), LedgerError> {
        let path = dir.join("verdicts.jsonl");
        let failed = |error| LedgerError::io(&path, &error);
        let mut read = Ok(());
        let written = files::replace_file(&path, |out| {
            read = self.each_record(|record| {
                serde_json::to_writer(&mut *out, &record).map_err(io::Error::from).and_then(|()| out.write_all(b"\n")).map_err(failed)
            });
            // What was read so far is no file.
            if read.is_ok() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
        });
        read.and(written.map_err(failed))
    }

    /// Micro-dollars, upper bounds, of the attempts whose cost is not known: they may have been billed.
    pub fn perhaps_billed(&self) -> Result<u64, LedgerError> {
        let sql = "SELECT (SELECT total(charged) FROM attempts WHERE cost IS NULL)
                        + (SELECT total(charged) FROM sentinel_attempts WHERE cost IS NULL)";
        let charged: f64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(charged as u64)
    }

    /// The replies that servers gave, as lines of a cassette in the order in which they came: what `--replay` uses. Without those that stopped the
    /// run, and without those of outcomes that were reopened since.
    /// Of one judge only: lines name none. Keys were removed before they were stored.
    pub fn cassette(&self, judge: &str) -> Result<String, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT item_id, sampler, rubric, judge, repeat, body_digest, attempts.status, reply FROM attempts JOIN tasks ON tasks.id = task
             WHERE attempts.status IS NOT NULL AND judge = ?1 AND class <> 'stopped' AND attempts.round = tasks.round ORDER BY attempts.id",
        )?;
        let mut rows = statement.query([judge])?;
        // A fingerprint begins with its provider.
        let fingerprint = self.info.experiment.judges.get(judge).map(String::as_str).unwrap_or_default();
        let provider = fingerprint.split(' ').next();
        let mut lines = String::new();
        while let Some(row) = rows.next()? {
            let Task { item_id, sampler, rubric, repeat, .. } = task_at(row, 0)?;
            let (digest, status, body): (String, u16, String) = (row.get(5)?, row.get(6)?, row.get(7)?);
            let line = serde_json::json!({
                "v": 1, "item_id": item_id, "sampler": sampler, "rubric": rubric, "repeat": repeat, "request_digest": digest,
                "status": status, "headers": {}, "body": body, "origin": "recorded", "provider": provider,
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        Ok(lines)
    }
}

/// See [`Reader::records`].
pub(super) fn records(connection: &Connection) -> Result<Vec<Record>, LedgerError> {
    let mut records = Vec::new();
    each_record(connection, |record| {
        records.push(record);
        Ok(())
    })?;
    Ok(records)
}

fn each_record(connection: &Connection, mut each: impl FnMut(Record) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
    // CROSS: items first, by their index, so that nothing is sorted.
    let mut tasks = connection.prepare(
        "SELECT tasks.item_id, sampler, rubric, judge, repeat, id, verdict_id, detail, items.row FROM items CROSS JOIN tasks USING (item_id)
         ORDER BY position, items.item_id, sampler, rubric, judge, repeat",
    )?;
    let mut parts =
        connection.prepare("SELECT frames, chunks, fit FROM parts WHERE item_id = ?1 AND sampler = ?2 AND rubric = ?3 AND judge = ?4")?;
    let mut attempts = connection.prepare("SELECT class, usage, cost, latency_ms FROM attempts WHERE task = ?1 ORDER BY id")?;
    let mut item: Option<ItemRow> = None;
    let mut rows = tasks.query([])?;
    while let Some(row) = rows.next()? {
        let task = task_at(row, 0)?;
        let item = match item.take().filter(|item| item.item_id == task.item_id) {
            Some(same) => item.insert(same),
            None => item.insert(json(row, 8)?),
        };
        let outcome: Option<Outcome> = maybe(row, 7)?;
        let (sent, totals) = (parts_of(&mut parts, &task)?, totals_of(&mut attempts, row.get(5)?)?);
        each(record(item, task, digest(row, 6)?, outcome.as_ref(), sent, &totals))?;
    }
    Ok(())
}

/// See [`Reader::recalled`].
pub(super) fn recalled(connection: &Connection, judge: &str) -> Result<Recalled, LedgerError> {
    let mut statement = connection.prepare(
        "SELECT estimated, usage FROM attempts JOIN tasks ON tasks.id = task
         WHERE judge = ?1 AND usage IS NOT NULL AND estimated IS NOT NULL ORDER BY attempts.id DESC LIMIT 1000",
    )?;
    let mut rows = statement.query([judge])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        counts.push((row.get::<_, i64>(0)? as u64, json(row, 1)?));
    }
    let mut statement = connection.prepare(
        "SELECT reply FROM attempts JOIN tasks ON tasks.id = task
         WHERE judge = ?1 AND class = 'refused' AND attempts.status IN (400, 422)
           AND EXISTS (SELECT 1 FROM attempts AS later WHERE later.task = attempts.task AND later.id > attempts.id AND later.class = 'answered')
         GROUP BY reply ORDER BY MIN(attempts.id)",
    )?;
    let lessons = statement.query_map([judge], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok((counts, lessons))
}

/// What a task shows its judge; nothing where nothing was recorded.
fn parts_of(statement: &mut Statement<'_>, task: &Task) -> Result<PartsRow, LedgerError> {
    let Task { item_id, sampler, rubric, judge, repeat: _ } = task;
    let mut rows = statement.query(params![item_id, stored_sampler(sampler.as_deref()), rubric, judge])?;
    let Some(row) = rows.next()? else { return Ok(PartsRow::default()) };
    Ok(PartsRow { frames: json(row, 0)?, chunks: json(row, 1)?, fit: maybe(row, 2)? })
}

fn totals_of(statement: &mut Statement<'_>, task: i64) -> Result<Totals, LedgerError> {
    let mut rows = statement.query([task])?;
    let mut of = Totals::default();
    while let Some(row) = rows.next()? {
        let number = |column| row.get::<_, Option<i64>>(column).map(|number| number.map(|number| number as u64));
        let class: Option<String> = row.get(0)?;
        of.attempts += u32::from(class.as_deref() != Some("never_sent"));
        of.usage = match (of.usage, maybe::<Usage>(row, 1)?) {
            (Some(before), Some(usage)) => Some(before + usage),
            (before, usage) => usage.or(before),
        };
        of.cost = number(2)?.map(|cost| cost.saturating_add(of.cost.unwrap_or(0))).or(of.cost);
        of.latency_ms = number(3)?.or(of.latency_ms);
    }
    Ok(of)
}

fn record(item: &ItemRow, task: Task, verdict_id: Option<Digest>, outcome: Option<&Outcome>, sent: PartsRow, totals: &Totals) -> Record {
    let Task { item_id, sampler, rubric, judge, repeat } = task;
    let name = outcome.map(Outcome::name);
    let why = outcome.and_then(Outcome::why).cloned();
    let (reason, message) = why.map(|why| (why.reason, why.message)).unzip();
    let verdict = outcome.and_then(Outcome::verdict).cloned();
    let safety = verdict.as_ref().map(|verdict| verdict.safety);
    let scale = verdict.as_ref().map(|verdict| verdict.scale);
    let format = verdict.as_ref().and_then(|verdict| verdict.format);
    let odds = verdict.as_ref().and_then(|verdict| verdict.odds);
    let (dimensions, rationale, evidence, triage) =
        verdict.map(|verdict| (verdict.dimensions, Some(verdict.rationale), verdict.evidence, verdict.triage)).unwrap_or_default();
    Record {
        item_id,
        verdict_id,
        modality: item.modality,
        model: item.model.clone(),
        risk: item.risk.clone(),
        prompt_type: item.prompt_type.clone(),
        judge,
        rubric,
        sampler,
        repeat,
        outcome: name,
        reason,
        message,
        safety,
        risk_score: safety.map(|safety| 6_u8.saturating_sub(safety)),
        scale,
        dimensions,
        rationale,
        evidence,
        triage,
        odds,
        format,
        frames: sent.frames,
        chunks: sent.chunks,
        fit: sent.fit,
        usage: totals.usage,
        cost_usd: totals.cost.map(|cost| cost as f64 / 1e6),
        attempts: totals.attempts,
        latency_ms: totals.latency_ms,
    }
}

fn maybe<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>, LedgerError> {
    let text: Option<String> = row.get(column)?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, LedgerError> {
    Ok(serde_json::from_str(&row.get::<_, String>(column)?)?)
}

fn digest(row: &Row<'_>, column: usize) -> Result<Option<Digest>, LedgerError> {
    let hex: Option<String> = row.get(column)?;
    let read = |hex: String| Digest::from_hex(&hex).ok_or_else(|| LedgerError::Store(format!("`{hex}` is no digest")));
    hex.map(read).transpose()
}
