//! The table of groups: one row a group of `summary.json`.

use super::column::Columns;
use crate::report::summary::{FIGURES, Figure};
use crate::report::{By, Group, Key};

/// Its columns: what a group is, and its figures. Intervals and bounds are two columns each, quantiles one each.
pub(super) fn groups() -> Columns<Group> {
    let named = Columns::<Group>::new()
        .text("judge", |row| Some((&*row.scope.judge).into()))
        .text("rubric", |row| Some((&*row.scope.rubric).into()))
        .text("sampler", |row| row.scope.sampler.as_deref().map(Into::into))
        .texts("by", by)
        .texts("key", key);
    FIGURES.into_iter().fold(named, |columns, (name, figure)| match figure {
        Figure::Count(of) => columns.integer(name, move |row| Some(of(row) as i64)),
        Figure::Number(of) => columns.number(name, of),
        Figure::Truth(of) => columns.truth(name, of),
        Figure::Code(of) => columns.text(name, move |row| of(row).map(Into::into)),
        Figure::Names(of) => columns.texts(name, move |row| of(row).iter().cloned().map(Some).collect()),
    })
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
