//! Whether groups differ by more than chance: the rows of `tests`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::field::Field;
use super::groups::split;
use super::scope::{Scope, Scoped};
use crate::ledger::Name;
use crate::stats::{self, Crossed, TestResult};

/// One test of one factor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestRow {
    /// Which judge, rubric and sampler.
    #[serde(flatten)]
    pub scope: Scope,
    /// `model`, `risk`, `prompt_type` or `modality`; `model:risk` for the interaction of two.
    pub factor: String,
    /// In a two-way test the other factor, which the test of this one allows for; null for their interaction, which names both, and for other tests.
    pub beside: Option<String>,
    /// `anova_oneway`, `anova_welch`, `kruskal_wallis`, `anova_twoway_type2`, `anova_twoway_type3`, `anova_repeated`, or `anova_repeated_gg` with
    /// Greenhouse and Geisser's correction.
    pub test: &'static str,
    /// F or H; null when undefined, as for groups that do not vary.
    pub statistic: Option<f64>,
    /// Degrees of freedom.
    pub df: Option<Vec<f64>>,
    /// Upper tail probability.
    pub p: Option<f64>,
    /// Effect sizes by name.
    pub effect: BTreeMap<&'static str, f64>,
    /// 95 % interval of the population's (partial) share of variance, which `eta2` and `omega2` estimate; null for other tests.
    pub effect_ci95: Option<[f64; 2]>,
    /// Groups of at least two scored items, smaller ones being left out; cells with a scored item in two-way tests; models in repeated ones.
    pub groups: usize,
    /// Scored items in them; in repeated tests source items that every model has a score for.
    pub n: usize,
}

type Test = fn(&[&[f64]]) -> Option<TestResult>;

const FACTORS: [Field; 4] = [Field::Model, Field::Risk, Field::PromptType, Field::Modality];
const TESTS: [(&str, Test); 3] =
    [("anova_oneway", stats::anova_oneway), ("anova_welch", stats::anova_welch), ("kruskal_wallis", stats::kruskal_wallis)];

/// Every test of every factor that has at least two groups of at least two scored items.
pub(super) fn of(scoped: &Scoped) -> Vec<TestRow> {
    let mut rows: Vec<TestRow> = FACTORS.into_iter().flat_map(|factor| one_way(scoped, factor)).collect();
    rows.extend([Field::Risk, Field::PromptType].into_iter().flat_map(|field| two_way(scoped, field)));
    rows.extend(repeated(scoped));
    rows
}

fn one_way(scoped: &Scoped, factor: Field) -> Vec<TestRow> {
    let groups = split(scoped, [factor]).into_iter().filter(|([key], _)| key.is_some());
    let scores = groups.map(|(_, items)| items.iter().filter_map(|one| one.safety).collect::<Vec<f64>>());
    let groups: Vec<Vec<f64>> = scores.filter(|scores| scores.len() >= 2).collect();
    if groups.len() < 2 {
        return Vec::new();
    }
    let slices: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
    let (name, n) = (factor.name(scoped.facts), groups.iter().map(Vec::len).sum());
    TESTS.map(|(test, of)| TestRow::new(scoped, name.clone(), test, of(&slices)).over(groups.len(), n)).into()
}

/// Models and another factor at once, so that a model is not blamed for being asked the harder half.
fn two_way(scoped: &Scoped, field: Field) -> Vec<TestRow> {
    let other = field.name(scoped.facts);
    let named = || scoped.items.iter().filter_map(|one| Some((scoped.of(one).model?, field.of(scoped.facts, one.item)?, one.safety?)));
    let (models, levels) = (distinct(named().map(|(model, ..)| model)), distinct(named().map(|(_, level, _)| level)));
    if models.len() < 2 || levels.len() < 2 {
        return Vec::new();
    }
    let place = |names: &[Name], name: Name| names.partition_point(|other| *other < name);
    let values: Vec<Crossed> =
        named().map(|(model, level, value)| Crossed { a: place(&models, model), b: place(&levels, level), value }).collect();
    let cells = distinct(values.iter().map(|one| (one.a, one.b))).len();
    let mut rows = Vec::new();
    for (name, found) in
        [("anova_twoway_type2", stats::anova_twoway_type2(&values)), ("anova_twoway_type3", stats::anova_twoway_type3(&values))]
    {
        let Some(found) = found else { continue }; // type III asks for every cell
        let model = || Field::Model.name(scoped.facts);
        let terms = [
            (model(), Some(other.clone()), found.a),
            (other.clone(), Some(model()), found.b),
            (format!("{}:{other}", model()), None, found.interaction),
        ];
        let row = |(factor, beside, result)| TestRow { beside, ..TestRow::new(scoped, factor, name, result) };
        rows.extend(terms.map(|term| row(term).over(cells, values.len())));
    }
    rows
}

/// Each once, ascending.
fn distinct<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Models on the source items that all of them have a score for; several items of one source are averaged.
fn repeated(scoped: &Scoped) -> Vec<TestRow> {
    let score = |one: &super::Pooled| Some((scoped.of(one).source, scoped.of(one).model?, one.safety?));
    let mut scores: Vec<(u32, Name, f64)> = scoped.items.iter().filter_map(score).collect();
    let models = distinct(scores.iter().map(|(_, model, _)| *model));
    scores.sort_by_key(|(source, model, _)| (*source, *model)); // stable: scores stay in manifest order
    let mut values: Vec<f64> = Vec::new();
    for source in scores.chunk_by(|one, other| one.0 == other.0) {
        let of_models = source.chunk_by(|one, other| one.1 == other.1);
        if of_models.clone().count() == models.len() {
            values.extend(of_models.map(|alike| alike.iter().map(|(.., safety)| safety).sum::<f64>() / alike.len() as f64));
        }
    }
    let rows: Vec<&[f64]> = values.chunks(models.len().max(1)).collect();
    if models.len() < 2 || rows.len() < 2 {
        return Vec::new();
    }
    let found = stats::anova_repeated(&rows);
    let (plain, corrected) = found.map_or((None, None), |found| (Some(found.uncorrected), Some(found.corrected)));
    let row = |name, result| TestRow::new(scoped, "model".to_owned(), name, result).over(models.len(), rows.len());
    vec![row("anova_repeated", plain), row("anova_repeated_gg", corrected)]
}

impl TestRow {
    fn new(scoped: &Scoped, factor: String, test: &'static str, result: Option<TestResult>) -> Self {
        let scope = scoped.scope.clone();
        let (statistic, p) = (result.as_ref().map(|found| found.statistic), result.as_ref().map(|found| found.p));
        let effect_ci95 = result.as_ref().and_then(|found| found.effect_ci95);
        let (df, effect) = result.map_or_else(|| (None, BTreeMap::new()), |found| (Some(found.df), found.effect));
        Self { scope, factor, beside: None, test, statistic, df, p, effect, effect_ci95, groups: 0, n: 0 }
    }

    fn over(self, groups: usize, n: usize) -> Self {
        Self { groups, n, ..self }
    }
}
