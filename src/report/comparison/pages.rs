//! A comparison as files and on the terminal.

use std::path::{Path, PathBuf};

use super::table::table;
use super::{Comparison, Difference, PairRow, PartRow};
use crate::report::format::{Error, Folder};
use crate::report::terminal::wrap;
use crate::report::visible::p_value;
use crate::report::{FormatKind, TableKind, html, markdown, visible};
use crate::taxonomy::Lang;

/// Writes `comparison.html`, `.md`, `.json`, `.csv` and `.parquet`, whichever are asked for, each whole or not at all; returns the paths.
pub fn write_comparison(dir: &Path, comparison: &Comparison, kinds: &[FormatKind], lang: Lang) -> Result<Vec<PathBuf>, Error> {
    let mut out = Folder::at(dir);
    for kind in kinds {
        let (name, bytes) = match kind {
            FormatKind::Html => ("comparison.html", html::comparison(comparison, lang)?.into_bytes()),
            FormatKind::Json => ("comparison.json", serde_json::to_vec_pretty(comparison)?),
            FormatKind::Markdown => ("comparison.md", page(comparison).into_bytes()),
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
        let scope =
            [Some(&pair.rubric), pair.sampler.as_ref()].into_iter().flatten().map(|name| visible(name)).collect::<Vec<_>>().join(" / ");
        lines.push(format!("{} - {} ({}, {scope})", visible(&pair.a), visible(&pair.b), visible(&judges(pair))));
        let Difference { n, mean_a, mean_b, mean, ci95, .. } = &pair.difference;
        lines.push(format!(
            "  {:>5} - {:>5} = {:>6} {:>16}  n {n} of {}, p {}",
            fixed(*mean_a),
            fixed(*mean_b),
            signed(*mean),
            range(*ci95),
            pair.items,
            chance(pair.p("wilcoxon"))
        ));
        if let Some(two) = &pair.unpaired {
            lines.push(format!(
                "  unpaired: {} (n {}) and {} (n {}), Welch p {}",
                fixed(two.mean_a),
                two.n_a,
                fixed(two.mean_b),
                two.n_b,
                chance(two.welch.p)
            ));
        }
    }
    lines.extend(comparison.warnings.iter().map(|warning| format!("! {}: {}", warning.code, visible(&warning.message))));
    lines.iter().map(|line| wrap(line, width)).collect()
}

fn judges(pair: &PairRow) -> String {
    if pair.judge_a == pair.judge_b { pair.judge_a.clone() } else { format!("{} - {}", pair.judge_a, pair.judge_b) }
}

fn page(comparison: &Comparison) -> String {
    let names: Vec<String> = comparison.runs.iter().map(|run| markdown::inert(&run.name)).collect();
    let mut lines = vec![format!("# {}", names.join(" / ")), String::new()];
    lines.extend(comparison.warnings.iter().map(|warning| format!("- **{}**: {}", warning.code, markdown::inert(&warning.message))));
    lines.push("\nDifferences are paired by item, first less second; intervals are 95 % BCa bootstrap over source items.\n".to_owned());
    lines.push(
        "| runs | judge | rubric | sampler | n / shared | means | difference | 95 % interval | p (Wilcoxon) | blocked by one only |"
            .to_owned(),
    );
    lines.push("|---|---|---|---|---:|---:|---:|---:|---:|---:|".to_owned());
    lines.extend(comparison.pairs.iter().map(row));
    let tables = comparison.pairs.iter().flat_map(|pair| [(pair, "model", &pair.by_model), (pair, "factor", &pair.by_risk)]);
    for (pair, what, rows) in tables.filter(|(_, _, rows)| !rows.is_empty()) {
        let [a, b, judges] = [&pair.a, &pair.b, &judges(pair)].map(|name| markdown::inert(name));
        lines.push(format!("\n## {a} - {b} by {what} ({judges})\n"));
        lines.push(format!("| {what} | n | means | difference | 95 % interval | p (Holm) |"));
        lines.push("|---|---:|---:|---:|---:|---:|".to_owned());
        lines.extend(rows.iter().map(part));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn row(pair: &PairRow) -> String {
    let Difference { n, mean_a, mean_b, mean, ci95, .. } = &pair.difference;
    let cells = [
        format!("{} - {}", markdown::inert(&pair.a), markdown::inert(&pair.b)),
        markdown::inert(&judges(pair)),
        markdown::inert(&pair.rubric),
        markdown::inert(pair.sampler.as_deref().unwrap_or("-")),
        format!("{n} / {}", pair.items),
        format!("{} - {}", fixed(*mean_a), fixed(*mean_b)),
        signed(*mean),
        range(*ci95),
        chance(pair.p("wilcoxon")),
        format!("{} : {} (p {})", pair.blocked_only_a, pair.blocked_only_b, chance(pair.p("mcnemar_exact"))),
    ];
    format!("| {} |", cells.join(" | "))
}

fn part(row: &PartRow) -> String {
    let PartRow { risk, model, difference: Difference { n, mean_a, mean_b, mean, ci95, .. }, p_holm, .. } = row;
    let (name, means) = (risk.as_ref().or(model.as_ref()), format!("{} - {}", fixed(*mean_a), fixed(*mean_b)));
    let name = name.map_or_else(String::new, |name| markdown::inert(name));
    format!("| {name} | {n} | {means} | {} | {} | {} |", signed(*mean), range(*ci95), chance(*p_holm))
}

fn fixed(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn signed(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:+.2}"))
}

fn range(ends: Option<[f64; 2]>) -> String {
    ends.map_or_else(|| "-".to_owned(), |[lo, hi]| format!("[{lo:+.2}, {hi:+.2}]"))
}

fn chance(p: Option<f64>) -> String {
    p.map_or_else(|| "-".to_owned(), p_value)
}
