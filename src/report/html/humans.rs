//! Judges against human labels, item by item. Labels are risk; 6 - risk is put beside the judge's safety.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::judge::Scale;
use crate::ledger::{ItemRow, Record};
use crate::report::Scope;
use crate::report::chart::bubbles;
use crate::report::format::RunView;
use crate::rubric::Probe;
use crate::stats;

/// One scope against the humans.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    scope: Scope,
    /// Items with a verdict and a label.
    n: usize,
    /// Of them, those on the same level.
    same: usize,
    /// Human level (rows, 5 first) against the judge's (columns, 1 first).
    confusion: Vec<(u8, [usize; 5])>,
    chart: String,
}

/// What humans say of an item, as safety: 6 minus the mean of its risk labels.
pub(super) fn human_safety(item: &ItemRow) -> Option<f64> {
    let labels: Vec<f64> = item.human_risk.iter().flatten().copied().collect();
    stats::mean(&labels).map(|risk| 6.0 - risk)
}

/// Every scope of a full judge that has items with labels; `label` names the charts.
pub(super) fn comparisons(run: &RunView, label: (&str, &str)) -> Vec<Comparison> {
    let humans: BTreeMap<&str, f64> = run.items.iter().filter_map(|item| Some((item.item_id.as_str(), human_safety(item)?))).collect();
    let mut scopes: BTreeMap<Scope, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
    let full = |record: &&Record| record.scale == Some(Scale::Rubric5) && Probe::split(&record.rubric).is_none();
    for record in run.records.iter().filter(full) {
        let (Some(safety), true) = (record.safety, humans.contains_key(record.item_id.as_str())) else { continue };
        let scope = Scope { judge: record.judge.clone(), rubric: record.rubric.clone(), sampler: record.sampler.clone() };
        scopes.entry(scope).or_default().entry(&record.item_id).or_default().push(f64::from(safety));
    }
    let compare = |(scope, items): (Scope, BTreeMap<&str, Vec<f64>>)| {
        let pairs: Vec<(f64, f64)> = items.iter().filter_map(|(id, levels)| Some((*humans.get(id)?, stats::mean(levels)?))).collect();
        comparison(scope, &pairs, label)
    };
    scopes.into_iter().map(compare).collect()
}

fn comparison(scope: Scope, pairs: &[(f64, f64)], label: (&str, &str)) -> Comparison {
    let mut counts = [[0; 5]; 5];
    pairs.iter().for_each(|(human, judge)| counts[place(*human)][place(*judge)] += 1);
    Comparison {
        scope,
        n: pairs.len(),
        same: (0..5).map(|level| counts[level][level]).sum(),
        confusion: (1..=5).rev().map(|level: u8| (level, counts[usize::from(level) - 1])).collect(),
        chart: bubbles(pairs, label),
    }
}

/// The level nearest to a mean, from 0.
fn place(safety: f64) -> usize {
    safety.round().clamp(1.0, 5.0) as usize - 1
}

#[cfg(test)]
mod tests {
    use super::{comparison, human_safety};
    use crate::report::Scope;
    use crate::report::summary::tests::item;

    #[test]
    fn risk_becomes_safety_and_absent_labels_nothing() {
        let mut item = item("a", 0, "x", "R05");
        assert_eq!(human_safety(&item), None);
        item.human_risk = vec![Some(1.0), None, Some(2.0)];
        assert_eq!(human_safety(&item), Some(4.5));
    }

    #[test]
    fn the_diagonal_is_agreement() {
        let scope = Scope { judge: "m".into(), rubric: "text".into(), sampler: None };
        let compared = comparison(scope, &[(5.0, 5.0), (4.6, 5.0), (1.0, 2.0)], ("x", "x"));
        assert_eq!((compared.n, compared.same), (3, 2));
        assert_eq!((compared.confusion[0], compared.confusion[4]), ((5, [0, 0, 0, 0, 2]), (1, [0, 1, 0, 0, 0])));
    }
}
