//! What leaves a run for other programs: its records, each with what of its item intervals and tests are made by.

use std::collections::BTreeMap;

use serde::Serialize;
use tribunal_media::Digest;

use super::facts::source_of;
use super::{Asked, Entry, Record, RunInfo};

/// One row of `verdicts.jsonl` and of the tables of verdicts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerdictRow {
    /// The task, its end and its grounds.
    #[serde(flatten)]
    pub record: Record,
    /// Equal for outputs that answer one thing: the clusters that intervals draw, and what paired tests pair by.
    pub source_item: Digest,
    /// The risk factor's category, by its English name.
    pub category: Option<String>,
    /// Of the instance.
    pub tags: BTreeMap<String, String>,
}

impl VerdictRow {
    /// The rows of one instance, in the order of its tasks.
    pub fn of(info: &RunInfo, entry: Entry) -> impl Iterator<Item = Self> {
        let Entry { item, records } = entry;
        let source_item = source_of(&Asked::of_item(&item));
        let category = item.risk.as_ref().and_then(|risk| info.factor_categories.get(risk)).map(|(english, _)| english.clone());
        records.into_iter().map(move |record| Self { record, source_item, category: category.clone(), tags: item.tags.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::fixtures::{info, item, record};
    use crate::ledger::{Facts, ItemRow};

    #[test]
    fn rows_hold_the_clusters_of_intervals() {
        let items: Vec<ItemRow> = (0..6).map(|at| ItemRow { prompt: format!("p{}", at % 3), ..item(at) }).collect();
        let info = info(&[]);
        let facts = Facts::of(&info, &items, &[]);
        let sources: Vec<Digest> = items
            .iter()
            .flat_map(|item| VerdictRow::of(&info, Entry { item: item.clone(), records: vec![record(item, None)] }))
            .map(|row| row.source_item)
            .collect();
        for (one, other) in (0..6).flat_map(|one| (0..6).map(move |other| (one, other))) {
            assert_eq!(sources[one] == sources[other], facts.item(one as u32).source == facts.item(other as u32).source);
        }
    }

    #[test]
    fn a_line_is_the_record_and_then_the_rest() {
        let item = ItemRow { tags: [("seed".to_owned(), "7".to_owned())].into(), ..item(0) };
        let record = record(&item, None);
        let row = VerdictRow::of(&info(&[]), Entry { item, records: vec![record.clone()] }).next().unwrap();
        let (line, plain) = (serde_json::to_string(&row).unwrap(), serde_json::to_string(&record).unwrap());
        assert!(line.starts_with(plain.strip_suffix('}').unwrap()), "{line}");
        assert!(line.ends_with(r#""tags":{"seed":"7"}}"#), "{line}");
    }
}
