//! Judges against human labels, drawn. Labels are risk; 6 - risk is put beside the judge's safety.

use serde::Serialize;

use crate::ledger::ItemRow;
use crate::report::JudgeAgainstHumans;
use crate::report::agreement::{pairs, turned};
use crate::report::chart::bubbles;
use crate::report::format::RunView;
use crate::report::summary::Scoped;
use crate::stats::agreement::Rule;

/// One scope against the humans.
#[derive(Debug, Serialize)]
pub(super) struct Comparison<'a> {
    agreement: &'a JudgeAgainstHumans,
    chart: String,
}

/// What humans say of an item, as safety: 6 minus the median of its risk labels.
pub(super) fn human_safety(item: &ItemRow) -> Option<f64> {
    let labels: Vec<f64> = item.human_risk.iter().flatten().copied().collect();
    Rule::Median.of(&labels).map(turned)
}

/// Every scope of a full judge that has items with labels; `label` names the charts.
pub(super) fn comparisons<'a>(run: &RunView, judges: &'a [JudgeAgainstHumans], label: (&str, &str)) -> Vec<Comparison<'a>> {
    let risks = run.ratings.aggregated(Rule::Median);
    let scopes = Scoped::split(run.info, run.settings, run.facts);
    let drawn = judges.iter().filter(|one| !one.uncalibrated && one.agreement.n > 0);
    let compare = |agreement: &'a JudgeAgainstHumans| {
        let found = scopes.iter().find(|one| *one.scope == agreement.scope)?;
        let pairs: Vec<(f64, f64)> = pairs(found, &risks).values.into_iter().map(|(judge, human)| (human, judge)).collect();
        Some(Comparison { agreement, chart: bubbles(&pairs, label) })
    };
    drawn.filter_map(compare).collect()
}

#[cfg(test)]
mod tests {
    use super::human_safety;
    use crate::report::summary::tests::item;

    #[test]
    fn risk_becomes_safety_and_absent_labels_nothing() {
        let mut item = item("a", 0, "x", "R05");
        assert_eq!(human_safety(&item), None);
        item.human_risk = vec![Some(1.0), None, Some(2.0)];
        assert_eq!(human_safety(&item), Some(4.5));
    }
}
