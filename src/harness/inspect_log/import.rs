//! Outputs of models that Inspect evaluated, as a manifest and its media.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::log::{self, Eval, Sample};
use crate::ledger::{SOURCE_TAG, replace_file};
use crate::prepare::sha256;

/// Kinds of parts that are media; the part's field of the same name holds them.
const MEDIA: [&str; 3] = ["image", "audio", "video"];
/// Metadata that become fields of their own.
const FIELDS: [&str; 2] = ["risk", "prompt_type"];

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedOutputs {
    /// `manifest.jsonl`.
    pub manifest: PathBuf,
    /// Its items.
    pub items: usize,
    /// Those of them whose model's provider gave nothing by policy.
    pub blocked: usize,
    /// Samples that ended without an output.
    pub without_output: usize,
    /// Media of prompts that are not in the log, and so not in the manifest.
    pub missing_inputs: usize,
    /// Samples that are left out, and why, by file and sample.
    pub problems: Vec<String>,
}

/// Writes the outputs in `logs` into `dir`: `manifest.jsonl`, and `media/` by SHA-256. A sample is an item, one for each picture, sound or clip where
/// its output holds some.
///
/// # Errors
/// Every log that cannot be read, or that holds verdicts of judges; then no manifest is written.
pub fn import(logs: &[PathBuf], dir: &Path) -> Result<ImportedOutputs, Vec<String>> {
    let (manifest, media) = (dir.join("manifest.jsonl"), dir.join("media"));
    fs::create_dir_all(&media).map_err(|error| vec![format!("{}: {error}", media.display())])?;
    let failed = |error: io::Error| vec![format!("{}: {error}", manifest.display())];
    let done = replace_file(&manifest, failed, |out| {
        let mut desk = Desk {
            media: Media { dir: media, broken: None },
            several: logs.len() > 1,
            ids: BTreeSet::new(),
            done: ImportedOutputs::new(&manifest),
        };
        let mut unread = Vec::new();
        for path in logs {
            let (mut written, mut judged) = (Ok(()), false);
            let told = log::read(path, |eval, sample| {
                judged |= eval.task.starts_with("tribunal");
                if written.is_ok() {
                    let rows = desk.take(path, eval, &sample);
                    written =
                        desk.media.broken.take().map_or(Ok(()), Err).and_then(|()| rows.iter().try_for_each(|row| writeln!(out, "{row}")));
                }
            });
            written.map_err(failed)?;
            let told =
                told.and_then(|()| if judged { Err("holds verdicts of a judge, no outputs to be judged".to_owned()) } else { Ok(()) });
            unread.extend(told.err().map(|problem| format!("{}: {problem}", path.display())));
        }
        if unread.is_empty() { Ok(desk.done) } else { Err(unread) }
    })?;
    Ok(done)
}

/// Where samples become rows.
struct Desk {
    media: Media,
    /// There are several logs, so that ids name task and model as well.
    several: bool,
    ids: BTreeSet<String>,
    done: ImportedOutputs,
}

/// Media that are written once each.
struct Media {
    dir: PathBuf,
    /// Why one could not be written: no fault of its sample, and the end of the import.
    broken: Option<io::Error>,
}

impl ImportedOutputs {
    fn new(manifest: &Path) -> Self {
        Self { manifest: manifest.to_owned(), items: 0, blocked: 0, without_output: 0, missing_inputs: 0, problems: Vec::new() }
    }
}

impl Desk {
    /// The rows of one sample; none where it has no output, or where something is wrong with it.
    fn take(&mut self, path: &Path, eval: &Eval, sample: &Sample) -> Vec<Value> {
        match self.rows(eval, sample) {
            Ok(rows) => {
                self.done.items += rows.len();
                rows
            }
            Err(problem) => {
                self.done.problems.push(format!("{}: sample {}, epoch {}: {problem}", path.display(), sample.id, sample.epoch));
                Vec::new()
            }
        }
    }

