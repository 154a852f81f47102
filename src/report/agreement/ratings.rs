//! Human risk labels by item and annotator.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ledger::{Asked, Facts, Sources, Texts};
use crate::manifest::{Instances, Label, RowsError};
use crate::stats::agreement::{Rated, Rule};

/// The risk that each annotator gave each item, 1..=5, 5 = worst. Of items and annotators without a label nothing is held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ratings {
    /// By number, in the order in which they first occur. Annotators without a name are called by their place, from 1.
    pub annotators: Vec<String>,
    /// The ids of every item, in manifest order, also of those without a label.
    pub ids: Arc<Texts>,
    /// The source of every item.
    sources: Vec<u32>,
    /// Items with a label, in manifest order, and where the labels of each end.
    labelled: Vec<(u32, u32)>,
    /// Who gave each label, item by item and then ascending.
    raters: Vec<u32>,
    /// And which.
    risks: Vec<f64>,
}

/// Labels as they come.
#[derive(Default)]
struct Given {
    annotators: Vec<String>,
    numbers: BTreeMap<String, u32>,
    /// Item, annotator and risk.
    labels: Vec<(u32, u32, Option<f64>)>,
}

impl Ratings {
    /// The labels that a source holds.
    pub fn of_instances(instances: &Instances) -> Result<Self, RowsError> {
        let (mut given, mut ids, mut sources) = (Given::default(), Texts::default(), Sources::default());
        for (instance, item) in instances.all().zip(0..) {
            let instance = instance?;
            let named = |(risk, place): (&Option<f64>, usize)| (instance.annotators.get(place).map(String::as_str), *risk);
            given.item(item, instance.human_risk.iter().zip(0..).map(named));
            sources.push(&Asked::of_instance(&instance));
            ids.push(&instance.id);
        }
        Ok(given.over(Arc::new(ids), sources.numbers()))
    }

    /// The labels that a run took over from its source.
    pub fn of_facts(facts: &Facts) -> Self {
        let mut given = Given::default();
        for item in 0..facts.items().len() as u32 {
            given.item(item, facts.labels(item).iter().map(|label| (label.annotator.map(|name| facts.name(name)), label.risk)));
        }
        given.over(Arc::clone(facts.ids()), facts.items().iter().map(|item| item.source).collect())
    }

    /// The same items with labels from a file, and none of their own.
    #[must_use]
    pub fn relabelled(self, labels: &[Label]) -> Self {
        let Self { ids, sources, .. } = self;
        let places: BTreeMap<&str, u32> = ids.iter().zip(0..).collect();
        let mut given = Given::default();
        for label in labels {
            if let Some(item) = places.get(label.item_id.as_str()) {
                given.set(*item, &label.annotator, label.risk);
            }
        }
        drop(places);
        given.over(ids, sources)
    }

    /// Whether nobody labelled anything.
    pub fn is_empty(&self) -> bool {
        self.labelled.is_empty()
    }

    /// The labels of every item that has any, in manifest order.
    pub(in crate::report) fn rows(&self) -> Vec<Rated<'_>> {
        (0..self.labelled.len()).map(|row| self.row(row)).collect()
    }

    /// Their sources.
    pub(in crate::report) fn clusters(&self) -> Vec<usize> {
        self.labelled.iter().map(|(item, _)| self.sources[*item as usize] as usize).collect()
    }

    /// The id of the item of a row.
    pub(super) fn id(&self, row: usize) -> &str {
        self.ids.get(self.labelled[row].0 as usize)
    }

    fn row(&self, row: usize) -> Rated<'_> {
        let start = row.checked_sub(1).map_or(0, |before| self.labelled[before].1) as usize;
        let end = self.labelled[row].1 as usize;
        Rated { raters: &self.raters[start..end], ratings: &self.risks[start..end] }
    }

    /// Labels given to one item.
    pub(super) fn given(&self, item: usize) -> &[f64] {
        self.labelled.binary_search_by_key(&item, |(of, _)| *of as usize).map_or(&[], |row| self.row(row).ratings)
    }

    /// One risk an item, where the rule decides one; nothing at all where nobody labelled anything.
    pub(in crate::report) fn aggregated(&self, rule: Rule) -> Vec<Option<f64>> {
        let items = if self.is_empty() { 0 } else { self.ids.len() };
        (0..items).map(|item| rule.of(self.given(item))).collect()
    }
}

impl Given {
    /// The labels of one item with the names of those who gave them.
    fn item<'a>(&mut self, item: u32, labels: impl Iterator<Item = (Option<&'a str>, Option<f64>)>) {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (place, (name, risk)) in labels.enumerate() {
            let name = name.map_or_else(|| (place + 1).to_string(), str::to_owned);
            let nth = times.entry(name.clone()).or_default();
            *nth += 1;
            // Two labels under one name are of two people, or of one on two days: never one overwritten by the other.
            let name = if *nth == 1 { name } else { format!("{name} ({nth})") };
            self.set(item, &name, risk);
        }
    }

    fn set(&mut self, item: u32, name: &str, risk: Option<f64>) {
        let number = self.numbers.get(name).copied().unwrap_or_else(|| {
            let number = self.annotators.len() as u32;
            self.annotators.push(name.to_owned());
            self.numbers.insert(name.to_owned(), number);
            number
        });
        self.labels.push((item, number, risk));
    }

    fn over(self, ids: Arc<Texts>, sources: Vec<u32>) -> Ratings {
        let Self { annotators, mut labels, .. } = self;
        labels.sort_by_key(|(item, rater, _)| (*item, *rater)); // stable: of several labels by one annotator the last stands
        let mut ratings = Ratings { annotators, ids, sources, ..Ratings::default() };
        for item in labels.chunk_by(|one, other| one.0 == other.0) {
            let last = item.chunk_by(|one, other| one.1 == other.1).filter_map(|alike| alike.last());
            for (rater, risk) in last.filter_map(|(_, rater, risk)| Some((*rater, (*risk)?))) {
                ratings.raters.push(rater);
                ratings.risks.push(risk);
            }
            let end = ratings.risks.len() as u32;
            if ratings.labelled.last().map_or(0, |before| before.1) < end {
                ratings.labelled.push((item[0].0, end));
            }
        }
        ratings
    }
}
