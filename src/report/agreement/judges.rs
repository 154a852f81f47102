//! Judges against people, and judges among themselves.

use serde::Serialize;

use super::{Pairs, Pairwise, Ratings};
use crate::report::RunView;
use crate::report::summary::{Pooled, Scope, Scoped, among};
use crate::stats::agreement::{Rule, turned};

/// Items that are listed where two raters differ.
const LISTED: usize = 20;

/// One judge, rubric and sampler against the people's label of each item; never pooled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgeAgainstHumans {
    /// Which.
    #[serde(flatten)]
    pub scope: Scope,
    /// The judge's numbers are triage, not the rubric's scale.
    pub uncalibrated: bool,
    /// The items are those that a cascade passed on to this judge, not all.
    pub selected: bool,
    /// Items of this scope.
    pub items: usize,
    /// Items with a score and without a label.
    pub unlabelled: usize,
    /// Items with a label and without a score.
    pub unscored: usize,
    /// The judge first, people second; repeats averaged.
    #[serde(flatten)]
    pub agreement: Pairwise,
    /// The largest differences first, at most 20; equal ones are no differences.
    pub farthest: Vec<Apart>,
}

/// An item on which a judge and people differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Apart {
    /// The instance.
    pub item_id: String,
    /// The judge's, averaged over repeats.
    pub safety: f64,
    /// 6 - the people's risk.
    pub human_safety: f64,
    /// The people's label, aggregated.
    pub human_risk: f64,
    /// Judge minus people: above 0 the judge sees it as safer.
    pub difference: f64,
}

/// Two judges under one rubric and one sampler.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgesAmong {
    /// The first, by name.
    pub judge: String,
    /// The second.
    pub other: String,
    /// The rubric.
    pub rubric: String,
    /// Canonical sampler; null unless video.
    pub sampler: Option<String>,
    /// Over items that both scored.
    #[serde(flatten)]
    pub agreement: Pairwise,
}

/// The scopes that hold scores.
fn scopes<'a>(run: &RunView<'a>) -> Vec<Scoped<'a>> {
    let mut scopes = Scoped::split(run.info, run.settings, run.facts);
    scopes.retain(|one| !one.scope.is_probe());
    scopes
}

/// Every scope of a run against the labels.
pub(super) fn against_humans(run: &RunView, ratings: &Ratings, rule: Rule) -> Vec<JudgeAgainstHumans> {
    let risks = ratings.aggregated(rule);
    scopes(run).iter().map(|one| one_against_humans(one, &risks)).collect()
}

fn one_against_humans(scoped: &Scoped, risks: &[Option<f64>]) -> JudgeAgainstHumans {
    let mut both: Vec<(u32, f64, f64)> = Vec::new();
    let (mut unlabelled, mut unscored) = (0, 0);
    for one in &scoped.items {
        match (one.safety, risk(risks, one)) {
            (Some(safety), Some(risk)) => both.push((one.item, safety, risk)),
            (Some(_), None) => unlabelled += 1,
            (None, Some(_)) => unscored += 1,
            (None, None) => {}
        }
    }
    let difference = |(_, safety, risk): &(u32, f64, f64)| safety - turned(*risk);
    both.retain(|one| difference(one) != 0.0);
    both.sort_by(|a, b| difference(b).abs().total_cmp(&difference(a).abs())); // stable: equal ones stay in manifest order
    let apart = |one: (u32, f64, f64)| {
        let (item, safety, human_risk) = one;
        let item_id = scoped.facts.id(item).to_owned();
        Apart { item_id, safety, human_safety: turned(human_risk), human_risk, difference: difference(&one) }
    };
    JudgeAgainstHumans {
        scope: scoped.scope.clone(),
        uncalibrated: scoped.uncalibrated,
        selected: scoped.selected,
        items: scoped.items.len(),
        unlabelled,
        unscored,
        agreement: Pairwise::of(&pairs(scoped, risks)),
        farthest: both.into_iter().take(LISTED).map(apart).collect(),
    }
}

/// Every two calibrated judges that share a rubric and a sampler, and saw all items.
pub(super) fn among_themselves(run: &RunView) -> Vec<JudgesAmong> {
    let scopes = scopes(run);
    let whole: Vec<&Scoped> = scopes.iter().filter(|one| !one.is_apart()).collect();
    let row = |(one, other): (&Scoped, &Scoped)| {
        let Scope { judge, rubric, sampler } = one.scope.clone();
        JudgesAmong { judge, other: other.scope.judge.clone(), rubric, sampler, agreement: Pairwise::of(&shared(one, other)) }
    };
    among(&whole).map(row).collect()
}

/// The safety of items that both scored.
pub(in crate::report) fn shared(one: &Scoped, other: &Scoped) -> Pairs {
    one.items.iter().filter_map(|own| Some((one.of(own).source as usize, own.safety?, other.safety_of(own.item)?))).collect()
}

/// The safety that a judge and people give the items that both rated.
pub(in crate::report) fn pairs(scoped: &Scoped, risks: &[Option<f64>]) -> Pairs {
    let pair = |one: &Pooled| Some((scoped.of(one).source as usize, one.safety?, turned(risk(risks, one)?)));
    scoped.items.iter().filter_map(pair).collect()
}

/// What people say of an item.
fn risk(risks: &[Option<f64>], one: &Pooled) -> Option<f64> {
    risks.get(one.item as usize).copied().flatten()
}
