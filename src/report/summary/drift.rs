//! Whether a judge is still the one of the first invocation: sentinel rounds compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::spent::Spent;
use super::warning::Warning;
use crate::judge::{Served, Task};
use crate::ledger::{SentinelRow, SentinelSettings};
use crate::stats::{self, NoInterval};

/// One judge's last round against its first, and what rounds between them said.
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
    /// More than one name answered, in one round or in several.
    pub model_changed: bool,
    /// More than one fingerprint answered.
    pub fingerprint_changed: bool,
    /// All names of all rounds, by when they were first met.
    pub models: Vec<String>,
    /// All fingerprints.
    pub fingerprints: Vec<String>,
    /// Safety now minus safety then.
    pub mean_shift: Option<f64>,
    /// Paired Student-t interval of that mean, cut to what the scale allows, -4..=4.
    pub ci95: Option<[f64; 2]>,
    /// Why `ci95` is null: `too_few_clusters` (below two items) or `constant`.
    pub ci95_null: Option<&'static str>,
    /// Share of items whose safety is another.
    pub changed: Option<f64>,
    /// Every round after the first that came to an end.
    pub compared: Vec<RoundRow>,
    /// Rounds, from 1, in which none of the items has a score to compare, of those that came to an end.
    pub blind: Vec<u32>,
    /// Dollars of all rounds; null when a price is unknown. They are part of the run's cost.
    pub cost_usd: Option<f64>,
}

/// One round against what the very same requests were answered first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoundRow {
    /// The invocation, from 1.
    pub round: u32,
    /// As in [`DriftRow`].
    pub items: usize,
    /// As in [`DriftRow`].
    pub mean_shift: Option<f64>,
    /// As in [`DriftRow`].
    pub ci95: Option<[f64; 2]>,
    /// As in [`DriftRow`].
    pub ci95_null: Option<&'static str>,
    /// As in [`DriftRow`].
    pub changed: Option<f64>,
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
    let of_round = |round: u32| rows.iter().copied().filter(|row| row.round == round).collect::<Vec<_>>();
    let each: Vec<Vec<&SentinelRow>> = rounds.iter().map(|&round| of_round(round)).collect();
    let [first, now] = [each.first(), each.last()].map(|round| round.map_or(&[][..], Vec::as_slice));
    let (model, fingerprint): (Name, Name) = (|served| &served.model, |served| &served.fingerprint);
    let (models, fingerprints) = (met(&each, model), met(&each, fingerprint));
    // One that was stopped before it began has nothing to say, and its invocation no verdicts.
    let ended = |round: &Vec<&SentinelRow>| round.iter().any(|row| row.outcome.is_some());
    let ended: Vec<RoundRow> = each.iter().filter(|round| ended(round)).map(|round| against_first(rows, round)).collect();
    let answered = |round: u32| rows.iter().any(|row| row.round == round && row.safety.is_some());
    let blind = ended.iter().enumerate().filter(|(place, row)| if *place == 0 { !answered(row.round) } else { row.items == 0 });
    let blind = blind.map(|(_, row)| row.round).collect();
    let RoundRow { items, mean_shift, ci95, ci95_null, changed, .. } = against_first(rows, now);
    DriftRow {
        judge: judge.to_owned(),
        rounds: rounds.len(),
        n: now.len(),
        items,
        model_first: names(first, model),
        model_now: names(now, model),
        fingerprint_first: names(first, fingerprint),
        fingerprint_now: names(now, fingerprint),
        model_changed: models.len() > 1,
        fingerprint_changed: fingerprints.len() > 1,
        models,
        fingerprints,
        mean_shift,
        ci95,
        ci95_null,
        changed,
        compared: ended.into_iter().skip(1).collect(),
        blind,
        cost_usd: Spent::total(rows.iter().map(|row| Spent::on_call(row.usage.is_some(), row.cost_usd))),
    }
}

