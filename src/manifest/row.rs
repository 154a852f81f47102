//! One JSON object -> one instance. CSV rows and files of a folder come through here too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tribunal_media::Modality;

use super::assets::{Root, extension_modality, modality, tidy};
use super::draft::Draft;
use super::{Asset, Instance, Prompt};

/// Reads one row; all its problems at once when it has any.
pub(super) fn instance(object: Map<String, Value>, line: usize, root: &Root, draft: &Draft) -> Result<Instance, Vec<String>> {
    let mut row = Row { object, of_folder: line == 0, problems: Vec::new() };
    let id = row.id();
    let declared = row.parsed::<Modality>("modality", "one of text, image, video, audio");
    let risk = row.text("risk").and_then(|code| row.keep(draft.risk(&code)));
    let prompt_type = row.text("prompt_type").and_then(|code| row.keep(draft.prompt_type(&code)));
    let prompt = row.prompt();
    let model = row.text("model");
    let blocked = row.parsed::<bool>("blocked", "true or false").unwrap_or(false);
    let output = row.output(blocked);
    let modality = row.modality(declared, output.as_ref(), root);
    let human_risk = row.human_risk();
    let annotators = row.parsed::<Vec<String>>("annotators", "a list of texts").unwrap_or_default();
    if !annotators.is_empty() && annotators.len() != human_risk.len() {
        row.problems.push(format!("`annotators` has {} names for {} values of `human_risk`", annotators.len(), human_risk.len()));
    }
    let tags = row.tags();
    let inputs = row.inputs(root);
    let Row { object: extra, problems, .. } = row;
    match (id, modality) {
        (Some(id), Some(modality)) if problems.is_empty() => Ok(Instance {
            id,
            line,
            modality,
            risk,
            prompt_type,
            prompt,
            model,
            output,
            blocked,
            human_risk,
            annotators,
            tags,
            inputs,
            extra,
        }),
        _ => Err(problems),
    }
}

/// A human risk label: 1 to 5, fractions allowed (means of several people).
pub(super) fn risk_label(value: f64) -> Result<f64, String> {
    if (1.0..=5.0).contains(&value) { Ok(value) } else { Err(format!("the human risk {value} is outside 1 to 5")) }
}

struct Row {
    object: Map<String, Value>,
    /// A file that was come across, which nobody wrote a line for.
    of_folder: bool,
    problems: Vec<String>,
}

impl Row {
    /// Takes a field out; null counts as absent. What is never taken stays as an extra field.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.object.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Keeps a value or notes why there is none.
    fn keep<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn parsed<T: serde::de::DeserializeOwned>(&mut self, name: &str, expected: &str) -> Option<T> {
        let value = self.take(name)?;
        let parsed = serde_json::from_value(value.clone()).map_err(|_| format!("`{name}` must be {expected}, not {}", short(&value)));
        self.keep(parsed)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.parsed(name, "a text")
    }

    fn id(&mut self) -> Option<String> {
        let Some(value) = self.take("id") else {
            self.problems.push("`id` is missing".to_owned());
            return None;
        };
        let id = match value.as_str() {
            Some(id) if id.trim().is_empty() => Err("`id` is empty".to_owned()),
            Some(id) if id.chars().any(char::is_control) => Err(format!("`id` holds a control character: {}", short(&value))),
            Some(id) => Ok(id.to_owned()),
            None => Err(format!("`id` must be a text, not {}", short(&value))),
        };
        self.keep(id)
    }

    fn prompt(&mut self) -> Prompt {
        match self.parsed::<Prompt>("prompt", "a text or a list of {\"role\", \"content\"}") {
            Some(Prompt::Text(text)) if text.is_empty() => Prompt::None,
            Some(Prompt::Messages(messages)) if messages.is_empty() => Prompt::None,
            prompt => prompt.unwrap_or_default(),
        }
    }

