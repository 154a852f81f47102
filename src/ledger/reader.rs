//! Reading a run folder, beside its writer or long after.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, Row};
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

/// What the attempts of one task come to.
#[derive(Default)]
struct Totals {
    attempts: u32,
    usage: Option<Usage>,
    cost: Option<u64>,
    latency_ms: Option<u64>,
}

type PartsKey = [String; 4];

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
        let items: BTreeMap<_, _> = self.items()?.into_iter().map(|item| (item.item_id.clone(), item)).collect();
        let (parts, mut totals) = (self.parts()?, self.totals()?);
        let mut statement = self.connection.prepare(
            "SELECT item_id, sampler, rubric, judge, repeat, id, verdict_id, detail FROM tasks JOIN items USING (item_id)
             ORDER BY position, item_id, sampler, rubric, judge, repeat",
        )?;
        let mut rows = statement.query([])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            let task = task_at(row, 0)?;
            let item = items.get(&task.item_id).ok_or_else(|| LedgerError::Store(format!("item {} is missing", task.item_id)))?;
            let key = [&task.item_id, stored_sampler(task.sampler.as_deref()), &task.rubric, &task.judge].map(str::to_owned);
            let sent = parts.get(&key).cloned().unwrap_or_default();
            let outcome: Option<String> = row.get(7)?;
            let outcome: Option<Outcome> = outcome.map(|outcome| serde_json::from_str(&outcome)).transpose()?;
            let totals = totals.remove(&row.get(5)?).unwrap_or_default();
            records.push(record(item, task, digest(row, 6)?, outcome.as_ref(), sent, &totals));
        }
        Ok(records)
    }

    /// Replaces `verdicts.jsonl` in `dir` by the records of this run.
    pub fn write_verdicts(&self, dir: &Path) -> Result<(), LedgerError> {
        let records = self.records()?;
        let path = dir.join("verdicts.jsonl");
        let written = files::replace_file(&path, |out| {
            records.iter().try_for_each(|record| {
                serde_json::to_writer(&mut *out, record)?;
                out.write_all(b"\n")
            })
        });
        written.map_err(|error| LedgerError::io(&path, &error))
    }

    /// Tokens that were expected of a judge's answered attempts, and those that its server counted.
    pub fn counts(&self, judge: &str) -> Result<Vec<(u64, Usage)>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT estimated, usage FROM attempts JOIN tasks ON tasks.id = task
             WHERE judge = ?1 AND usage IS NOT NULL AND estimated IS NOT NULL ORDER BY attempts.id DESC LIMIT 1000",
        )?;
        let mut rows = statement.query([judge])?;
        let mut counts = Vec::new();
        while let Some(row) = rows.next()? {
            counts.push((row.get::<_, i64>(0)? as u64, json(row, 1)?));
        }
        Ok(counts)
    }

    /// Micro-dollars, upper bounds, of the attempts whose cost is not known: they may have been billed.
    pub fn perhaps_billed(&self) -> Result<u64, LedgerError> {
        let sql = "SELECT (SELECT total(charged) FROM attempts WHERE cost IS NULL)
                        + (SELECT total(charged) FROM sentinel_attempts WHERE cost IS NULL)";
        let charged: f64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(charged as u64)
    }

    /// Refusals of a judge's server that named something a request should not hold, each once, oldest first; only those after which it answered.
    pub fn lessons(&self, judge: &str) -> Result<Vec<String>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT reply FROM attempts JOIN tasks ON tasks.id = task
             WHERE judge = ?1 AND class = 'refused' AND attempts.status IN (400, 422)
               AND EXISTS (SELECT 1 FROM attempts AS later WHERE later.task = attempts.task AND later.id > attempts.id AND later.class = 'answered')
             GROUP BY reply ORDER BY MIN(attempts.id)",
        )?;
        let replies = statement.query_map([judge], |row| row.get(0))?;
        Ok(replies.collect::<Result<_, _>>()?)
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

    fn parts(&self) -> Result<BTreeMap<PartsKey, PartsRow>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT item_id, sampler, rubric, judge, frames, chunks, fit FROM parts")?;
        let mut rows = statement.query([])?;
        let mut parts = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let key = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
            parts.insert(key, PartsRow { frames: json(row, 4)?, chunks: json(row, 5)?, fit: maybe(row, 6)? });
        }
        Ok(parts)
    }

    fn totals(&self) -> Result<BTreeMap<i64, Totals>, LedgerError> {
        let sql = "SELECT task, class, usage, cost, latency_ms FROM attempts ORDER BY id";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut totals: BTreeMap<i64, Totals> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let number = |column| row.get::<_, Option<i64>>(column).map(|number| number.map(|number| number as u64));
            let class: Option<String> = row.get(1)?;
            let of = totals.entry(row.get(0)?).or_default();
            of.attempts += u32::from(class.as_deref() != Some("never_sent"));
            of.usage = match (of.usage, maybe::<Usage>(row, 2)?) {
                (Some(before), Some(usage)) => Some(before + usage),
                (before, usage) => usage.or(before),
            };
            of.cost = number(3)?.map(|cost| cost.saturating_add(of.cost.unwrap_or(0))).or(of.cost);
            of.latency_ms = number(4)?.or(of.latency_ms);
        }
        Ok(totals)
    }
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
