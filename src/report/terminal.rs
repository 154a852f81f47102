//! A summary for the terminal: plain text, no colour.

use super::models::{Lineup, Means, PanelLineup, Stand, lineups, panels};
use super::plain::{FEW, estimate, fixed, interval, names, noted, number, or_dash, percent, rate, said, scope, shifts, signed, under};
use super::summary::{DriftRow, Standing, Summary, Warning};
use super::visible;
use super::words::words;
use crate::ensemble::CascadeRow;
use crate::sampling::StrategyRow;
use crate::taxonomy::Lang;

/// Where the manifest names none; warnings say so, too.
const NO_MODEL: &str = "(no model)";

/// The summary as text lines of at most `width` columns (Hangul counts as two).
pub fn terminal(summary: &Summary, width: usize) -> String {
    let mut lines = vec![format!("experiment {}: {} tasks of {} items", summary.run_id, summary.expected, summary.items)];
    let counts = summary.by_outcome.iter().filter(|(_, count)| **count > 0).map(|(outcome, count)| format!("{outcome} {count}"));
    let pending = (summary.pending > 0).then(|| format!("pending {}", summary.pending));
    lines.push(format!("  {}", counts.chain(pending).collect::<Vec<_>>().join(", ")));
    lines.extend(summary.drift.iter().map(drift));
    let (of_judges, others): (Vec<Warning>, Vec<Warning>) = summary.warnings.iter().cloned().partition(Warning::is_of_the_judge);
    lines.extend(warnings(&of_judges));
    let (lineups, panels) = (lineups(summary), panels(summary).collect::<Vec<_>>());
    lines.extend(models(&lineups));
    lines.extend(panels.iter().flat_map(panel));
    lines.extend(summary.cascades.iter().flat_map(cascade));
    let means = || lineups.iter().map(|lineup| lineup.means).chain(panels.iter().map(|panel| panel.means));
    if means().any(|means| means != Means::Raw) {
        lines.push("standardised: as if every model had been scored on the same mixture of risk factors; raw: as scored".to_owned());
    }
    if means().any(|means| means == Means::RawFirst) {
        lines.push(
            "raw means come first where at most one model has a score for every risk factor: such rows do not allow for their mixtures"
                .to_owned(),
        );
    }
    lines.extend((!lineups.is_empty()).then(|| "fac: risk factors that a mean is over".to_owned()));
    if summary.groups.iter().any(|group| group.uncalibrated) {
        lines.push("* triage on an uncalibrated scale; not comparable with a judge's".to_owned());
    }
    if summary.groups.iter().any(|group| group.selected) {
        lines.push("+ of the items that the cascade passed on; not comparable with means of all".to_owned());
    }
    let of_panels = panels.iter().flat_map(|panel| &panel.rows).map(|row| &row.stand);
    let of_models = lineups.iter().flat_map(|lineup| &lineup.rows).map(|row| &row.stand);
    if of_models.chain(of_panels).any(|stand| stand.ci95_note.is_some()) {
        lines.push(FEW.to_owned());
    }
    lines.extend(summary.standings.iter().map(standing));
    lines.extend((!summary.cascades.is_empty()).then(|| words(Lang::En)["cascade_interval"].to_owned()));
    lines.extend(super::agreement::short(&summary.quality));
    lines.extend(probes(summary));
    lines.extend(warnings(&others));
    lines.iter().map(|line| wrap(line, width)).collect()
}

fn warnings(warnings: &[Warning]) -> Vec<String> {
    said(warnings, Lang::En).into_iter().map(|(code, message)| format!("! {code}: {}", visible(&message))).collect()
}

/// Models side by side, a head over those of one kind; first the mean that they stand by.
fn models(lineups: &[Lineup]) -> Vec<String> {
    let (mut lines, mut above) = (Vec::new(), None);
    for lineup in lineups {
        if above.replace(lineup.means) != Some(lineup.means) {
            lines.push(head(lineup.means, "scored/n", "model, judge, rubric, sampler"));
        }
        let mark = if lineup.uncalibrated {
            "*"
        } else if lineup.selected {
            "+"
        } else {
            ""
        };
        lines.extend(lineup.rows.iter().map(|row| {
            let group = row.group;
            let who = names([group.key.single().unwrap_or(NO_MODEL)].into_iter().chain(group.scope.names()));
            line(lineup.means, &row.stand, (&format!("{}/{}", group.scored, group.n), group.factors), &(who + mark))
        }));
    }
    lines
}

/// The head of rows of models; `seen` names the column of how many items a mean is over.
fn head(means: Means, seen: &str, who: &str) -> String {
    match means {
        Means::Raw => format!("safety {seen:>9} fac  95 % interval  {who}"),
        Means::StandardisedFirst => format!("standardised  95 % interval    raw {seen:>9} fac  {who}"),
        Means::RawFirst => format!("   raw  95 % interval standardised {seen:>9} fac  {who}"),
    }
}