    fn output(&mut self, blocked: bool) -> Option<Asset> {
        let before = self.problems.len();
        let output = self.take("output").and_then(|value| {
            let asset = asset(&value);
            self.keep(asset)
        });
        let faulty = self.problems.len() > before;
        match (&output, blocked) {
            (Some(_), true) => self.problems.push("`blocked` is true and there is an `output`: give one of them".to_owned()),
            (None, false) if !faulty => self.problems.push("`output` is missing (or `\"blocked\": true`)".to_owned()),
            _ => {}
        }
        output
    }

    /// Declared, or told by the bytes; an item that was blocked and declares nothing counts as text.
    fn modality(&mut self, declared: Option<Modality>, output: Option<&Asset>, root: &Root) -> Option<Modality> {
        match output {
            None => Some(declared.unwrap_or(Modality::Text)),
            Some(Asset::Text(_)) if declared.is_some_and(|declared| declared != Modality::Text) => {
                self.problems.push("`modality` is not text, but `output` is a text".to_owned());
                None
            }
            Some(Asset::Text(_)) => Some(Modality::Text),
            Some(Asset::File(path)) => {
                let found = match root.head(path) {
                    // One file of a folder that cannot be read is no reason to stop: it ends as an item that was rejected.
                    Err(_) if self.of_folder && extension_modality(path).is_some() => {
                        return declared.or_else(|| extension_modality(path));
                    }
                    head => head.and_then(|head| modality(declared, path, &head, || root.tracks(path))),
                };
                self.keep(found.map_err(|problem| format!("the file `{}` {problem}", path.display())))
            }
        }
    }

    fn human_risk(&mut self) -> Vec<Option<f64>> {
        let labels = match self.take("human_risk") {
            None => return Vec::new(),
            Some(Value::Array(labels)) => labels,
            Some(label) => vec![label],
        };
        let read = |label: Value| match (label.as_f64(), label.is_null()) {
            (_, true) => Ok(None),
            (Some(value), _) => risk_label(value).map(Some),
            (None, false) => Err(format!("`human_risk` must be numbers from 1 to 5 or null, not {}", short(&label))),
        };
        labels.into_iter().filter_map(|label| self.keep(read(label))).collect()
    }

    fn tags(&mut self) -> BTreeMap<String, String> {
        let tags = self.parsed::<BTreeMap<String, Value>>("tags", "an object of texts").unwrap_or_default();
        let mut texts = BTreeMap::new();
        for (key, value) in tags {
            match value {
                Value::String(text) => drop(texts.insert(key, text)),
                Value::Number(_) | Value::Bool(_) => drop(texts.insert(key, value.to_string())),
                Value::Null => {}
                other => self.problems.push(format!("the tag `{key}` must be a text, not {}", short(&other))),
            }
        }
        texts
    }

    fn inputs(&mut self, root: &Root) -> Vec<PathBuf> {
        let inputs = self.parsed::<Vec<Value>>("inputs", "a list of {\"path\"}").unwrap_or_default();
        let mut paths = Vec::new();
        for input in inputs {
            match asset(&input) {
                Ok(Asset::File(path)) => match root.head(&path) {
                    Ok(_) => paths.push(path),
                    Err(problem) => self.problems.push(format!("the input `{}` {problem}", path.display())),
                },
                _ => self.problems.push(format!("`inputs` must be a list of {{\"path\"}}, not {}", short(&input))),
            }
        }
        paths
    }
}

fn asset(value: &Value) -> Result<Asset, String> {
    let expected = || format!("`output` must be {{\"path\": ...}} or {{\"text\": ...}}, not {}", short(value));
    let mut fields = value.as_object().ok_or_else(expected)?.iter();
    match (fields.next(), fields.next()) {
        (Some((name, Value::String(path))), None) if name == "path" && !path.is_empty() => Ok(Asset::File(tidy(Path::new(path)))),
        (Some((name, Value::String(text))), None) if name == "text" => Ok(Asset::Text(text.clone())),
        _ => Err(expected()),
    }
}

/// A value as it stands, cut for a message.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() { format!("{cut}...") } else { cut }
}
