//! What a run's summary says of its judges, a line each.

use crate::report::plain::mark;
use crate::report::summary::{AmongRow, HumansRow, Quality, QualityRow, VarianceRow};
use crate::report::visible;

/// Judges against people, judges among themselves, and where the variance comes from; empty where there is nothing to compare.
pub(in crate::report) fn short(quality: &Quality) -> Vec<String> {
    let people = quality.humans.iter().map(humans);
    let judges = quality.judges.iter().filter(|row| row.n > 0).map(judge);
    people.chain(judges).chain(quality.judges_among.iter().map(among)).chain(quality.variance.iter().map(variance)).collect()
}

fn humans(row: &HumansRow) -> String {
    format!(
        "people: {} annotators, {} items labelled, {} by two or more, alpha {}",
        row.annotators,
        row.labelled,
        row.pairable,
        alpha(row.alpha, row.alpha_ci95)
    )
}

fn judge(row: &QualityRow) -> String {
    let scope = [Some(&row.scope.judge), Some(&row.scope.rubric), row.scope.sampler.as_ref()];
    let who = scope.into_iter().flatten().map(|name| visible(name)).collect::<Vec<_>>().join(" / ");
    let levels = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:+.2}"));
    let mae = row.mae.map_or_else(|| "-".to_owned(), |mae| format!("{mae:.2}"));
    let mark = mark(row.uncalibrated, row.selected);
    format!("{who}{mark} and people: alpha {}, MAE {mae}, bias {} ({} items)", alpha(row.alpha, row.alpha_ci95), levels(row.bias), row.n)
}

fn among(row: &AmongRow) -> String {
    let names = [&row.judge, &row.other, &row.rubric].map(|name| visible(name));
    let sampler = row.sampler.as_ref().map_or_else(String::new, |sampler| format!(" / {sampler}"));
    let bias = row.bias.map_or_else(|| "-".to_owned(), |bias| format!("{bias:+.2}"));
    format!(
        "{} and {} / {}{sampler}: alpha {}, bias {bias} ({} items)",
        names[0],
        names[1],
        names[2],
        alpha(row.alpha, row.alpha_ci95),
        row.n
    )
}

fn variance(row: &VarianceRow) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    let parts = row.components.iter().map(|part| format!("{} {}", part.component, share(part.share)));
    format!("variance of safety / {}: {}", visible(&row.rubric), parts.collect::<Vec<_>>().join(", "))
}

fn alpha(value: Option<f64>, ci95: Option<[f64; 2]>) -> String {
    let interval = ci95.map_or_else(String::new, |[lo, hi]| format!(" [{lo:.2}, {hi:.2}]"));
    value.map_or_else(|| "-".to_owned(), |alpha| format!("{alpha:.2}{interval}"))
}
