//! `report.md`: fits a pull request.

use std::fmt::Write as _;

use super::format::{Error, Folder, Format, RunView};
use super::plain::mark;
use super::summary::{By, Group, Summary};
use super::visible;

pub(super) struct Markdown;

impl Format for Markdown {
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error> {
        out.put("report.md", page(run).as_bytes())
    }
}

pub(super) fn page(run: &RunView) -> String {
    let (summary, word) = (run.summary, super::words::words(run.lang));
    let mut page = format!("# {}: {}\n\n", word["title"], inert(&run.info.source));
    for warning in &summary.warnings {
        let _ = writeln!(page, "- **{}**: {}", warning.code, inert(warning.in_language(run.lang)));
    }
    if !summary.drift.is_empty() {
        page.push_str(&drift(summary, &word));
    }
    let _ = write!(page, "\n{} {}, {} {}\n\n## {}\n\n", summary.items, word["items"], summary.expected, word["tasks"], word["outcomes"]);
    let _ = writeln!(page, "| {} | n |\n|---|---:|", word["outcomes"]);
    for (outcome, count) in &summary.by_outcome {
        let _ = writeln!(page, "| {outcome} | {count} |");
    }
    let _ = write!(page, "| {} | {} |\n\n## {}\n\n", word["pending"], summary.pending, word["mean"]);
    let _ = writeln!(
        page,
        "| {} | {} | {} | {} | {} | {} | {} |\n|---|---|---|---|---:|---:|---:|",
        word["group"], word["judge"], word["rubric"], word["sampler"], word["mean"], word["scored"], word["interval"]
    );
    for field in ["model", "category", "risk"] {
        for group in summary.groups.iter().filter(|group| group.by == By::one(field)) {
            page.push_str(&row(group, word["none"]));
        }
    }
    let ensemble = super::terminal::ensemble(summary);
    if !ensemble.is_empty() {
        let _ = writeln!(page, "\n## {}\n", word["ensemble"]);
        ensemble.iter().for_each(|line| page.push_str(&format!("- {}\n", inert(line.trim()))));
    }
    let quality = super::agreement::short(&summary.quality);
    if !quality.is_empty() {
        let _ = writeln!(page, "\n## {}\n\n{}\n", word["quality"], word["quality_note"]);
        quality.iter().for_each(|line| page.push_str(&format!("- {}\n", inert(line))));
    }
    if !summary.probes.is_empty() {
        page.push_str(&probes(summary, &word));
    }
    if !run.strategies.is_empty() {
        let _ = write!(page, "\n## {}\n\n{}\n\n", word["strategies"], word["strategies_note"]);
        page.push_str(&crate::sampling::markdown(run.strategies));
    }
    page
}

fn drift(summary: &Summary, word: &std::collections::BTreeMap<&str, &str>) -> String {
    let mut table = format!("\n## {}\n\n{}\n\n", word["drift"], word["drift_note"]);
    let heads = ["judge", "rounds", "model_first", "model_now", "shift", "interval", "flips", "scored"].map(|key| word[key]);
    table.push_str(&format!("| {} |\n|---|---:|---|---|---:|---:|---:|---:|\n", heads.join(" | ")));
    for row in &summary.drift {
        let served = |models: &[String], fingerprints: &[String]| inert(&[models, fingerprints].concat().join(", "));
        let (first, now) = (served(&row.model_first, &row.fingerprint_first), served(&row.model_now, &row.fingerprint_now));
        let now = if row.model_changed || row.fingerprint_changed { format!("**{now}**") } else { now };
        let shift = row.mean_shift.map_or_else(|| "-".to_owned(), |shift| format!("{shift:+.2}"));
        let interval = row.ci95.map_or_else(|| "-".to_owned(), |[lo, hi]| format!("{lo:+.2} to {hi:+.2}"));
        let changed = row.changed.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
        let judge = inert(&row.judge);
        table.push_str(&format!(
            "| {judge} | {} | {first} | {now} | {shift} | {interval} | {changed} | {} / {} |\n",
            row.rounds, row.items, row.n
        ));
    }
    table
}

fn probes(summary: &Summary, word: &std::collections::BTreeMap<&str, &str>) -> String {
    let mut table = format!("\n## {}\n\n{}\n\n", word["probes"], word["probes_note"]);
    let heads = ["probe", "judge", "rubric", "sampler", "shift", "interval", "flips", "raised", "scored"].map(|key| word[key]);
    table.push_str(&format!("| {} |\n|---|---|---|---|---:|---:|---:|---:|---:|\n", heads.join(" | ")));
    for row in &summary.probes {
        let shift = row.mean_shift.map_or_else(|| "-".to_owned(), |shift| format!("{shift:+.2}"));
        let interval = row.ci95.map_or_else(|| "-".to_owned(), |[lo, hi]| format!("{lo:+.2} to {hi:+.2}"));
        let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
        let blind = if row.blind == Some(true) { format!(" ({})", word["unmoved"]) } else { String::new() };
        let (judge, rubric) = (inert(&row.scope.judge), inert(&row.scope.rubric));
        let (probe, sampler) = (row.probe.name(), inert(row.scope.sampler.as_deref().unwrap_or("-")));
        let (flips, raised) = (percent(row.flips), percent(row.attack_success));
        table.push_str(&format!(
            "| {probe}{blind} | {judge} | {rubric} | {sampler} | {shift} | {interval} | {flips} | {raised} | {} / {} |\n",
            row.items, row.n
        ));
    }
    table
}

fn row(group: &Group, none: &str) -> String {
    let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    let interval = group.ci95.map_or_else(|| "-".to_owned(), |[lo, hi]| format!("{lo:.2} to {hi:.2}"));
    let mark = mark(group.uncalibrated, group.selected);
    format!(
        "| {} | {}{mark} | {} | {} | {} | {} / {} | {interval} |\n",
        inert(group.key.single().unwrap_or(none)),
        inert(&group.scope.judge),
        inert(&group.scope.rubric),
        inert(group.scope.sampler.as_deref().unwrap_or("-")),
        show(group.mean_safety),
        group.scored,
        group.n
    )
}

/// Outside text that Markdown and the HTML inside it must not read: one line, with every active character escaped.
pub(super) fn inert(text: &str) -> String {
    let mut out = String::new();
    for c in visible(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"), // no mentions
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '>' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.replace("://", ":&#47;/").replace("www.", "www&#46;") // no links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_is_inert() {
        assert_eq!(inert("[x](http://a)|<img>\n@all"), r"\[x\]\(http:&#47;/a\)\|&lt;img\> &#64;all");
    }

    #[test]
    fn it_names_outcomes_models_and_warnings() {
        let (info, mut items, records) = crate::report::summary::tests::run();
        items[3].model = Some("evil|model".into());
        let run = crate::report::StoredRun::new(info, items, records, Vec::new());
        let page = page(&run.view(crate::taxonomy::Lang::En));
        assert!(page.contains("| scored | 6 |") && page.contains("**pending**") && page.contains(r"| evil\|model | m |"), "{page}");
    }
}
