//! Several judges and repeats: which tasks are worth asking, how many answers become one, and under which mixture of risk factors models stand. Pure: facts
//! in, tasks and rows out.

mod cascade;
mod mixture;
mod panel;
mod settings;
mod strata;
#[cfg(test)]
mod tests;
mod wanted;

pub use cascade::{CascadeEstimate, CascadeMean, CascadeRow};
pub use mixture::{Answer, MISSING_FACTORS, Mixture, STANDARDISED, StandardisedMean, is_standardised, is_unequal, order};
pub use panel::{Dissent, PanelMean, PanelRow};
pub use settings::{Adaptive, Cascade, Panel, Rule, Settings};
#[cfg(test)]
pub(crate) use wanted::audited;
pub use wanted::wanted;

use crate::ledger::{Facts, TaskFacts};

/// The tasks that `wanted` lets through, but for probes, which are no evidence on the items: by rubric and sampler, and then case by case (an item
/// under one rubric and one sampler) in the order of ids.
fn cases(facts: &Facts, wanted: impl Fn(&TaskFacts) -> bool) -> Vec<&TaskFacts> {
    let plain: Vec<bool> = facts.scopes().iter().map(|of| !of.scope.is_probe()).collect();
    let mut tasks: Vec<&TaskFacts> = facts.tasks().iter().filter(|task| plain[task.scope as usize] && wanted(task)).collect();
    let ranks = facts.ranks();
    tasks.sort_by_key(|task| (kind(facts, task), ranks[task.item as usize], facts.scope(task).judge.as_str()));
    tasks
}

/// What every case of a row has in common.
fn kind<'f>(facts: &'f Facts, task: &TaskFacts) -> (&'f str, Option<&'f str>) {
    let scope = facts.scope(task);
    (&scope.rubric, scope.sampler.as_deref())
}
