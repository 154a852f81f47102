//! Registering a plan: whether it is the last one again, whether it only adds to what is known, and then writing it in pieces.

use std::collections::HashMap;

use rusqlite::Connection;
use tribunal_media::Digest;

use super::plan::{self, StoredItem};
use super::{ItemRow, Ledger, LedgerError};
use crate::judge::Task;

/// Bytes of rows and tasks that are written together.
const PIECE: usize = 1 << 20;
/// Bytes that a task takes, more or less.
const TASK: usize = 200;
/// At most this many items are named in a refusal.
const NAMED: usize = 5;

impl Ledger {
    /// Registers all rows of the source with their tasks, and returns how many tasks these are. A known item that changed or is missing is `Changed`,
    /// also with a limit or shard, under which other rows just have no tasks. Known tasks stay as they are.
    ///
    /// The rows are never held. In a run that has a plan they are gone through once to tell whether this is the same again (then nothing is written),
    /// and whether it only adds; then they are written in pieces. A plan that a crash cut short is a part of the next one.
    pub fn plan<R, E>(&self, rows: impl Fn() -> R) -> Result<u64, E>
    where
        R: Iterator<Item = Result<(ItemRow, Vec<Task>), E>>,
        E: From<LedgerError>,
    {
        let (begun, planned) = self.writer.ask_blocking(plan::known)?;
        if begun {
            let (mut plan, mut new) = (PlanDigest::default(), Digests::default());
            for row in rows() {
                let (item, tasks) = row?;
                plan.add(&item, &tasks);
                new.add(&item);
            }
            let tasks = plan.tasks;
            if planned == Some(plan.finish()) {
                return Ok(tasks);
            }
            if let Some(changes) = self.writer.ask_blocking(move |connection| new.refusal(connection))? {
                return Err(LedgerError::Changed(changes).into());
            }
        }
        self.write_plan(rows())
    }

    fn write_plan<E: From<LedgerError>>(&self, rows: impl Iterator<Item = Result<(ItemRow, Vec<Task>), E>>) -> Result<u64, E> {
        // A plan that is cut short is not the last one again, and who reads the run is told.
        self.writer.ask_blocking(|connection| connection.execute("UPDATE run SET planned = ''", []).map(drop))?;
        let (mut plan, mut piece, mut bytes) = (PlanDigest::default(), Vec::new(), 0);
        for row in rows {
            let (item, tasks) = row?;
            plan.add(&item, &tasks);
            let item = StoredItem::new(item)?;
            bytes += item.row.len() + tasks.len() * TASK;
            piece.push((item, tasks));
            if bytes >= PIECE {
                self.write_piece(std::mem::take(&mut piece))?;
                bytes = 0;
            }
        }
        self.write_piece(piece)?;
        let tasks = plan.tasks;
        let digest = plan.finish();
        self.writer.ask_blocking(move |connection| connection.execute("UPDATE run SET planned = ?1", [digest]).map(drop))?;
        Ok(tasks)
    }

    /// One commit.
    fn write_piece(&self, rows: Vec<(StoredItem, Vec<Task>)>) -> Result<(), LedgerError> {
        self.writer.ask_blocking(move |connection| {
            plan::add_items(connection, rows.iter().map(|(item, _)| item))?;
            plan::add_tasks(connection, rows.iter().flat_map(|(_, tasks)| tasks))
        })
    }
}

/// Of one plan: equal plans have equal digests, so that a repeated one need not be written again.
#[derive(Default)]
struct PlanDigest {
    hasher: blake3::Hasher,
    tasks: u64,
}

