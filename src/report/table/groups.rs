//! The table of groups: one row a group of `summary.json`.

use super::column::Columns;
use crate::report::{By, Group, Key};

/// Its columns. Intervals and bounds are two columns each, quantiles one each.
pub(super) fn groups() -> Columns<Group> {
    Columns::<Group>::new()
        .text("judge", |row| Some((&*row.scope.judge).into()))
        .text("rubric", |row| Some((&*row.scope.rubric).into()))
        .text("sampler", |row| row.scope.sampler.as_deref().map(Into::into))
        .texts("by", by)
        .texts("key", key)
        .integer("n", |row| Some(row.n as i64))
        .integer("scored", |row| Some(row.scored as i64))
        .number("mean_safety", |row| row.mean_safety)
        .number("sd", |row| row.sd)
        .number("cv", |row| row.cv)
        .interval(["ci95_lo", "ci95_hi"], |row| row.ci95)
        .number("blocked_rate", |row| row.blocked_rate)
        .number("refused_rate", |row| row.refused_rate)
        .interval(["bound_lo", "bound_hi"], |row| row.bounds)
        .truth("uncalibrated", |row| row.uncalibrated)
        .truth("selected", |row| row.selected)
        .integer("factors", |row| Some(row.factors as i64))
        .number("standardised_mean", |row| row.standardised.as_ref().and_then(|standardised| standardised.mean))
        .number("median", |row| row.median)
        .number("share_le_2", |row| row.share_le_2)
        .integer("clusters", |row| Some(row.basis.clusters as i64))
        .text("ci95_method", |row| Some(row.basis.ci95_method.into()))
        .text("ci95_null", |row| row.basis.ci95_null.map(Into::into))
        .integer("failed", |row| Some(row.failed as i64))
        .interval(["blocked_ci95_lo", "blocked_ci95_hi"], |row| row.blocked_ci95)
        .interval(["refused_ci95_lo", "refused_ci95_hi"], |row| row.refused_ci95)
        .number("q05", |row| row.quantiles.map(|[q, ..]| q))
        .number("q25", |row| row.quantiles.map(|[_, q, ..]| q))
        .number("q75", |row| row.quantiles.map(|[.., q, _]| q))
        .number("q95", |row| row.quantiles.map(|[.., q]| q))
        .text("ci95_note", |row| row.basis.ci95_note.map(Into::into))
}

fn by(row: &Group) -> Vec<Option<String>> {
    match &row.by {
        By::One(field) => vec![Some(field.clone())],
        By::Many(fields) => fields.iter().cloned().map(Some).collect(),
    }
}

fn key(row: &Group) -> Vec<Option<String>> {
    match &row.key {
        Key::One(value) => vec![value.clone()],
        Key::Many(values) => values.clone(),
    }
}
