//! Models against each other, two by two: on the same source items where they share enough of them, else group against group.

use std::collections::{BTreeMap, BTreeSet};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde::Serialize;

use super::paired::{Detects, PairTest, Paired};
use super::scope::{Scope, Scoped};
use super::unpaired::StandardisedDifference;
use super::warning::{self, Warning};
use super::{interval, unpaired};
use crate::ensemble::Mixture;
use crate::ledger::Name;
use crate::stats::{self, Basis, Observed, Resampling, Standardised, TestResult};

/// Two models under one judge, rubric and sampler.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelPair {
    /// Which judge, rubric and sampler.
    #[serde(flatten)]
    pub scope: Scope,
    /// The first one's safety less the second one's is what all numbers are about.
    pub models: [String; 2],
    /// Over source items that both have a score for, where these are at least half of those of the model with fewer; else over all source items of each.
    pub paired: bool,
    /// Source items where paired; else scored items of both, of which `clusters` says how many source items they come from.
    pub n: usize,
    /// Levels; above 0 the first model is safer. A source item's outputs by one model are averaged first, here and in all that follows.
    pub mean_difference: Option<f64>,
    /// 95 % interval of that difference. Where unpaired, of method `games_howell`, which holds for all pairs at once.
    pub ci95: Option<[f64; 2]>,
    /// What it rests on.
    #[serde(flatten)]
    pub basis: Basis,
    /// `paired_t`, `wilcoxon`, `sign_flip` and, of blocked outputs, `mcnemar_exact`; where unpaired `tukey_hsd`, `games_howell`, `dunn` and, of standardised means,
    /// `standardised_t`.
    pub tests: Vec<PairTest>,
    /// `cohen_dz` and `rank_biserial` where paired, else `cohens_d`, `hedges_g` and `cliffs_delta`.
    pub effect: BTreeMap<&'static str, f64>,
    /// 95 % interval of `cliffs_delta`; null where paired.
    pub cliffs_ci95: Option<[f64; 2]>,
    /// What so many source items can tell; null unless paired.
    pub detects: Option<Detects>,
    /// The difference of the models' standardised means; null where paired, and where one has none.
    pub standardised: Option<StandardisedDifference>,
}

/// What is known of one model.
pub(super) struct Side<'a> {
    pub model: &'a str,
    /// The mean of every source, sources ascending.
    pub observed: Vec<Observed>,
    /// Those means alone.
    pub means: Vec<f64>,
    /// Items with a score.
    pub scored: usize,
    /// Its mean under the common mixture of risk factors.
    pub standardised: Standardised,
    /// Sources, ascending, each with whether any output of it was blocked.
    pub blocked: Vec<(u32, bool)>,
}

/// Models that are held against each other: 50 make 1,225 pairs.
const MOST_MODELS: usize = 50;

/// Every pair of models of one scope, in the order of their names; of many models those with the most scores.
pub(super) fn of(scoped: &Scoped) -> Vec<ModelPair> {
    let mut sides = sides(scoped);
    sides.sort_by_key(|side| std::cmp::Reverse(side.scored)); // stable: equal ones by name
    sides.truncate(MOST_MODELS);
    sides.sort_by_key(|side| side.model);
    let pairs = stats::every_pair(sides.len());
    let compare = |pair: &[usize; 2]| {
        let pair = pair.map(|side| &sides[side]);
        let differences = stats::differences(&pair[0].observed, &pair[1].observed);
        let [one, other] = pair.map(|side| side.observed.len());
        if stats::is_paired(differences.len(), one, other) { paired(scoped, pair, &differences) } else { unpaired::compare(scoped, pair) }
    };
    let mut found: Vec<ModelPair> = pairs.par_iter().map(compare).collect();
    unpaired::add_group_tests(&sides, pairs.into_iter().zip(&mut found).filter(|(_, comparison)| !comparison.paired).collect());
    adjust(&mut found);
    found
}

/// That models were left out, where there are many: pairs grow with their square.
pub(super) fn left_out(scoped: &Scoped) -> Option<Warning> {
    let models: BTreeSet<Name> = scoped.items.iter().filter_map(|one| scoped.of(one).model).collect();
    let (all, scope) = (models.len(), warning::name(scoped.scope));
    let messages = [
        format!("There are {all} models; differences are those of the {MOST_MODELS} with the most scored items ({scope})."),
        format!("모델이 {all}개 있어, 채점된 항목이 가장 많은 {MOST_MODELS}개만 서로 비교했습니다 ({scope})."),
    ];
    (all > MOST_MODELS).then(|| Warning::counted("many_models", all - MOST_MODELS, messages))
}

/// Its scores, and of each of its items the source and whether it was blocked.
type OfModel = (Vec<Observed>, Vec<(u32, bool)>);

