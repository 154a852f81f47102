//! The mixture of risk factors that all items of a scope make, and each model's mean under it.

use std::collections::BTreeMap;

use super::scope::Scoped;
use crate::ledger::Name;
use crate::stats::{self, Standardised, Stratified};

/// Factors, ascending, and how many items are of each; items without a factor have no part in it.
pub(super) struct Mixture {
    factors: Vec<Name>,
    shares: Vec<f64>,
}

impl Mixture {
    pub(super) fn of(scoped: &Scoped) -> Self {
        let mut shares: BTreeMap<Name, f64> = BTreeMap::new();
        scoped.items.iter().filter_map(|one| scoped.of(one).risk).for_each(|factor| *shares.entry(factor).or_default() += 1.0);
        let (factors, shares) = shares.into_iter().unzip();
        Self { factors, shares }
    }

    /// Whether no item has a factor.
    pub(super) const fn is_empty(&self) -> bool {
        self.factors.is_empty()
    }

    /// The mean of each of `models`, which are ascending, under this mixture.
    pub(super) fn means(&self, scoped: &Scoped, models: &[Option<Name>]) -> Vec<Standardised> {
        let value = |one| {
            let item = scoped.of(one);
            let (stratum, kind) = (self.factors.binary_search(&item.risk?).ok()? as u32, models.binary_search(&item.model).ok()? as u32);
            Some(Stratified { stratum, cluster: item.source, kind, value: one.safety? })
        };
        stats::standardise(&self.shares, scoped.by_source().filter_map(value), models.len())
    }

    /// The names of factors by their places, such as of those that a mean lacks.
    pub(super) fn names(&self, scoped: &Scoped, places: &[usize]) -> Vec<String> {
        places.iter().map(|place| scoped.facts.name(self.factors[*place]).to_owned()).collect()
    }
}

/// Whether the scored items of two models lie otherwise over risk factors.
pub(super) fn is_unequal(scoped: &Scoped) -> bool {
    let mut models: BTreeMap<Name, BTreeMap<Option<Name>, usize>> = BTreeMap::new();
    for one in scoped.items.iter().filter(|one| one.safety.is_some()) {
        let item = scoped.of(one);
        if let Some(model) = item.model {
            *models.entry(model).or_default().entry(item.risk).or_default() += 1;
        }
    }
    // Shares as fractions: every count times the other's total.
    let total = |counts: &BTreeMap<Option<Name>, usize>| counts.values().sum::<usize>();
    let alike = |one: &BTreeMap<Option<Name>, usize>, other: &BTreeMap<Option<Name>, usize>| {
        one.len() == other.len()
            && one.iter().all(|(risk, count)| other.get(risk).is_some_and(|theirs| count * total(other) == theirs * total(one)))
    };
    let mut models = models.values();
    models.next().is_some_and(|first| models.any(|other| !alike(first, other)))
}
