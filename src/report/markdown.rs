//! `report.md`: fits a pull request.

use std::fmt::Write as _;

use super::format::{Error, Folder, Format, RunView};
use super::plain::{few, interval, mark, number, said};
use super::summary::{By, Group, Scope, Summary, Versus};
use super::visible;
use crate::taxonomy::Lang;

pub(super) struct Markdown;

impl Format for Markdown {
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error> {
        out.put("report.md", page(run).as_bytes())
    }
}

/// Groups that are shown.
const FIELDS: [&str; 3] = ["model", "category", "risk"];

pub(super) fn page(run: &RunView) -> String {
    let (summary, word) = (run.summary, super::words::words(run.lang));
    let mut page = format!("# {}: {}\n\n", word["title"], inert(&run.info.source));
    for (code, message) in said(&summary.warnings, run.lang) {
        let _ = writeln!(page, "- **{code}**: {}", inert(&message));
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
    for field in FIELDS {
        for group in summary.groups.iter().filter(|group| group.by == By::one(field)) {
            page.push_str(&row(group, word["none"]));
        }
    }
    let shown = |group: &&Group| matches!(&group.by, By::One(field) if FIELDS.contains(&field.as_str()));
    if summary.groups.iter().filter(shown).any(|group| !few(&group.basis).is_empty()) {
        let _ = writeln!(page, "\n{}", word["few_clusters"]);
    }
    if !summary.standings.is_empty() {
        page.push_str(&standings(run, &word));
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

/// Which model is safer: a sentence and a table for each judge, rubric and sampler.
fn standings(run: &RunView, word: &std::collections::BTreeMap<&str, &str>) -> String {
    let mut text = format!("\n## {}\n\n{}\n", word["standings"], word["standings_note"]);
    let heads = ["model", "mean", "one_mixture", "interval", "scored", "next_model", "best_model"].map(|key| word[key]);
    let versus = |versus: Option<&Versus>| {
        let Some(versus) = versus else { return "-".to_owned() };
        let difference = versus.difference.map_or_else(|| "-".to_owned(), |difference| format!("{difference:+.2}"));
        let p = versus.p_adjusted.map_or_else(|| "-".to_owned(), |p| if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") });
        let strong = if versus.beyond_chance == Some(true) { "**" } else { "" };
        format!("{strong}{difference}{strong} {} n {}, p {p}", interval(versus.ci95), versus.n)
    };
    for row in &run.summary.standings {
        let Scope { judge, rubric, sampler } = &row.scope;
        let who =
            [Some(judge), Some(rubric), sampler.as_ref()].into_iter().flatten().map(|name| inert(name)).collect::<Vec<_>>().join(" / ");
        let sentence = if run.lang == Lang::En { &row.sentence } else { &row.korean };
        let _ = write!(text, "\n{who}: {}\n\n| {} |\n|---|---:|---:|---:|---:|---|---|\n", inert(sentence), heads.join(" | "));
        for one in &row.models {
            let (mean, ends) = (number(Some(one.mean_safety)), interval(one.ci95));
            let (next, best) = (versus(one.next.as_ref()), versus(one.best.as_ref()));
            let (model, standardised) = (inert(&one.model), number(one.standardised));
            let _ = writeln!(
                text,
                "| {model} | {mean} | {standardised} | {ends}{} | {} / {} | {next} | {best} |",
                few(&one.basis),
                one.scored,
                one.n
            );
        }
    }
    text
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
    let interval = group.ci95.map_or_else(|| "-".to_owned(), |[lo, hi]| format!("{lo:.2} to {hi:.2}{}", few(&group.basis)));
    let mark = mark(group.uncalibrated, group.selected);
    format!(
        "| {} | {}{mark} | {} | {} | {} | {} / {} | {interval} |\n",
        inert(group.key.single().unwrap_or(none)),
        inert(&group.scope.judge),
        inert(&group.scope.rubric),
        inert(group.scope.sampler.as_deref().unwrap_or("-")),
        number(group.mean_safety),
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
        let run = crate::report::StoredRun::new(info, items, records, Vec::new()).unwrap();
        let page = page(&run.view(crate::taxonomy::Lang::En));
        assert!(page.contains("| 3.75 | 2 / 3 |") && page.contains("\n~ of fewer than 10 source items"), "{page}");
        assert!(page.contains("## Which model is safer?") && page.contains("m / image: x and y cannot be compared;"), "{page}");
        assert!(page.contains("| scored | 6 |") && page.contains("**pending**") && page.contains(r"| evil\|model | m |"), "{page}");
    }
}