/// In the order of the models' names.
fn sides<'a>(scoped: &Scoped<'a>) -> Vec<Side<'a>> {
    let mut models: BTreeMap<Name, OfModel> = BTreeMap::new();
    for one in scoped.by_source() {
        let Some(model) = scoped.of(one).model else { continue };
        let (observed, blocked) = models.entry(model).or_default();
        observed.extend(scoped.observed(one));
        blocked.push((scoped.of(one).source, one.is_blocked()));
    }
    let names: Vec<Option<Name>> = models.keys().copied().map(Some).collect();
    let standardised = Mixture::of(scoped.answers()).means(scoped.answers(), &names);
    let side = |((model, (observed, mut blocked)), standardised): ((Name, OfModel), Standardised)| {
        let items = observed.len();
        let observed = stats::cluster_means(&observed);
        let means = observed.iter().map(|one| one.value).collect();
        blocked.sort_unstable_by_key(|(source, blocked)| (*source, !blocked));
        blocked.dedup_by_key(|(source, _)| *source); // of each source the first stays: a blocked one where there is any
        Side { model: scoped.facts.name(model), observed, means, scored: items, standardised, blocked }
    };
    models.into_iter().zip(standardised).map(side).collect()
}

fn paired(scoped: &Scoped, [a, b]: [&Side; 2], differences: &[Observed]) -> ModelPair {
    let Paired { mean, ci95, basis, mut tests, effect } = Paired::of(differences, Resampling::PAIRS);
    tests.push(PairTest::new("mcnemar_exact", blocked(a, b)));
    let detects = Detects::of(&differences.iter().map(|one| one.value).collect::<Vec<_>>());
    let n = differences.len();
    ModelPair { paired: true, n, mean_difference: mean, ci95, basis, tests, effect, detects, ..ModelPair::new(scoped, [a, b]) }
}

/// Source items where one model was blocked and the other was not.
fn blocked(a: &Side, b: &Side) -> Option<TestResult> {
    let of_b = |source: &u32| b.blocked.binary_search_by_key(source, |(of, _)| *of).ok().map(|place| b.blocked[place].1);
    let both = a.blocked.iter().filter_map(|(source, blocked)| Some((*blocked, of_b(source)?)));
    let (only_a, only_b) =
        both.fold((0, 0), |(a, b), pair| (a + usize::from(pair == (true, false)), b + usize::from(pair == (false, true))));
    stats::mcnemar_exact(only_a, only_b)
}

/// Holm's adjustment over all pairs of a scope, test by test.
fn adjust(comparisons: &mut [ModelPair]) {
    let names: BTreeSet<&str> = comparisons.iter().flat_map(|one| &one.tests).map(|test| test.test).collect();
    for name in names {
        let tests = || comparisons.iter().flat_map(|one| &one.tests).filter(|test| test.test == name);
        let mut adjusted = stats::holm(&tests().filter_map(|test| test.p).collect::<Vec<_>>()).into_iter();
        let tests = comparisons.iter_mut().flat_map(|one| &mut one.tests).filter(|test| test.test == name && test.p.is_some());
        tests.for_each(|test| test.p_adjusted = adjusted.next());
    }
}

