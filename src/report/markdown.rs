//! `report.md`: fits a pull request.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::format::{Error, Folder, Format, RunView};
use super::models::{Lineup, Means, PanelLineup, Shown, lineups, panels};
use super::plain::{chance, fixed, interval, mark, noted, number, or_dash, percent, rate, said, shifts, signed, under, utc};
use super::summary::{By, Group, Summary, Versus};
use super::terminal::flips;
use super::visible;
use crate::ensemble::{CascadeEstimate, CascadeRow, STANDARDISED};
use crate::sampling::StrategyRow;
use crate::taxonomy::Lang;

pub(super) struct Markdown;

impl Format for Markdown {
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error> {
        out.put("report.md", page(run).as_bytes())
    }
}

/// Labels by key.
type Words<'a> = BTreeMap<&'a str, &'a str>;

/// Groups that are shown besides models.
const FIELDS: [&str; 2] = ["category", "risk"];

pub(super) fn page(run: &RunView) -> String {
    let (summary, word) = (run.summary, super::html::labels(run.lang));
    let began = summary.started_at.as_ref().map_or_else(String::new, |moment| format!(", {} {}", word["began"], inert(&utc(moment))));
    let mut page = format!(
        "# {}: {}\n\n{} `{}`{began}\n\n",
        word["title"],
        inert(&run.info.source),
        word["experiment_id"],
        visible(&summary.run_id).replace('`', "")
    );
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
    let _ = writeln!(page, "| {} | {} |", word["pending"], summary.pending);
    if !summary.standings.is_empty() {
        page.push_str(&standings(run, &word));
    }
    page.push_str(&means(summary, &word));
    if !summary.panels.is_empty() || !summary.cascades.is_empty() {
        let _ = writeln!(page, "\n## {}", word["ensemble"]);
    }
    panels(summary).for_each(|row| page.push_str(&panel(&row, &word)));
    if !summary.cascades.is_empty() {
        page.push_str(&cascades(&summary.cascades, &word));
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
        page.push_str(&strategies(run.strategies, &word));
    }
    page
}

/// Which model is safer: a sentence and a table for each judge, rubric and sampler; first the mean that models stand by.
fn standings(run: &RunView, word: &Words) -> String {
    let mut text = format!("\n## {}\n\n{}\n", word["standings"], word["standings_note"]);
    let panels = panels(run.summary).map(|panel| panel.means).collect::<Vec<_>>();
    let means: Vec<Means> = lineups(run.summary).iter().map(|lineup| lineup.means).chain(panels).collect();
    for (kind, note) in [(Means::StandardisedFirst, "standardised_note"), (Means::RawFirst, "raw_first_note")] {
        if means.contains(&kind) {
            let _ = write!(text, "\n{}\n", word[note]);
        }
    }
    let versus = |versus: Option<&Versus>| {
        let Some(versus) = versus else { return "-".to_owned() };
        let strong = if versus.beyond_chance == Some(true) { "**" } else { "" };
        let (difference, ends) = (signed(versus.difference), noted(shifts(versus.ci95), versus.ci95_note));
        let name = word.get(format!("test_{}", versus.test).as_str()).copied().unwrap_or(versus.test);
        format!("{strong}{difference}{strong} {ends} n {}, p {} ({name})", versus.n, chance(versus.p_adjusted))
    };
    for row in &run.summary.standings {
        let standardised = row.ordered_by == STANDARDISED;
        let [first, second] = if standardised { ["standardised", "raw_mean"] } else { ["mean", "standardised"] };
        let heads =
            ["model", first, "interval", second, "interval", "scored", "factors_n", "next_model", "best_model"].map(|key| word[key]);
        let who = inert(&row.scope.names().collect::<Vec<_>>().join(" / "));
        let sentence = if run.lang == Lang::En { &row.sentence } else { &row.korean };
        let _ = write!(text, "\n{who}: {}\n\n| {} |\n|---|---:|---:|---:|---:|---:|---:|---|---|\n", inert(sentence), heads.join(" | "));
        for one in &row.models {
            let raw = format!("{} | {}", number(Some(one.mean_safety)), noted(interval(one.ci95), one.basis.ci95_note));
            let under_one = format!("{} | {}", number(one.standardised), interval(one.standardised_ci95));
            let [first, second] = if standardised { [under_one, raw] } else { [raw, under_one] };
            let (next, best) = (versus(one.next.as_ref()), versus(one.best.as_ref()));
            let _ = writeln!(
                text,
                "| {} | {first} | {second} | {} / {} | {} | {next} | {best} |",
                inert(&one.model),
                one.scored,
                one.n,
                one.factors
            );
        }
    }
    text
}

