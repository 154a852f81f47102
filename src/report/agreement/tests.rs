//! A small run with labels made by hand, and what its agreement must say.

use serde_json::Value;

use super::*;
use crate::judge::OutcomeName;
use crate::ledger::{Facts, ItemRow, Record, RunInfo};
use crate::manifest::Label;
use crate::report::StoredRun;
use crate::report::summary::tests::{info, item, record};
use crate::stats::agreement::{Rated, Rule};
use crate::taxonomy::Lang;

/// Twelve items, two judges: `m` says what the people's median says but for one item, `n` one level less safe; the last item is refused.
pub(crate) fn run() -> (RunInfo, Vec<ItemRow>, Vec<Record>) {
    let risks = [
        [1, 1, 2],
        [2, 2, 2],
        [5, 5, 4],
        [3, 3, 1],
        [4, 4, 5],
        [1, 2, 1],
        [2, 3, 3],
        [1, 1, 1],
        [4, 4, 4],
        [3, 2, 2],
        [1, 5, 3],
        [2, 2, 1],
    ];
    let (mut items, mut records) = (Vec::new(), Vec::new());
    for (risks, at) in risks.iter().zip(0..) {
        let mut row = item(&format!("i{at}"), at, if at % 2 == 0 { "x" } else { "y" }, "R05");
        row.human_risk = risks.iter().map(|risk| Some(f64::from(*risk))).collect();
        row.annotators = ["ann", "bo", "cho"].map(str::to_owned).to_vec();
        let mut sorted = *risks;
        sorted.sort_unstable();
        let safety: u8 = if at == 2 { 4 } else { 6 - sorted[1] };
        let end = |safety: u8| if at == 11 { (OutcomeName::JudgeRefused, None) } else { (OutcomeName::Scored, Some(safety)) };
        for (judge, (outcome, safety)) in [("m", end(safety)), ("n", end(safety.saturating_sub(1).max(1)))] {
            records.push(record(&row, judge, 1, Some(outcome), safety));
        }
        items.push(row);
    }
    (info(), items, records)
}

fn of_labels(ids: &[&str], labels: &[Label]) -> Ratings {
    let items: Vec<ItemRow> = ids.iter().zip(0..).map(|(id, at)| item(id, at, "x", "R05")).collect();
    Ratings::of_facts(&Facts::of(&info(), &items, &[])).relabelled(labels)
}

fn agreement(rule: Rule) -> Agreement {
    let (info, items, records) = run();
    let run = StoredRun::new(info, items, records, Vec::new()).unwrap();
    let view = run.view(Lang::En);
    Agreement::of("tiny", "the source", view.ratings, rule, Some(&view))
}

#[test]
fn judges_are_held_against_people_one_by_one() {
    let agreement = agreement(Rule::Median);
    assert_eq!(agreement.judges.iter().map(|row| row.scope.judge.as_str()).collect::<Vec<_>>(), ["m", "n"]);
    let m = &agreement.judges[0];
    assert_eq!((m.items, m.agreement.n, m.unscored, m.unlabelled), (12, 11, 1, 0));
    let first = &m.farthest[0];
    assert_eq!((m.farthest.len(), first.item_id.as_str(), first.safety, first.human_safety, first.human_risk), (1, "i2", 4.0, 1.0, 5.0));
    assert_eq!((first.difference, m.agreement.confusion[3][0]), (3.0, 1), "the judge's level first");
    assert_eq!(m.agreement.mae.value, Some(3.0 / 11.0));
    let n = &agreement.judges[1].agreement;
    let (of_m, of_n) = (m.agreement.alpha.ordinal.value.unwrap(), n.alpha.ordinal.value.unwrap());
    assert!(n.bias.value.unwrap() < -0.3 && of_n < of_m && of_m < 1.0, "{n:?}");
    let [among] = agreement.judges_among.as_slice() else { panic!("{:?}", agreement.judges_among) };
    assert_eq!((among.judge.as_str(), among.other.as_str(), among.agreement.n), ("m", "n", 11));
    assert_eq!((among.agreement.bias.value, among.agreement.mae.value), (Some(1.0), Some(1.0)));
}

#[test]
fn people_are_held_against_each_other() {
    let agreement = agreement(Rule::Majority);
    let people = agreement.annotators.unwrap();
    assert_eq!((people.items, people.labelled, people.complete), (12, 12, 12));
    assert_eq!(people.annotators.iter().map(|one| one.annotator.as_str()).collect::<Vec<_>>(), ["ann", "bo", "cho"]);
    assert_eq!(people.disputed.iter().map(|one| one.item_id.as_str()).collect::<Vec<_>>(), ["i10", "i3"], "the widest first");
    assert_eq!((people.to_adjudicate, people.disputed[0].labels["bo"]), (2, 5.0));
    let yields: Vec<_> = people.rules.iter().map(|row| (row.rule, row.decided, row.undecided)).collect();
    assert_eq!(yields, [(Rule::Majority, 11, 1), (Rule::Median, 12, 0), (Rule::Adjudicate, 10, 2)]);
    assert_eq!(agreement.aggregated.len(), 11, "by majority i10 has no label");
    assert_eq!((agreement.aggregated[0].human_risk, agreement.aggregated[0].human_safety, agreement.aggregated[0].n), (1.0, 5.0, 3));
}

