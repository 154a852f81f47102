//! Human risk labels as a table of items by annotators.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ledger::{Facts, Texts};
use crate::manifest::{Instances, Label, RowsError};
use crate::stats::agreement::Rule;

/// The risk that each annotator gave each item, 1..=5, 5 = worst.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ratings {
    /// The columns, in the order in which they first occur. Annotators without a name are called by their place, from 1.
    pub annotators: Vec<String>,
    /// The rows: the ids of every item, in manifest order, also of those without a label.
    pub ids: Arc<Texts>,
    /// One cell an annotator, row after row.
    cells: Vec<Option<f64>>,
}

/// Labels as they come.
#[derive(Default)]
struct Given {
    annotators: Vec<String>,
    columns: BTreeMap<String, usize>,
    /// Row, column and risk.
    labels: Vec<(usize, usize, Option<f64>)>,
}

impl Ratings {
    /// The labels that a source holds.
    pub fn of_instances(instances: &Instances) -> Result<Self, RowsError> {
        let (mut given, mut ids) = (Given::default(), Texts::default());
        for (instance, row) in instances.all().zip(0..) {
            let instance = instance?;
            let named = |(risk, place): (&Option<f64>, usize)| (instance.annotators.get(place).map(String::as_str), *risk);
            given.item(row, instance.human_risk.iter().zip(0..).map(named));
            ids.push(&instance.id);
        }
        Ok(given.over(Arc::new(ids)))
    }

    /// The labels that a run took over from its source.
    pub fn of_facts(facts: &Facts) -> Self {
        let mut given = Given::default();
        for (item, row) in (0..facts.items().len() as u32).zip(0..) {
            given.item(row, facts.labels(item).iter().map(|label| (label.annotator.map(|name| facts.name(name)), label.risk)));
        }
        given.over(Arc::clone(facts.ids()))
    }

    /// Labels from a file, over all items of a source.
    pub fn of_labels(ids: Arc<Texts>, labels: &[Label]) -> Self {
        let places: BTreeMap<&str, usize> = ids.iter().zip(0..).collect();
        let mut given = Given::default();
        for label in labels {
            if let Some(row) = places.get(label.item_id.as_str()) {
                given.set(*row, &label.annotator, label.risk);
            }
        }
        given.over(ids)
    }

    /// Whether nobody labelled anything.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().flatten().next().is_none()
    }

    /// One row an item, one cell an annotator; no rows without annotators.
    pub(in crate::report) fn rows(&self) -> Vec<&[Option<f64>]> {
        self.cells.chunks(self.annotators.len().max(1)).collect()
    }

    /// The cells of one item.
    pub(super) fn row(&self, item: usize) -> &[Option<f64>] {
        let width = self.annotators.len();
        &self.cells[item * width..(item + 1) * width]
    }

    /// Labels given to one item.
    pub(super) fn given(&self, item: usize) -> Vec<f64> {
        self.row(item).iter().flatten().copied().collect()
    }

    /// One risk an item, where the rule decides one; nothing at all where nobody labelled anything.
    pub(in crate::report) fn aggregated(&self, rule: Rule) -> Vec<Option<f64>> {
        let items = if self.is_empty() { 0 } else { self.ids.len() };
        (0..items).map(|item| rule.of(&self.given(item))).collect()
    }
}

impl Given {
    /// The labels of one item with the names of those who gave them.
    fn item<'a>(&mut self, row: usize, labels: impl Iterator<Item = (Option<&'a str>, Option<f64>)>) {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (place, (name, risk)) in labels.enumerate() {
            let name = name.map_or_else(|| (place + 1).to_string(), str::to_owned);
            let nth = times.entry(name.clone()).or_default();
            *nth += 1;
            // Two labels under one name are of two people, or of one on two days: never one overwritten by the other.
            let name = if *nth == 1 { name } else { format!("{name} ({nth})") };
            self.set(row, &name, risk);
        }
    }

    fn set(&mut self, row: usize, name: &str, risk: Option<f64>) {
        let column = self.columns.get(name).copied().unwrap_or_else(|| {
            self.annotators.push(name.to_owned());
            self.columns.insert(name.to_owned(), self.annotators.len() - 1);
            self.annotators.len() - 1
        });
        self.labels.push((row, column, risk));
    }

    fn over(self, ids: Arc<Texts>) -> Ratings {
        let Self { annotators, labels, .. } = self;
        let mut cells = vec![None; ids.len() * annotators.len()];
        labels.into_iter().for_each(|(row, column, risk)| cells[row * annotators.len() + column] = risk);
        Ratings { annotators, ids, cells }
    }
}
