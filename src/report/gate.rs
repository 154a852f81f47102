//! Gates: conditions on the groups of a summary under which whoever called this program should stop.

use std::str::FromStr;

use super::summary::{By, FIGURES, Figure, Group, Key, Summary};
use crate::ensemble::{CascadeEstimate, CascadeRow};

/// `[BY:]FIELD OP NUMBER`, such as `blocked_rate>0.6` or `risk,model:mean_safety<2.5`: missed by every group of which it is true. Without BY it
/// is about models.
#[derive(Debug, Clone)]
pub struct Gate {
    text: String,
    by: Vec<String>,
    /// The figure's name.
    name: &'static str,
    figure: Figure,
    op: Op,
    limit: f64,
}

/// A text that is no gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {problem}; write FIELD OP NUMBER as in `blocked_rate>0.6`, or BY:FIELD OP NUMBER as in `risk:mean_safety<2.5`")]
pub struct GateError {
    /// As written.
    pub text: String,
    /// What is wrong.
    pub problem: String,
}

type Op = fn(&f64, &f64) -> bool;

const MEAN: &str = "mean_safety";
const MEAN_LO: &str = "ci95_lo";
const MEAN_HI: &str = "ci95_hi";

/// Names that gates had before they took those of the table.
const FORMER: [(&str, &str); 3] = [("bounds_lo", "bound_lo"), ("bounds_hi", "bound_hi"), ("standardised", "standardised_mean")];

/// Longer ones first: `<=` begins like `<`.
const OPS: [(&str, Op); 4] = [("<=", f64::le), (">=", f64::ge), ("<", f64::lt), (">", f64::gt)];

const BY: [&str; 5] = ["model", "category", "risk", "prompt_type", "modality"];

impl Gate {
    /// The gate of `--fail-under`.
    pub fn under(safety: f64) -> Self {
        let figure = Figure::Number(|group| group.mean_safety);
        Self { text: format!("{MEAN}<{safety}"), by: vec!["model".to_owned()], name: MEAN, figure, op: f64::lt, limit: safety }
    }

    /// Why the gate is missed, one line for each group that misses it; empty when it is passed.
    ///
    /// Uncalibrated judges are left out unless they are alone, and so is the plain mean of a cascade's second judge, in whose place stands what the
    /// cascade estimates of each model. A group that is owed verdicts and has no such number misses every gate, and so does one that has scores and
    /// none (an interval of too few source items, say), and a run without any such number: what cannot be told is not passed. A group that was
    /// blocked or abstained from as a whole has nothing to show.
    pub fn misses(&self, summary: &Summary) -> Vec<String> {
        let about = || summary.groups.iter().filter(|group| self.is_about(&group.by));
        let selected = about().filter(|group| [MEAN, MEAN_LO, MEAN_HI].contains(&self.name) && group.selected);
        let estimated: Vec<Group> = selected.filter_map(|group| estimated(summary, group)).collect();
        let mut judged: Vec<&Group> = about().filter(|group| !group.is_apart()).chain(&estimated).collect();
        if judged.is_empty() {
            judged = about().collect();
        }
        if judged.iter().all(|group| self.figure.number(group).is_none()) {
            return vec![format!("{}: nothing in this run has such a number", self.text)];
        }
        judged.into_iter().filter_map(|group| self.miss(group)).collect()
    }

    fn is_about(&self, by: &By) -> bool {
        match by {
            By::One(field) => self.by.len() == 1 && self.by[0] == *field,
            By::Many(fields) => self.by.len() == fields.len() && fields.iter().all(|field| self.by.contains(field)),
        }
    }

    fn miss(&self, group: &Group) -> Option<String> {
        let number = match self.figure.number(group) {
            Some(value) if (self.op)(&value, &self.limit) => exact(value, self.limit),
            None if group.scored > 0 && group.selected => "no such number of all that the cascade saw: too few were audited".to_owned(),
            None if group.failed > 0 => "no such number, and is owed verdicts".to_owned(),
            None if group.scored > 0 => "no such number".to_owned(),
            _ => return None,
        };
        let name = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
        let key = match &group.key {
            Key::One(value) => name(value),
            Key::Many(values) => values.iter().map(name).collect::<Vec<_>>().join(" x "),
        };
        Some(format!("{}: {key} ({}) has {number}", self.text, group.scope.label()))
    }
}

/// A number with so many digits that it is not taken for the limit.
fn exact(value: f64, limit: f64) -> String {
    let text = format!("{value:.3}");
    if text.parse::<f64>().is_ok_and(|shown| shown.total_cmp(&limit).is_ne()) { text } else { value.to_string() }
}

