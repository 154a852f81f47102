//! What one run says of its items, scope by scope.

use std::cmp::Ordering;

use crate::ledger::{Facts, ItemFacts, Name, RunInfo, Scope};
use crate::report::summary::{Pooled, RunSettings, Scoped};
use crate::stats;

/// The items of one scope.
pub(super) struct ScopedItems<'a> {
    pub(super) scope: &'a Scope,
    /// Its numbers are triage, not the rubric's scale.
    pub(super) uncalibrated: bool,
    pub(super) facts: &'a Facts,
    /// In the order of their ids.
    pub(super) items: Vec<Pooled>,
}

/// The scopes of a run, ascending; without probes, which are no evidence on the items, and without triage and what a cascade
/// selected unless they are alone.
pub(super) fn of<'a>(info: &RunInfo, settings: &RunSettings, facts: &'a Facts) -> Vec<ScopedItems<'a>> {
    let (scopes, ranks) = (Scoped::split(info, settings, facts), facts.ranks());
    let alone = scopes.iter().all(Scoped::is_apart);
    let judged = scopes.into_iter().filter(|one| (alone || !one.is_apart()) && !one.scope.is_probe());
    let items = |one: Scoped<'a>| {
        let Scoped { scope, uncalibrated, mut items, .. } = one;
        items.sort_unstable_by_key(|one| ranks[one.item as usize]);
        ScopedItems { scope, uncalibrated, facts, items }
    };
    judged.map(items).collect()
}

impl<'a> ScopedItems<'a> {
    pub(super) fn id(&self, one: &Pooled) -> &'a str {
        self.facts.id(one.item)
    }

    /// What is known of an item.
    pub(super) fn of(&self, one: &Pooled) -> &'a ItemFacts {
        self.facts.item(one.item)
    }

    pub(super) fn text(&self, name: Option<Name>) -> Option<&'a str> {
        name.map(|name| self.facts.name(name))
    }

    /// Items with a score.
    pub(super) fn scored(&self) -> usize {
        self.items.iter().filter(|one| one.safety.is_some()).count()
    }

    /// Whether the items that both scored stand for the comparison.
    pub(super) fn is_paired(&self, other: &Self) -> bool {
        let both = self.shared(other).iter().filter(|(one, two)| one.safety.is_some() && two.safety.is_some()).count();
        stats::is_paired(both, self.scored(), other.scored())
    }

    /// The items that both have, in the order of their ids.
    pub(super) fn shared<'s>(&'s self, other: &'s Self) -> Vec<(&'s Pooled, &'s Pooled)> {
        let (mut shared, mut rest) = (Vec::new(), other.items.iter().peekable());
        for one in &self.items {
            while rest.next_if(|two| other.id(two).cmp(self.id(one)) == Ordering::Less).is_some() {}
            shared.extend(rest.next_if(|two| other.id(two) == self.id(one)).map(|two| (one, two)));
        }
        shared
    }
}