impl ModelPair {
    pub(super) fn new(scoped: &Scoped, [a, b]: [&Side; 2]) -> Self {
        Self {
            scope: scoped.scope.clone(),
            models: [a.model.to_owned(), b.model.to_owned()],
            paired: false,
            n: 0,
            mean_difference: None,
            ci95: None,
            basis: interval::unpaired(&[&a.observed[..], &b.observed].concat()),
            tests: Vec::new(),
            effect: BTreeMap::new(),
            cliffs_ci95: None,
            detects: None,
            standardised: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::ModelPair;
    use crate::report::summary::tests::{scored, summary};

    fn compared(rows: &[(&str, &str, &str, u32, u8)]) -> Vec<ModelPair> {
        let (info, items, records) = scored(rows);
        summary(&info, &items, &records).model_pairs
    }

    #[test]
    fn models_on_the_same_sources_are_paired() {
        let of_b = [4, 3, 2, 5, 3, 3, 2, 4, 1, 3];
        let a = (0..10).zip(of_b).map(|(prompt, safety)| ("a", "R05", "pQO", prompt, safety + u8::from(prompt % 3 > 0 && safety < 5)));
        let b = (0..10).zip(of_b).map(|(prompt, safety)| ("b", "R05", "pQO", prompt, safety));
        let alone = [("c", "R05", "pQO", 90, 5), ("c", "R05", "pQO", 91, 4), ("c", "R05", "pQO", 92, 4)];
        let found = compared(&a.chain(b).chain(alone).collect::<Vec<_>>());
        assert_eq!(
            found.iter().map(|one| (one.models.concat(), one.paired)).collect::<Vec<_>>(),
            [("ab".into(), true), ("ac".into(), false), ("bc".into(), false)]
        );
        let pair = &found[0];
        assert_eq!((pair.n, pair.basis.clusters, pair.basis.ci95_method), (10, 10, "bca_bootstrap"));
        assert!((pair.mean_difference.unwrap() - 0.6).abs() < 1e-12, "{pair:?}");
        assert!(pair.ci95.is_some_and(|[lo, hi]| 0.0 < lo && lo < 0.6 && 0.6 < hi), "{pair:?}");
        let names: Vec<_> = pair.tests.iter().map(|test| test.test).collect();
        assert_eq!(names, ["paired_t", "wilcoxon", "sign_flip", "mcnemar_exact"]);
        assert_eq!(pair.tests[0].p, pair.tests[0].p_adjusted, "one paired comparison needs no adjustment");
        assert_eq!(pair.tests[3].p, None, "nothing was blocked");
        assert_eq!((pair.effect.keys().copied().collect::<Vec<_>>(), pair.cliffs_ci95), (vec!["cohen_dz", "rank_biserial"], None));
        let apart = &found[1];
        assert_eq!((apart.n, apart.basis.ci95_method, apart.tests[1].test), (13, "games_howell", "games_howell"));
        assert_eq!(apart.effect.keys().copied().collect::<Vec<_>>(), ["cliffs_delta", "cohens_d", "hedges_g"]);
        assert!(apart.ci95.is_some() && apart.tests.iter().all(|test| test.p_adjusted.is_some()), "{apart:?}");
    }

    #[test]
    fn few_shared_source_items_do_not_stand_for_the_rest() {
        let of = |model, prompts: std::ops::Range<u32>| prompts.map(move |prompt| (model, "R05", "pQO", prompt, 1 + (prompt % 5) as u8));
        let paired = |shared: u32| {
            let found = compared(&of("a", 0..20).chain(of("b", 20 - shared..60)).collect::<Vec<_>>());
            (found[0].paired, found[0].n)
        };
        assert_eq!([2, 9, 10, 20].map(paired), [(false, 62), (false, 69), (true, 10), (true, 20)]);
    }

    #[test]
    fn outputs_of_one_source_are_one_value_in_tests_of_groups() {
        let levels = [1, 2, 4, 5, 3, 2, 5, 4, 1, 3];
        let of = |model, first: u32, by: u8, times: usize| {
            let rows = (first..first + 10).map(move |prompt| (model, "R05", "pQO", prompt, 1.max(levels[prompt as usize % 10] - by)));
            rows.flat_map(move |row| vec![row; times])
        };
        let pair = |times| compared(&of("a", 0, 0, times).chain(of("b", 10, 1, times)).collect::<Vec<_>>()).remove(0);
        let (once, thrice) = (pair(1), pair(3));
        assert_eq!((once.n, thrice.n, thrice.basis.clusters), (20, 60, 20));
        assert_eq!((once.ci95, &once.effect), (thrice.ci95, &thrice.effect));
        assert_eq!(once.tests, thrice.tests, "three equal outputs of a prompt tell no more than one");
    }

    #[test]
    fn of_many_models_those_with_the_most_scores_are_compared_and_the_rest_is_said() {
        let names: Vec<String> = (0..52).map(|model| format!("m{model:02}")).collect();
        let rows = names.iter().enumerate().flat_map(|(model, name)| (0..if model < 2 { 1 } else { 2 }).map(move |prompt| (name, prompt)));
        let rows: Vec<_> = rows.map(|(name, prompt)| (name.as_str(), "R05", "pQO", prompt, 4)).collect();
        let (info, items, records) = scored(&rows);
        let summary = summary(&info, &items, &records);
        assert_eq!((summary.model_pairs.len(), summary.model_pairs[0].models[0].as_str()), (50 * 49 / 2, "m02"));
        assert_eq!(summary.warnings.iter().find(|warning| warning.code == "many_models").unwrap().count, Some(2));
    }

    #[test]
    fn what_cannot_be_compared_is_null_with_a_code() {
        let one = compared(&[("a", "R05", "pQO", 1, 4), ("b", "R05", "pQO", 2, 4)]);
        assert_eq!((one[0].ci95, one[0].basis.ci95_null, one[0].paired), (None, Some("too_few_clusters"), false));
        // Each model at a level of its own: the difference is known, and no spread.
        let level = |model, first: u32, safety| (first..first + 4).map(move |prompt| (model, "R05", "pQO", prompt, safety));
        let varied = (20..24).map(|prompt| ("c", "R05", "pQO", prompt, 1 + (prompt % 3) as u8));
        let flat = compared(&level("a", 0, 4).chain(level("b", 10, 2)).chain(varied).collect::<Vec<_>>());
        assert_eq!((flat[0].mean_difference, flat[0].ci95, flat[0].basis.ci95_null), (Some(2.0), None, Some("constant")));
        assert!(flat[1..].iter().all(|pair| pair.ci95.is_some() && pair.basis.ci95_null.is_none()), "{flat:?}");
        let same = compared(&[("a", "R05", "pQO", 1, 4), ("a", "R05", "pQO", 2, 2), ("b", "R05", "pQO", 1, 4), ("b", "R05", "pQO", 2, 2)]);
        assert_eq!((same[0].ci95, same[0].basis.ci95_null, same[0].mean_difference), (None, Some("constant"), Some(0.0)));
        assert!(same[0].tests.iter().all(|test| test.p.is_none() && test.p_adjusted.is_none()));
    }
}
