//! The table of a comparison: one row a pair, and one for each of its factors and models.

use super::{Comparison, Difference, PairRow, PartRow};
use crate::report::format::Error;
use crate::report::table::{Columns, TableKind};

/// A pair as a whole, or one part of it.
struct Line<'a> {
    pair: &'a PairRow,
    part: Option<&'a PartRow>,
    difference: &'a Difference,
    p: Option<f64>,
    p_holm: Option<f64>,
}

pub(super) fn table(comparison: &Comparison, kind: TableKind) -> Result<Vec<u8>, Error> {
    let lines = comparison.pairs.iter().flat_map(|pair| {
        let whole = Line { pair, part: None, difference: &pair.difference, p: pair.p("wilcoxon"), p_holm: None };
        let parts = pair.by_risk.iter().chain(&pair.by_model);
        let parts = parts.map(move |row| Line { pair, part: Some(row), difference: &row.difference, p: row.p, p_holm: row.p_holm });
        std::iter::once(whole).chain(parts)
    });
    kind.bytes(&columns(), lines)
}

fn columns<'a>() -> Columns<Line<'a>> {
    Columns::<Line>::new()
        .text("a", |line| Some((&*line.pair.a).into()))
        .text("b", |line| Some((&*line.pair.b).into()))
        .text("judge_a", |line| Some((&*line.pair.judge_a).into()))
        .text("judge_b", |line| Some((&*line.pair.judge_b).into()))
        .text("rubric", |line| Some((&*line.pair.rubric).into()))
        .text("sampler", |line| line.pair.sampler.as_deref().map(Into::into))
        .text("risk", |line| line.part?.risk.as_deref().map(Into::into))
        .integer("n", |line| Some(line.difference.n as i64))
        .number("mean_a", |line| line.difference.mean_a)
        .number("mean_b", |line| line.difference.mean_b)
        .number("difference", |line| line.difference.mean)
        .number("ci95_lo", |line| line.difference.ci95.map(|[lo, _]| lo))
        .number("ci95_hi", |line| line.difference.ci95.map(|[_, hi]| hi))
        .number("p", |line| line.p)
        .number("p_holm", |line| line.p_holm)
        .text("model", |line| line.part?.model.as_deref().map(Into::into))
        .text("ci95_null", |line| line.difference.basis.ci95_null.map(Into::into))
        .text("ci95_note", |line| line.difference.basis.ci95_note.map(Into::into))
        .integer("clusters", |line| Some(line.difference.basis.clusters as i64))
        .integer("factors", |line| Some(line.difference.factors as i64))
}
