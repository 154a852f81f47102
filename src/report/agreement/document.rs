//! The answer of `tribunal agree`.

use serde::Serialize;

use super::{Annotators, JudgeAgainstHumans, JudgesAmong, Ratings, judges};
use crate::report::RunView;
use crate::stats::agreement::{Rule, turned};

/// Version of the format.
const SCHEMA: u32 = 1;

/// How far judges and people agree. Undefined numbers are null, never 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// Version of this format.
    pub schema: u32,
    /// The run or source.
    pub source: String,
    /// Where the labels are from: the manifest, or a file.
    pub labels: String,
    /// People label risk and judges give safety: how one becomes the other.
    pub conversion: &'static str,
    /// How several labels of one item become one.
    pub rule: Rule,
    /// Agreement among people; null without a label.
    pub annotators: Option<Annotators>,
    /// The one label of each item that the rule decides, in manifest order.
    pub aggregated: Vec<Aggregated>,
    /// Each judge, rubric and sampler against people; empty for a source or without a label.
    pub judges: Vec<JudgeAgainstHumans>,
    /// Each two judges of one rubric and sampler.
    pub judges_among: Vec<JudgesAmong>,
}

/// One item's label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregated {
    /// The instance.
    pub item_id: String,
    /// 1..=5, 5 = worst.
    pub human_risk: f64,
    /// 6 - risk.
    pub human_safety: f64,
    /// Labels behind it.
    pub n: usize,
}

impl Agreement {
    /// Of a source, or of a run where `run` is given; `source` and `labels` are names for people.
    pub fn of(source: &str, labels: &str, ratings: &Ratings, rule: Rule, run: Option<&RunView>) -> Self {
        let one = |(row, human_risk): (usize, Option<f64>)| {
            let (item_id, human_risk) = (ratings.ids.get(row).to_owned(), human_risk?);
            Some(Aggregated { item_id, human_risk, human_safety: turned(human_risk), n: ratings.given(row).len() })
        };
        let aggregated = ratings.aggregated(rule).into_iter().enumerate().filter_map(one).collect();
        Self { aggregated, ..Self::without_items(source, labels, ratings, rule, run) }
    }

    /// The same without the labels of items one by one.
    pub(in crate::report) fn without_items(source: &str, labels: &str, ratings: &Ratings, rule: Rule, run: Option<&RunView>) -> Self {
        let labelled = run.filter(|_| !ratings.is_empty());
        Self {
            schema: SCHEMA,
            source: source.to_owned(),
            labels: labels.to_owned(),
            conversion: "safety = 6 - risk",
            rule,
            annotators: Annotators::of(ratings),
            aggregated: Vec::new(),
            judges: labelled.map_or_else(Vec::new, |run| judges::against_humans(run, ratings, rule)),
            judges_among: run.map_or_else(Vec::new, judges::among_themselves),
        }
    }
}
