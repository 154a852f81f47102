//! Which models gave a judge's verdicts, and whether it was one and the same all the time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::drift::DriftRow;
use super::warning::Warning;
use crate::ledger::Facts;

/// Names that a message and `summary.json` list of one judge; of more, how many there are.
const LISTED: usize = 20;

/// What the servers of one judge say of the models that answered, in verdicts and in sentinel rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServedRow {
    /// The judge's name.
    pub judge: String,
    /// Names of models.
    pub models: Vec<ServedName>,
    /// How many more names there are.
    pub more_models: usize,
    /// Fingerprints of the servers' configuration; empty where they tell none.
    pub fingerprints: Vec<ServedName>,
    /// How many more there are.
    pub more_fingerprints: usize,
}

/// One name, with what it stands behind. The one with most verdicts comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServedName {
    /// As the server says it.
    pub name: String,
    /// Verdicts that came from it, those under probes among them; 0 where a sentinel round alone met it.
    pub verdicts: usize,
}

/// One row a judge that said anything of itself, by name; `drift` has what sentinel rounds met.
pub(super) fn of(facts: &Facts, drift: &[DriftRow]) -> Vec<ServedRow> {
    let mut judges: BTreeMap<&str, [BTreeMap<&str, usize>; 2]> = BTreeMap::new();
    let mut add = |judge, place: usize, name, verdicts: usize| {
        *judges.entry(judge).or_default()[place].entry(name).or_default() += verdicts;
    };
    for of in facts.scopes() {
        for (place, names) in [&of.models, &of.fingerprints].into_iter().enumerate() {
            names.iter().for_each(|(name, verdicts)| add(&of.scope.judge, place, name.as_str(), *verdicts));
        }
    }
    for row in drift {
        for (place, names) in [&row.models, &row.fingerprints].into_iter().enumerate() {
            names.iter().for_each(|name| add(&row.judge, place, name.as_str(), 0));
        }
    }
    let row = |(judge, [models, fingerprints]): (&str, [BTreeMap<&str, usize>; 2])| {
        let ((models, more_models), (fingerprints, more_fingerprints)) = (listed(&models), listed(&fingerprints));
        ServedRow { judge: judge.to_owned(), models, more_models, fingerprints, more_fingerprints }
    };
    judges.into_iter().map(row).collect()
}

fn listed(names: &BTreeMap<&str, usize>) -> (Vec<ServedName>, usize) {
    let mut listed: Vec<ServedName> =
        names.iter().map(|(name, verdicts)| ServedName { name: (*name).to_owned(), verdicts: *verdicts }).collect();
    listed.sort_by_key(|one| Reverse(one.verdicts)); // stable: equal counts by name
    let more = listed.len().saturating_sub(LISTED);
    listed.truncate(LISTED);
    (listed, more)
}

/// Of every judge that was not one and the same all the time. Where nothing was said, nothing is known to be new.
pub(super) fn warnings(rows: &[ServedRow]) -> Vec<Warning> {
    rows.iter().filter_map(changed).collect()
}

fn changed(row: &ServedRow) -> Option<Warning> {
    let kinds = [
        (["more than one model answered", "둘 이상의 모델이 응답함"], &row.models, row.more_models),
        (["its servers told more than one fingerprint", "서버 지문이 둘 이상임"], &row.fingerprints, row.more_fingerprints),
    ];
    let several: Vec<_> = kinds.into_iter().filter(|(_, names, _)| names.len() > 1).collect();
    let said = |lang: usize| several.iter().map(|(what, names, more)| told(what[lang], names, *more, lang)).collect::<Vec<_>>().join("; ");
    let messages = [
        format!("{}: {}. Verdicts of this run may come from different judges.", row.judge, said(0)),
        format!("{}: {}. 이 실행의 판정은 서로 다른 판정 모델에서 나왔을 수 있습니다.", row.judge, said(1)),
    ];
    (!several.is_empty()).then(|| Warning::new("judge_model_changed", messages))
}

/// In English (0) or Korean (1).
fn told(what: &str, names: &[ServedName], more: usize, lang: usize) -> String {
    let count = |verdicts: usize| match (verdicts, lang) {
        (0, 0) => "in sentinel rounds alone".to_owned(),
        (1, 0) => "1 verdict".to_owned(),
        (_, 0) => format!("{verdicts} verdicts"),
        (0, _) => "감시 회차에서만".to_owned(),
        _ => format!("판정 {verdicts}개"),
    };
    let names = names.iter().map(|one| format!("{} ({})", one.name, count(one.verdicts))).collect::<Vec<_>>().join(", ");
    let more = match (more, lang) {
        (0, _) => String::new(),
        (_, 0) => format!(" and {more} more"),
        _ => format!(" 외 {more}개"),
    };
    format!("{what}: {names}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{OutcomeName, Served};
    use crate::ledger::Record;
    use crate::ledger::fixtures::{info, items, record};

    fn rows(served: &[(&str, Option<&str>, Option<&str>)]) -> Vec<ServedRow> {
        let items = items(served.len() as u64);
        let records: Vec<Record> = items
            .iter()
            .zip(served)
            .map(|(item, (judge, model, fingerprint))| {
                let [model, fingerprint] = [model, fingerprint].map(|name| name.map(str::to_owned));
                let served = Served { model, fingerprint, format: None };
                Record { judge: (*judge).to_owned(), served, ..record(item, Some(OutcomeName::Scored)) }
            })
            .collect();
        of(&Facts::of(&info(&["m", "n"]), &items, &records), &[])
    }

    #[test]
    fn verdicts_of_two_models_are_told_with_how_many_each_gave() {
        let told = rows(&[("m", Some("m-1"), None), ("m", Some("m-2"), None), ("m", Some("m-2"), None), ("n", Some("n-1"), None)]);
        let warnings = warnings(&told);
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert_eq!(warning.code, "judge_model_changed");
        assert!(warning.message.starts_with("m: more than one model answered: m-2 (2 verdicts), m-1 (1 verdict). "), "{warning:?}");
        assert!(warning.korean.starts_with("m: 둘 이상의 모델이 응답함: m-2 (판정 2개), m-1 (판정 1개). "), "{warning:?}");
    }

    #[test]
    fn a_fingerprint_alone_may_change_and_silence_is_no_change() {
        let told = warnings(&rows(&[("m", Some("m-1"), Some("a")), ("m", None, None), ("m", Some("m-1"), Some("b"))]));
        assert!(told.len() == 1 && told[0].message.contains("fingerprint: a (1 verdict), b (1 verdict)"), "{told:?}");
        assert!(!told[0].message.contains("model answered"));
        assert_eq!(warnings(&rows(&[("m", Some("m-1"), None), ("m", None, Some("a"))])), []);
    }

    #[test]
    fn of_many_names_the_first_are_listed() {
        let names: Vec<String> = (0..25).map(|number| format!("fp-{number:02}")).collect();
        let told = rows(&names.iter().map(|name| ("m", None, Some(name.as_str()))).collect::<Vec<_>>());
        assert_eq!((told[0].fingerprints.len(), told[0].more_fingerprints), (20, 5));
        assert!(warnings(&told)[0].message.contains("fp-19 (1 verdict) and 5 more."));
    }
}
