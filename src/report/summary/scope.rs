//! What may be pooled: one judge under one rubric and one sampler, with repeats averaged per item.

pub use crate::ledger::Scope;

use std::collections::BTreeMap;

use super::settings::RunSettings;
use crate::ensemble::{Answer, Cascade};
use crate::judge::{OutcomeName, Scale};
use crate::ledger::{Facts, ItemFacts, RunInfo, ScopeFacts, TaskFacts};
use crate::stats::Observed;

/// The tasks and items of one scope.
pub(in crate::report) struct Scoped<'a> {
    pub facts: &'a Facts,
    pub scope: &'a Scope,
    /// The scope's number.
    pub number: u32,
    /// Its numbers are triage, not the rubric's scale.
    pub uncalibrated: bool,
    /// Its items are what a cascade's first judge passed on, not all that there are.
    pub selected: bool,
    /// In manifest order.
    pub items: Vec<Pooled>,
    /// Their places, those of one source item side by side, so that sorting any part of them by source costs little.
    by_source: Vec<u32>,
    /// Places of its tasks among those of the run.
    tasks: Vec<u32>,
}

/// One item with its repeats averaged.
pub(in crate::report) struct Pooled {
    /// The item's number.
    pub item: u32,
    /// The model produced nothing by policy.
    pub blocked: bool,
    /// Owed a verdict and got none: some repeat failed or is pending, and none is scored.
    pub failed: bool,
    /// Mean over its scored repeats.
    pub safety: Option<f64>,
    /// Share of its repeats that the judge refused, 0..=1.
    pub refused: f64,
}

impl<'a> Scoped<'a> {
    /// The scopes of a run, ascending.
    pub(in crate::report) fn split(info: &RunInfo, settings: &RunSettings, facts: &'a Facts) -> Vec<Self> {
        let mut tasks: Vec<Vec<u32>> = facts.scopes().iter().map(|of| Vec::with_capacity(of.tasks)).collect();
        facts.tasks().iter().zip(0..).for_each(|(task, place)| tasks[task.scope as usize].push(place));
        let scoped = |((of, tasks), number): ((&'a ScopeFacts, Vec<u32>), u32)| {
            let scope = &of.scope;
            let is_triage = |place: &u32| facts.tasks()[*place as usize].scale == Some(Scale::TriageUncalibrated);
            let uncalibrated = info.triage_judges.contains(&scope.judge) || tasks.iter().any(is_triage);
            let mut one = Self { facts, scope, number, uncalibrated, selected: false, items: Vec::new(), by_source: Vec::new(), tasks };
            one.items = one.pool();
            one.by_source = one.order();
            one
        };
        let mut all: Vec<Self> = facts.scopes().iter().zip(tasks).zip(0..).map(scoped).collect();
        if let Some(cascade) = &settings.ensemble.cascade {
            mark_selected(cascade, &mut all);
        }
        all
    }

    /// Whether its numbers are no answer for all items on the rubric's scale: they decide nothing where others can.
    pub(in crate::report) const fn is_apart(&self) -> bool {
        self.uncalibrated || self.selected
    }

    /// Its tasks, in the order of `verdicts.jsonl`.
    pub(in crate::report) fn tasks(&self) -> impl Iterator<Item = &'a TaskFacts> + Clone {
        let all = self.facts.tasks();
        self.tasks.iter().map(move |place| &all[*place as usize])
    }

    /// What is known of an item.
    pub(in crate::report) fn of(&self, one: &Pooled) -> &'a ItemFacts {
        self.facts.item(one.item)
    }

    /// Its items, those of one source side by side.
    pub(super) fn by_source(&self) -> impl Iterator<Item = &Pooled> {
        self.by_source.iter().map(|place| &self.items[*place as usize])
    }

    /// The score of an item by its number; `None` where there is none.
    pub(in crate::report) fn safety_of(&self, item: u32) -> Option<f64> {
        let place = self.items.binary_search_by_key(&item, |one| one.item).ok()?; // in manifest order, and so are numbers
        self.items[place].safety
    }

    /// What its items say of the models that answered, those of one source side by side.
    pub(super) fn answers(&self) -> impl Iterator<Item = Answer> {
        self.by_source().map(|one| Answer::of(self.facts, one.item, one.safety))
    }

    /// An item's score as one value of its source; `None` without a verdict.
    pub(super) fn observed(&self, one: &Pooled) -> Option<Observed> {
        Some(Observed { cluster: self.of(one).source as usize, value: one.safety? })
    }

    /// What it has in common with the scopes of other judges.
    fn case(&self) -> (&'a str, Option<&'a str>) {
        (&self.scope.rubric, self.scope.sampler.as_deref())
    }

    fn pool(&self) -> Vec<Pooled> {
        let item = |place: &u32| self.facts.tasks()[*place as usize].item;
        let repeats = self.tasks.chunk_by(|one, other| item(one) == item(other));
        let mut pooled = Vec::with_capacity(repeats.clone().count());
        pooled.extend(repeats.map(|places| self.average(places)));
        pooled
    }

    fn order(&self) -> Vec<u32> {
        let mut places: Vec<u32> = (0..self.items.len() as u32).collect();
        places.sort_by_key(|place| self.of(&self.items[*place as usize]).source); // stable: items of a source stay in manifest order
        places
    }

    fn average(&self, places: &[u32]) -> Pooled {
        let rows = || places.iter().map(|place| &self.facts.tasks()[*place as usize]);
        let (sum, scored) = rows().filter_map(|row| row.safety).fold((0.0, 0), |(sum, n), safety| (sum + f64::from(safety), n + 1));
        let ended = |outcome| rows().filter(|row| row.outcome == Some(outcome)).count();
        Pooled {
            item: self.facts.tasks()[places[0] as usize].item,
            blocked: ended(OutcomeName::SafelyBlocked) > 0,
            failed: scored == 0 && rows().any(|row| row.outcome.is_none_or(|outcome| !outcome.is_clean())),
            safety: (scored > 0).then(|| sum / f64::from(scored)),
            refused: ended(OutcomeName::JudgeRefused) as f64 / places.len() as f64,
        }
    }
}

/// The second judge's scopes with fewer items than the first judge's: where everything was passed on, nothing was selected.
fn mark_selected(cascade: &Cascade, scopes: &mut [Scoped]) {
    let firsts: BTreeMap<(&str, Option<&str>), usize> =
        scopes.iter().filter(|one| one.scope.judge == cascade.first).map(|one| (one.case(), one.items.len())).collect();
    for one in scopes.iter_mut().filter(|one| one.scope.judge == cascade.then) {
        one.selected = firsts.get(&one.case()).is_some_and(|all| *all > one.items.len());
    }
}

impl Pooled {
    /// The model gave nothing, and no repeat has a score.
    pub(in crate::report) const fn is_blocked(&self) -> bool {
        self.blocked && self.safety.is_none()
    }
}
