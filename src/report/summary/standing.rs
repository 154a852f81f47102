//! Which model is safer: the models of one judge in their order, and how far that order is more than chance.

use std::collections::BTreeMap;

use serde::Serialize;

use super::scope::{Scope, Scoped};
use super::{By, Group, ModelPair, Telling, sentence, unpaired};
use crate::ensemble;
use crate::stats::Basis;

/// The models of one judge, rubric and sampler, the safest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Which.
    #[serde(flatten)]
    pub scope: Scope,
    /// What the order is by: `mean_safety`, or `standardised` where models have other mixtures of risk factors and two of them have a score for all
    /// of these; those that have not stand last, by raw means.
    pub ordered_by: &'static str,
    /// Models were scored on other mixtures of risk factors.
    pub unequal_mix: bool,
    /// At least two.
    pub models: Vec<Placed>,
    /// The same in words.
    pub sentence: String,
    /// And in Korean, for pages; files of numbers keep to English.
    #[serde(skip)]
    pub korean: String,
}

/// One model in that order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Placed {
    /// The system under test.
    pub model: String,
    /// Items, with those that are blocked, refused or pending.
    pub n: usize,
    /// Those with a score.
    pub scored: usize,
    /// Risk factors of these.
    pub factors: usize,
    /// Their mean.
    pub mean_safety: f64,
    /// That mean under the mixture of risk factors of all items; null where a factor has no score.
    pub standardised: Option<f64>,
    /// Those factors.
    pub standardised_missing: Vec<String>,
    /// 95 % interval of it.
    pub standardised_ci95: Option<[f64; 2]>,
    /// Why that is null: `missing_factors`, `too_few_clusters` where no factor has scores of two source items, or `constant`; null without factors.
    pub standardised_ci95_null: Option<&'static str>,
    /// 95 % interval of `mean_safety`.
    pub ci95: Option<[f64; 2]>,
    /// What that one rests on.
    #[serde(flatten)]
    pub basis: Basis,
    /// This model and the next one; null for the last, and where more models than are compared leave it out.
    pub next: Option<Versus>,
    /// The first model and this one; null for the first.
    pub best: Option<Versus>,
}

/// Two models, from `model_pairs`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Versus {
    /// The other one.
    pub model: String,
    /// Of the one that stands higher less that of the one that stands lower: over source items that both have a score for, where these are enough; else over
    /// all source items of each, of standardised means where models were scored on other mixtures of risk factors.
    pub difference: Option<f64>,
    /// 95 % interval of it.
    pub ci95: Option<[f64; 2]>,
    /// Why that is null: `missing_factors` where one model has no score for a risk factor, or a code of `model_pairs`.
    pub ci95_null: Option<&'static str>,
    /// `few_clusters` where that is too narrow; else null.
    pub ci95_note: Option<&'static str>,
    /// Whether over shared source items.
    pub paired: bool,
    /// Source items where paired; else scored items of both, of which `clusters` says how many source items they come from.
    pub n: usize,
    /// Source items, paired or not.
    pub clusters: usize,
    /// `wilcoxon` where paired, else `games_howell`, or `standardised_t` of standardised means.
    pub test: &'static str,
    /// Adjusted for all pairs of models.
    pub p_adjusted: Option<f64>,
    /// Whether that is below 0.05 and the interval, where there is one, does not hold 0. Null where nothing was tested.
    pub beyond_chance: Option<bool>,
}

/// Adjusted p from which on a difference may be chance.
const CHANCE: f64 = 0.05;

/// One row a scope with two models or more. What was selected has none, and triage only where no judge is.
pub(super) fn of(scopes: &[&Scoped], groups: &[Group], pairs: &[ModelPair]) -> Vec<Standing> {
    let alone = scopes.iter().all(|one| one.uncalibrated);
    scopes.iter().filter(|one| alone || !one.is_apart()).filter_map(|one| stand(one, groups, pairs)).collect()
}