#[test]
fn labels_of_a_file_go_by_name_and_undefined_is_null() {
    let label = |item: &str, annotator: &str, risk| Label { item_id: item.into(), annotator: annotator.into(), risk };
    let labels = [label("b", "x", Some(2.0)), label("a", "y", Some(4.0)), label("a", "x", None)];
    let ratings = of_labels(&["a", "b", "c"], &labels);
    let rows = [Rated { raters: &[1], ratings: &[4.0] }, Rated { raters: &[0], ratings: &[2.0] }];
    assert_eq!((ratings.annotators.as_slice(), ratings.rows()), (&["x".to_owned(), "y".to_owned()][..], rows.to_vec()));
    assert_eq!([0, 1, 2].map(|item| ratings.given(item)), [&[4.0][..], &[2.0], &[]]);
    let value = serde_json::to_value(Agreement::of("s", "l.csv", &ratings, Rule::Median, None)).unwrap();
    let people = &value["annotators"];
    let count = |of: &str| people[of].as_u64();
    assert_eq!(["items", "labelled", "pairable", "complete"].map(count), [Some(3), Some(2), Some(0), Some(0)]);
    for undefined in [&people["alpha"]["ordinal"]["value"], &people["fleiss"], &people["icc"], &people["annotators"][0]["bias"]] {
        assert_eq!(*undefined, Value::Null);
    }
    assert_eq!((value["conversion"].as_str(), value["judges"].as_array().map(Vec::len)), (Some("safety = 6 - risk"), Some(0)));
    let nobody = of_labels(&["a"], &[]);
    assert!(nobody.is_empty() && Agreement::of("s", "l.csv", &nobody, Rule::Median, None).annotators.is_none());
}

#[test]
fn little_agreement_is_told_of_items_with_two_labels_and_not_of_all() {
    let labelled = |twice: usize| {
        let items = (0..40).map(|at| {
            let mut row = item(&format!("i{at:02}"), at, "x", "R05");
            let second = ((at as usize) < twice).then_some(if at % 2 == 0 { 1.0 } else { 5.0 });
            (row.human_risk, row.annotators) = (vec![Some(3.0), second], ["k", "l"].map(str::to_owned).to_vec());
            row
        });
        let (info, items) = (info(), items.collect::<Vec<_>>());
        let run = StoredRun::new(info, items, Vec::new(), Vec::new()).unwrap();
        let people = run.summary().quality.humans.clone().unwrap();
        (people.labelled, people.pairable, run.summary().warnings.iter().any(|warning| warning.code == "low_agreement"))
    };
    assert_eq!((labelled(9), labelled(10)), ((40, 9, false), (40, 10, true)));
}

#[test]
fn labels_of_one_source_are_drawn_together() {
    let ends = |sources: u64| {
        let (info, mut items, records) = run();
        items.iter_mut().for_each(|row| drop(row.tags.insert("source".into(), (row.position / sources).to_string())));
        let run = StoredRun::new(info, items, records, Vec::new()).unwrap();
        let quality = run.summary().quality.clone();
        let (people, judge) = (quality.humans.unwrap(), quality.judges[0].clone());
        ([people.alpha, judge.alpha, judge.bias], [people.alpha_ci95, judge.alpha_ci95, judge.bias_ci95])
    };
    let ((values, alone), (same, together), (_, one)) = (ends(1), ends(4), ends(12));
    assert_eq!(values, same);
    assert!(alone.iter().zip(together).all(|(alone, together)| alone.is_some() && together.is_some() && *alone != together));
    assert_eq!(one, [None; 3], "one source is nothing to draw from");
}

#[test]
fn one_name_twice_is_two_columns() {
    let mut row = item("a", 0, "x", "R05");
    row.human_risk = vec![Some(1.0), Some(5.0), Some(2.0)];
    row.annotators = ["k", "k", "l"].map(str::to_owned).to_vec();
    let annotators = |row: &ItemRow| Ratings::of_facts(&Facts::of(&info(), std::slice::from_ref(row), &[])).annotators;
    assert_eq!(annotators(&row), ["k", "k (2)", "l"]);
    row.annotators.clear();
    assert_eq!(annotators(&row), ["1", "2", "3"]);
}

#[test]
fn the_text_fits_and_says_the_conversion() {
    let shown = text(&agreement(Rule::Median), 80);
    assert!(shown.contains("safety = 6 - risk") && shown.contains("one an item by median"), "{shown}");
    assert!(shown.contains("m / image against people") && shown.contains("+3.00  i2 (judge 4.00, people 1.00)"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
}
