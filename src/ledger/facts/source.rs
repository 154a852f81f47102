//! Source items: what was asked, whoever answered. Their outputs depend on each other, so intervals draw them together.

use rusqlite::{Connection, params};

use crate::ledger::{ItemRow, LedgerError};

/// The tag that names an item's source where its prompt does not.
pub const SOURCE_TAG: &str = "source";

/// Rows that are written together.
const PIECE: usize = 1024;

/// Gives items with one source one number. Prompts may be long and many, so they are sorted in a database without a name, which SQLite keeps on
/// disk beyond its cache and which ends with its connection.
#[derive(Debug)]
pub(super) struct Sources {
    connection: Connection,
    items: usize,
    piece: Vec<(Vec<u8>, usize)>,
}

impl Sources {
    pub(super) fn new() -> Result<Self, LedgerError> {
        let connection = Connection::open("")?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE keys (key BLOB NOT NULL, item INTEGER NOT NULL);",
        )?;
        Ok(Self { connection, items: 0, piece: Vec::new() })
    }

    /// Adds the next item.
    pub(super) fn push(&mut self, item: &ItemRow) -> Result<(), LedgerError> {
        self.piece.push((key(item), self.items));
        self.items += 1;
        if self.piece.len() < PIECE { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), LedgerError> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare("INSERT INTO keys (key, item) VALUES (?1, ?2)")?;
            self.piece.drain(..).try_for_each(|(key, item)| insert.execute(params![key, item as i64]).map(drop))?;
        }
        Ok(transaction.commit()?)
    }

    /// The number of every item's source, item by item. Sources are numbered in their own order, not that of the rows.
    pub(super) fn numbers(mut self) -> Result<Vec<u32>, LedgerError> {
        self.write()?;
        let mut numbers = vec![0; self.items];
        let mut statement = self.connection.prepare("SELECT key, item FROM keys ORDER BY key")?;
        let mut rows = statement.query([])?;
        let (mut before, mut number) = (None, 0);
        while let Some(row) = rows.next()? {
            let (key, item): (Vec<u8>, i64) = (row.get(0)?, row.get(1)?);
            if before.as_ref().is_some_and(|before| *before != key) {
                number += 1;
            }
            numbers[item as usize] = number;
            before = Some(key);
        }
        Ok(numbers)
    }
}

/// What makes two items one source, as bytes whose order is that of its parts: their tag `source`; else modality, factor, prompt type and prompt;
/// without a prompt, nothing.
fn key(item: &ItemRow) -> Vec<u8> {
    let mut key = Vec::new();
    match item.tags.get(SOURCE_TAG) {
        Some(tag) => {
            key.push(0);
            key.extend_from_slice(tag.as_bytes());
        }
        None if item.prompt.is_empty() => {
            key.push(2);
            key.extend_from_slice(item.item_id.as_bytes());
        }
        None => {
            key.extend([1, item.modality as u8]);
            [&item.risk, &item.prompt_type].into_iter().for_each(|part| extend(&mut key, part.as_deref()));
            key.extend_from_slice(item.prompt.as_bytes());
        }
    }
    key
}

/// Nothing sorts before any text, and a text before those that it begins: 0 ends it, so that a 0 in it is written as 0 and 1.
fn extend(key: &mut Vec<u8>, part: Option<&str>) {
    key.push(u8::from(part.is_some()));
    for byte in part.unwrap_or_default().bytes() {
        key.push(byte);
        key.extend((byte == 0).then_some(1));
    }
    key.extend(part.map(|_| [0, 0]).into_iter().flatten());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::tests::items;

    fn numbers(items: &[ItemRow]) -> Vec<u32> {
        let mut sources = Sources::new().unwrap();
        items.iter().for_each(|item| sources.push(item).unwrap());
        sources.numbers().unwrap()
    }

    #[test]
    fn equal_prompts_are_one_source_unless_a_tag_says_otherwise() {
        let mut items = items(5);
        items[1].model = Some("y".into());
        items[2].risk = Some("R12".into());
        items[3].tags.insert("source".into(), "7".into());
        items[4].prompt = String::new();
        // Tags first, then prompts by factor, then what stands alone.
        assert_eq!(numbers(&items), [1, 1, 2, 0, 3]);
        assert_eq!(numbers(&[]), [0; 0]);
    }

    #[test]
    fn more_items_than_are_written_at_once_are_numbered_alike() {
        let mut items = items(2 * PIECE as u64 + 3);
        items.iter_mut().for_each(|item| item.prompt = format!("{:05}", item.position / 2));
        assert!(numbers(&items).into_iter().eq((0..items.len() as u32).map(|item| item / 2)));
    }

    proptest! {
        #[test]
        fn keys_sort_as_their_parts(parts in proptest::collection::vec((proptest::option::of("[\0a]{0,3}"), proptest::option::of("[\0\u{1}b]{0,2}"), "[\0b]{1,3}"), 2)) {
            let keys: Vec<Vec<u8>> = parts.iter().map(|(risk, kind, prompt)| {
                let item = items(1).remove(0);
                key(&ItemRow { risk: risk.clone(), prompt_type: kind.clone(), prompt: prompt.clone(), ..item })
            }).collect();
            prop_assert_eq!(keys[0].cmp(&keys[1]), parts[0].cmp(&parts[1]));
        }
    }
}
