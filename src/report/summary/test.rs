//! Whether groups differ by more than chance: the rows of `tests`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::field::Field;
use super::groups::split;
use super::scope::{Pooled, Scope, Scoped};
use crate::ledger::Name;
use crate::stats::{self, Crossed, Observed, TestResult};

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
    /// Greenhouse and Geisser's correction. Where models answer the same source items, the repeated ones are the tests of models: the others take models as
    /// independent, which errs to the safe side.
    pub test: &'static str,
    /// F or H; null when undefined, as for groups that do not vary, and in a two-way test for a factor that differs between source items only where each was
    /// answered under several levels of the other one: those answers are not independent, and the one-way tests of their means are the tests of that factor.
    pub statistic: Option<f64>,
    /// Degrees of freedom.
    pub df: Option<Vec<f64>>,
    /// Upper tail probability.
    pub p: Option<f64>,
    /// Effect sizes by name.
    pub effect: BTreeMap<&'static str, f64>,
    /// 95 % interval of the population's share of variance, of two factors the partial one, as of `partial_omega2`, and of
    /// repeated measures that of `partial_eta2`; null for other tests.
    pub effect_ci95: Option<[f64; 2]>,
    /// Groups of at least two source items, smaller ones being left out; cells with a scored item in two-way tests; models in repeated ones.
    pub groups: usize,
    /// Scored items in them; in repeated tests source items that every model has a score for.
    pub n: usize,
    /// The values that are tested: means of the scored items of one source item in one group or cell; in repeated tests its means by model.
    pub clusters: usize,
}

type Test = fn(&[&[f64]]) -> Option<TestResult>;

const FACTORS: [Field; 4] = [Field::Model, Field::Risk, Field::PromptType, Field::Modality];
const TESTS: [(&str, Test); 3] =
    [("anova_oneway", stats::anova_oneway), ("anova_welch", stats::anova_welch), ("kruskal_wallis", stats::kruskal_wallis)];

/// Every test of every factor that has at least two groups of at least two source items with a score.
pub(super) fn of(scoped: &Scoped) -> Vec<TestRow> {
    let mut rows: Vec<TestRow> = FACTORS.into_iter().flat_map(|factor| one_way(scoped, factor)).collect();
    rows.extend([Field::Risk, Field::PromptType].into_iter().flat_map(|field| two_way(scoped, field)));
    rows.extend(repeated(scoped));
    rows
}

fn one_way(scoped: &Scoped, factor: Field) -> Vec<TestRow> {
    let groups = split(scoped, [factor]).into_iter().filter(|([key], _)| key.is_some());
    let means = |items: Vec<&Pooled>| {
        let observed: Vec<Observed> = items.into_iter().filter_map(|one| scoped.observed(one)).collect();
        (observed.len(), stats::cluster_means(&observed).iter().map(|one| one.value).collect::<Vec<f64>>())
    };
    let groups: Vec<(usize, Vec<f64>)> = groups.map(|(_, items)| means(items)).filter(|(_, means)| means.len() >= 2).collect();
    if groups.len() < 2 {
        return Vec::new();
    }
    let slices: Vec<&[f64]> = groups.iter().map(|(_, means)| means.as_slice()).collect();
    let (n, clusters) = groups.iter().fold((0, 0), |sum, (n, means)| (sum.0 + n, sum.1 + means.len()));
    let name = factor.name(scoped.facts);
    TESTS.map(|(test, of)| TestRow::new(scoped, name.clone(), test, of(&slices)).over(groups.len(), n, clusters)).into()
}

