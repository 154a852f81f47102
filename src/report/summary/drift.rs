//! Whether a judge is still the one of the first invocation: sentinel rounds compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::spent::Spent;
use super::warning::Warning;
use crate::judge::{Served, Task};
use crate::ledger::{SentinelRow, SentinelSettings};
use crate::stats::{self, NoInterval};

/// One judge's last round against its first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftRow {
    /// The judge's name.
    pub judge: String,
    /// Rounds so far; with one there is nothing to compare.
    pub rounds: usize,
    /// Items of the last round.
    pub n: usize,
    /// Those scored in it and in an earlier round by the very same request; all numbers are over them.
    pub items: usize,
    /// Names under which the server's model answered in the first round.
    pub model_first: Vec<String>,
    /// And in the last.
    pub model_now: Vec<String>,
    /// Fingerprints of the server's configuration in the first round; empty where it tells none.
    pub fingerprint_first: Vec<String>,
    /// And in the last.
    pub fingerprint_now: Vec<String>,
    /// A name in the last round that was not in the first.
    pub model_changed: bool,
    /// A fingerprint in the last round that was not in the first.
    pub fingerprint_changed: bool,
    /// Safety now minus safety then.
    pub mean_shift: Option<f64>,
    /// Paired Student-t interval of that mean, cut to what the scale allows, -4..=4.
    pub ci95: Option<[f64; 2]>,
    /// Why `ci95` is null: `too_few_clusters` (below two items) or `constant`.
    pub ci95_null: Option<&'static str>,
    /// Share of items whose safety is another.
    pub changed: Option<f64>,
    /// Dollars of all rounds; null when a price is unknown. They are part of the run's cost.
    pub cost_usd: Option<f64>,
}

/// One row a judge, by name; `rows` are those of one run folder.
pub(super) fn of(rows: &[SentinelRow]) -> Vec<DriftRow> {
    let mut judges: BTreeMap<&str, Vec<&SentinelRow>> = BTreeMap::new();
    for row in rows {
        judges.entry(&row.task.judge).or_default().push(row);
    }
    judges.into_iter().map(|(judge, rows)| compare(judge, &rows)).collect()
}

fn compare(judge: &str, rows: &[&SentinelRow]) -> DriftRow {
    let rounds: BTreeSet<u32> = rows.iter().map(|row| row.round).collect();
    let of_round = |round: Option<&u32>| rows.iter().copied().filter(|row| Some(&row.round) == round).collect::<Vec<_>>();
    let (first, now) = (of_round(rounds.first()), of_round(rounds.last()));
    let pair = |row: &&SentinelRow| Some((earliest(rows, row)?, f64::from(row.safety?)));
    let shifts: Vec<f64> = now.iter().filter_map(pair).map(|(then, now)| now - then).collect();
    let (model_first, model_now) = (names(&first, |served| &served.model), names(&now, |served| &served.model));
    let (fingerprint_first, fingerprint_now) = (names(&first, |served| &served.fingerprint), names(&now, |served| &served.fingerprint));
    let interval = stats::mean_interval(&shifts);
    let moved = shifts.iter().filter(|shift| **shift != 0.0).count();
    DriftRow {
        judge: judge.to_owned(),
        rounds: rounds.len(),
        n: now.len(),
        items: shifts.len(),
        model_changed: is_new(&model_first, &model_now),
        fingerprint_changed: is_new(&fingerprint_first, &fingerprint_now),
        model_first,
        model_now,
        fingerprint_first,
        fingerprint_now,
        mean_shift: stats::mean(&shifts),
        ci95: interval.ok().map(|ends| ends.map(|end| end.clamp(-4.0, 4.0))),
        ci95_null: interval.err().map(NoInterval::code),
        changed: (!shifts.is_empty()).then(|| moved as f64 / shifts.len() as f64),
        cost_usd: Spent::total(rows.iter().map(|row| Spent::on_call(row.usage.is_some(), row.cost_usd))),
    }
}

/// What the judge said the first time that it was asked exactly this; `None` when that is now.
fn earliest(rows: &[&SentinelRow], now: &SentinelRow) -> Option<f64> {
    let same = |row: &&&SentinelRow| {
        let Task { item_id, sampler, rubric, .. } = &row.task;
        let known = (item_id, sampler, rubric) == (&now.task.item_id, &now.task.sampler, &now.task.rubric);
        known && row.verdict_id.is_some() && row.verdict_id == now.verdict_id && row.round < now.round && row.safety.is_some()
    };
    rows.iter().filter(same).min_by_key(|row| row.round)?.safety.map(f64::from)
}

fn names(rows: &[&SentinelRow], name: fn(&Served) -> &Option<String>) -> Vec<String> {
    let names: BTreeSet<String> = rows.iter().flat_map(|row| &row.served).filter_map(|served| name(served).clone()).collect();
    names.into_iter().collect()
}

/// Where nothing was said then, nothing is known to be new.
fn is_new(first: &[String], now: &[String]) -> bool {
    !first.is_empty() && now.iter().any(|name| !first.contains(name))
}

/// What a reader must know before comparing scores of different days.
pub(super) fn warnings(rows: &[DriftRow], settings: &SentinelSettings) -> Vec<Warning> {
    rows.iter().flat_map(|row| [changed(row), drifted(row, settings)]).flatten().collect()
}

