//! The `export --to inspect` command: every judge prompt of a source, finished, for another harness to run.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use tribunal_media::{Encoding, SamplerSpec};

use super::evidence;
use super::plan::Want;
use super::recipes::RecipeBook;
use super::study::Study;
use crate::harness::{self, Exported, Sample, SamplePart};
use crate::judge::View;
use crate::manifest::{Instance, RowsError};
use crate::prepare::{Part, Payload, Rejected};
use crate::rubric::{self, fence_text};
use crate::sandbox::Pool;
use crate::stats::agreement::human_safety;

/// What was exported and what was left out.
#[derive(Debug)]
pub struct ExportDone {
    /// What was written.
    pub exported: Exported,
    /// Items that the decoders refused.
    pub refused: Vec<(String, Rejected)>,
    /// Items without an output by policy, or whose pictures stay on this machine.
    pub left_out: u64,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It could not be written.
    #[error(transparent)]
    Harness(#[from] harness::Error),
    /// The source could not be read again.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// This machine failed while it looked at an item, or the source went away.
    #[error(transparent)]
    Unprepared(Rejected),
}

/// Writes one sample per item, sampler and rubric into `dir`. Withheld pictures are left out: whoever runs the export may be remote.
pub fn inspect(study: &Study, pool: &Pool, dir: &Path) -> Result<ExportDone, ExportError> {
    let (mut refused, mut left_out) = (Vec::new(), 0);
    let mut samples_of = |instance: &Instance| {
        let Some(output) = instance.output.as_ref().filter(|_| !study.withholds(instance)) else {
            left_out += 1;
            return Ok(Vec::new());
        };
        let book = RecipeBook::new(&study.plan, study.settings.recipe, instance, &[View::Parts], false);
        match study.prepare(output, book.recipes(), pool) {
            Ok(prepared) => {
                let payload = |want: &Want| Some(&prepared.payloads[book.position(&study.plan, want, instance.modality, View::Parts)?]);
                let wants = study.plan.wants(instance.modality);
                Ok(wants.iter().filter_map(|want| sample(study, instance, want, payload(want)?).ok()).collect())
            }
            Err(rejected) if rejected.is_ours() => Err(ExportError::Unprepared(rejected)),
            Err(rejected) => {
                refused.push((instance.id.clone(), rejected));
                Ok(Vec::new())
            }
        }
    };
    let samples = study.selected().flat_map(|row| match row.map_err(ExportError::from).and_then(|instance| samples_of(&instance)) {
        Ok(samples) => samples.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    });
    let exported = harness::inspect(dir, samples)?;
    Ok(ExportDone { exported, refused, left_out })
}

fn sample(study: &Study, instance: &Instance, want: &Want, payload: &Payload) -> Result<Sample, rubric::Error> {
    let asked = evidence::ask(study, instance, &want.rubric, payload)?;
    let sampler = want.sampler.as_ref().map(SamplerSpec::to_string);
    let id = match &sampler {
        None => format!("{} {}", instance.id, want.rubric),
        Some(sampler) => format!("{} {} {sampler}", instance.id, want.rubric),
    };
    let labels = asked.prompt.labels.iter();
    Ok(Sample {
        id,
        system: asked.prompt.system.clone(),
        before: asked.prompt.before.clone(),
        parts: payload.parts.iter().zip(labels).map(|(part, label)| sample_part(part, label, &asked.nonce)).collect(),
        after: asked.prompt.after.clone(),
        target: human_safety(&instance.human_risk).map_or_else(String::new, |safety| format!("{safety:.2}")),
        metadata: metadata(instance, want, sampler.as_deref()),
        nonce: asked.nonce,
    })
}

fn sample_part(part: &Part, label: &str, nonce: &str) -> SamplePart {
    let (mime, bytes) = match part.header.encoding {
        Encoding::Utf8 => ("text/plain", Bytes::from(fence_text(&String::from_utf8_lossy(&part.bytes), nonce))),
        other => (other.mime(), part.bytes.clone()),
    };
    SamplePart { mime: mime.to_owned(), sha256: part.sha256.clone(), bytes, label: label.to_owned() }
}

fn metadata(instance: &Instance, want: &Want, sampler: Option<&str>) -> BTreeMap<String, Value> {
    let pairs = [
        ("item_id", json!(instance.id)),
        ("modality", json!(instance.modality)),
        ("model", json!(instance.model)),
        ("risk", json!(instance.risk)),
        ("prompt_type", json!(instance.prompt_type)),
        ("rubric", json!(want.rubric)),
        ("sampler", json!(sampler)),
        ("tags", json!(instance.tags)),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}
