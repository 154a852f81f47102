//! Items as tasks: verdicts are predictions, human labels are annotations. Both are risk, as people label it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serializer as _;
use serde::ser::SerializeSeq as _;
use serde_json::{Value, json};
use tribunal_media::{Digest, Modality};

use super::{OUTPUT, RISK};
use crate::harness::Error;
use crate::judge::Scale;
use crate::ledger::{Entry, ItemRow, LedgerError, Record, replace_file};
use crate::rubric::Probe;
use crate::stats::agreement::turned;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedTasks {
    /// Tasks in all files.
    pub tasks: usize,
    /// A file of tasks and one of its labelling interface for every modality.
    pub files: Vec<PathBuf>,
    /// Items that people are not asked about: blocked, withheld by policy, or a text that lies in a file.
    pub left_out: usize,
}

/// Writes `MODALITY.json` and `MODALITY.xml` into `dir`: a project of Label Studio has one labelling interface. `entries` are gone through once a modality.
pub fn export<I>(dir: &Path, entries: impl Fn() -> Result<I, LedgerError>) -> Result<ExportedTasks, Error>
where
    I: Iterator<Item = Result<Entry, LedgerError>>,
{
    let (mut modalities, mut left_out) = (BTreeSet::new(), 0);
    for entry in entries()? {
        let entry = entry?;
        if is_shown(&entry) {
            modalities.insert(entry.item.modality);
        } else {
            left_out += 1;
        }
    }
    fs::create_dir_all(dir).map_err(Error::at(dir))?;
    let (mut tasks, mut files) = (0, Vec::new());
    for modality in modalities {
        let [list, interface] = ["json", "xml"].map(|extension| dir.join(modality.name()).with_extension(extension));
        let failed = Error::writing(&list);
        replace_file(&list, Error::at(&list), |out| {
            let mut json = serde_json::Serializer::new(out);
            let mut array = json.serialize_seq(None).map_err(&failed)?;
            for entry in entries()? {
                let entry = entry?;
                if entry.item.modality == modality && is_shown(&entry) {
                    array.serialize_element(&task(&entry)).map_err(&failed)?;
                    tasks += 1;
                }
            }
            array.end().map_err(&failed)
        })?;
        let failed = Error::at(&interface);
        replace_file(&interface, &failed, |out| out.write_all(interface_of(modality).as_bytes()).map_err(&failed))?;
        files.extend([list, interface]);
    }
    Ok(ExportedTasks { tasks, files, left_out })
}

/// Whether people can be asked about an item.
fn is_shown(Entry { item, records }: &Entry) -> bool {
    let withheld = records.iter().any(|record| record.reason.as_deref() == Some("policy_withheld"));
    !item.blocked && !withheld && (item.modality != Modality::Text || is_inline(item))
}

/// Whether the item's output is its text, not the path of a file; before it was prepared nothing tells.
fn is_inline(item: &ItemRow) -> bool {
    item.media_id.is_none_or(|id| id == Digest::of(item.output.as_bytes()))
}

fn task(Entry { item, records }: &Entry) -> Value {
    let output = if item.modality == Modality::Text { item.output.clone() } else { served(&item.output) };
    let scored = records.iter().filter(|record| Probe::split(&record.rubric).is_none());
    json!({
        "data": {
            "item_id": item.item_id, OUTPUT: output, "prompt": item.prompt, "modality": item.modality, "model": item.model,
            "factor": item.risk, "prompt_type": item.prompt_type, "tags": item.tags,
        },
        "annotations": annotations(item),
        "predictions": scored.filter_map(prediction).collect::<Vec<_>>(),
    })
}

/// Where a Label Studio that serves the source's folder has a file of it.
fn served(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encoded = path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    format!("/data/local-files/?d={}", encoded.collect::<String>())
}

/// One a label. An annotator need not be a user there, so that the name stands beside the label.
fn annotations(item: &ItemRow) -> Vec<Value> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut annotations = Vec::new();
    for (place, risk) in item.human_risk.iter().enumerate() {
        let name = item.annotators.get(place).cloned().unwrap_or_else(|| (place + 1).to_string());
        let nth = times.entry(name.clone()).or_default();
        *nth += 1;
        if let Some(risk) = risk {
            // Two labels under one name stay two.
            let annotator = if *nth == 1 { name } else { format!("{name} ({nth})") };
            let mut label = choice(*risk);
            label["meta"] = json!({"annotator": annotator});
            annotations.push(json!({"was_cancelled": false, "result": [label]}));
        }
    }
    annotations
}

fn prediction(record: &Record) -> Option<Value> {
    let risk = turned(f64::from(record.safety?));
    let scope = [Some(&record.judge), Some(&record.rubric), record.sampler.as_ref()];
    let scope: Vec<&str> = scope.into_iter().flatten().map(String::as_str).collect();
    let triage = if record.scale == Some(Scale::TriageUncalibrated) { " (triage, uncalibrated)" } else { "" };
    let repeat = if record.repeat > 1 { format!(" #{}", record.repeat) } else { String::new() };
    let rationale = json!({
        "id": "rationale", "from_name": "rationale", "to_name": OUTPUT, "type": "textarea",
        "value": {"text": [record.rationale.clone().unwrap_or_default()]},
    });
    Some(json!({"model_version": format!("{}{repeat}{triage}", scope.join(" / ")), "result": [choice(risk), rationale]}))
}

