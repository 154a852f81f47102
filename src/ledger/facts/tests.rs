//! What facts keep of rows, and what they cost.

use super::{Facts, ItemFacts, Scope, TaskFacts};
use crate::judge::{Odds, OutcomeName, Usage};
use crate::ledger::fixtures::{answer, info, items, open, plan, run, task, tasks};
use crate::ledger::{ItemRow, Reader, Record};

/// Three items and their records as a run stores them, the first of them answered.
fn stored() -> (Vec<ItemRow>, Vec<Record>) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    plan(&ledger, &items(3), &tasks(3)).unwrap();
    run(answer(&ledger, &task(0)));
    let beside = ledger.facts().unwrap();
    ledger.close().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let (items, records) =
        reader.entries().unwrap().map(|entry| entry.unwrap()).map(|entry| (entry.item, entry.records)).unzip::<_, _, Vec<_>, Vec<_>>();
    let records = records.concat();
    assert_eq!(Facts::of(reader.info(), &items, &records), reader.facts().unwrap());
    assert_eq!(beside, reader.facts().unwrap());
    assert_eq!(&reader.dimensions().unwrap(), beside.dimensions());
    (items, records)
}

#[test]
fn facts_are_those_of_the_rows_in_any_order() {
    let (mut items, mut records) = stored();
    let facts = Facts::of(&info(&["mini"]), &items, &records);
    assert_eq!((facts.items().len(), facts.tasks().len(), facts.by_id()), (3, 3, &[2, 1, 0][..]));
    assert_eq!((facts.id(2), facts.find("item-99997"), facts.find("nobody")), ("item-99997", Some(2), None));
    let first = facts.tasks_of(0)[0];
    assert_eq!((first.outcome, first.safety, first.cost_usd), (Some(OutcomeName::Scored), Some(2), Some(3e-5)));
    assert_eq!(facts.scope(&first), &Scope { judge: "mini".into(), rubric: "text".into(), sampler: None });
    assert_eq!((facts.item(0).model.map(|name| facts.name(name)), facts.labels(1).len(), facts.tags(1)), (Some("gen-a"), 2, &[][..]));
    assert!(facts.dimensions().iter().eq(["motion"]) && facts.probed().is_empty());
    items.reverse();
    records.reverse();
    assert_eq!(Facts::of(&info(&["mini"]), &items, &records), facts);
}

#[test]
fn scopes_sort_and_add_up_and_names_are_numbered_in_their_order() {
    let (mut items, mut records) = stored();
    items[1].tags = [("seed".to_owned(), "7".to_owned()), ("a".to_owned(), "z".to_owned())].into();
    items[2].model = Some("before".to_owned());
    let other =
        Record { judge: "a".to_owned(), usage: Some(Usage { input: 5, ..Usage::default() }), latency_ms: Some(8), ..records[0].clone() };
    let dear = Record { repeat: 2, odds: Some(Odds::new([0.5, 0.5, 0.0, 0.0, 0.0])), cost_usd: None, ..other.clone() };
    records.extend([other, dear]);
    let facts = Facts::of(&info(&["mini", "a"]), &items, &records);
    let judges: Vec<_> = facts.scopes().iter().map(|of| (of.scope.judge.as_str(), of.tasks, of.unpriced, of.latency_ms)).collect();
    assert_eq!(judges, [("a", 2, true, (2, 16)), ("mini", 3, false, (1, 12))]);
    assert_eq!(facts.scopes()[0].usage.map(|usage| usage.input), Some(10));
    assert_eq!(
        facts.tasks_of(0).iter().map(|task| (facts.scope(task).judge.as_str(), task.entropy)).collect::<Vec<_>>(),
        [("mini", None), ("a", None), ("a", Some(1.0))]
    );
    assert!(facts.item(2).model < facts.item(1).model);
    assert_eq!(
        facts.tags(1).iter().map(|(tag, value)| (facts.name(*tag), facts.name(*value))).collect::<Vec<_>>(),
        [("a", "z"), ("seed", "7")]
    );
    assert!(facts.tags(0).is_empty() && facts.tags(2).is_empty());
}

#[test]
fn further_scores_are_kept_of_items_whose_frames_were_reordered() {
    let (items, mut records) = stored();
    let probed = Record { rubric: "text~reversed".to_owned(), ..records[0].clone() };
    records.push(probed);
    let facts = Facts::of(&info(&["mini"]), &items, &records);
    assert_eq!(
        facts.probed().iter().map(|one| (one.item, one.scope, facts.name(one.name), one.level)).collect::<Vec<_>>(),
        [(0, 0, "motion", 2), (0, 1, "motion", 2)]
    );
}

#[test]
fn an_item_and_a_task_are_a_few_words() {
    assert!(size_of::<ItemFacts>() <= 40 && size_of::<TaskFacts>() <= 48, "{} {}", size_of::<ItemFacts>(), size_of::<TaskFacts>());
}