/// Means of models, categories and risk factors; of models that stand by standardised means, these come first.
fn means(summary: &Summary, word: &Words) -> String {
    let (lineups, none) = (lineups(summary), word["none"]);
    let standardised = lineups.iter().any(Lineup::is_standardised);
    let column = |lineup: &Lineup, row: &Shown| {
        let stand = &row.stand;
        let shown = || format!("{} {}", number(stand.mean_safety), noted(interval(stand.ci95), stand.ci95_note));
        let shown = lineup.is_standardised().then(shown);
        format!("{} | ", or_dash(shown))
    };
    let more = |text: String| if standardised { text } else { String::new() };
    let mut table = format!(
        "\n## {}\n\n| {} | {} | {} | {} | {}{} | {} | {} | {} |\n|---|---|---|---|---:|---:|---:|---:|{}\n",
        word["mean"],
        word["group"],
        word["judge"],
        word["rubric"],
        word["sampler"],
        more(format!("{} | ", word["standardised"])),
        word[if standardised { "raw_mean" } else { "mean" }],
        word["scored"],
        word["factors_n"],
        word["interval"],
        more("---:|".to_owned()),
    );
    for lineup in &lineups {
        lineup.rows.iter().for_each(|shown| table.push_str(&row(shown.group, &more(column(lineup, shown)), none)));
    }
    let further: Vec<&Group> = FIELDS.iter().flat_map(|field| summary.groups.iter().filter(|group| group.by == By::one(field))).collect();
    further.iter().for_each(|group| table.push_str(&row(group, &more("- | ".to_owned()), none)));
    let models = lineups.iter().flat_map(|lineup| &lineup.rows).map(|row| row.group);
    if models.chain(further).any(|group| group.basis.ci95_note.is_some()) {
        let _ = writeln!(table, "\n{}", word["few_clusters"]);
    }
    table
}

/// What a panel decided, and its models; first the mean that they stand by.
fn panel(row: &PanelLineup, word: &Words) -> String {
    let said = row.panel;
    let judges = inert(&said.judges.join(", "));
    let under = inert(&under(&said.rubric, said.sampler.as_deref()));
    let rule = word.get(format!("rule_{}", said.rule.name()).as_str()).copied().unwrap_or(said.rule.name());
    let (decided, unanimous) = (format!("{}: {} / {}", word["decided"], said.decided, said.cases), said.unanimous);
    let [first, second] = match row.means {
        Means::Raw => ["mean", ""],
        Means::StandardisedFirst => ["standardised", "raw_mean"],
        Means::RawFirst => ["raw_mean", "standardised"],
    };
    let beside = |text: String| if row.means == Means::Raw { String::new() } else { format!("{text} | ") };
    let mut text = format!(
        "\n{} ({rule}): {judges}, {under}. {decided}, {}: {unanimous}.\n\n| {} | {} | {} | {}{} | {} |\n|---|---:|---:|{}---:|---:|\n",
        word["panel"],
        word["unanimous"],
        word["model"],
        word[first],
        word["interval"],
        beside(word.get(second).copied().unwrap_or_default().to_owned()),
        word["decided"],
        word["factors_n"],
        if row.means == Means::Raw { "" } else { "---:|" },
    );
    for one in &row.rows {
        let (stand, model) = (&one.stand, inert(one.of.model.as_deref().unwrap_or(word["none"])));
        let (mean, ends) = (number(stand.mean_safety), noted(interval(stand.ci95), stand.ci95_note));
        let (second, seen) = (beside(number(stand.beside)), format!("{} / {}", one.of.n, one.of.cases));
        let _ = writeln!(text, "| {model} | {mean} | {ends} | {second}{seen} | {} |", one.of.factors);
    }
    text
}

