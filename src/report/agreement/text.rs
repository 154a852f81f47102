//! Agreement for the terminal: plain text, no colour.

use super::pair::Estimate;
use super::{Agreement, Annotators, JudgeAgainstHumans, JudgesAmong};
use crate::report::plain::{estimate, interval, mark, names, number, percent, scope, signed};
use crate::report::terminal::wrap;
use crate::report::visible;

/// Items named in each list.
const NAMED: usize = 5;

/// The agreement as text lines of at most `width` columns.
pub fn text(agreement: &Agreement, width: usize) -> String {
    let Agreement { source, labels, conversion, rule, annotators, judges, judges_among, .. } = agreement;
    let mut lines = vec![
        format!("{}: labels of {}, one an item by {}", visible(source), visible(labels), rule.name()),
        format!("People label risk and judges give safety: {conversion}"),
    ];
    match annotators {
        Some(annotators) => lines.extend(among_people(annotators)),
        None => lines.push("no human label: nothing to hold judges against".to_owned()),
    }
    lines.extend(judges.iter().flat_map(against_people));
    for (index, row) in judges_among.iter().enumerate() {
        if index == 0 {
            lines.push(String::new());
            lines.push("Judges among themselves (first minus second)".to_owned());
            lines.push(header("first / second / rubric / sampler"));
        }
        lines.push(among_judges(row));
    }
    lines.iter().map(|line| wrap(line, width)).collect()
}

fn among_people(found: &Annotators) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!(
            "Annotators (risk): {} of {} items labelled, {} by two or more, {} by all {}",
            found.labelled,
            found.items,
            found.pairable,
            found.complete,
            found.annotators.len()
        ),
        format!(
            "  alpha {} ordinal, {} nominal, {} interval",
            estimated(&found.alpha.ordinal),
            number(found.alpha.nominal.value),
            number(found.alpha.interval.value)
        ),
        format!("  Fleiss' kappa {}, equal pairs {}, {}", number(found.fleiss), percent(found.percent_agreement), icc(found.icc.as_ref())),
    ];
    if found.annotators.len() > 1 {
        lines.push(format!(
            "{:>6} {:>6} {:>6} {:>6} {:>13}  annotator, against the others' mean",
            "rated", "bias", "MAE", "rho", "alpha without"
        ));
    }
    for one in found.annotators.iter().filter(|_| found.annotators.len() > 1) {
        let row = &one.reliability;
        let bias = signed(row.bias);
        lines.push(format!(
            "{:>6} {bias:>6} {:>6} {:>6} {:>13}  {}",
            row.rated,
            number(row.mae),
            number(row.spearman),
            number(row.alpha_without),
            visible(&one.annotator)
        ));
    }
    let rules = found.rules.iter().map(|row| {
        let mean = row.mean_risk.map_or_else(String::new, |mean| format!(", mean risk {mean:.2}"));
        format!("{} decides {}, leaves {}{mean}", row.rule.name(), row.decided, row.undecided)
    });
    lines.push(format!("  {}", rules.collect::<Vec<_>>().join("; ")));
    lines.push(format!("  to adjudicate: {}{}", found.to_adjudicate, if found.to_adjudicate > 0 { ", the widest first" } else { "" }));
    lines.extend(found.disputed.iter().take(NAMED).map(|one| {
        let labels = one.labels.iter().map(|(name, risk)| format!("{} {risk}", visible(name))).collect::<Vec<_>>().join(", ");
        format!("    {}: {labels}", visible(&one.item_id))
    }));
    lines
}

fn against_people(row: &JudgeAgainstHumans) -> Vec<String> {
    let who = scope(&row.scope);
    let mark = mark(row.uncalibrated, row.selected);
    let found = &row.agreement;
    let mut lines = vec![
        String::new(),
        format!("{who}{mark} against people (judge minus people, safety)"),
        format!("  n {} of {} items ({} unlabelled, {} unscored)", found.n, row.items, row.unlabelled, row.unscored),
    ];
    if found.n == 0 {
        return lines;
    }
    lines.extend([
        format!(
            "  alpha {} ordinal, {} nominal, {} interval",
            estimated(&found.alpha.ordinal),
            number(found.alpha.nominal.value),
            number(found.alpha.interval.value)
        ),
        format!(
            "  kappa {} quadratic, {} linear, {} unweighted",
            estimated(&found.kappa.quadratic),
            number(found.kappa.linear.value),
            number(found.kappa.unweighted.value)
        ),
        format!(
            "  rho {}, tau {}, {}",
            estimate(found.spearman.value, found.spearman.ci95),
            number(found.kendall.value),
            icc(found.icc.as_ref())
        ),
        format!("  MAE {}, bias {}, same level {}", estimated(&found.mae), estimated(&found.bias), percent(found.percent_agreement)),
    ]);
    if let Some(limits) = &found.limits {
        lines.push(format!("  19 of 20 differences between {:+.2} and {:+.2} (Bland-Altman)", limits.limits[0], limits.limits[1]));
    }
    lines.push("  judge's level down, people's across:     1     2     3     4     5".to_owned());
    lines.extend(found.confusion.iter().enumerate().map(|(at, counts)| {
        let counts: Vec<String> = counts.iter().map(|count| format!("{count:>6}")).collect();
        format!("{:>38}{}", at + 1, counts.concat())
    }));
    lines.extend(row.farthest.iter().take(NAMED).map(|one| {
        format!("  {:+.2}  {} (judge {:.2}, people {:.2})", one.difference, visible(&one.item_id), one.safety, one.human_safety)
    }));
    lines
}

fn header(who: &str) -> String {
    format!("{:>6} {:>5} {:>14} {:>6} {:>6} {:>6} {:>6}  {who}", "n", "alpha", "95 % interval", "kappa", "rho", "MAE", "bias")
}

fn among_judges(row: &JudgesAmong) -> String {
    let found = &row.agreement;
    let who = [Some(&row.judge), Some(&row.other), Some(&row.rubric), row.sampler.as_ref()];
    let who = names(who.into_iter().flatten().map(String::as_str));
    let (interval, bias) = (interval(found.alpha.ordinal.ci95), signed(found.bias.value));
    format!(
        "{:>6} {:>5} {interval:>14} {:>6} {:>6} {:>6} {bias:>6}  {who}",
        found.n,
        number(found.alpha.ordinal.value),
        number(found.kappa.quadratic.value),
        number(found.spearman.value),
        number(found.mae.value)
    )
}

fn estimated(found: &Estimate) -> String {
    estimate(found.value, found.ci95)
}

fn icc(found: Option<&crate::stats::agreement::Icc>) -> String {
    format!("ICC(2,1) {}", estimate(found.map(|icc| icc.icc2.value), found.and_then(|icc| icc.icc2.ci95)))
}
