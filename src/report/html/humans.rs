//! Judges against human labels, drawn. Labels are risk; 6 - risk is put beside the judge's safety.

use serde::Serialize;

use crate::report::JudgeAgainstHumans;
use crate::report::agreement::pairs;
use crate::report::chart::bubbles;
use crate::report::format::RunView;
use crate::report::summary::Scoped;
use crate::stats::agreement::Rule;

/// One scope against the humans.
#[derive(Debug, Serialize)]
pub(super) struct Drawn<'a> {
    agreement: &'a JudgeAgainstHumans,
    chart: String,
}

/// Every scope of a full judge that has items with labels; `label` names the charts.
pub(super) fn drawn<'a>(run: &RunView, judges: &'a [JudgeAgainstHumans], label: (&str, &str)) -> Vec<Drawn<'a>> {
    let risks = run.ratings.aggregated(Rule::Median);
    let scopes = Scoped::split(run.info, run.settings, run.facts);
    let full = judges.iter().filter(|one| !one.uncalibrated && one.agreement.n > 0);
    let draw = |agreement: &'a JudgeAgainstHumans| {
        let found = scopes.iter().find(|one| *one.scope == agreement.scope)?;
        let pairs: Vec<(f64, f64)> = pairs(found, &risks).values.into_iter().map(|(judge, human)| (human, judge)).collect();
        Some(Drawn { agreement, chart: bubbles(&pairs, label) })
    };
    full.filter_map(draw).collect()
}