/// A model's group of a cascade's second judge with the mean over all items in the place of its own, or with none where too few were audited to tell it;
/// `None` for groups that cascades do not know.
fn estimated(summary: &Summary, group: &Group) -> Option<Group> {
    let Key::One(model) = &group.key else { return None };
    let is_its =
        |row: &&CascadeRow| (&row.then, &row.rubric, &row.sampler) == (&group.scope.judge, &group.scope.rubric, &group.scope.sampler);
    let row = summary.cascades.iter().find(is_its)?;
    let CascadeEstimate { mean_safety, ci95, .. } =
        row.by_model.iter().find(|one| one.model == *model && group.by == By::one("model"))?.estimate;
    Some(Group { mean_safety, ci95, ..group.clone() })
}

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        let refuse = |problem: String| GateError { text: text.to_owned(), problem };
        let split = OPS.into_iter().find_map(|(sign, op)| text.split_once(sign).map(|(left, right)| (left.trim(), op, right.trim())));
        let (left, op, right) = split.ok_or_else(|| refuse("it compares nothing (<, <=, >, >=)".to_owned()))?;
        let (by, name) = left.rsplit_once(':').unwrap_or(("model", left));
        let numbers = || FIGURES.into_iter().filter(|(_, figure)| figure.is_number());
        let known = || numbers().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
        let wanted = FORMER.into_iter().find(|(former, _)| *former == name.trim()).map_or(name.trim(), |(_, name)| name);
        let found = numbers().find(|(name, _)| *name == wanted);
        let (name, figure) = found.ok_or_else(|| refuse(format!("no group has the number `{wanted}` (but {})", known())))?;
        let by: Vec<String> = by.split(',').map(|field| field.trim().to_owned()).collect();
        if let Some(unknown) = by.iter().find(|field| !BY.contains(&field.as_str()) && !field.starts_with("tag:")) {
            return Err(refuse(format!("there are no groups by `{unknown}` (but {}, tag:X)", BY.join(", "))));
        }
        let limit = right.parse().ok().filter(|limit: &f64| limit.is_finite());
        let limit = limit.ok_or_else(|| refuse(format!("`{right}` is no number")))?;
        Ok(Self { text: text.to_owned(), by, name, figure, op, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;
    use crate::report::summary::tests::{run, scored, summary};

    fn misses(gate: &str) -> Vec<String> {
        let (info, items, records) = run();
        gate.parse::<Gate>().unwrap().misses(&summary(&info, &items, &records))
    }

    #[test]
    fn what_is_true_of_a_group_misses_the_gate() {
        assert_eq!(misses("n>=1000"), Vec::<String>::new());
        let all = misses("n >= 1");
        assert!(!all.is_empty() && all.iter().all(|line| line.starts_with("n >= 1: ") && line.contains(" has ")), "{all:?}");
        assert!(misses("risk:n>0").len() >= all.len());
        assert_eq!(
            misses("model,risk:n>0"),
            misses("risk,model:n>0").iter().map(|line| line.replace("risk,model", "model,risk")).collect::<Vec<_>>()
        );
        assert!(misses("tag:nowhere:n>0")[0].contains("nothing in this run"));
    }

    #[test]
    fn every_number_of_a_group_can_be_gated() {
        let (info, items, records) = run();
        let summary = serde_json::to_value(summary(&info, &items, &records).groups[0].clone()).unwrap();
        let numbers =
            summary.as_object().unwrap().iter().filter(|(name, _)| !NO_GATE.contains(&name.as_str())).map(|(name, _)| name.as_str());
        for name in numbers {
            let ends = |name: &str| ["lo", "hi"].map(|end| format!("{name}_{end}")).to_vec();
            let all = match name {
                "quantiles" => vec!["q05".to_owned(), "q95".to_owned()],
                "standardised" => [ends("standardised_ci95"), vec!["standardised".to_owned(), "standardised_mean".to_owned()]].concat(),
                "bounds" => [ends("bound"), ends("bounds")].concat(),
                "ci95" | "blocked_ci95" | "refused_ci95" => ends(name),
                _ => vec![name.to_owned()],
            };
            assert!(all.iter().all(|name| format!("{name}<1").parse::<Gate>().is_ok()), "{name}");
        }
    }

    /// Names and texts of a group, and what its interval rests on.
    const NO_GATE: [&str; 10] =
        ["judge", "rubric", "sampler", "by", "key", "uncalibrated", "selected", "ci95_method", "ci95_null", "ci95_note"];

    #[test]
    fn a_number_that_cannot_be_told_of_scores_misses() {
        let rows = [("x", "R05", "pQO", 1, 5), ("x", "R05", "pQO", 2, 4), ("x", "R05", "pQO", 3, 2), ("x", "R12", "pQO", 4, 3)];
        let (info, items, records) = scored(&rows);
        let summary = summary(&info, &items, &records);
        let misses = |gate: &str| gate.parse::<Gate>().unwrap().misses(&summary);
        assert_eq!(misses("risk:ci95_lo<1"), ["risk:ci95_lo<1: R12 (m, image) has no such number"], "an item of its own has no interval");
        assert_eq!(misses("risk:ci95_hi>3.5").len(), 2);
        assert_eq!(
            (misses("q05<2"), misses("q95>4.5").len(), misses("bounds_lo<3.5"), misses("bounds_hi>3.4").len()),
            (vec![], 1, vec![], 1)
        );
    }

    #[test]
    fn what_is_no_gate_says_what_one_is() {
        for (text, words) in [
            ("blocked_rate", "compares nothing"),
            ("speed<1", "no group has the number `speed`"),
            ("ci95_null<1", "no group has the number `ci95_null`"),
            ("shoe:n<1", "no groups by `shoe`"),
            ("n<x", "no number"),
            ("n<nan", "no number"),
        ] {
            let error = text.parse::<Gate>().unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("blocked_rate>0.6"), "{error}");
        }
    }
}
