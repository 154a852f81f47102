//! Cascades, adaptive repeats and panels on made-up records.

use super::{Adaptive, Cascade, CascadeRow, Panel, PanelRow, Rule, Settings, wanted};
use crate::judge::{OutcomeName, Task};
use crate::ledger::fixtures::{self, info, item};
use crate::ledger::{Facts, ItemRow, Record};
use crate::stats::{self, Bootstrapped, Observed, Resampling};

fn record(of: &str, judge: &str, repeat: u32, safety: Option<u8>) -> Record {
    let item = ItemRow { item_id: of.to_owned(), model: Some("sut".to_owned()), ..item(0) };
    let outcome = Some(if safety.is_some() { OutcomeName::Scored } else { OutcomeName::JudgeUnusable });
    Record { judge: judge.to_owned(), repeat, safety, cost_usd: Some(0.01), attempts: 1, ..fixtures::record(&item, outcome) }
}

/// The facts of these records, their items in the order in which they come.
fn facts(records: &[Record]) -> Facts {
    let mut items: Vec<ItemRow> = Vec::new();
    for record in records {
        if !items.iter().any(|item| item.item_id == record.item_id) {
            items.push(ItemRow { item_id: record.item_id.clone(), model: record.model.clone(), ..item(items.len() as u64) });
        }
    }
    Facts::of(&info(&[]), &items, records)
}

fn tasks(items: &[&str], judges: &[&str], repeats: u32) -> Vec<Task> {
    let task = |item: &str, judge: &str, repeat| Task {
        item_id: item.to_owned(),
        sampler: None,
        rubric: "text".to_owned(),
        judge: judge.to_owned(),
        repeat,
    };
    let all = items.iter().flat_map(|item| judges.iter().flat_map(move |judge| (1..=repeats).map(move |repeat| task(item, judge, repeat))));
    all.collect()
}

fn cascade(audit: f64) -> Cascade {
    Cascade { first: "cheap".into(), then: "dear".into(), flagged_at: 3, entropy: 1.0, audit }
}

/// The `at`th id that begins so and that the audit draws, or passes over.
fn id(cascade: &Cascade, prefix: &str, drawn: bool, at: usize) -> String {
    (0..).map(|number| format!("{prefix}{number}")).filter(|id| super::audited(cascade, id, 0) == drawn).nth(at).unwrap()
}

fn names(tasks: &[Task]) -> Vec<String> {
    tasks.iter().map(|task| format!("{} {} {}", task.item_id, task.judge, task.repeat)).collect()
}

#[test]
fn repeats_stop_where_verdicts_agree() {
    let settings = |half_width| Settings { repeats: Some(Adaptive { start: 2, half_width }), ..Settings::default() };
    let all = tasks(&["a", "b", "c"], &["j"], 4);
    assert_eq!(wanted(&settings(None), all.clone(), &facts(&[]), 0).len(), 6, "two each before anything is known");
    let mut records =
        vec![record("a", "j", 1, Some(4)), record("a", "j", 2, Some(4)), record("b", "j", 1, Some(4)), record("b", "j", 2, Some(2))];
    records.extend([record("c", "j", 1, None), record("c", "j", 2, Some(3))]);
    let second = wanted(&settings(None), all.clone(), &facts(&records), 0);
    assert_eq!(second.iter().filter(|task| task.repeat > 2).map(|task| task.item_id.as_str()).collect::<Vec<_>>(), ["b"]);
    records.push(record("b", "j", 3, Some(4)));
    assert_eq!(names(&wanted(&settings(None), all.clone(), &facts(&records), 0)).last().unwrap(), "c j 2");
    assert!(names(&wanted(&settings(None), all.clone(), &facts(&records), 0)).contains(&"b j 4".to_owned()));
    assert!(!names(&wanted(&settings(Some(9.0)), all, &facts(&records), 0)).contains(&"b j 4".to_owned()), "the interval is narrow enough");
}

