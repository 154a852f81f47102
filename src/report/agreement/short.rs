//! What a run's summary says of its judges, a line each.

use crate::report::plain::{estimate, mark, number, percent, scope, shifts, signed, under};
use crate::report::summary::{AmongRow, HumansRow, Quality, QualityRow, SamplersRow, VarianceRow};
use crate::report::visible;

/// Judges against people, judges among themselves, and where the variance comes from; empty where there is nothing to compare.
pub(in crate::report) fn short(quality: &Quality) -> Vec<String> {
    let people = quality.humans.iter().map(humans);
    let judges = quality.judges.iter().filter(|row| row.n > 0).map(judge);
    let among = quality.judges_among.iter().map(among).chain(quality.samplers_among.iter().map(samplers));
    people.chain(judges).chain(among).chain(quality.variance.iter().map(variance)).collect()
}

fn humans(row: &HumansRow) -> String {
    format!(
        "people: {} {}, {} items labelled, {} by two or more, alpha {}",
        row.annotators,
        if row.annotators == 1 { "annotator" } else { "annotators" },
        row.labelled,
        row.pairable,
        estimate(row.alpha, row.alpha_ci95)
    )
}

fn judge(row: &QualityRow) -> String {
    let (who, mae, bias) = (scope(&row.scope), number(row.mae), signed(row.bias));
    let mark = mark(row.uncalibrated, row.selected);
    format!("{who}{mark} and people: alpha {}, MAE {mae}, bias {bias} ({} items)", estimate(row.alpha, row.alpha_ci95), row.n)
}

fn among(row: &AmongRow) -> String {
    let under = under(&row.rubric, row.sampler.as_deref());
    let (alpha, bias) = (estimate(row.alpha, row.alpha_ci95), signed(row.bias));
    format!("{} and {} / {under}: alpha {alpha}, bias {bias} ({} items)", visible(&row.judge), visible(&row.other), row.n)
}

fn samplers(row: &SamplersRow) -> String {
    let [judge, one, other, rubric] = [&row.judge, &row.sampler, &row.other, &row.rubric].map(|name| visible(name));
    let (alpha, bias, ends) = (number(row.alpha), signed(row.bias), shifts(row.bias_ci95));
    format!("{judge}: {one} and {other} / {rubric}: alpha {alpha}, bias {bias} {ends} (items {}, factors {})", row.n, row.factors)
}

fn variance(row: &VarianceRow) -> String {
    let parts = row.components.iter().map(|part| format!("{} {}", part.component, percent(part.share)));
    let parts = parts.collect::<Vec<_>>().join(", ");
    format!("variance of safety / {} ({} verdicts of {} items): {parts}", visible(&row.rubric), row.n, row.items)
}
