//! Where the variance of safety comes from, and what more judges or repeats would buy.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::scope::Scoped;
use crate::ledger::Name;
use crate::stats::components::{Design, Split, generalizability, split};

/// The facets, by index. An item belongs to one model.
const FACETS: [&str; 4] = ["model", "item", "judge", "sampler"];
const ITEM: [usize; 2] = [0, 1];

/// What is asked for, in order; what the data cannot tell apart is left out and named.
const WANTED: [&[usize]; 8] = [&[0], &[0, 1], &[2], &[3], &[0, 1, 2], &[0, 1, 3], &[0, 2], &[2, 3]];

/// Judges and repeats of the designs that are held against each other.
const JUDGES: [u8; 4] = [1, 2, 3, 5];
const REPEATS: [u8; 4] = [1, 2, 3, 5];

/// The variance of safety under one rubric, over all calibrated judges and samplers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VarianceRow {
    /// The rubric.
    pub rubric: String,
    /// Verdicts.
    pub n: usize,
    /// Items with a verdict.
    pub items: usize,
    /// Judges.
    pub judges: usize,
    /// Samplers.
    pub samplers: usize,
    /// All groups of each component are of one size; otherwise Henderson's method 1 keeps the estimates unbiased.
    pub balanced: bool,
    /// In squared levels, the rest last.
    pub components: Vec<ComponentRow>,
    /// Components that these data cannot tell from another or from the rest.
    pub confounded: Vec<String>,
    /// An item's mean under designs that these data can speak of; the item, with its model, is what is measured.
    pub dependability: Vec<DependabilityRow>,
}

/// One component.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComponentRow {
    /// `model`, `item` (within models), `judge`, `sampler`, crossed ones with `:`, and `rest` (repeats, and what is confounded with them).
    pub component: String,
    /// As estimated: below 0 where there is less than chance would make.
    pub variance: f64,
    /// Of the sum of all components, with those below 0 as 0; null when nothing varies.
    pub share: Option<f64>,
}

/// How dependable an item's mean is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DependabilityRow {
    /// Judges averaged over.
    pub judges: u8,
    /// Repeats of each.
    pub repeats: u8,
    /// For ranking items judged by the same judges.
    pub relative: f64,
    /// For the level itself.
    pub absolute: f64,
}

/// One row a rubric, where several judges, samplers or repeats exist.
pub(super) fn of(scopes: &[&Scoped]) -> Vec<VarianceRow> {
    let mut rubrics: BTreeMap<&str, Vec<&Scoped>> = BTreeMap::new();
    for one in scopes {
        rubrics.entry(&one.scope.rubric).or_default().push(one);
    }
    rubrics.into_iter().filter_map(|(rubric, scopes)| row(rubric, &scopes)).collect()
}

fn row(rubric: &str, scopes: &[&Scoped]) -> Option<VarianceRow> {
    let facets = facets(scopes);
    let [items, judges, samplers] = [1, 2, 3].map(|facet: usize| distinct(&facets[facet]));
    // With no more verdicts than items in scopes, nothing was repeated.
    let cells: usize = scopes.iter().map(|one| one.items.iter().filter(|item| item.safety.is_some()).count()).sum();
    let values: Vec<f64> = scopes.iter().flat_map(|one| one.tasks()).filter_map(|task| task.safety).map(f64::from).collect();
    let repeated = values.len() > cells;
    if judges < 2 && samplers < 2 && !repeated {
        return None;
    }
    let found = split(&values, &facets, &WANTED.map(<[usize]>::to_vec))?;
    Some(VarianceRow {
        rubric: rubric.to_owned(),
        n: values.len(),
        items,
        judges,
        samplers,
        balanced: found.balanced,
        components: components(&found),
        confounded: found.confounded.iter().map(|facets| name(facets)).collect(),
        dependability: dependability(&found, judges, repeated),
    })
}

/// The levels of every verdict as numbers in alphabetical order.
fn facets(scopes: &[&Scoped]) -> [Vec<u32>; FACETS.len()] {
    let ranks = scopes.first().map_or_else(Vec::new, |one| one.facts.ranks());
    let judges: BTreeSet<&str> = scopes.iter().map(|one| one.scope.judge.as_str()).collect();
    let samplers: BTreeSet<Option<&str>> = scopes.iter().map(|one| one.scope.sampler.as_deref()).collect();
    let mut facets = [const { Vec::new() }; FACETS.len()];
    for one in scopes {
        let judge = judges.range(..one.scope.judge.as_str()).count() as u32;
        let sampler = samplers.range(..one.scope.sampler.as_deref()).count() as u32;
        for task in one.tasks().filter(|task| task.safety.is_some()) {
            let model = one.facts.item(task.item).model.map_or(0, Name::number);
            let levels = [model, ranks[task.item as usize], judge, sampler];
            facets.iter_mut().zip(levels).for_each(|(facet, level)| facet.push(level));
        }
    }
    facets
}

fn distinct(levels: &[u32]) -> usize {
    let mut levels = levels.to_vec();
    levels.sort_unstable();
    levels.dedup();
    levels.len()
}

fn components(found: &Split) -> Vec<ComponentRow> {
    let all = || found.components.iter().map(|one| (name(&one.facets), one.variance)).chain([("rest".to_owned(), found.residual)]);
    let total: f64 = all().map(|(_, variance)| variance.max(0.0)).sum();
    let share = |variance: f64| (total > 0.0).then(|| variance.max(0.0) / total);
    all().map(|(component, variance)| ComponentRow { component, variance, share: share(variance) }).collect()
}

/// An item's name holds its model already.
fn name(facets: &[usize]) -> String {
    let shown = facets.iter().filter(|facet| **facet != 0 || !facets.contains(&1));
    shown.map(|facet| FACETS[*facet]).collect::<Vec<_>>().join(":")
}

/// More judges only where there are several, more repeats only where there are any; nothing where items cannot be told from the rest.
fn dependability(found: &Split, judges: usize, repeated: bool) -> Vec<DependabilityRow> {
    if !found.components.iter().any(|component| component.facets == ITEM) {
        return Vec::new();
    }
    let judges = if judges > 1 { &JUDGES[..] } else { &JUDGES[..1] };
    let repeats = if repeated { &REPEATS[..] } else { &REPEATS[..1] };
    let of = |judges: u8, repeats: u8| {
        let levels = [1.0, 1.0, f64::from(judges), 1.0];
        let of = generalizability(found, &Design { object: &ITEM, levels: &levels, repeats: f64::from(repeats) })?;
        Some(DependabilityRow { judges, repeats, relative: of.relative, absolute: of.absolute })
    };
    judges.iter().flat_map(|judges| repeats.iter().filter_map(move |repeats| of(*judges, *repeats))).collect()
}
