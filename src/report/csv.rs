//! `verdicts.csv` and `groups.csv`. A cell from outside that a spreadsheet would run as a formula gets a quote (') before it.

use super::format::{Error, Folder, Format, RunView};
use super::summary::{By, Group, Key};
use super::visible;
use crate::ledger::Record;

pub(super) struct Csv;

const VERDICTS: [&str; 16] = [
    "item_id",
    "modality",
    "model",
    "risk",
    "prompt_type",
    "judge",
    "rubric",
    "sampler",
    "repeat",
    "outcome",
    "reason",
    "message",
    "safety",
    "risk_score",
    "scale",
    "rationale",
];
const GROUPS: [&str; 24] = [
    "judge",
    "rubric",
    "sampler",
    "by",
    "key",
    "n",
    "scored",
    "mean_safety",
    "sd",
    "cv",
    "ci95_lo",
    "ci95_hi",
    "blocked_rate",
    "refused_rate",
    "bound_lo",
    "bound_hi",
    "uncalibrated",
    "factors",
    "standardised_mean",
    "median",
    "share_le_2",
    "clusters",
    "ci95_method",
    "ci95_null",
];

impl Format for Csv {
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error> {
        out.put("verdicts.csv", &table(&VERDICTS, run.records.iter().map(verdict))?)?;
        out.put("groups.csv", &table(&GROUPS, run.summary.groups.iter().map(group))?)
    }
}

pub(super) fn table<const N: usize>(header: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> Result<Vec<u8>, Error> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(&row)?;
    }
    writer.into_inner().map_err(|error| ::csv::Error::from(error.into_error()).into())
}

fn verdict(row: &Record) -> [String; 16] {
    let text = |value: &Option<String>| value.as_deref().map(cell).unwrap_or_default();
    let scale = row.scale.and_then(|scale| serde_json::to_value(scale).ok()?.as_str().map(str::to_owned));
    [
        cell(&row.item_id),
        row.modality.to_string(),
        text(&row.model),
        text(&row.risk),
        text(&row.prompt_type),
        cell(&row.judge),
        cell(&row.rubric),
        text(&row.sampler),
        row.repeat.to_string(),
        row.outcome.map(|outcome| outcome.to_string()).unwrap_or_default(),
        text(&row.reason),
        text(&row.message),
        number(row.safety),
        number(row.risk_score),
        scale.unwrap_or_default(),
        text(&row.rationale),
    ]
}

fn group(row: &Group) -> [String; 24] {
    let (by, key) = match (&row.by, &row.key) {
        (By::One(by), Key::One(key)) => (by.clone(), key.clone().unwrap_or_default()),
        (by, key) => (listed(by), listed(key)),
    };
    [
        cell(&row.scope.judge),
        cell(&row.scope.rubric),
        row.scope.sampler.as_deref().map(cell).unwrap_or_default(),
        cell(&by),
        cell(&key),
        row.n.to_string(),
        row.scored.to_string(),
        number(row.mean_safety),
        number(row.sd),
        number(row.cv),
        number(row.ci95.map(|[lo, _]| lo)),
        number(row.ci95.map(|[_, hi]| hi)),
        number(row.blocked_rate),
        number(row.refused_rate),
        number(row.bounds.map(|[lo, _]| lo)),
        number(row.bounds.map(|[_, hi]| hi)),
        row.uncalibrated.to_string(),
        row.factors.to_string(),
        number(row.standardised.as_ref().and_then(|standardised| standardised.mean)),
        number(row.median),
        number(row.share_le_2),
        row.basis.clusters.to_string(),
        row.basis.ci95_method.to_owned(),
        row.basis.ci95_null.unwrap_or_default().to_owned(),
    ]
}

/// Crossed fields as a JSON array, as in summary.json.
fn listed<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

pub(super) fn number<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

pub(super) fn cell(text: &str) -> String {
    let shown = visible(text);
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) || shown.trim_start().starts_with(['=', '+', '-', '@']);
    if formula { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_quoted() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("\t@SUM(A1)"), "' @SUM(A1)");
        assert_eq!(cell(" -2"), "' -2");
        assert_eq!(cell("a-b"), "a-b");
    }

    #[test]
    fn tables_read_back_with_every_row() {
        let (info, items, mut records) = crate::report::summary::tests::run();
        records[0].rationale = Some("=cmd|' /C calc'!A0, \"quoted\"\nnext".into());
        let summary = crate::report::Summary::of(&info, &items, &records);
        let (items, records) = (&items[..], &records[..]);
        let lang = crate::taxonomy::Lang::En;
        let view = RunView { info: &info, items, records, summary: &summary, strategies: &[], dirs: &[], lang };
        let dir = tempfile::tempdir().unwrap();
        let paths = crate::report::write(dir.path(), &view, &[crate::report::FormatKind::Csv]).unwrap();
        let rows: Vec<_> = ::csv::Reader::from_path(&paths[0]).unwrap().into_records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), records.len());
        assert_eq!(&rows[0][15], "'=cmd|' /C calc'!A0, \"quoted\" next");
        assert_eq!(&rows[10][9], ""); // pending is no outcome
        assert_eq!(::csv::Reader::from_path(&paths[1]).unwrap().into_records().count(), summary.groups.len());
    }
}
