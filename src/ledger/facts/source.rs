//! Source items: what was asked, whoever answered. Their outputs depend on each other, so intervals draw them together.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tribunal_media::{Digest, Modality};

use crate::ledger::ItemRow;
use crate::manifest::Instance;

/// The tag that names an item's source where its prompt does not.
pub const SOURCE_TAG: &str = "source";

/// Gives items with one source one number. Prompts may be long and many, so of each only half a digest is held, which is enough to tell it from all
/// others.
#[derive(Debug, Default)]
pub struct Sources(Vec<[u8; 16]>);

/// What of an item makes its source.
#[derive(Debug)]
pub struct Asked<'a> {
    item_id: &'a str,
    modality: Modality,
    risk: Option<&'a str>,
    prompt_type: Option<&'a str>,
    prompt: Cow<'a, str>,
    tags: &'a BTreeMap<String, String>,
}

impl<'a> Asked<'a> {
    /// Of a row of a manifest.
    pub fn of_instance(instance: &'a Instance) -> Self {
        let Instance { id, modality, risk, prompt_type, prompt, tags, .. } = instance;
        let (risk, prompt_type, prompt) = (risk.as_deref(), prompt_type.as_deref(), Cow::Owned(prompt.text()));
        Self { item_id: id, modality: *modality, risk, prompt_type, prompt, tags }
    }

    /// Of an item of a run.
    pub(in crate::ledger) fn of_item(item: &'a ItemRow) -> Self {
        let ItemRow { item_id, modality, risk, prompt_type, prompt, tags, .. } = item;
        let (risk, prompt_type, prompt) = (risk.as_deref(), prompt_type.as_deref(), Cow::Borrowed(prompt.as_str()));
        Self { item_id, modality: *modality, risk, prompt_type, prompt, tags }
    }
}

impl Sources {
    /// Adds the next item.
    pub fn push(&mut self, asked: &Asked) {
        self.0.push(digest(asked).half());
    }

    /// The number of every item's source, item by item. Sources are numbered in the order of their digests, not in that of the rows.
    pub fn numbers(self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.0.len() as u32).collect();
        order.sort_unstable_by_key(|item| self.0[*item as usize]);
        let mut numbers = vec![0; self.0.len()];
        let alike = order.chunk_by(|one, other| self.0[*one as usize] == self.0[*other as usize]);
        for (items, number) in alike.zip(0..) {
            items.iter().for_each(|item| numbers[*item as usize] = number);
        }
        numbers
    }
}

/// What makes two items one source: their tag `source`; else modality, factor, prompt type and prompt; without a prompt, the item alone.
pub(in crate::ledger) fn digest(item: &Asked) -> Digest {
    match item.tags.get(SOURCE_TAG) {
        Some(tag) => Digest::of_fields([b"tag", tag.as_bytes()]),
        None if item.prompt.is_empty() => Digest::of_fields([b"item", item.item_id.as_bytes()]),
        None => {
            let [risk, prompt_type] = [item.risk, item.prompt_type].map(|part| part.map(str::as_bytes));
            let is_there = |part: Option<&[u8]>| if part.is_some() { &b"+"[..] } else { b"-" };
            let fields = [
                item.modality.name().as_bytes(),
                is_there(risk),
                risk.unwrap_or_default(),
                is_there(prompt_type),
                prompt_type.unwrap_or_default(),
                item.prompt.as_bytes(),
            ];
            Digest::of_fields(fields)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ledger::fixtures::items;

    fn numbers(items: &[ItemRow]) -> Vec<u32> {
        let mut sources = Sources::default();
        items.iter().for_each(|item| sources.push(&Asked::of_item(item)));
        sources.numbers()
    }

    #[test]
    fn equal_prompts_are_one_source_unless_a_tag_says_otherwise() {
        let mut items = items(6);
        items[1].model = Some("y".into());
        items[2].risk = Some("R12".into());
        items[3].tags.insert("source".into(), "7".into());
        items[4].prompt = String::new();
        (items[5].risk, items[5].prompt_type) = (None, items[5].risk.clone());
        let found = numbers(&items);
        assert_eq!(found[0], found[1]);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 5);
        assert!(found.iter().all(|number| *number < 5));
        assert_eq!(numbers(&[]), [0; 0]);
    }

    #[test]
    fn numbers_do_not_hang_on_the_order_of_rows() {
        let mut items = items(2000);
        items.iter_mut().for_each(|item| item.prompt = format!("{:05}", item.position / 2));
        let mut before = numbers(&items);
        items.reverse();
        let after = numbers(&items);
        assert!(before.chunks(2).all(|pair| pair[0] == pair[1]));
        before.reverse();
        assert_eq!(before, after);
    }
}
