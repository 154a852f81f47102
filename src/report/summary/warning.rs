//! What a reader must know before using the numbers.

use std::collections::BTreeSet;

use serde::Serialize;
use tribunal_media::Report;

use super::scope::Scoped;
use super::settings::WarningSettings;
use super::{Scope, Summary, doubt};
use crate::judge::{OutcomeName, TRIAGE_FACTORS};
use crate::ledger::{ItemRow, Record, RunInfo};

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Stable.
    pub code: String,
    /// For people.
    pub message: String,
    /// How many; null where it is not countable.
    pub count: Option<usize>,
}

impl Warning {
    pub(in crate::report) fn new(code: &str, message: String) -> Self {
        Self { code: code.to_owned(), message, count: None }
    }

    pub(super) fn counted(code: &str, count: usize, message: String) -> Self {
        Self { code: code.to_owned(), message, count: Some(count) }
    }
}

/// The warnings of a run, the gravest first.
pub(super) fn of(info: &RunInfo, items: &[ItemRow], summary: &Summary, records: &[Record], scoped: &[&Scoped]) -> Vec<Warning> {
    let (settings, mut warnings) = (WarningSettings::of(info), Vec::new());
    warnings.extend(judges(info, summary));
    warnings.extend(authored(info));
    warnings.extend(locks(info));
    warnings.extend(pending(summary));
    warnings.extend(rejected(records));
    warnings.extend(salvaged(items));
    warnings.extend(super::probe::warnings(&summary.probes, info));
    warnings.extend(doubt::of_groups(summary, &settings));
    warnings.extend(scoped.iter().flat_map(|one| doubt::one_cell(one, &settings)));
    warnings.extend(super::quality::warnings(&summary.quality, &settings));
    warnings.extend(info.notices.iter().map(|notice| Warning::counted(&notice.code, notice.count, notice.message.clone())));
    warnings
}

fn judges(info: &RunInfo, summary: &Summary) -> Option<Warning> {
    let (triage, full): (BTreeSet<_>, BTreeSet<_>) =
        summary.by_judge.iter().map(|row| &row.scope.judge).partition(|judge| info.triage_judges.contains(judge));
    if triage.is_empty() {
        return None;
    }
    let covered = TRIAGE_FACTORS.iter().filter(|code| info.factor_names.contains_key(**code)).count();
    let coverage = format!("covers {covered} of {} risk factors with an uncalibrated scale", info.factor_names.len());
    Some(if full.is_empty() {
        Warning::new("no_full_judge", format!("No full judge ran. Only the embedded triage did, which {coverage}."))
    } else {
        Warning::new("triage_separate", format!("The embedded triage {coverage}; it is never pooled with other judges."))
    })
}

fn authored(info: &RunInfo) -> Option<Warning> {
    let judges = info.authored_judges.join(", ");
    let message = format!("Replies of {judges} were written by hand to show the tool; they are no judgement by any model.");
    (!info.authored_judges.is_empty()).then(|| Warning::new("authored_replies", message))
}

fn locks(info: &RunInfo) -> Option<Warning> {
    let message = format!("The decoders ran without: {}.", info.missing_locks.join(", "));
    (!info.missing_locks.is_empty()).then(|| Warning::counted("isolation_incomplete", info.missing_locks.len(), message))
}

/// The budget counts such attempts in full.
pub(super) fn perhaps_billed(usd: Option<f64>) -> Option<Warning> {
    let message = |usd| format!("Requests that were lost on their way may have been billed: up to ${usd:.4} beyond the cost shown.");
    usd.map(|usd| Warning::new("perhaps_billed", message(usd)))
}

fn pending(summary: &Summary) -> Option<Warning> {
    let message = format!("{} of {} tasks are still pending; the same command resumes.", summary.pending, summary.expected);
    (summary.pending > 0).then(|| Warning::counted("pending", summary.pending, message))
}

/// Notes of the decoders that mean: what was judged is not all that the file was meant to hold.
const SALVAGE_NOTES: [&str; 6] = ["truncated", "broken_off", "damaged_frames", "holes", "decode_errors", "soundtrack_truncated"];

fn salvaged(items: &[ItemRow]) -> Option<Warning> {
    let cut = |item: &&ItemRow| {
        let noted = |report: &Report| report.notes.iter().any(|note| SALVAGE_NOTES.contains(&note.code.as_str()));
        item.media.as_ref().is_some_and(|report| report.truncated_at.is_some() || noted(report))
    };
    let count = items.iter().filter(cut).count();
    let message = format!("{count} items are cut or damaged; only what could be decoded of them was judged.");
    (count > 0).then(|| Warning::counted("media_salvaged", count, message))
}

fn rejected(records: &[Record]) -> Option<Warning> {
    let rows = records.iter().filter(|record| record.outcome == Some(OutcomeName::MediaRejected));
    let items: BTreeSet<_> = rows.map(|record| &record.item_id).collect();
    let message = format!("{} items hold media that could not be decoded within the limits; they have no score.", items.len());
    (!items.is_empty()).then(|| Warning::counted("media_rejected", items.len(), message))
}

pub(super) fn name(scope: &Scope) -> String {
    let sampler = scope.sampler.as_ref().map(|sampler| format!(", {sampler}")).unwrap_or_default();
    format!("{}, {}{sampler}", scope.judge, scope.rubric)
}
