//! What one run says of its items, scope by scope.

use std::collections::BTreeMap;

use crate::ledger::{ItemRow, Record, RunInfo};
use crate::report::summary::{Pooled, Scope, Scoped};
use crate::rubric::Probe;

/// One item under one scope.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Level {
    /// Mean over its repeats, 1..=5.
    pub(super) safety: Option<f64>,
    /// The model produced nothing by policy.
    pub(super) blocked: bool,
    /// Code of its factor.
    pub(super) risk: Option<String>,
    /// The system under test.
    pub(super) model: Option<String>,
    /// Number of its source item in the run.
    pub(super) source: usize,
}

/// The items of one scope by id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Levels {
    pub(super) scope: Scope,
    /// Its numbers are triage, not the rubric's scale.
    pub(super) uncalibrated: bool,
    pub(super) items: BTreeMap<String, Level>,
}

/// The scopes of a run, ascending; without probes, which are no evidence on the items, and without uncalibrated judges unless they are alone.
pub(super) fn of(info: &RunInfo, items: &[ItemRow], records: &[Record]) -> Vec<Levels> {
    let scopes = Scoped::split(info, items, records);
    let alone = scopes.iter().all(|one| one.uncalibrated);
    let judged = scopes.into_iter().filter(|one| (alone || !one.uncalibrated) && Probe::split(&one.scope.rubric).is_none());
    let levels =
        |one: Scoped<'_>| Levels { items: one.items.iter().map(level).collect(), scope: one.scope, uncalibrated: one.uncalibrated };
    judged.map(levels).collect()
}

fn level(one: &Pooled<'_>) -> (String, Level) {
    let (risk, model) = (one.item.risk.clone(), one.item.model.clone());
    let level = Level { safety: one.safety, blocked: one.blocked, risk, model, source: one.source };
    (one.item.item_id.clone(), level)
}