/// One model under such a head, with the number of risk factors that its mean is over.
fn line(means: Means, stand: &Stand, (seen, factors): (&str, usize), who: &str) -> String {
    let (mean, beside, interval) = (number(stand.mean_safety), number(stand.beside), noted(interval(stand.ci95), stand.ci95_note));
    match means {
        Means::Raw => format!("{mean:>6} {seen:>9} {factors:>3} {interval:>14}  {who}"),
        Means::StandardisedFirst => format!("{mean:>12} {interval:>14} {beside:>6} {seen:>9} {factors:>3}  {who}"),
        Means::RawFirst => format!("{mean:>6} {interval:>14} {beside:>12} {seen:>9} {factors:>3}  {who}"),
    }
}

/// Which model is safer, and whether that may be chance.
fn standing(row: &Standing) -> String {
    format!("{}: {}", scope(&row.scope), visible(&row.sentence))
}

/// What a panel decided, and its models.
fn panel(row: &PanelLineup) -> Vec<String> {
    let said = row.panel;
    let judges = said.judges.iter().map(|name| visible(name)).collect::<Vec<_>>().join(", ");
    let under = under(&said.rubric, said.sampler.as_deref());
    let mut lines = vec![format!(
        "panel of {judges} ({}) / {under}: {} of {} cases decided, {} unanimous",
        said.rule.name(),
        said.decided,
        said.cases,
        said.unanimous
    )];
    lines.push(head(row.means, "decided/n", "model / panel"));
    lines.extend(row.rows.iter().map(|one| {
        let (seen, name) = (format!("{}/{}", one.of.n, one.of.cases), visible(one.of.model.as_deref().unwrap_or(NO_MODEL)));
        line(row.means, &one.stand, (&seen, one.of.factors), &format!("{name} / panel"))
    }));
    lines
}

/// What a cascade estimates of all its cases, and of each model's.
fn cascade(row: &CascadeRow) -> Vec<String> {
    let saved = row.saved_usd.map_or_else(|| "unknown".to_owned(), |usd| format!("${usd:.4}"));
    let of = row.estimate;
    let unscored = if of.unscored > 0 { format!(", {} of both without a score", of.unscored) } else { String::new() };
    let (first, then) = (visible(&row.first), visible(&row.then));
    let mut lines = vec![format!(
        "cascade {first} -> {then} / {}: {} of {} cases passed on, {} audited ({} missed){unscored}; estimated mean {} of {} risk factors; saved {saved}",
        under(&row.rubric, row.sampler.as_deref()),
        of.flagged,
        of.cases,
        of.audited,
        row.missed,
        estimate(of.mean_safety, of.ci95),
        of.factors
    )];
    lines.push("estimate passed+audited/cases fac  95 % interval  model / cascade".to_owned());
    lines.extend(row.by_model.iter().map(|model| {
        let of = model.estimate;
        let (mean, seen) = (number(of.mean_safety), format!("{}+{}/{}", of.flagged, of.audited, of.cases));
        let (ends, name) = (interval(of.ci95), visible(model.model.as_deref().unwrap_or(NO_MODEL)));
        format!("{mean:>8} {seen:>20} {:>3} {ends:>14}  {name} / cascade", of.factors)
    }));
    lines
}

/// Whether a judge is still the one of the first round: said before any score.
fn drift(row: &DriftRow) -> String {
    let (judge, then, now) = (visible(&row.judge), visible(&row.model_first.join(", ")), visible(&row.model_now.join(", ")));
    let model = match row.model_changed {
        true if then == now || now.is_empty() => format!("model was NOT ONE: {}", visible(&row.models.join(", "))),
        true => format!("model was {then}, NOW {now}"),
        false => format!("model {now}"),
    };
    let fingerprint = if row.fingerprint_changed { ", fingerprint CHANGED" } else { "" };
    let scores = match (row.mean_shift, row.changed) {
        (Some(shift), Some(changed)) => {
            format!("{shift:+.2} levels, {:.0} % changed over {} of {} items", changed * 100.0, row.items, row.n)
        }
        _ if row.rounds == 1 => format!("first round of {} items; later runs are compared with it", row.n),
        _ => format!("none of {} items can be compared", row.n),
    };
    format!("sentinel {judge}: {model}{fingerprint}; round {}: {scores}", row.rounds)
}

/// The judges' own table: how far scores move under probes.
fn probes(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, row) in summary.probes.iter().enumerate() {
        if index == 0 {
            lines.push("score shift under injection and other probes".to_owned());
            lines
                .push(format!("{:>6} {:>14} {:>6} {:>8}  probe / judge / rubric / sampler", "shift", "95 % interval", "flips", "scored/n"));
        }
        let who = names([row.probe.name()].into_iter().chain(row.scope.names()));
        let blind = if row.blind == Some(true) { " (nothing moved)" } else { "" };
        let raised = row.attackable.filter(|_| row.attack_success.is_some());
        let raised = raised.map_or_else(String::new, |n| format!("; raised {}", rate(row.attack_success, row.attack_ci95, n)));
        lines.push(format!(
            "{:>6} {:>14} {:>6} {:>8}  {who}{blind}{raised}",
            signed(row.mean_shift),
            shifts(row.ci95),
            percent(row.flips),
            format!("{}/{}", row.items, row.n)
        ));
    }
    lines
}