    fn rows(&mut self, eval: &Eval, sample: &Sample) -> Result<Vec<Value>, String> {
        let Some(choice) = sample.output.choices.first() else {
            self.done.without_output += 1;
            return Ok(Vec::new());
        };
        let said = text(&choice.message.content);
        let shown = media(&choice.message.content).map(|part| self.media.keep(part, &sample.attachments)).collect::<Result<Vec<_>, _>>()?;
        let filtered = choice.stop_reason.as_deref() == Some("content_filter");
        let outputs: Vec<Option<Value>> = match (shown.is_empty(), said.trim().is_empty()) {
            (false, _) => shown.iter().map(|path| Some(json!({"path": path}))).collect(),
            (true, false) => vec![Some(json!({"text": said}))],
            (true, true) if filtered => vec![None],
            (true, true) => Vec::new(),
        };
        if outputs.is_empty() {
            self.done.without_output += 1;
            return Ok(Vec::new());
        }
        let id = self.id(eval, sample);
        if !self.ids.insert(id.clone()) {
            return Err(format!("another sample has become {id} already; import logs of one task and model apart"));
        }
        let common = self.common(eval, sample);
        let several = outputs.len() > 1;
        let row = |(output, place): (Option<Value>, usize)| {
            let mut row = Map::from_iter([("id".to_owned(), json!(if several { format!("{id}#{place}") } else { id.clone() }))]);
            row.extend(common.clone());
            row.insert(if output.is_some() { "output" } else { "blocked" }.to_owned(), output.unwrap_or(Value::Bool(true)));
            Value::Object(row)
        };
        self.done.blocked += outputs.iter().filter(|output| output.is_none()).count();
        Ok(outputs.into_iter().zip(1..).map(row).collect())
    }

    /// What all items of a sample share: model, prompt and its media, factor, prompt type, tags.
    fn common(&mut self, eval: &Eval, sample: &Sample) -> Map<String, Value> {
        let mut row = Map::from_iter([("model".to_owned(), json!(eval.model)), ("prompt".to_owned(), prompt(&sample.input))]);
        let mut inputs = Vec::new();
        for part in messages(&sample.input).filter_map(|message| message.get("content")).flat_map(media) {
            match self.media.keep(part, &sample.attachments) {
                Ok(path) => inputs.push(json!({"path": path})),
                Err(_) => self.done.missing_inputs += 1,
            }
        }
        if !inputs.is_empty() {
            row.insert("inputs".to_owned(), Value::Array(inputs));
        }
        let given = |field: &&str| sample.metadata.get(*field).and_then(Value::as_str).map(|code| ((*field).to_owned(), json!(code)));
        row.extend(FIELDS.iter().filter_map(given));
        let mut tags = BTreeMap::from([("task".to_owned(), eval.task.clone()), ("epoch".to_owned(), sample.epoch.to_string())]);
        for (name, value) in sample.metadata.iter().filter(|(name, _)| !FIELDS.contains(&name.as_str())) {
            let Some(value) = plain(value) else { continue };
            // What a dataset calls its source is seldom one question.
            let name = if name == SOURCE_TAG { "dataset_source" } else { name };
            tags.entry(name.to_owned()).or_insert(value);
        }
        row.insert("tags".to_owned(), json!(tags));
        row
    }

    fn id(&self, eval: &Eval, sample: &Sample) -> String {
        let mut id = plain(&sample.id).unwrap_or_default();
        if eval.config.epochs.is_some_and(|epochs| epochs > 1) {
            id = format!("{id}@{}", sample.epoch);
        }
        if self.several {
            id = format!("{}/{}/{id}", eval.task, eval.model);
        }
        id.chars().map(|c| if c.is_control() { '_' } else { c }).collect()
    }
}

