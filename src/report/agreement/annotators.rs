//! Agreement among the people who labelled, and what their labels amount to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Ratings;
use super::pair::Alphas;
use crate::stats::agreement::{Dispute, Icc, Rated, Reliability, Rule, disputes, fleiss, icc, percent_agreement, reliability};
use crate::stats::mean;

/// Items to adjudicate that are listed; all are counted.
const LISTED: usize = 50;

/// The annotators of a source or of a file of labels. All numbers are on the scale of risk, 5 = worst.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Annotators {
    /// Items of the source.
    pub items: usize,
    /// Items with at least one label.
    pub labelled: usize,
    /// Items with two labels or more, which alpha and the share of equal pairs are over.
    pub pairable: usize,
    /// Items that every annotator labelled; Fleiss' kappa and the ICC are over them.
    pub complete: usize,
    /// Krippendorff's alpha.
    pub alpha: Alphas,
    /// Fleiss' kappa.
    pub fleiss: Option<f64>,
    /// Mean share of equal pairs of labels.
    pub percent_agreement: Option<f64>,
    /// Intraclass correlations.
    pub icc: Option<Icc>,
    /// Each annotator against the others.
    pub annotators: Vec<OneAnnotator>,
    /// What each rule yields.
    pub rules: Vec<RuleRow>,
    /// Items whose labels are two or more levels apart, or without a majority among three or more.
    pub to_adjudicate: usize,
    /// Those, the largest spread first, at most 50.
    pub disputed: Vec<Disputed>,
}

/// One annotator against the mean of the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OneAnnotator {
    /// The name, or the place from 1 where there is none.
    pub annotator: String,
    /// The numbers.
    #[serde(flatten)]
    pub reliability: Reliability,
}

/// What a rule makes of all labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleRow {
    /// The rule.
    pub rule: Rule,
    /// Items that it gives one label.
    pub decided: usize,
    /// Labelled items that it does not.
    pub undecided: usize,
    /// Over decided items.
    pub mean_risk: Option<f64>,
}

/// An item to adjudicate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disputed {
    /// The instance.
    pub item_id: String,
    /// Largest minus smallest label.
    pub spread: f64,
    /// More than half gave one and the same label.
    pub majority: bool,
    /// What each annotator gave.
    pub labels: BTreeMap<String, f64>,
}

impl Annotators {
    /// `None` when nobody labelled anything.
    pub fn of(ratings: &Ratings) -> Option<Self> {
        if ratings.is_empty() {
            return None;
        }
        let (rows, people) = (ratings.rows(), ratings.annotators.len());
        let complete: Vec<&[f64]> = rows.iter().map(|row| row.ratings).filter(|row| row.len() == people).collect();
        let found = disputes(&rows);
        let named = ratings.annotators.iter().cloned().zip(reliability(&rows, people));
        Some(Self {
            items: ratings.ids.len(),
            labelled: rows.len(),
            pairable: rows.iter().filter(|row| row.ratings.len() >= 2).count(),
            complete: complete.len(),
            alpha: Alphas::of(&rows, &ratings.clusters()),
            fleiss: fleiss(&complete),
            percent_agreement: percent_agreement(&rows),
            icc: icc(&complete),
            annotators: named.map(|(annotator, reliability)| OneAnnotator { annotator, reliability }).collect(),
            rules: Rule::ALL.map(|rule| RuleRow::of(rule, &rows)).to_vec(),
            to_adjudicate: found.len(),
            disputed: found.into_iter().take(LISTED).map(|one| Disputed::of(ratings, &one, rows[one.row])).collect(),
        })
    }
}

impl RuleRow {
    fn of(rule: Rule, rows: &[Rated]) -> Self {
        let decided: Vec<f64> = rows.iter().filter_map(|row| rule.of(row.ratings)).collect();
        Self { rule, decided: decided.len(), undecided: rows.len() - decided.len(), mean_risk: mean(&decided) }
    }
}

impl Disputed {
    fn of(ratings: &Ratings, found: &Dispute, row: Rated) -> Self {
        let labels = row.raters.iter().zip(row.ratings).map(|(rater, risk)| (ratings.annotators[*rater as usize].clone(), *risk));
        Self { item_id: ratings.id(found.row).to_owned(), spread: found.spread, majority: found.majority, labels: labels.collect() }
    }
}
