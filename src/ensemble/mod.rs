//! Several judges and repeats: which tasks are worth asking, and how many answers become one. Pure: records in, tasks and rows out.

mod cascade;
mod panel;
mod settings;
#[cfg(test)]
mod tests;
mod wanted;

pub use cascade::CascadeRow;
pub use panel::{Dissent, PanelRow};
pub use settings::{Adaptive, Cascade, Panel, Rule, Settings};
pub use wanted::wanted;

use crate::ledger::Record;

/// One thing that is judged: an item under one rubric and one sampler.
type Case<'r> = (&'r str, &'r str, Option<&'r str>);

fn case(record: &Record) -> Case<'_> {
    (&record.item_id, &record.rubric, record.sampler.as_deref())
}