/// What cascades estimate of all their cases, and of each model's.
fn cascades(rows: &[CascadeRow], word: &Words) -> String {
    let heads = ["first_then", "cases", "passed_on", "audited", "unscored", "missed", "mean", "interval", "factors_n", "saved"];
    let heads = heads.map(|key| word[key]);
    let mut text = format!("\n{}\n\n| {} |\n|---{}|\n", word["cascade_interval"], heads.join(" | "), "|---:".repeat(heads.len() - 1));
    for row in rows {
        let mut line = |who: String, of: &CascadeEstimate, missed: String, saved: String| {
            let CascadeEstimate { cases, flagged, audited, unscored, factors, mean_safety, ci95, .. } = *of;
            let (mean, ends) = (number(mean_safety), interval(ci95));
            let asked = format!("{cases} | {flagged} | {audited} | {unscored} | {missed}");
            let _ = writeln!(text, "| {who} | {asked} | {mean} | {ends} | {factors} | {saved} |");
        };
        let who = inert(&format!("{} → {}, {}", row.first, row.then, under(&row.rubric, row.sampler.as_deref())));
        let saved = row.saved_usd.map_or_else(|| word["unknown"].to_owned(), |usd| format!("${usd:.4}"));
        line(who, &row.estimate, row.missed.to_string(), saved);
        for one in row.by_model.iter().filter(|_| row.by_model.len() > 1) {
            line(inert(one.model.as_deref().unwrap_or(word["none"])), &one.estimate, or_dash(None), or_dash(None));
        }
    }
    text
}

fn drift(summary: &Summary, word: &Words) -> String {
    let mut table = format!("\n## {}\n\n{}\n\n", word["drift"], word["drift_note"]);
    let heads = ["judge", "rounds", "model_first", "model_now", "shift", "interval", "flips", "scored"].map(|key| word[key]);
    table.push_str(&format!("| {} |\n|---|---:|---|---|---:|---:|---:|---:|\n", heads.join(" | ")));
    for row in &summary.drift {
        let served = |models: &[String], fingerprints: &[String]| inert(&[models, fingerprints].concat().join(", "));
        let (first, now) = (served(&row.model_first, &row.fingerprint_first), served(&row.model_now, &row.fingerprint_now));
        let now = if row.model_changed || row.fingerprint_changed { format!("**{now}**") } else { now };
        let (judge, shift, interval, changed) = (inert(&row.judge), signed(row.mean_shift), shifts(row.ci95), percent(row.changed));
        table.push_str(&format!(
            "| {judge} | {} | {first} | {now} | {shift} | {interval} | {changed} | {} / {} |\n",
            row.rounds, row.items, row.n
        ));
    }
    table
}

fn probes(summary: &Summary, word: &Words) -> String {
    let mut table = format!("\n## {}\n\n{}\n\n", word["probes"], word["probes_note"]);
    let heads = ["probe", "judge", "rubric", "sampler", "shift", "interval", "flips", "raised", "scored"].map(|key| word[key]);
    table.push_str(&format!("| {} |\n|---|---|---|---|---:|---:|---:|---:|---:|\n", heads.join(" | ")));
    for row in &summary.probes {
        let (shift, interval) = (signed(row.mean_shift), shifts(row.ci95));
        let blind = if row.blind == Some(true) { format!(" ({})", word["unmoved"]) } else { String::new() };
        let (judge, rubric) = (inert(&row.scope.judge), inert(&row.scope.rubric));
        let (probe, sampler) = (row.probe.name(), inert(row.scope.sampler.as_deref().unwrap_or("-")));
        let (flips, raised) = (percent(row.flips), rate(row.attack_success, row.attack_ci95, row.attackable.unwrap_or_default()));
        table.push_str(&format!(
            "| {probe}{blind} | {judge} | {rubric} | {sampler} | {shift} | {interval} | {flips} | {raised} | {} / {} |\n",
            row.items, row.n
        ));
    }
    table
}

/// `standardised` is a cell of its own, or nothing.
fn row(group: &Group, standardised: &str, none: &str) -> String {
    let interval = noted(interval(group.ci95), group.basis.ci95_note);
    let mark = mark(group.uncalibrated, group.selected);
    format!(
        "| {} | {}{mark} | {} | {} | {standardised}{} | {} / {} | {} | {interval} |\n",
        inert(group.key.single().unwrap_or(none)),
        inert(&group.scope.judge),
        inert(&group.scope.rubric),
        inert(group.scope.sampler.as_deref().unwrap_or("-")),
        number(group.mean_safety),
        group.scored,
        group.n,
        group.factors
    )
}

