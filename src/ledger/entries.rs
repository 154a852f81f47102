//! The rows of a run, item by item: read in pages, so that a run of any length is never held.

use std::ops::RangeInclusive;

use rusqlite::{Connection, Row, Statement, params};
use serde::de::DeserializeOwned;
use tribunal_media::Digest;

use super::budget::is_unbilled;
use super::plan::{self, task_at};
use super::{Entry, ItemRow, LedgerError, PartsRow, Record, answer};
use crate::judge::{Estimate, Outcome, Served, Task, Usage};

/// Positions that are read together.
const PAGE: u64 = 64;

/// Every item with its tasks, in manifest order.
#[derive(Debug)]
pub struct Entries<'c> {
    connection: &'c Connection,
    page: std::vec::IntoIter<Entry>,
    /// Positions not yet read.
    next: u64,
    end: u64,
}

/// What the attempts of one task come to.
#[derive(Default)]
struct Totals {
    attempts: u32,
    usage: Option<Usage>,
    cost: Option<u64>,
    /// Something may have been billed, and nobody knows how much.
    unpriced: bool,
    latency_ms: Option<u64>,
    unread: bool,
}

/// No tokenizer makes less of a text than this share of what is expected of it, which is a token for every four bytes or so.
const LEAST_READ: f64 = 1.0 / 16.0;

impl<'c> Entries<'c> {
    pub(super) fn of(connection: &'c Connection) -> Result<Self, LedgerError> {
        let last: Option<i64> = connection.query_row("SELECT max(position) FROM items", [], |row| row.get(0))?;
        let end = last.map_or(0, |last| last as u64 + 1);
        Ok(Self { connection, page: Vec::new().into_iter(), next: 0, end })
    }

    /// Reads the next page that has an item; none at the end.
    fn turn(&mut self) -> Result<(), LedgerError> {
        while self.page.as_slice().is_empty() && self.next < self.end {
            let after = self.next.saturating_add(PAGE).min(self.end);
            self.page = page(self.connection, self.next..=after - 1)?.into_iter();
            self.next = after;
        }
        Ok(())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.turn() {
            self.next = self.end; // what follows would look complete
            return Some(Err(error));
        }
        self.page.next().map(Ok)
    }
}

/// Items at these positions, with one record per task, pending ones too, sorted by sampler (none first, then by its spelling), rubric, judge, repeat.
fn page(connection: &Connection, positions: RangeInclusive<u64>) -> Result<Vec<Entry>, LedgerError> {
    let mut items = connection.prepare(
        "SELECT row, position, media_id, media, thumbs, item_id FROM items WHERE position BETWEEN ?1 AND ?2 ORDER BY position, item_id",
    )?;
    let mut tasks = connection.prepare(
        "SELECT item_id, sampler, rubric, judge, repeat, id, verdict_id, detail, round, since FROM tasks WHERE item_id = ?1
         ORDER BY sampler, rubric, judge, repeat",
    )?;
    let mut parts =
        connection.prepare("SELECT frames, chunks, fit FROM parts WHERE item_id = ?1 AND sampler = ?2 AND rubric = ?3 AND judge = ?4")?;
    let mut attempts = connection.prepare("SELECT class, usage, cost, latency_ms, kinds FROM attempts WHERE task = ?1 ORDER BY id")?;
    let mut answers = answer::prepare(connection)?;
    let mut rows = items.query([positions.start(), positions.end()].map(|position| plan::stored(*position)))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let item = item(row)?;
        let mut rows = tasks.query([&item.item_id])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            let task = task_at(row, 0)?;
            let outcome: Option<Outcome> = maybe(row, 7)?;
            let (id, verdict_id) = (row.get(5)?, row.get::<_, Option<String>>(6)?);
            let (sent, mut totals) = (parts_of(&mut parts, &task)?, totals_of(&mut attempts, id)?);
            let answer = answer::of(&mut answers, (id, row.get(8)?, row.get(9)?), verdict_id.as_deref())?.unwrap_or_default();
            // Who reads what another paid for pays nothing; without a known price nothing is known here either.
            if answer.is_shared && answer.is_priced && !totals.unpriced {
                totals.cost = totals.cost.or(Some(0));
            }
            let record = record(&item, task, digest(row, 6)?, outcome.as_ref(), sent, &totals);
            records.push(Record { served: answer.served, ..record });
        }
        entries.push(Entry { item, records });
    }
    Ok(entries)
}

