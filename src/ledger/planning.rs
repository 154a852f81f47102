//! Registering a plan: whether it is the last one again, whether it only adds to what is known, and then writing it in pieces.

use std::collections::HashMap;

use rusqlite::Connection;
use tribunal_media::Digest;

use super::plan::{self, StoredItem};
use super::{ItemRow, Ledger, LedgerError};
use crate::judge::Task;

/// Bytes of rows that are written together.
const PIECE: usize = 1 << 20;
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
        let rows = || rows().map(|row| row.and_then(|(item, tasks)| Ok((StoredItem::new(item)?, tasks))));
        let (begun, planned) = self.writer.ask_blocking(plan::known)?;
        if begun {
            let (mut name, mut new) = (Name::default(), Digests::default());
            for row in rows() {
                let (item, tasks) = row?;
                name.add(&item, &tasks);
                new.add(&item);
            }
            let tasks = name.tasks;
            if planned == Some(name.finish()) {
                return Ok(tasks);
            }
            if let Some(changes) = self.writer.ask_blocking(move |connection| new.refusal(connection))? {
                return Err(LedgerError::Changed(changes).into());
            }
        }
        self.write_plan(rows())
    }

    fn write_plan<E: From<LedgerError>>(&self, rows: impl Iterator<Item = Result<(StoredItem, Vec<Task>), E>>) -> Result<u64, E> {
        // A plan that is cut short is not the last one again.
        self.writer.ask_blocking(|connection| connection.execute("UPDATE run SET planned = NULL", []).map(drop))?;
        let (mut name, mut piece, mut bytes) = (Name::default(), Vec::new(), 0);
        for row in rows {
            let (item, tasks) = row?;
            name.add(&item, &tasks);
            bytes += item.row.len();
            piece.push((item, tasks));
            if bytes >= PIECE {
                self.write_piece(std::mem::take(&mut piece))?;
                bytes = 0;
            }
        }
        self.write_piece(piece)?;
        let tasks = name.tasks;
        let name = name.finish();
        self.writer.ask_blocking(move |connection| connection.execute("UPDATE run SET planned = ?1", [name]).map(drop))?;
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

/// Names one plan: equal plans have equal names, so that a repeated one need not be written again.
#[derive(Default)]
struct Name {
    hasher: blake3::Hasher,
    tasks: u64,
}

impl Name {
    fn add(&mut self, item: &StoredItem, tasks: &[Task]) {
        let StoredItem { item_id, position, digest, row } = item;
        // Lengths first: no two lists of fields read alike.
        let mut field = |bytes: &[u8]| _ = self.hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        [item_id.as_bytes(), &position.to_le_bytes(), digest.as_bytes(), row.as_bytes()].into_iter().for_each(&mut field);
        field(&(tasks.len() as u64).to_le_bytes());
        for Task { item_id, sampler, rubric, judge, repeat } in tasks {
            let sampler = plan::stored_sampler(sampler.as_deref());
            [item_id, sampler, rubric, judge].into_iter().for_each(|text| field(text.as_bytes()));
            field(&repeat.to_le_bytes());
        }
        self.tasks += tasks.len() as u64;
    }

    fn finish(self) -> String {
        self.hasher.finalize().to_string()
    }
}

/// The digests of all items by their ids, each by a half that is enough to tell it from all others.
#[derive(Default)]
struct Digests(HashMap<[u8; 16], [u8; 16]>);

fn half(digest: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

impl Digests {
    fn add(&mut self, item: &StoredItem) {
        self.0.insert(half(blake3::hash(item.item_id.as_bytes()).as_bytes()), half(item.digest.as_bytes()));
    }

    /// Compares them with the known ones: what was changed or removed, in words; `None` when these only add.
    fn refusal(&self, connection: &Connection) -> rusqlite::Result<Option<String>> {
        let (mut changed, mut removed) = (Vec::new(), Vec::new());
        let mut statement = connection.prepare("SELECT item_id, digest FROM items ORDER BY position, item_id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (item_id, digest): (String, String) = (row.get(0)?, row.get(1)?);
            let known = Digest::from_hex(&digest).map(|digest| half(digest.as_bytes()));
            match self.0.get(&half(blake3::hash(item_id.as_bytes()).as_bytes())) {
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
