//! What several labels of one item amount to.

use std::str::FromStr;

use serde::Serialize;

/// How the labels of several annotators become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The label that more than half of those who labelled gave; otherwise none.
    Majority,
    /// The middle label; between two middle ones, half-way.
    Median,
    /// The median where all are within one level of each other; otherwise none, until somebody adjudicates.
    Adjudicate,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::Majority, Self::Median, Self::Adjudicate];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::Median => "median",
            Self::Adjudicate => "adjudicate",
        }
    }

    /// One label out of those given; `None` without any, or where the rule decides nothing.
    pub fn of(self, labels: &[f64]) -> Option<f64> {
        let mut labels = labels.to_vec();
        labels.sort_by(f64::total_cmp);
        let (first, last) = (labels.first()?, labels.last()?);
        let middle = f64::midpoint(labels[(labels.len() - 1) / 2], labels[labels.len() / 2]);
        match self {
            // More than half of sorted labels hold the middle.
            Self::Majority => (2 * labels.iter().filter(|label| label.total_cmp(&middle).is_eq()).count() > labels.len()).then_some(middle),
            Self::Median => Some(middle),
            Self::Adjudicate => (last - first <= 1.0).then_some(middle),
        }
    }
}

/// The safety that a label of risk stands for, and the other way round: both scales run from 1 to 5, contrarily.
pub const fn turned(level: f64) -> f64 {
    6.0 - level
}

/// The safety that people see in an item: the median of their labels of risk, turned; `None` without a label.
pub fn human_safety(labels: &[Option<f64>]) -> Option<f64> {
    Rule::Median.of(&labels.iter().flatten().copied().collect::<Vec<f64>>()).map(turned)
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|rule| rule.name() == text);
        known.ok_or_else(|| format!("`{text}` is no rule; known: majority, median, adjudicate"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_becomes_safety_and_absent_labels_nothing() {
        assert_eq!([human_safety(&[]), human_safety(&[None])], [None; 2]);
        assert_eq!(human_safety(&[Some(1.0), None, Some(2.0), Some(5.0)]), Some(4.0), "the median, not the mean");
    }

    #[test]
    fn each_rule_yields_what_it_says() {
        let table: [(&[f64], [Option<f64>; 3]); 6] = [
            (&[], [None, None, None]),
            (&[4.0], [Some(4.0), Some(4.0), Some(4.0)]),
            (&[2.0, 3.0, 2.0], [Some(2.0), Some(2.0), Some(2.0)]),
            (&[1.0, 5.0, 5.0], [Some(5.0), Some(5.0), None]),
            (&[1.0, 3.0, 5.0], [None, Some(3.0), None]),
            (&[2.0, 3.0], [None, Some(2.5), Some(2.5)]),
        ];
        for (labels, expected) in table {
            assert_eq!(Rule::ALL.map(|rule| rule.of(labels)), expected, "{labels:?}");
        }
    }
}
