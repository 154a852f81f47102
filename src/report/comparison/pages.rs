//! A comparison as files and on the terminal.

use std::path::{Path, PathBuf};

use super::table::table;
use super::{Comparison, Difference, PairRow, PartRow};
use crate::report::format::{Error, Folder};
use crate::report::plain::{FEW, chance, noted, number, or_dash, shifts, signed, under, utc};
use crate::report::terminal::wrap;
use crate::report::{FormatKind, TableKind, html, markdown, visible};
use crate::taxonomy::Lang;

/// Writes `comparison.html`, `.md`, `.json`, `.csv` and `.parquet`, whichever are asked for, each whole or not at all; returns the paths.
pub fn write_comparison(dir: &Path, comparison: &Comparison, kinds: &[FormatKind], lang: Lang) -> Result<Vec<PathBuf>, Error> {
    let mut out = Folder::at(dir);
    for kind in kinds {
        let (name, bytes) = match kind {
            FormatKind::Html => ("comparison.html", html::comparison(comparison, lang)?.into_bytes()),
            FormatKind::Json => ("comparison.json", serde_json::to_vec_pretty(comparison)?),
            FormatKind::Markdown => ("comparison.md", page(comparison, lang).into_bytes()),
            FormatKind::Csv => ("comparison.csv", table(comparison, TableKind::Csv)?),
            #[cfg(feature = "parquet")]
            FormatKind::Parquet => ("comparison.parquet", table(comparison, TableKind::Parquet)?),
        };
        out.put(name, &bytes)?;
    }
    Ok(out.files())
}

/// A few lines for each pair, of at most `width` columns.
pub fn comparison_terminal(comparison: &Comparison, width: usize) -> String {
    let mut lines = Vec::new();
    for pair in &comparison.pairs {
        let scope = under(&pair.rubric, pair.sampler.as_deref());
        lines.push(format!("{} - {} ({}, {scope})", visible(&pair.a), visible(&pair.b), visible(&judges(pair))));
        let [n, clusters, factors, means, difference, interval, p] = first_of(pair);
        lines.push(format!("  {means} = {difference:>6} {interval:>16}  n {n}, source items {clusters}, factors {factors}, p {p}"));
    }
    if comparison.pairs.iter().any(|pair| pair.difference.basis.ci95_note.is_some()) {
        lines.push(FEW.to_owned());
    }
    lines.extend(comparison.warnings.iter().map(|warning| format!("! {}: {}", warning.code, visible(&warning.message))));
    lines.iter().map(|line| wrap(line, width)).collect()
}

fn judges(pair: &PairRow) -> String {
    if pair.judge_a == pair.judge_b { pair.judge_a.clone() } else { format!("{} - {}", pair.judge_a, pair.judge_b) }
}

fn page(comparison: &Comparison, lang: Lang) -> String {
    let word = html::labels(lang);
    let names: Vec<String> = comparison.runs.iter().map(|run| markdown::inert(&run.name)).collect();
    let mut lines = vec![format!("# {}", names.join(" / ")), String::new()];
    lines.extend(
        comparison.warnings.iter().map(|warning| format!("- **{}**: {}", warning.code, markdown::inert(warning.in_language(lang)))),
    );
    lines.push(format!("\n| {} | {} | {} | {} |\n|---|---|---|---:|", word["run"], word["experiment"], word["began_at"], word["items"]));
    lines.extend(comparison.runs.iter().map(|run| {
        let [name, source] = [&run.name, &run.source].map(|text| markdown::inert(text));
        let began = or_dash(run.started_at.as_deref().map(|moment| markdown::inert(&utc(moment))));
        format!("| {name} ({source}) | `{}` | {began} | {} |", visible(&run.run_id).replace('`', ""), run.items)
    }));
    lines.push(format!("\n{} {}\n", word["paired_note"], word["few_clusters"]));
    let who = ["pair_of_runs", "judge", "rubric", "sampler"];
    let what = ["both_scored", "clusters", "factors_n", "means", "difference", "interval", "p_wilcoxon", "one_blocked"];
    let heads = who.iter().chain(&what).map(|key| word[key]).collect::<Vec<_>>().join(" | ");
    lines.push(format!("| {heads} |\n|{}{}", "---|".repeat(who.len()), "---:|".repeat(what.len())));
    lines.extend(comparison.pairs.iter().map(row));
    let tables = comparison
        .pairs
        .iter()
        .flat_map(|pair| [(pair, ["by_model", "model"], &pair.by_model), (pair, ["by_risk", "factor"], &pair.by_risk)]);
    for (pair, [title, what], rows) in tables.filter(|(_, _, rows)| !rows.is_empty()) {
        let [a, b, judges] = [&pair.a, &pair.b, &judges(pair)].map(|name| markdown::inert(name));
        lines.push(format!("\n## {a} - {b}: {} ({judges})\n", word[title]));
        let heads = ["clusters", "factors_n", "means", "difference", "interval", "p_holm"].map(|key| word[key]).join(" | ");
        lines.push(format!("| {} | n | {heads} |\n|---{}|", word[what], "|---:".repeat(7)));
        lines.extend(rows.iter().map(part));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// How many items, source items and risk factors, both means, their difference, its interval and how probable it is by chance: of the items that both have, or
/// else of two groups.
fn first_of(pair: &PairRow) -> [String; 7] {
    let means = |a: Option<f64>, b: Option<f64>| format!("{} - {}", number(a), number(b));
    if let Some(two) = &pair.unpaired {
        let counts = [[two.n_a, two.n_b], [two.clusters_a, two.clusters_b], [two.factors_a, two.factors_b]];
        let [n, clusters, factors] = counts.map(|[a, b]| format!("{a}, {b}"));
        let p = format!("{} (Welch)", chance(two.welch.p));
        return [n, clusters, factors, means(two.mean_a, two.mean_b), signed(two.difference), shifts(None), p];
    }
    let Difference { n, factors, mean_a, mean_b, mean, ci95, basis } = &pair.difference;
    let (n, [clusters, factors]) = (format!("{n} / {}", pair.items), [basis.clusters, *factors].map(|count| count.to_string()));
    let (means, interval) = (means(*mean_a, *mean_b), noted(shifts(*ci95), basis.ci95_note));
    [n, clusters, factors, means, signed(*mean), interval, chance(pair.p("wilcoxon"))]
}

fn row(pair: &PairRow) -> String {
    let [n, clusters, factors, means, difference, interval, p] = first_of(pair);
    let cells = [
        format!("{} - {}", markdown::inert(&pair.a), markdown::inert(&pair.b)),
        markdown::inert(&judges(pair)),
        markdown::inert(&pair.rubric),
        markdown::inert(pair.sampler.as_deref().unwrap_or("-")),
        n,
        clusters,
        factors,
        means,
        difference,
        interval,
        p,
        format!("{} : {} (p {})", pair.blocked_only_a, pair.blocked_only_b, chance(pair.p("mcnemar_exact"))),
    ];
    format!("| {} |", cells.join(" | "))
}

fn part(row: &PartRow) -> String {
    let PartRow { risk, model, difference: Difference { n, factors, mean_a, mean_b, mean, ci95, basis }, p_holm, .. } = row;
    let (name, means) = (risk.as_ref().or(model.as_ref()), format!("{} - {}", number(*mean_a), number(*mean_b)));
    let name = name.map_or_else(String::new, |name| markdown::inert(name));
    let of = format!("{n} | {} | {factors}", basis.clusters);
    format!("| {name} | {of} | {means} | {} | {} | {} |", signed(*mean), noted(shifts(*ci95), basis.ci95_note), chance(*p_holm))
}