fn choice(risk: f64) -> Value {
    json!({"id": RISK, "from_name": RISK, "to_name": OUTPUT, "type": "choices", "value": {"choices": [risk.to_string()]}})
}

/// The labelling interface: the prompt, the output, and the five levels of risk.
fn interface_of(modality: Modality) -> String {
    let output = match modality {
        Modality::Text => "Text",
        Modality::Image => "Image",
        Modality::Video => "Video",
        Modality::Audio => "Audio",
    };
    let levels = [1, 2, 3, 4, 5].map(|level| format!("    <Choice value=\"{level}\" hotkey=\"{level}\"/>\n")).concat();
    format!(
        "<View>\n  <Text name=\"prompt\" value=\"$prompt\"/>\n  <{output} name=\"{OUTPUT}\" value=\"$output\"/>\n  \
         <Header value=\"Risk: 1 = none, 5 = worst\"/>\n  \
         <Choices name=\"{RISK}\" toName=\"{OUTPUT}\" choice=\"single-radio\" showInline=\"true\" required=\"true\">\n{levels}  </Choices>\n  \
         <TextArea name=\"rationale\" toName=\"{OUTPUT}\" maxSubmissions=\"1\" editable=\"true\"/>\n</View>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::label_studio::import;
    use crate::judge::OutcomeName;
    use crate::ledger::fixtures::items;

    fn entries(items: &[ItemRow]) -> impl Fn() -> Result<std::vec::IntoIter<Result<Entry, LedgerError>>, LedgerError> {
        let entries: Vec<Entry> = items.iter().map(|item| Entry { item: item.clone(), records: Vec::new() }).collect();
        move || Ok(entries.iter().cloned().map(Ok).collect::<Vec<_>>().into_iter())
    }

    #[test]
    fn labels_come_back_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let mut items = items(4);
        items[0].human_risk = vec![Some(4.0), None, Some(1.5)];
        items[0].annotators = ["ann", "bo", "ann"].map(str::to_owned).into();
        items[1].annotators.clear();
        items[3].modality = Modality::Image;
        let done = export(dir.path(), entries(&items)).unwrap();
        assert_eq!((done.tasks, done.left_out), (4, 0));
        let names: Vec<_> = done.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["text.json", "text.xml", "image.json", "image.xml"]);
        let files: Vec<PathBuf> = done.files.into_iter().filter(|file| file.extension().is_some_and(|of| of == "json")).collect();
        let labels = import(&files).unwrap().labels;
        let labels: Vec<_> = labels.iter().map(|label| (label.item_id.as_str(), label.annotator.as_str(), label.risk)).collect();
        let expected = [(0, "ann", 4.0), (0, "ann (2)", 1.5), (1, "1", 4.0), (2, "1", 4.0), (3, "1", 4.0)];
        assert_eq!(labels, expected.map(|(at, name, risk)| (items[at].item_id.as_str(), name, Some(risk))));
    }

    #[test]
    fn verdicts_are_predictions_of_risk_and_files_are_served() {
        let mut item = items(1).remove(0);
        (item.modality, item.output) = (Modality::Image, "영 상/a&b.png".to_owned());
        let record = |rubric: &str, safety| Record {
            judge: "m".to_owned(),
            rubric: rubric.to_owned(),
            safety,
            ..crate::ledger::fixtures::record(&item, Some(OutcomeName::Scored))
        };
        let records = vec![record("image", Some(2)), record("image~levels", Some(5)), record("image", None)];
        let task = task(&Entry { item: item.clone(), records });
        assert_eq!(task["data"]["output"], "/data/local-files/?d=%EC%98%81%20%EC%83%81/a%26b.png");
        let predictions = task["predictions"].as_array().unwrap();
        assert_eq!((predictions.len(), &predictions[0]["model_version"]), (1, &json!("m / image")));
        assert_eq!(predictions[0]["result"][0]["value"]["choices"], json!(["4"]));
    }

    #[test]
    fn what_people_are_not_to_see_or_cannot_is_left_out() {
        let mut items = items(4);
        items[0].blocked = true;
        (items[1].output, items[1].media_id) = ("a.txt".to_owned(), Some(Digest::of(b"its text")));
        (items[2].output, items[2].media_id) = ("its text".to_owned(), Some(Digest::of(b"its text")));
        let entries: Vec<Entry> = items
            .iter()
            .map(|item| {
                let withheld = Record { reason: Some("policy_withheld".to_owned()), ..crate::ledger::fixtures::record(item, None) };
                Entry { item: item.clone(), records: if item.position == items[3].position { vec![withheld] } else { Vec::new() } }
            })
            .collect();
        let shown: Vec<bool> = entries.iter().map(is_shown).collect();
        assert_eq!(shown, [false, false, true, false]);
    }
}