fn stand(scoped: &Scoped, groups: &[Group], pairs: &[ModelPair]) -> Option<Standing> {
    let model = By::one("model");
    let models = groups.iter().filter(|group| group.by == model && group.scope == *scoped.scope);
    let mut models: Vec<Placed> = models.filter_map(Placed::of).collect();
    if models.len() < 2 {
        return None;
    }
    let unequal_mix = ensemble::is_unequal(scoped.answers());
    let standardised = ensemble::is_standardised(unequal_mix, models.iter().map(|one| one.standardised));
    let means = |one: &Placed| (one.standardised, Some(one.mean_safety));
    models.sort_by(|one, other| ensemble::order(standardised, [one, other].map(means))); // stable: equal ones by name
    let pairs: BTreeMap<[&str; 2], &ModelPair> =
        pairs.iter().filter(|pair| pair.scope == *scoped.scope).map(|pair| (pair.models.each_ref().map(String::as_str), pair)).collect();
    let names: Vec<String> = models.iter().map(|one| one.model.clone()).collect();
    let versus = |higher: usize, lower: usize, other: usize| {
        let [a, b] = [higher, lower].map(|place| names[place].as_str());
        let pair = pairs.get(&[a, b]).map(|pair| (*pair, false)).or_else(|| pairs.get(&[b, a]).map(|pair| (*pair, true)));
        pair.map(|(pair, turned)| Versus::of(pair, turned, &names[other], unequal_mix))
    };
    for (place, one) in models.iter_mut().enumerate() {
        one.next = (place + 1 < names.len()).then(|| versus(place, place + 1, place + 1)).flatten();
        one.best = (place > 0).then(|| versus(0, place, 0)).flatten();
    }
    let ordered_by = if standardised { ensemble::STANDARDISED } else { "mean_safety" };
    let told = |[higher, lower]: [usize; 2]| versus(higher, lower, lower).filter(|one| one.beyond_chance == Some(true));
    let places: BTreeMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
    let mut compared: Vec<[usize; 2]> = pairs.keys().filter_map(|[a, b]| Some([*places.get(a)?, *places.get(b)?])).collect();
    compared.iter_mut().for_each(|pair| pair.sort_unstable());
    compared.sort_unstable();
    let told = compared.into_iter().find_map(|pair| Some((pair, told(pair)?)));
    let [sentence, korean] = sentence::of(&models, told.as_ref(), unequal_mix && !standardised);
    Some(Standing { scope: scoped.scope.clone(), ordered_by, unequal_mix, models, sentence, korean })
}

impl Standing {
    /// Each model's place, the safest one's 0.
    pub(in crate::report) fn places(&self) -> BTreeMap<&str, usize> {
        self.models.iter().zip(0..).map(|(one, place)| (one.model.as_str(), place)).collect()
    }
}

impl Placed {
    fn of(group: &Group) -> Option<Self> {
        Some(Self {
            model: group.key.single()?.to_owned(),
            n: group.n,
            scored: group.scored,
            factors: group.factors,
            mean_safety: group.mean_safety?,
            standardised: group.standardised.as_ref().and_then(|found| found.mean),
            standardised_missing: group.standardised.as_ref().map_or_else(Vec::new, |found| found.missing.clone()),
            standardised_ci95: group.standardised.as_ref().and_then(|found| found.ci95),
            standardised_ci95_null: group.standardised.as_ref().and_then(|found| found.ci95_null),
            ci95: group.ci95,
            basis: group.basis.clone(),
            next: None,
            best: None,
        })
    }
}