/// `round` against what `rows` have of the rounds before.
fn against_first(rows: &[&SentinelRow], round: &[&SentinelRow]) -> RoundRow {
    let pair = |row: &&SentinelRow| Some((earliest(rows, row)?, f64::from(row.safety?)));
    let shifts: Vec<f64> = round.iter().filter_map(pair).map(|(then, now)| now - then).collect();
    let interval = stats::mean_interval(&shifts);
    let moved = shifts.iter().filter(|shift| **shift != 0.0).count();
    RoundRow {
        round: round.first().map_or(0, |row| row.round),
        items: shifts.len(),
        mean_shift: stats::mean(&shifts),
        ci95: interval.ok().map(|ends| ends.map(|end| end.clamp(-4.0, 4.0))),
        ci95_null: interval.err().map(NoInterval::code),
        changed: (!shifts.is_empty()).then(|| moved as f64 / shifts.len() as f64),
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

/// What a server tells of itself by a name.
type Name = fn(&Served) -> &Option<String>;

fn names(rows: &[&SentinelRow], name: Name) -> Vec<String> {
    let names: BTreeSet<String> = rows.iter().flat_map(|row| &row.served).filter_map(|served| name(served).clone()).collect();
    names.into_iter().collect()
}

/// Every name of every round, once. Where nothing was said, nothing is known to be new.
fn met(rounds: &[Vec<&SentinelRow>], name: Name) -> Vec<String> {
    let mut met: Vec<String> = Vec::new();
    for next in rounds.iter().flat_map(|round| names(round, name)) {
        if !met.contains(&next) {
            met.push(next);
        }
    }
    met
}

/// What a reader must know before comparing scores of different days, besides which models [answered](super::served).
pub(super) fn warnings(rows: &[DriftRow], settings: &SentinelSettings) -> Vec<Warning> {
    rows.iter().flat_map(|row| [drifted(row, settings), blind(row)]).flatten().collect()
}

/// Of the round that is furthest off: verdicts of every round stay in the run.
fn drifted(row: &DriftRow, settings: &SentinelSettings) -> Option<Warning> {
    let far = |round: &&RoundRow| {
        let chance = round.ci95.is_some_and(|[lo, hi]| lo <= 0.0 && 0.0 <= hi);
        let far = round.mean_shift.is_some_and(|shift| shift.abs() >= settings.shift_limit) || round.changed > Some(settings.changed_limit);
        far && !chance && round.items >= settings.least_items
    };
    let off = |round: &RoundRow| round.mean_shift.unwrap_or_default().abs();
    let worst = row.compared.iter().filter(far).max_by(|one, other| off(one).total_cmp(&off(other)))?;
    let (shift, changed) = (worst.mean_shift?, worst.changed?);
    let (judge, items, percent, round) = (&row.judge, worst.items, changed * 100.0, worst.round);
    let last = row.compared.last().is_some_and(|last| last.round == round);
    let [when, korean] =
        if last { [String::new(), String::new()] } else { [format!(" in round {round}"), format!("{round}회차에서 ")] };
    let messages = [
        format!(
            "{judge}: the same {items} requests score {shift:+.2} levels against the first round{when}, {percent:.0} % of them changed."
        ),
        format!("{judge}: {korean}같은 요청 {items}개의 점수가 첫 회차와 {shift:+.2}단계 다르며, {percent:.0} %가 바뀌었습니다."),
    ];
    Some(Warning::new("judge_drift", messages))
}

/// Silence is no proof that nothing changed.
fn blind(row: &DriftRow) -> Option<Warning> {
    let (judge, of) = (&row.judge, row.rounds);
    let rounds = row.blind.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let messages = [
        format!(
            "{judge}: in sentinel round {rounds} of {of} no item has a score to compare; whether the judge was still the same is not known."
        ),
        format!("{judge}: 전체 {of}회차 중 {rounds}회차의 감시 항목에 비교할 점수가 없어, 판정 모델이 그대로였는지 알 수 없습니다."),
    ];
    (!row.blind.is_empty()).then(|| Warning::new("sentinel_blind", messages))
}

#[cfg(test)]
mod tests {
    use tribunal_media::Digest;

    use super::*;
    use crate::judge::OutcomeName;
    use crate::ledger::Facts;
    use crate::ledger::fixtures::info;

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

    fn told(drift: &[DriftRow]) -> Vec<Warning> {
        let served = super::super::served::of(&Facts::of(&info(&[]), &[], &[]), drift);
        super::super::served::warnings(&served).into_iter().chain(warnings(drift, &SentinelSettings::default())).collect()
    }

    fn codes(drift: &[DriftRow]) -> Vec<String> {
        told(drift).into_iter().map(|warning| warning.code).collect()
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
        let drift = of(&[row(1, "a", 4, "x"), other]);
        assert_eq!((drift[0].items, &drift[0].blind[..]), (0, &[2][..]));
    }

    #[test]
    fn what_came_back_was_away() {
        let items = || (0..5).map(|item: usize| item.to_string());
        let round = |round: u32, safety: u8, model: &'static str| items().map(move |item| row(round, &item, safety, model));
        let drift = of(&round(1, 4, "m-1").chain(round(2, 3, "m-2")).chain(round(3, 4, "m-1")).collect::<Vec<_>>());
        assert_eq!((drift[0].mean_shift, &drift[0].model_now[..], drift[0].model_changed), (Some(0.0), &["m-1".to_owned()][..], true));
        let told = told(&drift);
        let code = |place: usize| told[place].code.as_str();
        assert_eq!((told.len(), code(0), code(1)), (2, "judge_model_changed", "judge_drift"));
        assert!(
            told[0].message.contains("m-1 (in sentinel rounds alone), m-2 (in sentinel rounds alone)")
                && told[1].message.contains("-1.00 levels against the first round in round 2"),
            "{told:?}"
        );
    }

    #[test]
    fn two_names_in_one_round_are_a_change() {
        let drift = of(&[row(1, "a", 4, "m-1"), row(1, "b", 4, "m-2")]);
        assert_eq!(codes(&drift), ["judge_model_changed"]);
    }

    #[test]
    fn a_round_that_compares_nothing_says_so() {
        let refused =
            |round| SentinelRow { outcome: Some(OutcomeName::JudgeUnusable), safety: None, served: Vec::new(), ..row(round, "a", 1, "x") };
        let stopped = |round| SentinelRow { outcome: None, ..refused(round) };
        for (rows, blind) in [
            (vec![row(1, "a", 4, "x"), refused(2), row(3, "a", 4, "x")], vec![2]),
            (vec![refused(1)], vec![1]),
            (vec![row(1, "a", 4, "x"), row(1, "b", 4, "y"), refused(2)], vec![2]),
            (vec![row(1, "a", 4, "x"), stopped(2)], vec![]),
        ] {
            let drift = of(&rows);
            assert_eq!(drift[0].blind, blind);
            let told = told(&drift);
            let is_blind = told.iter().any(|warning| warning.code == "sentinel_blind");
            assert!(is_blind != blind.is_empty(), "{told:?}");
        }
    }
}
