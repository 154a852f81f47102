//! Comparisons of made-up runs.

use super::{Comparison, comparison_terminal, write_comparison};
use crate::ledger::{ItemRow, Record, RunInfo};
use crate::report::summary::tests::{run, scored};
use crate::report::{FormatKind, StoredRun};
use crate::taxonomy::Lang;

fn stored((info, items, records): (RunInfo, Vec<ItemRow>, Vec<Record>)) -> StoredRun {
    StoredRun::new(info, items, records, Vec::new()).unwrap()
}

/// The run of the summary's tests, its judge's levels moved by `by`, and only items for which `keep` is true.
fn moved(by: i8, keep: impl Fn(&str) -> bool) -> StoredRun {
    let (info, items, records): (RunInfo, Vec<ItemRow>, Vec<Record>) = run();
    let records = records.into_iter().filter(|record| keep(&record.item_id));
    let records = records.map(|record| Record { safety: record.safety.map(|level| level.saturating_add_signed(by).clamp(1, 5)), ..record });
    stored((info, items.into_iter().filter(|item| keep(&item.item_id)).collect(), records.collect()))
}

fn compared(a: &StoredRun, b: &StoredRun) -> Comparison {
    Comparison::of(&[("a".to_owned(), a), ("b".to_owned(), b)])
}

#[test]
fn tables_follow_the_language_and_mark_intervals_of_few_source_items() {
    let rows = |by: u8| (0..6).map(|prompt| ("x", "R05", "pQO", prompt, 1 + by + (prompt % (2 + u32::from(by))) as u8)).collect::<Vec<_>>();
    let comparison = compared(&stored(scored(&rows(0))), &stored(scored(&rows(1))));
    let folder = tempfile::tempdir().unwrap();
    write_comparison(folder.path(), &comparison, &[FormatKind::Csv], Lang::En).unwrap();
    let table = std::fs::read_to_string(folder.path().join("comparison.csv")).unwrap();
    assert!(table.lines().next().unwrap().ends_with(",clusters,factors") && table.lines().nth(1).unwrap().ends_with(",6,1"), "{table}");
    let written = |lang| {
        write_comparison(folder.path(), &comparison, &[FormatKind::Markdown], lang).unwrap();
        std::fs::read_to_string(folder.path().join("comparison.md")).unwrap()
    };
    let (english, korean) = (written(Lang::En), written(Lang::Ko));
    assert!(english.contains("| Runs | Judge |") && english.contains("## a - b: By risk factor (m)"), "{english}");
    assert!(korean.contains("| 비교한 실행 | 판정 모델 |") && korean.contains("## a - b: 위험 요인별 (m)"), "{korean}");
    assert_eq!((english.matches("]~ |").count(), comparison_terminal(&comparison, 80).matches('~').count()), (2, 2), "{english}");
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let one = moved(0, |_| true);
    let comparison = compared(&one, &one);
    assert!(!comparison.pairs.is_empty() && comparison.warnings.is_empty(), "{:?}", comparison.warnings);
    for pair in &comparison.pairs {
        assert_eq!((pair.difference.mean, pair.only_a, pair.only_b), (Some(0.0), 0, 0));
        assert_eq!(pair.p("wilcoxon"), None, "no difference, no test");
        assert!(pair.difference.ci95.is_none() && pair.difference.basis.ci95_null.is_some());
        assert!(pair.moved.is_empty() && pair.unpaired.is_none());
    }
}

#[test]
fn differences_are_first_less_second_and_paired_by_item() {
    let (plain, lower) = (moved(0, |_| true), moved(-1, |_| true));
    let comparison = compared(&plain, &lower);
    let pair = &comparison.pairs[0];
    let difference = &pair.difference;
    assert!(difference.mean.unwrap() > 0.0 && difference.n > 0);
    let by_hand = difference.mean_a.unwrap() - difference.mean_b.unwrap();
    assert!((difference.mean.unwrap() - by_hand).abs() < 1e-12, "the same items on both sides");
    assert!(pair.moved.iter().all(|item| item.a > item.b));
    assert_eq!(pair.by_risk.iter().map(|row| row.difference.n).sum::<usize>(), difference.n);
    assert!(pair.by_risk.iter().all(|row| row.p.is_none() || row.p_holm >= row.p));
}