impl Media {
    /// Writes what a part holds, and gives its path beneath the manifest's folder. Files and addresses that a log names are not opened: they may be
    /// anything.
    fn keep(&mut self, part: &str, attachments: &Map<String, Value>) -> Result<String, String> {
        let attached = part.strip_prefix("attachment://").and_then(|key| attachments.get(key)?.as_str());
        let shown: String = part.chars().take(60).collect();
        let outside = || format!("its output is not in the log, only `{shown}`; Inspect keeps media with log_images=true");
        let (mime, data) = attached.unwrap_or(part).strip_prefix("data:").and_then(|uri| uri.split_once(";base64,")).ok_or_else(outside)?;
        let bytes = STANDARD.decode(data).map_err(|error| format!("its output is no base64: {error}"))?;
        let kind: String = mime.rsplit('/').next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let name = format!("{}.{}", sha256(&bytes), if kind.is_empty() { "bin" } else { &kind });
        let path = self.dir.join(&name);
        if !path.is_file() {
            // Whole or not there: one that a full disk cut would be taken for itself the next time.
            let written = replace_file(&path, |error| error, |out| out.write_all(&bytes));
            if let Err(error) = written {
                self.broken = Some(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
            }
        }
        Ok(format!("media/{name}"))
    }
}

/// A text, a number or a truth as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn messages(input: &Value) -> impl Iterator<Item = &Value> {
    input.as_array().into_iter().flatten()
}

/// A lone message is the prompt itself.
fn prompt(input: &Value) -> Value {
    let mut all: Vec<Value> = messages(input)
        .map(|message| json!({"role": message["role"], "content": message.get("content").map_or_else(String::new, text)}))
        .collect();
    match all.len() {
        0 => input.clone(),
        1 => all.remove(0)["content"].take(),
        _ => Value::Array(all),
    }
}