#[test]
fn a_cascade_passes_on_what_is_low_or_unscored_and_audits_the_rest() {
    let settings = |audit| Settings { cascade: Some(cascade(audit)), ..Settings::default() };
    let all = tasks(&["low", "none", "high"], &["cheap", "dear"], 1);
    assert_eq!(names(&wanted(&settings(1.0), all.clone(), &facts(&[]), 0)), ["low cheap 1", "none cheap 1", "high cheap 1"]);
    let records = [record("low", "cheap", 1, Some(3)), record("none", "cheap", 1, None), record("high", "cheap", 1, Some(5))];
    let dear = |audit| wanted(&settings(audit), all.clone(), &facts(&records), 0).iter().filter(|task| task.judge == "dear").count();
    assert_eq!((dear(0.0), dear(1.0)), (2, 3));
}

#[test]
fn the_audit_is_the_share_that_was_asked_for() {
    let items: Vec<String> = (0..4000).map(|item| format!("i{item}")).collect();
    let drawn = |seed| items.iter().filter(|item| super::wanted::audited(&cascade(0.1), item, seed)).collect::<Vec<_>>();
    assert!((300..500).contains(&drawn(0).len()), "{}", drawn(0).len());
    assert_eq!(drawn(0), drawn(0));
    assert_ne!(drawn(0), drawn(1));
}

#[test]
fn a_cascades_mean_speaks_for_what_was_not_sent() {
    // 2 flagged at 1 and 2; 8 passed, of which 2 audited at 4 and 5: 0.2 x 1.5 + 0.8 x 4.5.
    let cascade = cascade(0.25);
    let passed: Vec<String> = (0..8).map(|at| id(&cascade, "p", at < 2, at)).collect();
    let mut records = vec![record("f0", "dear", 1, Some(1)), record("f1", "dear", 1, Some(2))];
    records.extend((0..2).map(|item| record(&format!("f{item}"), "cheap", 1, Some(2))));
    records.extend(passed.iter().map(|item| record(item, "cheap", 1, Some(5))));
    records.extend([record(&passed[0], "dear", 1, Some(4)), record(&passed[1], "dear", 1, Some(5))]);
    let rows = CascadeRow::of(&cascade, &facts(&records), 0);
    let [row] = &rows[..] else { panic!("one row") };
    let estimate = row.estimate;
    assert_eq!((estimate.cases, estimate.flagged, estimate.audited, row.missed), (10, 2, 2, 0));
    assert!((estimate.mean_safety.unwrap() - 3.9).abs() < 1e-12);
    let [lo, hi] = estimate.ci95.unwrap();
    // t(0.975, 1) = 12.7062 times 0.5, by 0.8 and sqrt(1 - 2/8).
    assert!(((hi - lo) / 2.0 - 12.7062 * 0.5 * 0.8 * 0.75_f64.sqrt()).abs() < 1e-3, "{lo} {hi}");
    assert!((row.saved_usd.unwrap() - 0.06).abs() < 1e-12);
    let unaudited = CascadeRow::of(&Cascade { audit: 0.0, ..cascade.clone() }, &facts(&records[..12]), 0);
    assert_eq!(unaudited[0].estimate.mean_safety, None, "nothing is known of what was not sent");
    // What was blocked is in no mean, nor is what nobody scored.
    for judge in ["cheap", "dear"] {
        let blocked = |item| Record { outcome: Some(OutcomeName::SafelyBlocked), ..record(&format!("b{item}"), judge, 1, None) };
        records.extend((0..20).map(blocked).chain([record("r0", judge, 1, None)]));
    }
    let more = CascadeRow::of(&cascade, &facts(&records), 0).remove(0).estimate;
    assert_eq!((more.cases, more.flagged, more.mean_safety, more.ci95), (11, 3, estimate.mean_safety, estimate.ci95));
}

