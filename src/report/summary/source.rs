//! Source items: what was asked, whoever answered. Their outputs depend on each other, so intervals draw them together.

use std::collections::BTreeMap;

use crate::ledger::ItemRow;
use tribunal_media::Modality;

/// The tag that names an item's source where its prompt does not.
const TAG: &str = "source";

/// What makes two items one source: their tag `source`; else modality, factor, prompt type and prompt; without a prompt, nothing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source<'a> {
    Tagged(&'a str),
    Asked(Modality, Option<&'a str>, Option<&'a str>, &'a str),
    Alone(&'a str),
}

/// The number of every item's source, by item id. Sources are numbered in their own order, not that of the rows.
pub(super) fn number(items: &[ItemRow]) -> BTreeMap<&str, usize> {
    let mut sources: BTreeMap<Source, Vec<&str>> = BTreeMap::new();
    for item in items {
        let source = match item.tags.get(TAG) {
            Some(tag) => Source::Tagged(tag),
            None if item.prompt.is_empty() => Source::Alone(&item.item_id),
            None => Source::Asked(item.modality, item.risk.as_deref(), item.prompt_type.as_deref(), &item.prompt),
        };
        sources.entry(source).or_default().push(&item.item_id);
    }
    sources.into_values().enumerate().flat_map(|(number, ids)| ids.into_iter().map(move |id| (id, number))).collect()
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
        assert_eq!(numbers["a"], numbers["b"]);
        let different: std::collections::BTreeSet<usize> = numbers.values().copied().collect();
        assert_eq!(different.len(), 4);
    }
}
