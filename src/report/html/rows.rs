//! The items as the page lists, filters and searches them. Every text from outside is made visible here; the script only ever sets it as text.

use std::collections::BTreeMap;

use serde::Serialize;
use tribunal_media::Modality;

use crate::judge::{Odds, Scale};
use crate::ledger::{Entry, Record};
use crate::report::format::RunView;
use crate::report::visible::{visible, visible_lines};
use crate::report::{JudgeRow, Scope};
use crate::rubric::Probe;
use crate::stats::agreement::human_safety;

/// Characters of a text that are listed and searched; what is longer is whole among the item's details.
pub(super) const LISTED: usize = 2000;

/// One item with its verdicts.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: String,
    modality: Modality,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    risk: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_type: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    /// Safety as humans see it: 6 minus the median of their risk labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    human: Option<f64>,
    prompt: String,
    output: String,
    /// A text is longer than what is listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    /// The lowest mean that a full judge (a triage where no other is) gives it over repeats: judges are never pooled.
    #[serde(skip_serializing_if = "Option::is_none")]
    safety: Option<f64>,
    /// Highest minus lowest of those verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<[String; 2]>,
    verdicts: Vec<VerdictRow>,
}

/// How one task of an item ended.
#[derive(Debug, Serialize)]
struct VerdictRow {
    /// Place in the list of scopes.
    scope: usize,
    repeat: u32,
    /// `pending` while there is none.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<[String; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rationale: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: BTreeMap<String, u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    odds: Option<Odds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

/// A judge, rubric and sampler as verdicts refer to it.
#[derive(Debug, Serialize)]
pub(super) struct ScopeRow {
    judge: String,
    rubric: String,
    sampler: Option<String>,
    /// Its numbers are triage, not the rubric's scale.
    triage: bool,
    /// What was said under a probe is no score of an output.
    probe: bool,
}

/// The scopes of a run, ascending.
pub(super) fn scopes(run: &RunView) -> Vec<ScopeRow> {
    let row = |JudgeRow { scope, uncalibrated, .. }: &JudgeRow| ScopeRow {
        judge: visible(&scope.judge),
        rubric: visible(&scope.rubric),
        sampler: scope.sampler.as_deref().map(visible),
        triage: *uncalibrated,
        probe: scope.is_probe(),
    };
    run.summary.by_judge.iter().map(row).collect()
}

/// Their places in that list.
pub(super) fn places(run: &RunView) -> BTreeMap<Scope, usize> {
    run.summary.by_judge.iter().zip(0..).map(|(of, place)| (of.scope.clone(), place)).collect()
}

impl Row {
    pub(super) fn of(entry: &Entry, scopes: &BTreeMap<Scope, usize>) -> Self {
        let Entry { item, records } = entry;
        let long = |text: &str| text.chars().nth(LISTED).is_some();
        let levels = levels(records);
        let notes = item.media.iter().flat_map(|report| &report.notes).map(|note| [note.code.clone(), visible(&note.message)]);
        Self {
            id: visible(&item.item_id),
            modality: item.modality,
            model: item.model.as_deref().map(visible),
            risk: item.risk.as_deref().map(visible),
            prompt_type: item.prompt_type.as_deref().map(visible),
            tags: item.tags.iter().map(|(name, value)| (visible(name), visible(value))).collect(),
            human: human_safety(&item.human_risk),
            prompt: listed(&item.prompt),
            output: listed(&item.output),
            cut: long(&item.prompt) || long(&item.output),
            safety: strictest(&levels),
            spread: levels
                .iter()
                .map(|(_, level)| level)
                .max()
                .zip(levels.iter().map(|(_, level)| level).min())
                .map(|(most, least)| most - least),
            notes: notes.collect(),
            verdicts: records.iter().map(|record| verdict(record, scopes)).collect(),
        }
    }
}

fn listed(text: &str) -> String {
    visible_lines(&text.chars().take(LISTED).collect::<String>())
}

/// Levels by judge, rubric and sampler: those of full judges without probes, or of triage where there are no others.
fn levels(records: &[Record]) -> Vec<(Scope, u8)> {
    let of = |scale: Scale| {
        let counts = move |record: &&Record| record.scale == Some(scale) && Probe::split(&record.rubric).is_none();
        records.iter().filter(counts).filter_map(|record| Some((scope_of(record), record.safety?))).collect::<Vec<_>>()
    };
    let full = of(Scale::Rubric5);
    if full.is_empty() { of(Scale::TriageUncalibrated) } else { full }
}

/// The lowest of the scopes' means.
fn strictest(levels: &[(Scope, u8)]) -> Option<f64> {
    let mut by_scope: BTreeMap<&Scope, Vec<f64>> = BTreeMap::new();
    levels.iter().for_each(|(scope, level)| by_scope.entry(scope).or_default().push(f64::from(*level)));
    by_scope.values().filter_map(|levels| crate::stats::mean(levels)).reduce(f64::min)
}

fn scope_of(record: &Record) -> Scope {
    Scope { judge: record.judge.clone(), rubric: record.rubric.clone(), sampler: record.sampler.clone() }
}

fn verdict(record: &Record, scopes: &BTreeMap<Scope, usize>) -> VerdictRow {
    let scope = scope_of(record);
    let message = || record.message.as_deref().map(visible_lines).unwrap_or_default();
    VerdictRow {
        scope: scopes.get(&scope).copied().unwrap_or_default(),
        repeat: record.repeat,
        outcome: record.outcome.map_or("pending", |outcome| outcome.as_str()),
        safety: record.safety,
        reason: record.reason.as_deref().map(|reason| [visible(reason), message()]),
        rationale: record.rationale.as_deref().map(visible_lines),
        dimensions: record.dimensions.iter().map(|(name, level)| (visible(name), *level)).collect(),
        evidence: record.evidence.clone(),
        odds: record.odds,
        cost_usd: record.cost_usd,
    }
}