#[test]
fn a_panel_decides_by_its_rule_and_keeps_dissent() {
    let panel = Panel { judges: ["a", "b", "c"].map(str::to_owned).into(), rule: Rule::Median };
    let scores = [("x", [Some(5), Some(5), Some(5)]), ("y", [Some(1), Some(4), Some(5)]), ("z", [None, None, Some(2)])];
    let records: Vec<Record> = scores
        .iter()
        .flat_map(|(item, levels)| ["a", "b", "c"].into_iter().zip(levels).map(move |(judge, level)| record(item, judge, 1, *level)))
        .collect();
    let rows = PanelRow::of(&panel, &facts(&records));
    let row = &rows[0];
    assert_eq!((row.cases, row.decided, row.unanimous), (3, 2, 1));
    assert_eq!((row.by_model[0].n, row.by_model[0].mean_safety), (2, Some(4.5)));
    assert_eq!((row.dissent.len(), row.dissent[0].item_id.as_str(), row.dissent[0].levels["a"] as u8), (1, "y", 1));
}

#[test]
fn a_panels_models_stand_safest_first_with_all_their_cases() {
    let panel = Panel { judges: ["a", "b"].map(str::to_owned).into(), rule: Rule::Mean };
    let cases = [("bare", None), ("high", Some(5)), ("low", Some(2)), ("low", None)];
    let (mut items, mut records) = (Vec::new(), Vec::new());
    for (position, (model, level)) in (0..).zip(cases) {
        let id = format!("i{position}");
        records.extend(["a", "b"].map(|judge| record(&id, judge, 1, level)));
        items.push(ItemRow { item_id: id, model: Some(model.to_owned()), ..item(position) });
    }
    let row = PanelRow::of(&panel, &Facts::of(&info(&[]), &items, &records)).remove(0);
    let found: Vec<_> =
        row.by_model.iter().map(|one| (one.model.as_deref().unwrap(), one.n, one.cases, one.factors, one.mean_safety)).collect();
    assert_eq!(found, [("high", 1, 1, 1, Some(5.0)), ("low", 1, 2, 1, Some(2.0)), ("bare", 0, 1, 0, None)]);
}

#[test]
fn a_panels_models_of_other_mixtures_stand_by_standardised_means() {
    // `hard` is a level above `easy` in both factors, and was asked the hard one more often.
    let panel = Panel { judges: vec!["a".to_owned()], rule: Rule::Mean };
    let row = |of_hard: fn(u64) -> &'static str| {
        let (mut items, mut records) = (Vec::new(), Vec::new());
        for at in 0..40 {
            let (model, is_first) = if at < 20 { ("easy", at < 16) } else { ("hard", at < 24) };
            let (id, risk) = (format!("i{at}"), if is_first { "R05" } else { of_hard(at) });
            let level = [2, 4][usize::from(is_first)] + u8::from(model == "hard") - u8::from(at % 4 == 0);
            records.push(record(&id, "a", 1, Some(level)));
            let prompt = at.to_string();
            items.push(ItemRow { item_id: id, prompt, model: Some(model.to_owned()), risk: Some(risk.to_owned()), ..item(at) });
        }
        PanelRow::of(&panel, &Facts::of(&info(&[]), &items, &records)).remove(0)
    };
    let names = |row: &PanelRow| row.by_model.iter().map(|one| one.model.clone().unwrap()).collect::<Vec<_>>();
    let found = row(|_| "R12");
    assert_eq!((found.ordered_by, found.unequal_mix, names(&found)), ("standardised", true, vec!["hard".into(), "easy".into()]));
    let [first, second] = [0, 1].map(|place| found.by_model[place].standardised.clone().unwrap());
    assert!((first.mean.unwrap() - second.mean.unwrap() - 1.0).abs() < 1e-9 && first.ci95.is_some(), "{first:?} {second:?}");
    assert!(found.by_model[0].mean_safety < found.by_model[1].mean_safety, "raw means say the other thing");
    let lacking = row(|at| if at < 20 { "R12" } else { "R13" });
    assert_eq!((lacking.ordered_by, lacking.unequal_mix, names(&lacking)), ("mean_safety", true, vec!["easy".into(), "hard".into()]));
    let missing = lacking.by_model[0].standardised.clone().unwrap();
    assert_eq!((missing.mean, missing.missing, missing.ci95_null), (None, vec!["R13".to_owned()], Some("missing_factors")));
    let alike = row(|_| "R05");
    assert_eq!((alike.ordered_by, alike.unequal_mix), ("mean_safety", false));
}

