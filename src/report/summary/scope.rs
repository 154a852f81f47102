//! What may be pooled: one judge under one rubric and one sampler, with repeats averaged per item.

use std::collections::BTreeMap;

use serde::Serialize;

use super::source;
use crate::judge::{OutcomeName, Scale};
use crate::ledger::{ItemRow, Record, RunInfo};
use crate::stats::Observed;

/// One judge, rubric and sampler: numbers are never pooled across.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Scope {
    /// The judge's name.
    pub judge: String,
    /// The rubric's name.
    pub rubric: String,
    /// Canonical sampler; null unless video.
    pub sampler: Option<String>,
}

/// The rows of one scope.
pub(in crate::report) struct Scoped<'a> {
    pub scope: Scope,
    /// Its numbers are triage, not the rubric's scale.
    pub uncalibrated: bool,
    pub records: Vec<&'a Record>,
    /// In manifest order.
    pub items: Vec<Pooled<'a>>,
}

/// One item with its repeats averaged.
pub(in crate::report) struct Pooled<'a> {
    pub item: &'a ItemRow,
    /// Number of its source item.
    pub source: usize,
    /// Mean over its scored repeats.
    pub safety: Option<f64>,
    /// The model produced nothing by policy.
    pub blocked: bool,
    /// Share of its repeats that the judge refused, 0..=1.
    pub refused: f64,
    /// Owed a verdict and got none: some repeat failed or is pending, and none is scored.
    pub failed: bool,
}

impl Scope {
    pub(super) fn of(record: &Record) -> Self {
        Self { judge: record.judge.clone(), rubric: record.rubric.clone(), sampler: record.sampler.clone() }
    }
}

impl<'a> Scoped<'a> {
    /// The scopes of a run, ascending.
    pub(in crate::report) fn split(info: &RunInfo, items: &'a [ItemRow], records: &'a [Record]) -> Vec<Self> {
        let known = Known::of(items);
        let mut rows: BTreeMap<(&str, &str, Option<&str>), Vec<&Record>> = BTreeMap::new();
        for record in records {
            rows.entry((&record.judge, &record.rubric, record.sampler.as_deref())).or_default().push(record);
        }
        let uncalibrated = |scope: &Scope, rows: &[&Record]| {
            info.triage_judges.contains(&scope.judge) || rows.iter().any(|row| row.scale == Some(Scale::TriageUncalibrated))
        };
        let scoped = |records: Vec<&'a Record>| {
            let scope = Scope::of(records.first()?);
            Some(Self { uncalibrated: uncalibrated(&scope, &records), items: pool(&known, &records), scope, records })
        };
        rows.into_values().filter_map(scoped).collect()
    }
}

/// Items and the numbers of their sources, by id.
struct Known<'a>(Vec<(&'a ItemRow, usize)>);

impl<'a> Known<'a> {
    fn of(items: &'a [ItemRow]) -> Self {
        let mut known: Vec<_> = items.iter().zip(source::number(items)).collect();
        known.sort_by_key(|(item, _)| item.item_id.as_str());
        Self(known)
    }

    fn find(&self, id: &str) -> Option<(&'a ItemRow, usize)> {
        let Self(known) = self;
        known.binary_search_by_key(&id, |(item, _)| item.item_id.as_str()).ok().map(|place| known[place])
    }
}

fn pool<'a>(known: &Known<'a>, records: &[&Record]) -> Vec<Pooled<'a>> {
    // Runs are stored item by item: what is nearly sorted is sorted in no time, and a map would ask for every record anew.
    let mut by_item = records.to_vec();
    by_item.sort_by_key(|record| record.item_id.as_str());
    let repeats = by_item.chunk_by(|one, other| one.item_id == other.item_id);
    let mut pooled: Vec<_> = repeats.filter_map(|rows| Some(average(known.find(&rows[0].item_id)?, rows))).collect();
    pooled.sort_by_key(|one: &Pooled| one.item.position);
    pooled
}

fn average<'a>((item, source): (&'a ItemRow, usize), rows: &[&Record]) -> Pooled<'a> {
    let scores: Vec<f64> = rows.iter().filter_map(|row| row.safety).map(f64::from).collect();
    let ended = |outcome| rows.iter().filter(|row| row.outcome == Some(outcome)).count();
    Pooled {
        item,
        source,
        safety: crate::stats::mean(&scores),
        blocked: ended(OutcomeName::SafelyBlocked) > 0,
        refused: ended(OutcomeName::JudgeRefused) as f64 / rows.len() as f64,
        failed: scores.is_empty() && rows.iter().any(|row| row.outcome.is_none_or(|outcome| !outcome.is_clean())),
    }
}

impl Pooled<'_> {
    /// Its score as one value of its source; `None` without a verdict.
    pub(super) fn observed(&self) -> Option<Observed> {
        Some(Observed { cluster: self.source, value: self.safety? })
    }

    /// The model gave nothing, and no repeat has a score.
    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked && self.safety.is_none()
    }
}