impl Versus {
    fn of(pair: &ModelPair, turned: bool, model: &str, unequal_mix: bool) -> Self {
        let Telling { test, difference, ci95, ci95_null, p_adjusted } = pair.telling(unequal_mix);
        let less = |value: f64| if turned { 0.0 - value } else { value }; // never -0
        let ci95 = ci95.map(|[lo, hi]| if turned { [less(hi), less(lo)] } else { [lo, hi] });
        // Wilcoxon's test is undefined where no difference is other than 0.
        let same = (pair.paired && p_adjusted.is_none()).then_some(false);
        let holds_zero = ci95.is_some_and(|[lo, hi]| lo <= 0.0 && 0.0 <= hi);
        Self {
            model: model.to_owned(),
            difference: difference.map(less),
            ci95,
            ci95_null,
            ci95_note: pair.basis.ci95_note.filter(|_| test != unpaired::STANDARDISED),
            paired: pair.paired,
            n: pair.n,
            clusters: pair.basis.clusters,
            test,
            p_adjusted,
            beyond_chance: p_adjusted.map(|p| p < CHANCE && !holds_zero).or(same),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::OutcomeName;
    use crate::report::summary::tests::{record, scored, summary};
    use crate::report::{Standing, Summary};

    type Row = (&'static str, &'static str, &'static str, u32, u8);

    fn of(rows: &[Row]) -> Summary {
        let (info, items, records) = scored(rows);
        summary(&info, &items, &records)
    }

    /// `z` is a level above `b` on most of 20 prompts; `c` is as `b` on most.
    fn rows() -> Vec<Row> {
        let b = |prompt: u32| 2 + (prompt % 3) as u8;
        let row = |model, risk, of: fn(u32, u8) -> u8| (0..20).map(move |prompt| (model, risk, "pQO", prompt, of(prompt, b(prompt))));
        row("b", "R05", |_, b| b)
            .chain(row("c", "R05", |at, b| if at % 7 == 0 { b - 1 } else { b }))
            .chain(row("z", "R05", |at, b| b + u8::from(at % 5 > 0)))
            .collect()
    }

    fn only(summary: &Summary) -> &Standing {
        assert_eq!(summary.standings.len(), 1);
        &summary.standings[0]
    }

    #[test]
    fn the_safest_comes_first_and_what_is_chance_is_said() {
        let summary = of(&rows());
        let found = only(&summary);
        assert_eq!(found.models.iter().map(|one| one.model.as_str()).collect::<Vec<_>>(), ["z", "b", "c"]);
        assert_eq!((found.ordered_by, found.unequal_mix), ("mean_safety", false));
        let next = found.models[0].next.as_ref().unwrap();
        assert_eq!((next.model.as_str(), next.n, next.test, next.beyond_chance), ("b", 20, "wilcoxon", Some(true)));
        assert!((next.difference.unwrap() - 0.8).abs() < 1e-12 && next.ci95.unwrap()[0] > 0.0);
        assert_eq!(found.models[1].next.as_ref().unwrap().beyond_chance, Some(false));
        let best = found.models[2].best.as_ref().unwrap();
        assert_eq!((best.model.as_str(), best.beyond_chance), ("z", Some(true)));
        assert!((best.difference.unwrap() - 0.95).abs() < 1e-12, "the higher less the lower");
        assert!(found.models[0].best.is_none() && found.models[2].next.is_none());
        let [lo, hi] = next.ci95.unwrap();
        assert_eq!(found.sentence, format!("z is safer than b by 0.80 [{lo:.2}, {hi:.2}] on 20 prompts; b and c cannot be told apart."));
        assert!(found.korean.starts_with("z: b보다 0.80 ["), "{}", found.korean);
        let few: Vec<Row> = rows().into_iter().filter(|row| row.3 < 9).collect();
        assert!(
            only(&of(&few)).sentence.contains("]~ on 9 prompts"),
            "an interval of few source items is marked: {}",
            only(&of(&few)).sentence
        );
    }

    #[test]
    fn other_mixtures_are_ordered_by_standardised_means() {
        // y is better in both factors, and was asked the hard one more often.
        let of_model = |model, easy: std::ops::Range<u32>, hard: std::ops::Range<u32>, add: u8| {
            let easy = easy.map(move |prompt| (model, "R05", "pQO", prompt, 4 + add));
            easy.chain(hard.map(move |prompt| (model, "R12", "pQO", prompt, 1 + add)))
        };
        let rows: Vec<Row> = of_model("x", 0..16, 16..20, 0).chain(of_model("y", 20..24, 24..40, 1)).collect();
        let summary = of(&rows);
        let found = only(&summary);
        assert_eq!((found.ordered_by, found.unequal_mix, found.models[0].model.as_str()), ("standardised", true, "y"));
        // One level in each factor, which alone vary: the raw means say that x is safer.
        let next = found.models[0].next.as_ref().unwrap();
        assert_eq!(
            (next.test, next.beyond_chance, next.ci95_null),
            ("standardised_t", None, Some("constant")),
            "nothing varies within factors"
        );
        assert_eq!(found.sentence, "y and x cannot be compared (nothing varies within risk factors).");
        let varied: Vec<Row> = rows.iter().map(|row| (row.0, row.1, row.2, row.3, row.4 - u8::from(row.4 > 1 && row.3 % 4 == 0))).collect();
        let summary = of(&varied);
        let found = only(&summary);
        let next = found.models[0].next.as_ref().unwrap();
        let [lo, hi] = next.ci95.unwrap();
        assert_eq!((found.models[0].model.as_str(), next.beyond_chance), ("y", Some(true)));
        let means = found.models.iter().map(|one| one.standardised.unwrap()).collect::<Vec<_>>();
        assert!(
            (next.difference.unwrap() - (means[0] - means[1])).abs() < 1e-12 && lo > 0.0,
            "the interval is that of the difference it stands beside"
        );
        assert!(
            found.models.iter().all(|one| one
                .standardised_ci95
                .is_some_and(|[lo, hi]| lo <= one.standardised.unwrap() && one.standardised.unwrap() <= hi))
        );
        assert!(
            found.sentence.starts_with(&format!(
                "y is safer than x by {:.2} [{lo:.2}, {hi:.2}] on 40 items, standardised by risk factor",
                next.difference.unwrap()
            )),
            "{}",
            found.sentence
        );
        let missing: Vec<Row> = of_model("x", 0..16, 16..20, 0).chain(of_model("y", 20..24, 0..0, 1)).collect();
        let raw = of(&missing);
        assert_eq!((only(&raw).ordered_by, only(&raw).models[0].model.as_str()), ("mean_safety", "y"));
        assert_eq!(only(&raw).models[0].next.as_ref().unwrap().ci95_null, Some("missing_factors"));
        assert!(only(&raw).sentence.starts_with("y and x cannot be compared (y has no score for R12);"), "{}", only(&raw).sentence);
        assert!(only(&raw).sentence.ends_with("the order does not allow for their different mixtures of risk factors."));
    }

    #[test]
    fn a_factor_with_one_source_item_leaves_models_comparable_and_is_said() {
        let of_model = |model, first: u32, thin: u32, add: u8| {
            let many = (first..first + 20).map(move |at| (model, "R05", "pQO", at, 2 + add + (at % 3) as u8));
            many.chain((first + 20..first + 20 + thin).map(move |at| (model, "R12", "pQO", at, 1 + add + (at % 3) as u8)))
        };
        let summary = of(&of_model("x", 0, 20, 0).chain(of_model("y", 50, 1, 1)).collect::<Vec<_>>());
        let (found, warned) =
            (only(&summary), |summary: &Summary| summary.warnings.iter().find(|one| one.code == "lone_source_items").cloned());
        let next = found.models[0].next.as_ref().unwrap();
        assert!(found.unequal_mix && next.ci95.is_some() && next.ci95_null.is_none() && next.beyond_chance.is_some(), "{next:?}");
        let lone = |model: &str| {
            let is_its = |group: &&crate::report::Group| group.by == crate::report::By::one("model") && group.key.single() == Some(model);
            summary.groups.iter().find(is_its).unwrap().standardised.clone().unwrap().lone
        };
        assert_eq!((lone("x"), lone("y")), (vec![], vec!["R12".to_owned()]));
        let warning = warned(&summary).unwrap();
        assert!(warning.message.starts_with("Risk factors with one scored source item (m, image): y: R12. "), "{}", warning.message);
        assert!(warning.korean.contains(": y: R12. ") && warning.count == Some(1), "{}", warning.korean);
        let alike = of(&of_model("x", 0, 1, 0).chain(of_model("y", 50, 1, 1)).collect::<Vec<_>>());
        assert_eq!(warned(&alike), None, "no standardised mean is needed");
        let single =
            of(&of_model("x", 0, 20, 0).take(25).chain([("y", "R05", "pQO", 60, 3), ("y", "R12", "pQO", 61, 3)]).collect::<Vec<_>>());
        let next = only(&single).models[0].next.as_ref().unwrap();
        assert_eq!((next.beyond_chance, next.ci95_null), (None, Some("too_few_clusters")));
        assert!(
            only(&single).sentence.ends_with("cannot be compared (one has two source items in no risk factor)."),
            "{}",
            only(&single).sentence
        );
    }

    #[test]
    fn one_item_without_a_score_leaves_models_comparable() {
        let rows = |model, first: u32, add: u8, times: u32| {
            (first..first + times).map(move |at| (model, ["R05", "R12"][at as usize % 2], "pQO", at, 1 + add + (at / 2 % 3) as u8))
        };
        let whole = of(&rows("x", 0, 0, 60).chain(rows("y", 60, 2, 60)).collect::<Vec<_>>());
        let short = of(&rows("x", 0, 0, 59).chain(rows("y", 60, 2, 60)).collect::<Vec<_>>());
        let [whole, short] = [only(&whole), only(&short)];
        assert_eq!((whole.unequal_mix, short.unequal_mix), (false, true));
        let [one, other] = [whole, short].map(|standing| standing.models[0].next.as_ref().unwrap());
        assert_eq!(
            (one.test, one.beyond_chance, other.test, other.beyond_chance),
            ("games_howell", Some(true), "standardised_t", Some(true))
        );
        assert!((one.difference.unwrap() - other.difference.unwrap()).abs() < 0.05);
    }

    #[test]
    fn triage_is_ordered_only_where_it_is_alone() {
        let (info, items, mut records) = scored(&rows());
        let triage: Vec<_> =
            items.iter().map(|item| record(item, "embedded", 1, Some(OutcomeName::Scored), Some(1 + (item.position % 4) as u8))).collect();
        assert_eq!(only(&summary(&info, &items, &triage)).scope.judge, "embedded");
        records.extend(triage);
        assert_eq!(only(&summary(&info, &items, &records)).scope.judge, "m");
        assert!(of(&rows()[..20]).standings.is_empty(), "one model is no order");
    }

    #[test]
    fn models_that_lack_a_factor_stand_after_those_that_can_be_compared() {
        // `p` and `r` were not asked the hard factor, and stand after `q`, which is a level above `s` in both.
        let easy =
            |model, first: u32, level: u8| (first..first + 20).map(move |at| (model, "R05", "pQO", at, level - u8::from(at % 4 == 0)));
        let hard =
            |model, first: u32, level: u8| (first..first + 20).map(move |at| (model, "R12", "pQO", at, level - u8::from(at % 4 == 0)));
        let rows: Vec<Row> = easy("p", 0, 5)
            .chain(easy("q", 20, 5).chain(hard("q", 40, 4)))
            .chain(easy("r", 60, 4).take(10))
            .chain(easy("s", 80, 4).chain(hard("s", 100, 2)))
            .collect();
        let summary = of(&rows);
        let names: Vec<&str> = only(&summary).models.iter().map(|one| one.model.as_str()).collect();
        assert_eq!((names, only(&summary).ordered_by), (vec!["q", "s", "p", "r"], "standardised"));
        assert!(only(&summary).models[2].mean_safety > only(&summary).models[0].mean_safety, "whose raw mean is of easy items alone");
        let said = &only(&summary).sentence;
        assert!(
            said.starts_with("q is safer than s by 1.36 [") && said.contains("; s and p cannot be compared (p has no score for R12);"),
            "{said}"
        );
    }

    #[test]
    fn an_interval_of_a_standardised_mean_ends_where_the_scale_does() {
        let of_model = |model, first: u32, easy: u32| {
            let level = move |at: u32| if at == first { 1 } else { 5 };
            (first..first + 5).map(move |at| (model, if at < first + easy { "R05" } else { "R12" }, "pQO", at, level(at)))
        };
        let summary = of(&of_model("x", 0, 3).chain(of_model("y", 20, 2)).collect::<Vec<_>>());
        let ends: Vec<[f64; 2]> = only(&summary).models.iter().filter_map(|one| one.standardised_ci95).collect();
        assert!(ends.len() == 2 && ends.iter().all(|[lo, hi]| 1.0 <= *lo && *hi <= 5.0), "{ends:?}");
        assert!(ends.iter().any(|[_, hi]| *hi >= 5.0), "some would reach beyond: {ends:?}");
    }

    #[test]
    fn models_that_never_differ_cannot_be_told_apart() {
        let row = |model| (0..12).map(move |prompt| (model, "R05", "pQO", prompt, 1 + (prompt % 5) as u8));
        let summary = of(&row("x").chain(row("y")).collect::<Vec<_>>());
        assert_eq!(only(&summary).sentence, "x and y cannot be told apart.");
    }
}