impl PlanDigest {
    fn add(&mut self, item: &ItemRow, tasks: &[Task]) {
        // All that decides verdicts is in the digest, and what decoding sees is no part of a plan.
        let ItemRow {
            item_id,
            position,
            digest,
            model,
            human_risk,
            annotators,
            tags,
            modality: _,
            risk: _,
            prompt_type: _,
            prompt: _,
            output: _,
            blocked: _,
            media_id: _,
            media: _,
            thumbs: _,
        } = item;
        self.field(item_id.as_bytes());
        self.number(*position);
        self.field(digest.as_bytes());
        self.texts(model.iter());
        self.number(human_risk.len() as u64);
        for risk in human_risk {
            self.number(risk.map_or(u64::MAX, f64::to_bits)); // a NaN, which no label is
        }
        self.texts(annotators.iter());
        self.texts(tags.iter().flat_map(|(key, value)| [key, value]));
        self.number(tasks.len() as u64);
        for Task { item_id, sampler, rubric, judge, repeat } in tasks {
            let sampler = plan::stored_sampler(sampler.as_deref());
            [item_id, sampler, rubric, judge].into_iter().for_each(|text| self.field(text.as_bytes()));
            self.number(u64::from(*repeat));
        }
        self.tasks += tasks.len() as u64;
    }

    /// Lengths first: no two lists of fields read alike.
    fn field(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.hasher.update(bytes);
    }

    fn texts<'t>(&mut self, texts: impl Iterator<Item = &'t String> + Clone) {
        self.number(texts.clone().count() as u64);
        texts.for_each(|text| self.field(text.as_bytes()));
    }

    fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    fn finish(self) -> String {
        self.hasher.finalize().to_string()
    }
}

/// The digests of all items by their ids, each by a half that is enough to tell it from all others.
#[derive(Default)]
struct Digests(HashMap<[u8; 16], [u8; 16]>);

impl Digests {
    fn add(&mut self, item: &ItemRow) {
        self.0.insert(Digest::of(item.item_id.as_bytes()).half(), item.digest.half());
    }

    /// Compares them with the known ones: what was changed or removed, in words; `None` when these only add.
    fn refusal(&self, connection: &Connection) -> rusqlite::Result<Option<String>> {
        let (mut changed, mut removed) = (Vec::new(), Vec::new());
        let mut statement = connection.prepare("SELECT item_id, digest FROM items ORDER BY position, item_id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (item_id, digest): (String, String) = (row.get(0)?, row.get(1)?);
            let known = Digest::from_hex(&digest).map(|digest| digest.half());
            match self.0.get(&Digest::of(item_id.as_bytes()).half()) {
                None => removed.push(item_id),
                Some(new) if known.as_ref() != Some(new) => changed.push(item_id),
                Some(_) => {}
            }
        }
        let told: Vec<_> = [told(&changed, "changed"), told(&removed, "no longer there")].into_iter().flatten().collect();
        Ok((!told.is_empty()).then(|| told.join("; ")))
    }
}

fn told(items: &[String], what: &str) -> Option<String> {
    let named = items.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match items.len() {
        0 => None,
        1 => Some(format!("item {named} {}", if what == "changed" { "changed" } else { "is no longer there" })),
        count => {
            let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
            Some(format!("{count} items {}: {named}{more}", if what == "changed" { "changed" } else { "are no longer there" }))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ledger::ItemRow;
    use crate::ledger::fixtures::{items, open, plan, stored, tasks};

    #[test]
    fn what_changes_alone_and_decides_no_verdict_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let (tasks, mut rows) = (tasks(2), items(2));
        plan(&ledger, &rows, &tasks).unwrap();
        let changes: [fn(&mut ItemRow); 6] = [
            |row| row.model = None,
            |row| row.model = Some(String::new()),
            |row| row.human_risk = vec![None, Some(4.0)],
            |row| row.human_risk.clear(),
            |row| row.annotators = vec!["a".to_owned(), "bc".to_owned()],
            |row| row.tags = [("ab".to_owned(), "c".to_owned())].into(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            change(&mut rows[1]);
            assert_eq!(plan(&ledger, &rows, &tasks).unwrap(), 2);
            assert_eq!(stored(dir.path()), rows, "change {number}");
        }
    }
}