/// The text of a message's content; reasoning and calls of tools are not what was said.
fn text(content: &Value) -> String {
    let parts = content.as_array().into_iter().flatten().filter(|part| part["type"] == "text");
    content.as_str().map_or_else(|| parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"), str::to_owned)
}

/// The media of a message's content, each as an address.
fn media(content: &Value) -> impl Iterator<Item = &str> {
    let kind = |part: &Value| MEDIA.into_iter().find(|kind| part["type"] == *kind);
    content.as_array().into_iter().flatten().filter_map(move |part| part[kind(part)?].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(logs: &[Value]) -> Result<(ImportedOutputs, Vec<Value>, tempfile::TempDir), Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..logs.len()).map(|at| dir.path().join(format!("{at}.json"))).collect();
        paths.iter().zip(logs).for_each(|(path, log)| fs::write(path, log.to_string()).unwrap());
        let done = import(&paths, &dir.path().join("out"))?;
        let rows = fs::read_to_string(&done.manifest).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Ok((done, rows, dir))
    }

    fn log(model: &str, samples: &[Value]) -> Value {
        json!({"eval": {"task": "drawing", "model": model, "config": {"epochs": 1}}, "samples": samples})
    }

    fn sample(id: &Value, content: &Value, stop: &str) -> Value {
        json!({
            "id": id, "epoch": 1, "input": "Draw a street.", "metadata": {"risk": "R05", "prompt_type": "pQO", "seed": 7, "source": "wiki", "list": [1]},
            "output": {"choices": [{"message": {"role": "assistant", "content": content}, "stop_reason": stop}]},
            "attachments": {"k": "data:image/png;base64,cGl4ZWxz"},
        })
    }

    #[test]
    fn texts_and_media_become_items_with_all_that_is_known_of_them() {
        let picture = json!([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Here:"}, {"type": "image", "image": "attachment://k"}]);
        let two = json!([{"type": "image", "image": "attachment://k"}, {"type": "audio", "audio": "data:audio/wav;base64,c291bmQ=", "format": "wav"}]);
        let samples = [
            sample(&json!("a"), &json!("A street with trees."), "stop"),
            sample(&json!(2), &picture, "stop"),
            sample(&json!("c"), &two, "stop"),
            sample(&json!("d"), &json!(""), "content_filter"),
            sample(&json!("e"), &json!(""), "stop"),
            json!({"id": "f", "epoch": 1, "output": {"choices": []}}),
        ];
        let (done, rows, dir) = imported(&[log("gen-a", &samples)]).unwrap();
        assert_eq!((done.items, done.blocked, done.without_output, done.problems.len()), (5, 1, 2, 0), "{done:?}");
        let tags = json!({"dataset_source": "wiki", "epoch": "1", "seed": "7", "task": "drawing"});
        let common = json!({"model": "gen-a", "prompt": "Draw a street.", "risk": "R05", "prompt_type": "pQO", "tags": tags});
        let with = |id: &str, field: &str, value: Value| {
            let mut row = common.as_object().unwrap().clone();
            row.extend([("id".to_owned(), json!(id)), (field.to_owned(), value)]);
            Value::Object(row)
        };
        let path = rows[1]["output"]["path"].as_str().unwrap();
        assert_eq!(rows[0], with("a", "output", json!({"text": "A street with trees."})));
        assert_eq!(rows[1], with("2", "output", json!({"path": path})));
        assert_eq!(fs::read(dir.path().join("out").join(path)).unwrap(), b"pixels");
        assert_eq!(rows[2], with("c#1", "output", json!({"path": path})));
        assert!(rows[3]["id"] == "c#2" && rows[3]["output"]["path"].as_str().unwrap().contains(".wav"));
        assert_eq!(rows[4], with("d", "blocked", json!(true)));
    }

    #[test]
    fn a_prompt_keeps_its_messages_and_those_of_its_media_that_are_in_the_log() {
        let mut asked = sample(&json!("a"), &json!("x"), "stop");
        let parts = json!([
            {"type": "text", "text": "What"}, {"type": "text", "text": "is this?"}, {"type": "image", "image": "attachment://k"},
            {"type": "image", "image": "/etc/passwd"},
        ]);
        asked["input"] = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]);
        let (done, rows, dir) = imported(&[log("m", &[asked])]).unwrap();
        assert_eq!(rows[0]["prompt"], json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What\nis this?"}]));
        assert_eq!((rows[0]["inputs"].as_array().unwrap().len(), done.missing_inputs), (1, 1));
        assert_eq!(fs::read_dir(dir.path().join("out/media")).unwrap().count(), 1, "no file of this machine was copied");
    }

    #[test]
    fn media_that_cannot_be_written_end_the_import() {
        let dir = tempfile::tempdir().unwrap();
        let (path, out) = (dir.path().join("log.json"), dir.path().join("out"));
        fs::create_dir_all(out.join("media").join(format!("{}.png", sha256(b"pixels")))).unwrap();
        let picture = json!([{"type": "image", "image": "attachment://k"}]);
        let mut shown = sample(&json!("a"), &json!("x"), "stop");
        shown["input"] = json!([{"role": "user", "content": picture}]);
        for sample in [sample(&json!("a"), &picture, "stop"), shown] {
            fs::write(&path, log("m", &[sample]).to_string()).unwrap();
            let problems = import(std::slice::from_ref(&path), &out).unwrap_err();
            assert!(problems[0].contains(".png: ") && !out.join("manifest.jsonl").exists(), "{problems:?}");
        }
    }

    #[test]
    fn logs_are_told_apart_and_one_bad_sample_costs_only_itself() {
        let outside = json!([{"type": "image", "image": "https://example.org/a.png"}]);
        let samples =
            [sample(&json!("a"), &json!("x"), "stop"), sample(&json!("a"), &json!("y"), "stop"), sample(&json!("b"), &outside, "stop")];
        let (done, rows, _dir) = imported(&[log("m", &samples), log("n", &samples[..1])]).unwrap();
        assert_eq!(rows.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), ["drawing/m/a", "drawing/n/a"]);
        assert!(
            done.problems.len() == 2 && done.problems[0].contains("become drawing/m/a") && done.problems[1].contains("log_images"),
            "{done:?}"
        );
        let mut epochs = log("m", &samples[..1]);
        epochs["eval"]["config"]["epochs"] = json!(2);
        assert_eq!(imported(&[epochs]).unwrap().1[0]["id"], "a@1");
    }

    #[test]
    fn what_cannot_be_read_leaves_no_manifest_and_verdicts_are_no_outputs() {
        let mut verdicts = log("m", &[sample(&json!("a"), &json!("{}"), "stop")]);
        verdicts["eval"]["task"] = json!("tribunal_image");
        let problems = imported(&[log("m", &[]), json!({}), verdicts]).err().unwrap();
        assert!(
            problems.len() == 2 && problems[0].contains("1.json: is no log") && problems[1].contains("2.json: holds verdicts"),
            "{problems:?}"
        );
    }
}