/// Models and another factor at once, so that a model is not blamed for being asked the harder half.
fn two_way(scoped: &Scoped, field: Field) -> Vec<TestRow> {
    let other = field.name(scoped.facts);
    let named = |one: &Pooled| Some((scoped.of(one).source, scoped.of(one).model?, field.of(scoped.facts, one.item)?, one.safety?));
    let mut scores: Vec<(u32, Name, Name, f64)> = scoped.by_source().filter_map(named).collect();
    let (models, levels) = (distinct(scores.iter().map(|one| one.1)), distinct(scores.iter().map(|one| one.2)));
    if models.len() < 2 || levels.len() < 2 {
        return Vec::new();
    }
    scores.sort_by_key(|(source, model, level, _)| (*source, *model, *level)); // stable: scores stay in manifest order
    let place = |names: &[Name], name: Name| names.partition_point(|other| *other < name);
    let (mut values, mut between): (Vec<Crossed>, [bool; 2]) = (Vec::new(), [false; 2]);
    for source in scores.chunk_by(|one, other| one.0 == other.0) {
        let of_cells = source.chunk_by(|one, other| (one.1, one.2) == (other.1, other.2));
        let mean = |alike: &[(u32, Name, Name, f64)]| alike.iter().map(|one| one.3).sum::<f64>() / alike.len() as f64;
        values.extend(of_cells.map(|alike| Crossed { a: place(&models, alike[0].1), b: place(&levels, alike[0].2), value: mean(alike) }));
        let has_several = |of: fn(&(u32, Name, Name, f64)) -> Name| source.iter().any(|one| of(one) != of(&source[0]));
        match [has_several(|one| one.1), has_several(|one| one.2)] {
            [true, false] => between[1] = true,
            [false, true] => between[0] = true,
            [true, true] | [false, false] => {}
        }
    }
    let alone = |place: usize, result: Option<TestResult>| result.filter(|_| !between[place]);
    let cells = distinct(values.iter().map(|one| (one.a, one.b))).len();
    let mut rows = Vec::new();
    for (name, found) in
        [("anova_twoway_type2", stats::anova_twoway_type2(&values)), ("anova_twoway_type3", stats::anova_twoway_type3(&values))]
    {
        let Some(found) = found else { continue }; // type III asks for every cell
        let model = || Field::Model.name(scoped.facts);
        let terms = [
            (model(), Some(other.clone()), alone(0, found.a)),
            (other.clone(), Some(model()), alone(1, found.b)),
            (format!("{}:{other}", model()), None, found.interaction),
        ];
        let row = |(factor, beside, result)| TestRow { beside, ..TestRow::new(scoped, factor, name, result) };
        rows.extend(terms.map(|term| row(term).over(cells, scores.len(), values.len())));
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
    let score = |one: &Pooled| Some((scoped.of(one).source, scoped.of(one).model?, one.safety?));
    let mut scores: Vec<(u32, Name, f64)> = scoped.by_source().filter_map(score).collect();
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
    let row = |name, result| TestRow::new(scoped, "model".to_owned(), name, result).over(models.len(), rows.len(), rows.len());
    vec![row("anova_repeated", plain), row("anova_repeated_gg", corrected)]
}

impl TestRow {
    fn new(scoped: &Scoped, factor: String, test: &'static str, result: Option<TestResult>) -> Self {
        let scope = scoped.scope.clone();
        let (statistic, p) = (result.as_ref().map(|found| found.statistic), result.as_ref().map(|found| found.p));
        let effect_ci95 = result.as_ref().and_then(|found| found.effect_ci95);
        let (df, effect) = result.map_or_else(|| (None, BTreeMap::new()), |found| (Some(found.df), found.effect));
        Self { scope, factor, beside: None, test, statistic, df, p, effect, effect_ci95, groups: 0, n: 0, clusters: 0 }
    }

    fn over(self, groups: usize, n: usize, clusters: usize) -> Self {
        Self { groups, n, clusters, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::TestRow;
    use crate::report::summary::tests::{scored, summary};

    type Row = (&'static str, &'static str, &'static str, u32, u8);

    fn tests(rows: &[Row]) -> Vec<TestRow> {
        let (info, items, records) = scored(rows);
        summary(&info, &items, &records).tests
    }

    fn find<'a>(tests: &'a [TestRow], factor: &str, test: &str) -> &'a TestRow {
        tests.iter().find(|row| row.factor == factor && row.test == test).unwrap()
    }

    /// 16 prompts, half of each factor, to each model of `names`, whose answers to a prompt are alike.
    fn shared(names: &'static [&'static str]) -> Vec<Row> {
        let answers = |prompt: u32| {
            let risk = ["R05", "R12"][prompt as usize % 2];
            names.iter().map(move |model| (*model, risk, "pQO", prompt, 1 + (prompt * 7 % 5) as u8))
        };
        (0..16).flat_map(answers).collect()
    }

    #[test]
    fn many_models_on_one_prompt_tell_of_a_factor_no_more_than_one() {
        let (one, four) = (tests(&shared(&["a"])), tests(&shared(&["a", "b", "c", "d"])));
        for test in ["anova_oneway", "anova_welch", "kruskal_wallis"] {
            let (one, four) = (find(&one, "risk", test), find(&four, "risk", test));
            assert_eq!((one.statistic, one.p, &one.df), (four.statistic, four.p, &four.df), "{test}");
            assert_eq!((one.n, one.clusters, four.n, four.clusters), (16, 16, 64, 16));
        }
        let between = find(&four, "risk", "anova_twoway_type2");
        assert_eq!((between.p, between.n, between.clusters), (None, 64, 64), "answers to one prompt are not independent");
        assert!(find(&four, "model", "anova_twoway_type2").p.is_some());
    }

    #[test]
    fn models_with_prompts_of_their_own_are_tested_beside_a_factor() {
        let rows = |model, first: u32| {
            (first..first + 16).map(move |at| (model, ["R05", "R12"][at as usize % 2], "pQO", at, 1 + (at * 7 % 5) as u8))
        };
        let once: Vec<Row> = rows("a", 0).chain(rows("b", 16)).collect();
        let thrice: Vec<Row> = once.iter().flat_map(|row| [*row; 3]).collect();
        let (once, threefold) = (tests(&once), tests(&thrice));
        for factor in ["model", "risk", "model:risk"] {
            let [alone, other] = [&once, &threefold].map(|tests| find(tests, factor, "anova_twoway_type2"));
            assert!(
                alone.p.is_some() && (alone.p, &alone.df) == (other.p, &other.df),
                "{factor}: equal outputs of a prompt tell no more than one"
            );
            assert_eq!((other.n, other.clusters), (96, 32));
        }
    }
}