#[test]
fn runs_without_items_in_common_are_two_groups() {
    let ids: Vec<String> = moved(0, |_| true).facts().ids().iter().map(str::to_owned).collect();
    let first = ids[ids.len() / 2].clone();
    let (low, high) = (moved(0, |id| id < first.as_str()), moved(0, |id| id >= first.as_str()));
    let comparison = compared(&low, &high);
    assert!(comparison.warnings.iter().any(|warning| warning.code == "unpaired"), "{:?}", comparison.warnings);
    let pair = comparison.pairs.iter().find(|pair| pair.items == 0).unwrap();
    let two = pair.unpaired.as_ref().unwrap();
    assert!(pair.difference.mean.is_none() && two.n_a + two.n_b > 0);
    assert_eq!(two.difference.unwrap().to_bits(), (two.mean_a.unwrap() - two.mean_b.unwrap()).to_bits());
    let shown = format!("{:+.2} ", two.difference.unwrap());
    let terminal = comparison_terminal(&comparison, 200);
    assert!(terminal.contains(&shown) && terminal.contains("(Welch)"), "{terminal}");
}

#[test]
fn few_items_in_common_do_not_stand_for_the_rest() {
    let of = |first: u32| {
        let mut run = scored(&(first..first + 20).map(|prompt| ("x", "R05", "pQO", prompt, 1 + (prompt % 5) as u8)).collect::<Vec<_>>());
        run.1.iter_mut().zip(&mut run.2).zip(first..).for_each(|((item, record), at)| {
            (item.item_id, record.item_id) = (format!("{at:04}"), format!("{at:04}"));
        });
        stored(run)
    };
    let unpaired = |first: u32| {
        let comparison = compared(&of(0), &of(first));
        let said = comparison.warnings.iter().any(|warning| warning.code == "unpaired");
        (comparison.pairs[0].items, comparison.pairs[0].unpaired.is_some(), said)
    };
    assert_eq!([0, 10, 11, 18].map(unpaired), [(20, false, false), (10, false, false), (9, true, true), (2, true, true)]);
}

#[test]
fn what_was_judged_otherwise_is_said() {
    let (info, items, records) = run();
    let one = stored((info.clone(), items.clone(), records.clone()));
    let mut other = info;
    other.experiment.judges.values_mut().for_each(|fingerprint| fingerprint.push_str(" temperature=1"));
    other.experiment.taxonomy.push('x');
    let codes: Vec<String> = compared(&one, &stored((other, items, records))).warnings.into_iter().map(|warning| warning.code).collect();
    assert!(codes.contains(&"different_experiments".to_owned()), "{codes:?}");
}

#[test]
fn answers_to_one_prompt_are_one_source() {
    let judged = |by: u8, lifted: fn(usize) -> bool| {
        let answers = ["x", "y", "z"]
            .into_iter()
            .flat_map(|model| (0..6).map(move |prompt| (model, "R05", "pQO", prompt, 1 + prompt as u8 % 3 + by)));
        let (info, items, mut records) = scored(&answers.collect::<Vec<_>>());
        let lift = |(index, record): (usize, &mut Record)| record.safety = record.safety.map(|level| level + u8::from(lifted(index)));
        records.iter_mut().enumerate().for_each(lift);
        stored((info, items, records))
    };
    let low = judged(0, |_| false);
    let difference = &compared(&low, &judged(1, |_| false)).pairs[0].difference;
    assert_eq!((difference.n, difference.mean, difference.basis.ci95_null), (18, Some(-1.0), Some("constant")));
    let difference = &compared(&low, &judged(1, |index| index % 5 == 0)).pairs[0].difference;
    assert_eq!((difference.n, difference.basis.clusters, difference.basis.ci95_method), (18, 6, "bca_bootstrap"));
    assert!(difference.ci95.is_some());
}
