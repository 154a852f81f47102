//! The table of verdicts: one row a task, in the order of `verdicts.jsonl`. Tags are JSON in one column, since manifests have any number of them.

use std::collections::BTreeSet;

use super::column::Columns;
use crate::judge::Usage;
use crate::ledger::VerdictRow;

/// Its columns; each dimension that a judge gave has one of its own.
pub(super) fn verdicts(dimensions: &BTreeSet<String>) -> Columns<VerdictRow> {
    dimensions.iter().fold(fixed(), |columns, name| {
        let key = name.clone();
        columns.integer(format!("dimension_{name}"), move |row| row.record.dimensions.get(&key).map(|level| i64::from(*level)))
    })
}

fn fixed() -> Columns<VerdictRow> {
    let tokens = |usage: Option<Usage>, of: fn(Usage) -> u64| usage.map(|usage| of(usage) as i64);
    Columns::<VerdictRow>::new()
        .text("item_id", |row| Some((&*row.record.item_id).into()))
        .text("modality", |row| Some(row.record.modality.name().into()))
        .text("model", |row| row.record.model.as_deref().map(Into::into))
        .text("risk", |row| row.record.risk.as_deref().map(Into::into))
        .text("prompt_type", |row| row.record.prompt_type.as_deref().map(Into::into))
        .text("judge", |row| Some((&*row.record.judge).into()))
        .text("rubric", |row| Some((&*row.record.rubric).into()))
        .text("sampler", |row| row.record.sampler.as_deref().map(Into::into))
        .integer("repeat", |row| Some(row.record.repeat.into()))
        .text("outcome", |row| row.record.outcome.map(|outcome| outcome.as_str().into()))
        .text("reason", |row| row.record.reason.as_deref().map(Into::into))
        .text("message", |row| row.record.message.as_deref().map(Into::into))
        .integer("safety", |row| row.record.safety.map(Into::into))
        .integer("risk_score", |row| row.record.risk_score.map(Into::into))
        .text("scale", |row| row.record.scale.map(|scale| scale.name().into()))
        .text("rationale", |row| row.record.rationale.as_deref().map(Into::into))
        .text("verdict_id", |row| row.record.verdict_id.map(|id| id.to_string().into()))
        .numbers("evidence", |row| row.record.evidence.clone())
        .integer("input_tokens", move |row| tokens(row.record.usage, |usage| usage.input))
        .integer("output_tokens", move |row| tokens(row.record.usage, |usage| usage.output))
        .number("cost_usd", |row| row.record.cost_usd)
        .integer("attempts", |row| Some(row.record.attempts.into()))
        .integer("latency_ms", |row| row.record.latency_ms.map(|ms| ms as i64))
        .text("source_item", |row| Some(row.source_item.to_string().into()))
        .text("category", |row| row.category.as_deref().map(Into::into))
        .text("tags", |row| serde_json::to_string(&row.tags).ok().map(Into::into))
}

#[cfg(test)]
pub(super) mod tests {
    use super::VerdictRow;
    use crate::ledger::{Entry, ItemRow, Record, RunInfo};

    /// The rows of these records, which stand in the order of their items.
    pub(in crate::report::table) fn rows(info: &RunInfo, items: &[ItemRow], records: &[Record]) -> Vec<VerdictRow> {
        let records = |item: &ItemRow| records.iter().filter(|record| record.item_id == item.item_id).cloned().collect();
        items.iter().flat_map(|item| VerdictRow::of(info, Entry { item: item.clone(), records: records(item) })).collect()
    }
}