/// Compared sampling strategies as text lines of at most `width` columns.
pub fn strategies_terminal(rows: &[StrategyRow], width: usize) -> String {
    let mut lines = vec![
        "means per video; max and mean: distance of its moments to the nearest sampled frame; fac: risk factors scored".to_owned(),
        format!(
            "{:>3} {:>4} {:>7} {:>7} {:>7} {:>5} {:>5} {:>6} {:>6} {:>3} {:>5}  sampler",
            "n", "sent", "decoded", "KB", "CPU ms", "max", "mean", "safety", "scored", "fac", "flips"
        ),
    ];
    lines.extend(rows.iter().map(|row| {
        let (sent, decoded, size) =
            (fixed(row.frames_sent, 1), fixed(row.frames_decoded, 1), fixed(row.bytes.map(|bytes| bytes / 1000.0), 1));
        let (far, mean) = (fixed(row.coverage_max, 3), fixed(row.coverage_mean, 3));
        format!(
            "{:>3} {sent:>4} {decoded:>7} {size:>7} {:>7} {far:>5} {mean:>5} {:>6} {:>6} {:>3} {:>5}  {}",
            row.n,
            fixed(row.cpu_ms, 1),
            number(row.mean_safety),
            format!("{}/{}", row.scored, row.n),
            or_dash(row.factors.map(|factors| factors.to_string())),
            flips(row),
            visible(&row.sampler)
        )
    }));
    lines.iter().map(|line| wrap(line, width)).collect()
}

/// How many items a strategy puts on the other side of the middle, of those that can be compared.
pub(super) fn flips(row: &StrategyRow) -> String {
    let of = row.compared.map_or_else(String::new, |n| format!("/{n}"));
    or_dash(row.flips.map(|flips| format!("{flips}{of}")))
}

/// Breaks a line at blanks; a word longer than a line is cut.
pub(super) fn wrap(line: &str, width: usize) -> String {
    let (mut out, mut used) = (String::new(), 0);
    let indent = 2.min(width.saturating_sub(2));
    for word in line.split_inclusive(' ') {
        if used > indent && used + columns(word.trim_end()) > width {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        }
        for c in word.chars() {
            let wide = columns(c.encode_utf8(&mut [0; 4]));
            if used + wide > width {
                if c == ' ' {
                    continue;
                }
                out.push('\n');
                used = 0;
            }
            out.push(c);
            used += wide;
        }
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn columns(text: &str) -> usize {
    text.chars()
        .map(|c| {
            if matches!(c as u32, 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFF00..=0xFF60) { 2 } else { 1 }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_shows_scores_and_warnings_without_escapes() {
        let (mut info, mut items, records) = crate::report::summary::tests::run();
        items[0].model = Some("x\u{1b}[2J".into());
        info.missing_locks = vec!["landlock".into()];
        let text = terminal(&crate::report::summary::tests::summary(&info, &items, &records), 80);
        assert!(text.contains("scored 6") && text.contains("pending 1") && text.contains("isolation_incomplete"));
        assert!(text.contains("x<U+001B>[2J") && text.contains("  1.50       2/3"), "{text}");
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
    }

    #[test]
    fn models_are_listed_by_the_number_that_they_stand_by() {
        let (info, items, records) = crate::report::models::tests::turned();
        let summary = crate::report::summary::tests::summary(&info, &items, &records);
        let text = terminal(&summary, 80);
        let rows: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("standardised ")).take(3).collect();
        assert_eq!(rows[0], "standardised  95 % interval    raw  scored/n fac  model, judge, rubric, sampler");
        let first = summary.standings[0].models.iter().map(|one| (number(one.standardised), number(Some(one.mean_safety)), &one.model));
        for (row, (shown, raw, model)) in rows[1..].iter().zip(first) {
            assert!(
                row.trim_start().starts_with(&shown) && row.contains(&format!("{raw:>6}     20/20   2  {model} / m / image")),
                "{text}"
            );
        }
        assert!(rows[1].contains("  y / m") && text.contains("raw: as scored\n"), "{text}");
    }

    #[test]
    fn strategies_fit_a_terminal() {
        let row = |sampler: &str, bytes: f64| StrategyRow {
            sampler: sampler.into(),
            n: 12,
            frames_sent: Some(8.0),
            frames_decoded: Some(240.5),
            bytes: Some(bytes),
            cpu_ms: Some(1234.5),
            coverage_max: Some(0.5),
            coverage_mean: Some(0.25),
            scored: 12,
            factors: Some(3),
            mean_safety: None,
            flips: Some(3),
            compared: Some(12),
        };
        let text = strategies_terminal(&[row("uniform:8", 81_234.0), row("scene:8,distinct=0.1,layout=sheet:2x4", 9e7)], 80);
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
        assert!(text.contains("\n 12  8.0   240.5    81.2  1234.5 0.500 0.250      -  12/12   3  3/12  uniform:8\n"), "{text}");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide(line in "[ a-z가-힣]{0,200}", width in 10..90usize) {
            prop_assert!(wrap(&line, width).lines().all(|line| columns(line) <= width));
        }
    }
}
