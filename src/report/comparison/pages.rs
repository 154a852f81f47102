//! A comparison as files and on the terminal.

use std::path::{Path, PathBuf};

use super::{Comparison, Difference, FactorRow, PairRow};
use crate::ledger::replace_file;
use crate::report::format::Error;
use crate::report::terminal::wrap;
use crate::report::{FormatKind, csv, markdown, visible};

const CSV: [&str; 15] = [
    "a",
    "b",
    "judge_a",
    "judge_b",
    "rubric",
    "sampler",
    "risk",
    "n",
    "mean_a",
    "mean_b",
    "difference",
    "ci95_lo",
    "ci95_hi",
    "p",
    "p_holm",
];

/// Writes `comparison.json`, `comparison.md` and `comparison.csv`, whichever are asked for, each whole or not at all; returns the paths. There is no
/// page of a comparison yet.
pub fn write_comparison(out: &Path, comparison: &Comparison, kinds: &[FormatKind]) -> Result<Vec<PathBuf>, Error> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    std::fs::create_dir_all(out).map_err(at(out))?;
    let mut written = Vec::new();
    for kind in kinds {
        let (name, bytes) = match kind {
            FormatKind::Json => ("comparison.json", serde_json::to_vec_pretty(comparison)?),
            FormatKind::Markdown => ("comparison.md", page(comparison).into_bytes()),
            FormatKind::Csv => ("comparison.csv", table(comparison)?),
            FormatKind::Html => continue,
        };
        let path = out.join(name);
        replace_file(&path, |out| out.write_all(&bytes)).map_err(at(&path))?;
        written.push(path);
    }
    Ok(written)
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
            p_value(pair.p("wilcoxon"))
        ));
        if let Some(two) = &pair.unpaired {
            lines.push(format!(
                "  unpaired: {} (n {}) and {} (n {}), Welch p {}",
                fixed(two.mean_a),
                two.n_a,
                fixed(two.mean_b),
                two.n_b,
                p_value(two.welch.p)
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
    for pair in comparison.pairs.iter().filter(|pair| !pair.by_risk.is_empty()) {
        lines.push(format!(
            "\n## {} - {} by factor ({})\n",
            markdown::inert(&pair.a),
            markdown::inert(&pair.b),
            markdown::inert(&judges(pair))
        ));
        lines.push("| factor | n | means | difference | 95 % interval | p (Holm) |".to_owned());
        lines.push("|---|---:|---:|---:|---:|---:|".to_owned());
        lines.extend(pair.by_risk.iter().map(factor));
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
        p_value(pair.p("wilcoxon")),
        format!("{} : {} (p {})", pair.blocked_only_a, pair.blocked_only_b, p_value(pair.p("mcnemar_exact"))),
    ];
    format!("| {} |", cells.join(" | "))
}

fn factor(row: &FactorRow) -> String {
    let FactorRow { risk, difference: Difference { n, mean_a, mean_b, mean, ci95, .. }, p_holm, .. } = row;
    let means = format!("{} - {}", fixed(*mean_a), fixed(*mean_b));
    format!("| {} | {n} | {means} | {} | {} | {} |", markdown::inert(risk), signed(*mean), range(*ci95), p_value(*p_holm))
}

fn table(comparison: &Comparison) -> Result<Vec<u8>, Error> {
    let rows = comparison.pairs.iter().flat_map(|pair| {
        let whole = cells(pair, "", &pair.difference, pair.p("wilcoxon"), None);
        std::iter::once(whole).chain(pair.by_risk.iter().map(|row| cells(pair, &row.risk, &row.difference, row.p, row.p_holm)))
    });
    csv::table(&CSV, rows)
}

/// One row; the whole has no factor.
fn cells(pair: &PairRow, risk: &str, difference: &Difference, p: Option<f64>, p_holm: Option<f64>) -> [String; 15] {
    let (lo, hi) = difference.ci95.map(|[lo, hi]| (lo, hi)).unzip();
    [
        csv::cell(&pair.a),
        csv::cell(&pair.b),
        csv::cell(&pair.judge_a),
        csv::cell(&pair.judge_b),
        csv::cell(&pair.rubric),
        csv::cell(pair.sampler.as_deref().unwrap_or_default()),
        csv::cell(risk),
        difference.n.to_string(),
        csv::number(difference.mean_a),
        csv::number(difference.mean_b),
        csv::number(difference.mean),
        csv::number(lo),
        csv::number(hi),
        csv::number(p),
        csv::number(p_holm),
    ]
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

fn p_value(p: Option<f64>) -> String {
    match p {
        None => "-".to_owned(),
        Some(p) if p < 0.0001 => "< 0.0001".to_owned(),
        Some(p) => format!("{p:.4}"),
    }
}