#[test]
fn a_panels_interval_draws_source_items() {
    let panel = Panel { judges: vec!["a".to_owned()], rule: Rule::Mean };
    let levels = [1, 4, 5, 2, 5, 3, 4, 4];
    let records: Vec<Record> = levels.iter().enumerate().map(|(at, level)| record(&format!("i{at}"), "a", 1, Some(*level))).collect();
    let mean = |prompt: fn(u64) -> String| {
        let items: Vec<ItemRow> =
            (0..8).map(|at| ItemRow { item_id: format!("i{at}"), prompt: prompt(at), model: Some("sut".to_owned()), ..item(at) }).collect();
        PanelRow::of(&panel, &Facts::of(&info(&[]), &items, &records))[0].by_model[0].clone()
    };
    let apart = mean(|at| at.to_string());
    assert_eq!((apart.basis.ci95_method, apart.basis.clusters, apart.basis.resamples), ("bca_bootstrap", 8, 10_000));
    let values: Vec<Observed> = levels.iter().enumerate().map(|(cluster, level)| Observed { cluster, value: f64::from(*level) }).collect();
    assert_eq!(Bootstrapped::of(&values, Resampling::SINGLE).ci95, apart.ci95);
    let alike = mean(|_| "one prompt".to_owned());
    assert_eq!((alike.ci95, alike.basis.ci95_null), (None, Some("too_few_clusters")));
}

#[test]
fn settings_name_judges_of_the_run() {
    let settings = Settings { cascade: Some(cascade(0.1)), ..Settings::default() };
    assert!(settings.check(&["cheap", "dear"]).is_ok());
    assert!(settings.check(&["cheap"]).unwrap_err().contains("dear"));
    let lone = Settings { repeats: Some(Adaptive { start: 1, half_width: None }), ..Settings::default() };
    assert!(lone.check(&[]).is_err());
}

#[test]
fn a_stratum_without_a_verdict_leaves_no_interval_either() {
    let (cascade, mut records) = (cascade(0.1), Vec::new());
    for item in 0..100 {
        let (flagged, sampled) = (item < 10, (10..20).contains(&item));
        let id = id(&cascade, "i", sampled, item);
        records.push(record(&id, "cheap", 1, Some(if flagged { 2 } else { 5 })));
        if flagged || sampled {
            records.push(record(&id, "dear", 1, (!flagged).then_some(if item % 2 == 0 { 3 } else { 5 })));
        }
    }
    let row = CascadeRow::of(&cascade, &facts(&records), 0)[0].estimate;
    assert_eq!((row.flagged, row.audited, row.mean_safety, row.ci95), (10, 10, None, None));
}

/// A case as made up: what both judges say of it, and whether it was flagged by what the first one said before.
struct Case {
    cheap: Option<u8>,
    dear: Option<u8>,
    flagged_before: bool,
}