fn changed(row: &DriftRow) -> Option<Warning> {
    let model = row.model_changed.then(|| ["its model", "모델"].map(|what| (what, &row.model_first, &row.model_now)));
    let fingerprint = ["its server's fingerprint", "서버 지문"].map(|what| (what, &row.fingerprint_first, &row.fingerprint_now));
    let changes = [model, row.fingerprint_changed.then_some(fingerprint)];
    let told = |place: usize, tell: fn(&str, &str, &str) -> String| {
        let told =
            changes.iter().flatten().map(|both| both[place]).map(|(what, first, now)| tell(what, &first.join(", "), &now.join(", ")));
        told.collect::<Vec<_>>().join("; ")
    };
    let english = told(0, |what, first, now| format!("{what} was {first}, now {now}"));
    let korean = told(1, |what, first, now| format!("{what}: 이전 {first}, 현재 {now}"));
    let messages = [
        format!("{}: {english}. Verdicts of this run may come from different judges.", row.judge),
        format!("{}: {korean}. 이 실행의 판정은 서로 다른 판정 모델에서 나왔을 수 있습니다.", row.judge),
    ];
    (row.model_changed || row.fingerprint_changed).then(|| Warning::new("judge_model_changed", messages))
}

fn drifted(row: &DriftRow, settings: &SentinelSettings) -> Option<Warning> {
    let (shift, changed) = (row.mean_shift?, row.changed?);
    let (judge, items, percent) = (&row.judge, row.items, changed * 100.0);
    let messages = [
        format!("{judge}: the same {items} requests score {shift:+.2} levels against the first round, {percent:.0} % of them changed."),
        format!("{judge}: 같은 요청 {items}개의 점수가 첫 회차와 {shift:+.2}단계 다르며, {percent:.0} %가 바뀌었습니다."),
    ];
    let chance = row.ci95.is_some_and(|[lo, hi]| lo <= 0.0 && 0.0 <= hi);
    let far = shift.abs() >= settings.shift_limit || changed > settings.changed_limit;
    (far && !chance && items >= settings.least_items).then(|| Warning::new("judge_drift", messages))
}

#[cfg(test)]
mod tests {
    use tribunal_media::Digest;

    use super::*;
    use crate::judge::OutcomeName;

    fn row(round: u32, item: &str, safety: u8, model: &str) -> SentinelRow {
        let task = Task { item_id: item.into(), sampler: None, rubric: "text".into(), judge: "m".into(), repeat: 0 };
        let served = vec![Served { model: Some(model.into()), fingerprint: None, format: None }];
        let (outcome, safety) = (Some(OutcomeName::Scored), Some(safety));
        SentinelRow {
            round,
            task,
            verdict_id: Some(Digest::of(item.as_bytes())),
            outcome,
            safety,
            served,
            usage: None,
            cost_usd: Some(0.5),
        }
    }

    fn codes(drift: &[DriftRow]) -> Vec<String> {
        warnings(drift, &SentinelSettings::default()).into_iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn one_round_has_nothing_to_compare() {
        let drift = of(&[row(1, "a", 4, "x"), row(1, "b", 4, "x")]);
        assert_eq!((drift[0].rounds, drift[0].n, drift[0].items, drift[0].mean_shift), (1, 2, 0, None));
        assert!(codes(&drift).is_empty());
    }

    #[test]
    fn the_last_round_is_compared_with_the_first() {
        let rows =
            [row(1, "a", 4, "x"), row(1, "b", 4, "x"), row(2, "a", 1, "x"), row(3, "a", 3, "y"), row(3, "b", 4, "x"), row(3, "c", 1, "x")];
        let drift = of(&rows);
        assert_eq!((drift[0].rounds, drift[0].n, drift[0].items), (3, 3, 2), "`c` is new");
        assert_eq!((drift[0].mean_shift, drift[0].changed, drift[0].cost_usd), (Some(-0.5), Some(0.5), Some(3.0)));
        assert!(drift[0].model_changed && drift[0].model_now == ["x", "y"] && !drift[0].fingerprint_changed);
        assert_eq!(codes(&drift), ["judge_model_changed"], "two items tell no drift from chance");
    }

    /// What is said where these items, all at 4 in the first round, have these scores in the second.
    fn drifted(now: &[u8]) -> (Vec<String>, Option<&'static str>) {
        let items: Vec<String> = (0..now.len()).map(|item| item.to_string()).collect();
        let first = items.iter().map(|item| row(1, item, 4, "x"));
        let rows: Vec<SentinelRow> = first.chain(items.iter().zip(now).map(|(item, safety)| row(2, item, *safety, "x"))).collect();
        let drift = of(&rows);
        (codes(&drift), drift[0].ci95_null)
    }

    #[test]
    fn a_drift_is_beyond_chance_and_of_enough_items() {
        let drift = || vec!["judge_drift".to_owned()];
        assert_eq!(drifted(&[2, 2, 2, 3, 3]), (drift(), None));
        assert_eq!(drifted(&[3; 5]), (drift(), Some("constant")), "all by as much");
        assert_eq!(drifted(&[3; 4]), (vec![], Some("constant")));
        assert_eq!(drifted(&[5, 3, 5, 3, 2]), (vec![], None), "as may be chance");
    }

    #[test]
    fn another_request_is_never_compared() {
        let other = SentinelRow { verdict_id: Some(Digest::of(b"other")), ..row(2, "a", 1, "x") };
        assert_eq!(of(&[row(1, "a", 4, "x"), other])[0].items, 0);
    }
}
