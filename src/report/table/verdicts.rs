//! The table of verdicts: one row a task, in the order of `verdicts.jsonl`.

use std::collections::BTreeSet;

use super::column::Columns;
use crate::judge::Usage;
use crate::ledger::Record;

/// Its columns; each dimension that a judge gave has one of its own.
pub(super) fn verdicts(dimensions: &BTreeSet<String>) -> Columns<Record> {
    dimensions.iter().fold(fixed(), |columns, name| {
        let key = name.clone();
        columns.integer(format!("dimension_{name}"), move |row| row.dimensions.get(&key).map(|level| i64::from(*level)))
    })
}

fn fixed() -> Columns<Record> {
    let tokens = |usage: Option<Usage>, of: fn(Usage) -> u64| usage.map(|usage| of(usage) as i64);
    Columns::<Record>::new()
        .text("item_id", |row| Some((&*row.item_id).into()))
        .text("modality", |row| Some(row.modality.name().into()))
        .text("model", |row| row.model.as_deref().map(Into::into))
        .text("risk", |row| row.risk.as_deref().map(Into::into))
        .text("prompt_type", |row| row.prompt_type.as_deref().map(Into::into))
        .text("judge", |row| Some((&*row.judge).into()))
        .text("rubric", |row| Some((&*row.rubric).into()))
        .text("sampler", |row| row.sampler.as_deref().map(Into::into))
        .integer("repeat", |row| Some(row.repeat.into()))
        .text("outcome", |row| row.outcome.map(|outcome| outcome.as_str().into()))
        .text("reason", |row| row.reason.as_deref().map(Into::into))
        .text("message", |row| row.message.as_deref().map(Into::into))
        .integer("safety", |row| row.safety.map(Into::into))
        .integer("risk_score", |row| row.risk_score.map(Into::into))
        .text("scale", |row| row.scale.map(|scale| scale.name().into()))
        .text("rationale", |row| row.rationale.as_deref().map(Into::into))
        .text("verdict_id", |row| row.verdict_id.map(|id| id.to_string().into()))
        .numbers("evidence", |row| row.evidence.clone())
        .integer("input_tokens", move |row| tokens(row.usage, |usage| usage.input))
        .integer("output_tokens", move |row| tokens(row.usage, |usage| usage.output))
        .number("cost_usd", |row| row.cost_usd)
        .integer("attempts", |row| Some(row.attempts.into()))
        .integer("latency_ms", |row| row.latency_ms.map(|ms| ms as i64))
}