impl Case {
    /// The second judge goes lower than the first by up to two levels, and refuses most of what it would put highest; half of what it puts low was
    /// flagged before.
    fn some(count: u64) -> Vec<Self> {
        let case = |at: u64| {
            let draw = (at * 7 + at / 5) % 10;
            let cheap: Option<u8> = [Some(1), Some(2), Some(3), None, Some(4), Some(4), Some(5), Some(5), Some(5), Some(5)][draw as usize];
            let level = cheap.map_or(2, |level| level.saturating_sub((at % 3) as u8).max(1));
            let refuses = at % 4 != 3 && level == 5 || at.is_multiple_of(11);
            Self { cheap, dear: (!refuses).then_some(level), flagged_before: at.is_multiple_of(2) && level <= 3 }
        };
        (0..count).map(case).collect()
    }

    /// What is in the ledger once both judges have ended under a seed.
    fn records(cases: &[Self], cascade: &Cascade, seed: u64) -> Vec<Record> {
        let mut records = Vec::new();
        for (at, case) in cases.iter().enumerate() {
            let id = format!("i{at}");
            let flagged = case.cheap.is_none_or(|level| level <= cascade.flagged_at);
            records.push(record(&id, "cheap", 1, case.cheap));
            if flagged || case.flagged_before || super::audited(cascade, &id, seed) {
                records.push(record(&id, "dear", 1, case.dear));
            }
        }
        records
    }
}

/// Draws an audit again and again: on average the cascade says what the second judge would say of all cases that it scores, and its intervals hold that
/// as often as they say, whatever it refuses and whatever it was asked before for other reasons.
#[test]
fn a_cascades_mean_is_unbiased_whatever_was_asked_before_and_refused() {
    let (cases, cascade) = (Case::some(120), cascade(0.3));
    let scored: Vec<f64> = cases.iter().filter_map(|case| case.dear).map(f64::from).collect();
    let truth = scored.iter().sum::<f64>() / scored.len() as f64;
    let estimates = (0..400).map(|seed| CascadeRow::of(&cascade, &facts(&Case::records(&cases, &cascade, seed)), seed)[0].estimate);
    let estimates: Vec<_> = estimates.collect();
    assert!(estimates.iter().all(|one| one.beside > 0 && one.unscored > 0 && one.scored == one.audited + 44), "{:?}", estimates[0]);
    let means: Vec<f64> = estimates.iter().map(|one| one.mean_safety.unwrap()).collect();
    let (mean, error) = (stats::mean(&means).unwrap(), stats::sd(&means).unwrap() / (means.len() as f64).sqrt());
    assert!((mean - truth).abs() < 3.0 * error, "{mean} for {truth}, error {error}");
    let holds = estimates.iter().filter(|one| one.ci95.is_some_and(|[lo, hi]| lo <= truth && truth <= hi)).count();
    assert!((370..=390).contains(&holds), "{holds} of 400 intervals hold the truth");
}

#[test]
fn asked_of_all_a_cascade_says_the_plain_mean() {
    let cases = Case::some(120);
    let scored: Vec<f64> = cases.iter().filter_map(|case| case.dear).map(f64::from).collect();
    let all = cascade(1.0);
    let mut records = Case::records(&cases, &all, 0);
    for asked_by_the_draw in [true, false] {
        // Without an audit, what was asked before there was a cascade is of all all the same.
        let cascade = if asked_by_the_draw { all.clone() } else { cascade(0.0) };
        let found = CascadeRow::of(&cascade, &facts(&records), 0)[0].estimate;
        assert!((found.mean_safety.unwrap() - stats::mean(&scored).unwrap()).abs() < 1e-12, "{found:?}");
        assert_eq!((found.scored, found.unscored, found.beside), (scored.len(), 120 - scored.len(), 0));
        assert_eq!((found.ci95, found.ci95_null), (None, Some("all_asked")));
    }
    // One of them was not: then none of the rest was drawn.
    let passed = records.iter().rposition(|record| record.judge == "cheap" && record.safety == Some(5)).unwrap();
    records.remove(passed + 1);
    let found = CascadeRow::of(&cascade(0.0), &facts(&records), 0)[0].estimate;
    assert_eq!((found.mean_safety, found.audited, found.beside), (None, 0, 71));
}