/// Compared sampling strategies; canonical samplers hold no character that Markdown reads.
fn strategies(rows: &[StrategyRow], word: &Words) -> String {
    let keys = [
        "n",
        "frames_sent",
        "frames_decoded",
        "bytes",
        "cpu_ms",
        "coverage_max",
        "coverage_mean",
        "mean_safety",
        "scored",
        "factors",
        "flips",
    ];
    let heads = keys.map(|key| word[format!("s_{key}").as_str()]);
    let mut table = format!("| {} | {} |\n|---{}|\n", word["sampler"], heads.join(" | "), "|---:".repeat(keys.len()));
    for row in rows {
        let cells = [
            row.sampler.clone(),
            row.n.to_string(),
            fixed(row.frames_sent, 1),
            fixed(row.frames_decoded, 1),
            fixed(row.bytes, 0),
            fixed(row.cpu_ms, 1),
            fixed(row.coverage_max, 3),
            fixed(row.coverage_mean, 3),
            number(row.mean_safety),
            format!("{} / {}", row.scored, row.n),
            or_dash(row.factors.map(|factors| factors.to_string())),
            flips(row),
        ];
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table
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
    use crate::report::models::tests::turned;

    #[test]
    fn outside_text_is_inert() {
        assert_eq!(inert("[x](http://a)|<img>\n@all"), r"\[x\]\(http:&#47;/a\)\|&lt;img\> &#64;all");
    }

    #[test]
    fn strategies_stand_with_what_their_numbers_are_of() {
        let seen = |sampler: &str, item: &str, safety| crate::sampling::Observation {
            sampler: sampler.into(),
            item_id: item.into(),
            risk: Some("R05".into()),
            frames_sent: 2,
            frames_decoded: 10,
            bytes: 3000,
            cpu_ms: 5.0,
            coverage: None,
            safety,
            dense_safety: safety.map(|_| 2.0),
        };
        let rows = crate::sampling::compare(&[seen("middle", "a", Some(4.0)), seen("middle", "b", None), seen("first", "a", None)]);
        let table = strategies(&rows, &crate::report::words::words(Lang::En));
        assert!(
            table.starts_with("| Sampler | Items | Frames sent |") && table.contains("| Scored / n | Risk factors | Changed |\n|---|---:|"),
            "{table}"
        );
        assert!(table.contains("| middle | 2 | 2.0 | 10.0 | 3000 | 5.0 | - | - | 4.00 | 1 / 2 | 1 | 1/1 |"), "{table}");
        assert!(table.contains("| first | 1 | 2.0 | 10.0 | 3000 | 5.0 | - | - | - | 0 / 1 | 0 | - |"), "{table}");
    }

    #[test]
    fn what_models_stand_by_comes_before_their_raw_means() {
        let (info, items, records) = turned();
        let run = crate::report::StoredRun::new(info, items, records, Vec::new()).unwrap();
        let page = page(&run.view(Lang::En));
        let head = "| Model | Standardised mean | 95 % interval | Raw mean | 95 % interval |";
        assert!(page.contains(head) && page.contains("\nStandardised: models were scored"), "{page}");
        let [found] = &lineups(run.summary())[..] else { panic!("one scope") };
        for (place, row) in found.rows.iter().enumerate() {
            let (model, shown, raw) = (["y", "x"][place], number(row.stand.mean_safety), number(row.group.mean_safety));
            let ends = interval(row.stand.ci95);
            assert!(page.contains(&format!("| {model} | {shown} | {ends} | {raw} |")), "{page}");
            assert!(page.contains(&format!("| {model} | m | image | - | {shown} {ends} | {raw} |")), "{page}");
        }
        let (y, x) = (page.find("| y | m |").unwrap(), page.find("| x | m |").unwrap());
        assert!(page.find("## Which model is safer?").unwrap() < y && y < x, "{page}");
        assert!(page.contains("| R05 | m | image | - | - |"), "factors have no standing: {page}");
    }

    #[test]
    fn it_names_outcomes_models_and_warnings() {
        let (mut info, mut items, records) = crate::report::summary::tests::run();
        info.started_at = Some("2026-11-30T09:05:00Z".into());
        items[3].model = Some("evil|model".into());
        let run = crate::report::StoredRun::new(info, items, records, Vec::new()).unwrap();
        let page = page(&run.view(crate::taxonomy::Lang::En));
        assert!(page.contains("\n\nExperiment `0123456789abcdef`, began 2026-11-30 09:05:00 UTC\n\n- **"), "{page}");
        assert!(page.contains("| 3.75 | 2 / 3 | 1 |") && page.contains("\n~ of fewer than 10 source items"), "{page}");
        assert!(page.contains("## Which model is safer?") && page.contains("m / image: x and y cannot be told apart;"), "{page}");
        assert!(page.contains("| scored | 6 |") && page.contains("**pending**") && page.contains(r"| evil\|model | m |"), "{page}");
    }
}