fn item(row: &Row<'_>) -> Result<ItemRow, LedgerError> {
    let item: ItemRow = json(row, 0)?;
    Ok(ItemRow { position: row.get::<_, i64>(1)? as u64, media_id: digest(row, 2)?, media: maybe(row, 3)?, thumbs: json(row, 4)?, ..item })
}

/// What a task shows its judge; nothing where nothing was recorded.
fn parts_of(statement: &mut Statement<'_>, task: &Task) -> Result<PartsRow, LedgerError> {
    let Task { item_id, sampler, rubric, judge, repeat: _ } = task;
    let mut rows = statement.query(params![item_id, plan::stored_sampler(sampler.as_deref()), rubric, judge])?;
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
        let (usage, expected) = (maybe::<Usage>(row, 1)?, maybe::<Estimate>(row, 4)?);
        of.unread |= usage.zip(expected).is_some_and(|(usage, expected)| (usage.input as f64) < expected.text * LEAST_READ);
        of.usage = match (of.usage, usage) {
            (Some(before), Some(usage)) => Some(before + usage),
            (before, usage) => usage.or(before),
        };
        let cost = number(2)?;
        of.unpriced |= cost.is_none() && !class.is_some_and(|class| is_unbilled(&class));
        of.cost = cost.map(|cost| cost.saturating_add(of.cost.unwrap_or(0))).or(of.cost);
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
        served: Served::default(),
        unread: totals.unread,
    }
}

pub(super) fn maybe<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>, LedgerError> {
    let text: Option<String> = row.get(column)?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, LedgerError> {
    Ok(serde_json::from_str(&row.get::<_, String>(column)?)?)
}

pub(super) fn digest(row: &Row<'_>, column: usize) -> Result<Option<Digest>, LedgerError> {
    let hex: Option<String> = row.get(column)?;
    let read = |hex: String| Digest::from_hex(&hex).ok_or_else(|| LedgerError::Store(format!("`{hex}` is no digest")));
    hex.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::{Entry, PAGE};
    use crate::ledger::fixtures::{items, open, plan, task};
    use crate::ledger::{ItemRow, LedgerError, Reader};

    /// More items than a page has, at every third position, of which a few have tasks.
    fn planned(dir: &std::path::Path) -> Vec<ItemRow> {
        let mut rows = items(2 * PAGE + 5);
        rows.iter_mut().for_each(|item| item.position *= 3);
        let ledger = open(dir);
        plan(&ledger, &rows, &[task(0), task(PAGE), task(2 * PAGE + 4)]).unwrap();
        ledger.close().unwrap();
        rows
    }

    #[test]
    fn every_item_comes_once_in_manifest_order_whatever_the_page_it_is_on() {
        let dir = tempfile::tempdir().unwrap();
        let rows = planned(dir.path());
        let reader = Reader::open(dir.path()).unwrap();
        let entries: Vec<Entry> = reader.entries().unwrap().collect::<Result<_, _>>().unwrap();
        assert!(entries.iter().map(|entry| &entry.item).eq(&rows));
        let with_tasks: Vec<_> = entries.iter().zip(0..).filter(|(entry, _)| !entry.records.is_empty()).map(|(_, place)| place).collect();
        assert_eq!(with_tasks, [0, PAGE, 2 * PAGE + 4]);
    }

    #[test]
    fn after_a_row_that_cannot_be_read_there_is_nothing_that_looks_complete() {
        let dir = tempfile::tempdir().unwrap();
        let rows = planned(dir.path());
        let damage = "UPDATE items SET row = '{' WHERE item_id = ?1";
        rusqlite::Connection::open(dir.path().join("ledger.sqlite")).unwrap().execute(damage, [&rows[PAGE as usize].item_id]).unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        let mut entries = reader.entries().unwrap().skip_while(Result::is_ok);
        assert!(matches!(entries.next(), Some(Err(LedgerError::Store(_)))) && entries.next().is_none());
    }
}
