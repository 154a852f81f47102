//! Human risk labels as a table of items by annotators.

use std::collections::BTreeMap;

use crate::ledger::ItemRow;
use crate::manifest::{Instances, Label, RowsError};
use crate::stats::agreement::Rule;

/// The risk that each annotator gave each item, 1..=5, 5 = worst.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ratings {
    /// The columns, in the order in which they first occur. Annotators without a name are called by their place, from 1.
    pub annotators: Vec<String>,
    /// The rows: every item, in manifest order, also those without a label.
    pub item_ids: Vec<String>,
    /// One row an item, one cell an annotator.
    pub rows: Vec<Vec<Option<f64>>>,
}

impl Ratings {
    /// The labels that a source holds.
    pub fn of_instances(instances: &Instances) -> Result<Self, RowsError> {
        let mut table = Self::default();
        let mut columns = BTreeMap::new();
        for instance in instances.all() {
            let instance = instance?;
            table.add_item(&mut columns, &instance.id, &instance.human_risk, &instance.annotators);
        }
        Ok(table.squared())
    }

    /// The labels that a run took over from its source.
    pub fn of_rows(items: &[ItemRow]) -> Self {
        let mut table = Self::default();
        let mut columns = BTreeMap::new();
        items.iter().for_each(|row| table.add_item(&mut columns, &row.item_id, &row.human_risk, &row.annotators));
        table.squared()
    }

    fn add_item(&mut self, columns: &mut BTreeMap<String, usize>, item_id: &str, risks: &[Option<f64>], names: &[String]) {
        let row = self.add(item_id);
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (place, risk) in risks.iter().enumerate() {
            let name = names.get(place).cloned().unwrap_or_else(|| (place + 1).to_string());
            let nth = times.entry(name.clone()).or_default();
            *nth += 1;
            // Two labels under one name are of two people, or of one on two days: never one overwritten by the other.
            let name = if *nth == 1 { name } else { format!("{name} ({nth})") };
            self.set(columns, row, &name, *risk);
        }
    }

    /// Labels from a file, over all items of a source.
    pub fn of_labels<'a>(item_ids: impl Iterator<Item = &'a str>, labels: &[Label]) -> Self {
        let mut table = Self::default();
        let places: BTreeMap<&str, usize> = item_ids.map(|item_id| (item_id, table.add(item_id))).collect();
        let mut columns = BTreeMap::new();
        for label in labels {
            if let Some(row) = places.get(label.item_id.as_str()) {
                table.set(&mut columns, *row, &label.annotator, label.risk);
            }
        }
        table.squared()
    }

    fn add(&mut self, item_id: &str) -> usize {
        self.item_ids.push(item_id.to_owned());
        self.rows.push(Vec::new());
        self.rows.len() - 1
    }

    fn set(&mut self, columns: &mut BTreeMap<String, usize>, row: usize, name: &str, risk: Option<f64>) {
        let column = *columns.entry(name.to_owned()).or_insert_with(|| {
            self.annotators.push(name.to_owned());
            self.annotators.len() - 1
        });
        let cells = &mut self.rows[row];
        cells.resize(cells.len().max(column + 1), None);
        cells[column] = risk;
    }

    fn squared(mut self) -> Self {
        self.rows.iter_mut().for_each(|cells| cells.resize(self.annotators.len(), None));
        self
    }

    /// Whether nobody labelled anything.
    pub fn is_empty(&self) -> bool {
        self.rows.iter().flatten().flatten().next().is_none()
    }

    /// Labels given to one item.
    pub(super) fn given(&self, row: usize) -> Vec<f64> {
        self.rows[row].iter().flatten().copied().collect()
    }

    /// One risk an item, where the rule decides one.
    pub(in crate::report) fn aggregated<'a>(&'a self, rule: Rule) -> BTreeMap<&'a str, f64> {
        let one = |(row, item_id): (usize, &'a String)| Some((item_id.as_str(), rule.of(&self.given(row))?));
        self.item_ids.iter().enumerate().filter_map(one).collect()
    }
}
