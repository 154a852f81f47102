//! Source items: what was asked, whoever answered. Their outputs depend on each other, so intervals draw them together.

use crate::ledger::ItemRow;
use tribunal_media::Modality;

/// The tag that names an item's source where its prompt does not.
pub(super) const TAG: &str = "source";

/// What makes two items one source: their tag `source`; else modality, factor, prompt type and prompt; without a prompt, nothing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source<'a> {
    Tagged(&'a str),
    Asked(Modality, Option<&'a str>, Option<&'a str>, &'a str),
    Alone(&'a str),
}

impl<'a> Source<'a> {
    fn of(item: &'a ItemRow) -> Self {
        match item.tags.get(TAG) {
            Some(tag) => Self::Tagged(tag),
            None if item.prompt.is_empty() => Self::Alone(&item.item_id),
            None => Self::Asked(item.modality, item.risk.as_deref(), item.prompt_type.as_deref(), &item.prompt),
        }
    }
}

/// The number of every item's source, item by item. Sources are numbered in their own order, not that of the rows.
pub(super) fn number(items: &[ItemRow]) -> Vec<usize> {
    let mut places: Vec<(Source, usize)> = items.iter().map(Source::of).zip(0..).collect();
    places.sort_unstable();
    let mut numbers = vec![0; items.len()];
    for (number, alike) in places.chunk_by(|one, other| one.0 == other.0).enumerate() {
        alike.iter().for_each(|(_, place)| numbers[*place] = number);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::item;

    #[test]
    fn equal_prompts_are_one_source_unless_a_tag_says_otherwise() {
        let mut items = ["a", "b", "c", "d", "e"].map(|id| item(id, 0, "x", "R05"));
        items[1].model = Some("y".into());
        items[2].risk = Some("R12".into());
        items[3].tags.insert("source".into(), "7".into());
        items[4].prompt = String::new();
        let numbers = number(&items);
        assert_eq!(numbers[0], numbers[1]);
        let different: std::collections::BTreeSet<usize> = numbers.into_iter().collect();
        assert_eq!(different.len(), 4);
    }
}
