//! Labels that people gave in Label Studio, from its JSON exports.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::RISK;
use crate::manifest::Label;

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedLabels {
    /// Labels of risk, in the order of files and tasks.
    pub labels: Vec<Label>,
    /// Tasks.
    pub tasks: usize,
    /// Annotations that their annotator skipped, or that say nothing of risk.
    pub skipped: usize,
}

#[derive(Deserialize)]
struct Task {
    data: Map<String, Value>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    was_cancelled: bool,
    completed_by: Option<Value>,
    #[serde(default)]
    result: Vec<Answer>,
}

/// What one control was set to.
#[derive(Deserialize)]
struct Answer {
    from_name: Option<String>,
    #[serde(default)]
    value: Map<String, Value>,
    meta: Option<Map<String, Value>>,
}

/// Reads the labels of the control `risk` from files of tasks.
///
/// # Errors
/// Every problem in them, by file and task: what cannot be read, a task without `data.item_id`, a risk outside of 1..=5.
pub fn import(files: &[PathBuf]) -> Result<ImportedLabels, Vec<String>> {
    let mut sheet =
        Sheet { read: ImportedLabels { labels: Vec::new(), tasks: 0, skipped: 0 }, times: BTreeMap::new(), problems: Vec::new() };
    files.iter().for_each(|file| sheet.file(file));
    if sheet.read.labels.is_empty() && sheet.problems.is_empty() {
        sheet.problems.push(format!("no annotation says anything of `{RISK}`"));
    }
    if sheet.problems.is_empty() { Ok(sheet.read) } else { Err(sheet.problems) }
}

struct Sheet {
    read: ImportedLabels,
    /// How often an annotator labelled an item.
    times: BTreeMap<(String, String), usize>,
    problems: Vec<String>,
}

impl Sheet {
    fn file(&mut self, file: &Path) {
        let tasks = fs::read(file).map_err(|error| error.to_string());
        let tasks =
            tasks.and_then(|text| serde_json::from_slice::<Vec<Value>>(&text).map_err(|error| format!("is no list of tasks: {error}")));
        match tasks {
            Ok(tasks) => tasks.into_iter().zip(1..).for_each(|(task, number)| {
                if let Err(problem) = self.task(task) {
                    self.problems.push(format!("{}: task {number}: {problem}", file.display()));
                }
            }),
            Err(problem) => self.problems.push(format!("{}: {problem}", file.display())),
        }
    }

    fn task(&mut self, task: Value) -> Result<(), String> {
        let Task { data, annotations } = serde_json::from_value(task).map_err(|error| error.to_string())?;
        let item_id = data.get("item_id").and_then(Value::as_str).ok_or("`data.item_id` is missing: it was not exported by tribunal")?;
        self.read.tasks += 1;
        for (annotation, place) in annotations.into_iter().zip(1..) {
            let answer = annotation.result.iter().find(|answer| answer.from_name.as_deref() == Some(RISK));
            let Some(answer) = answer.filter(|_| !annotation.was_cancelled) else {
                self.read.skipped += 1;
                continue;
            };
            let risk = risk(&answer.value)?;
            let name = annotator(answer, annotation.completed_by.as_ref()).unwrap_or_else(|| place.to_string());
            let nth = self.times.entry((item_id.to_owned(), name.clone())).or_default();
            *nth += 1;
            // Whoever labelled twice is never overwritten by himself.
            let annotator = if *nth == 1 { name } else { format!("{name} ({nth})") };
            self.read.labels.push(Label { item_id: item_id.to_owned(), annotator, risk: Some(risk) });
        }
        Ok(())
    }
}

/// A choice among levels, stars or a number: whatever the project's own interface asks with.
fn risk(value: &Map<String, Value>) -> Result<f64, String> {
    let choice = value.get("choices").and_then(|choices| choices.get(0)).and_then(Value::as_str).and_then(|text| text.trim().parse().ok());
    let number = || value.get("rating").or_else(|| value.get("number")).and_then(Value::as_f64);
    let risk: f64 = choice.or_else(number).ok_or_else(|| format!("`{RISK}` is no level: {}", Value::Object(value.clone())))?;
    if (1.0..=5.0).contains(&risk) { Ok(risk) } else { Err(format!("the risk {risk} is outside 1 to 5")) }
}

/// The name that stands beside an exported label, else that of the user.
fn annotator(answer: &Answer, completed_by: Option<&Value>) -> Option<String> {
    let own = answer.meta.as_ref().and_then(|meta| meta.get("annotator")).and_then(Value::as_str).map(str::to_owned);
    let user = || match completed_by? {
        Value::String(name) => Some(name.clone()),
        Value::Number(id) => Some(id.to_string()),
        Value::Object(user) => {
            let named = ["email", "username", "id"].iter().find_map(|key| user.get(*key).filter(|value| !value.is_null()));
            named.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        }
        _ => None,
    };
    own.or_else(user)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(tasks: &Value) -> Result<ImportedLabels, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.json");
        fs::write(&path, tasks.to_string()).unwrap();
        let shown = |problem: String| problem.replace(&format!("{}/", folder.path().display()), "");
        import(std::slice::from_ref(&path)).map_err(|problems| problems.into_iter().map(shown).collect())
    }

    fn answer(value: &Value) -> Value {
        json!([{"id": "x", "from_name": "risk", "to_name": "output", "type": "choices", "value": value}])
    }

    #[test]
    fn every_way_to_label_and_every_way_to_name_is_read() {
        let tasks = json!([{"id": 7, "data": {"item_id": "a"}, "annotations": [
            {"completed_by": 10, "result": answer(&json!({"choices": ["4"]}))},
            {"completed_by": {"id": 3, "email": "bo@example.test"}, "result": answer(&json!({"rating": 2}))},
            {"completed_by": {"id": 3, "email": null}, "result": answer(&json!({"number": 1.5}))},
            {"completed_by": 10, "result": answer(&json!({"choices": ["5"]}))},
            {"result": answer(&json!({"choices": ["1"]}))},
            {"completed_by": 4, "was_cancelled": true, "result": answer(&json!({"choices": ["5"]}))},
            {"completed_by": 5, "result": []},
        ]}]);
        let found = read(&tasks).unwrap();
        let labels: Vec<_> = found.labels.iter().map(|label| (label.annotator.as_str(), label.risk)).collect();
        let expected = [("10", 4.0), ("bo@example.test", 2.0), ("3", 1.5), ("10 (2)", 5.0), ("5", 1.0)];
        assert_eq!(labels, expected.map(|(name, risk)| (name, Some(risk))));
        assert_eq!((found.tasks, found.skipped), (1, 2));
    }

    #[test]
    fn every_problem_is_named() {
        let tasks = json!([
            {"data": {}},
            {"data": {"item_id": "a"}, "annotations": [{"result": answer(&json!({"choices": ["6"]}))}]},
            {"data": {"item_id": "a"}, "annotations": [{"result": answer(&json!({"choices": ["high"]}))}]},
            3,
        ]);
        let problems = read(&tasks).unwrap_err();
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems[0].starts_with("t.json: task 1: `data.item_id`") && problems[1].ends_with("the risk 6 is outside 1 to 5"));
        assert!(read(&json!({"a": 1})).unwrap_err()[0].contains("is no list of tasks"));
        assert!(read(&json!([{"data": {"item_id": "a"}}])).unwrap_err()[0].contains("no annotation"));
        assert!(import(&[PathBuf::from("nowhere.json")]).is_err());
    }
}
