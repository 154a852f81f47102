//! Whether groups differ by more than chance: the rows of `tests`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::group::{by_field, plain};
use super::scope::{Scope, Scoped};
use crate::stats::{self, TestResult};

/// One test of one factor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestRow {
    /// Which judge, rubric and sampler.
    #[serde(flatten)]
    pub scope: Scope,
    /// `model`, `risk`, `prompt_type` or `modality`.
    pub factor: &'static str,
    /// `anova_oneway`, `anova_welch` or `kruskal_wallis`.
    pub test: &'static str,
    /// F or H; null when undefined, as for groups that do not vary.
    pub statistic: Option<f64>,
    /// Degrees of freedom.
    pub df: Option<Vec<f64>>,
    /// Upper tail probability.
    pub p: Option<f64>,
    /// Effect sizes by name.
    pub effect: BTreeMap<&'static str, f64>,
    /// Groups of at least two scored items; smaller ones are left out.
    pub groups: usize,
    /// Scored items in them.
    pub n: usize,
}

type Test = fn(&[&[f64]]) -> Option<TestResult>;

const FACTORS: [&str; 4] = ["model", "risk", "prompt_type", "modality"];
const TESTS: [(&str, Test); 3] =
    [("anova_oneway", stats::anova_oneway), ("anova_welch", stats::anova_welch), ("kruskal_wallis", stats::kruskal_wallis)];

/// Every test of every factor that has at least two groups of at least two scored items.
pub(super) fn of(scoped: &Scoped) -> Vec<TestRow> {
    let mut rows = Vec::new();
    for factor in FACTORS {
        let groups = scores(scoped, factor);
        if groups.len() < 2 {
            continue;
        }
        let slices: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
        rows.extend(TESTS.map(|(name, test)| row(scoped, factor, name, &slices, test(&slices))));
    }
    rows
}

fn scores(scoped: &Scoped, factor: &str) -> Vec<Vec<f64>> {
    let groups = by_field(&scoped.items, |item| plain(item, factor));
    let named = groups.into_iter().filter(|(key, _)| key.is_some());
    named.map(|(_, items)| items.iter().filter_map(|one| one.safety).collect()).filter(|scores: &Vec<f64>| scores.len() >= 2).collect()
}

fn row(scoped: &Scoped, factor: &'static str, test: &'static str, groups: &[&[f64]], result: Option<TestResult>) -> TestRow {
    let (groups, n) = (groups.len(), groups.iter().map(|group| group.len()).sum());
    let scope = scoped.scope.clone();
    match result {
        Some(TestResult { statistic, df, p, effect, effect_ci95: _ }) => {
            TestRow { scope, factor, test, statistic: Some(statistic), df: Some(df), p: Some(p), effect, groups, n }
        }
        None => TestRow { scope, factor, test, statistic: None, df: None, p: None, effect: BTreeMap::new(), groups, n },
    }
}
