//! Human risk labels from a file of their own: CSV or JSONL with `item_id, annotator, risk`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use serde_json::{Map, Value};

use super::row::{risk_label, short};
use super::table::{csv_rows, jsonl_lines, number};
use super::{Fault, Faults};

/// What one annotator said of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The instance.
    pub item_id: String,
    /// Who labelled it.
    pub annotator: String,
    /// 1..=5, 5 = worst; `None` where the annotator left it open.
    pub risk: Option<f64>,
}

/// Reads a file of labels of the items in `known`; order is the file's.
///
/// # Errors
/// Every problem in it, by file and line: what cannot be read, an item that is not known, a second label by the same annotator.
pub fn labels(path: &Path, known: &BTreeSet<&str>) -> Result<Vec<Label>, Faults> {
    let mut sheet = Sheet { file: path.display().to_string(), known, lines: BTreeMap::new(), labels: Vec::new(), faults: Vec::new() };
    let file = File::open(path).map_err(|error| Faults::of_file(&sheet.file, format!("cannot be read: {error}")))?;
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("jsonl" | "ndjson") => {
            jsonl_lines(file).for_each(|(line, object)| sheet.add(line, object.map_err(|problem| format!("the line {problem}"))));
        }
        Some("csv") => csv_rows(file, |line, object| sheet.add(line, object.map(numbered))),
        _ => return Err(Faults::of_file(sheet.file, "is no file of labels; expected .csv or .jsonl with item_id, annotator, risk")),
    }
    if sheet.labels.is_empty() && sheet.faults.is_empty() {
        sheet.fault(0, "there is no label in it; expected item_id, annotator, risk".to_owned());
    }
    if sheet.faults.is_empty() { Ok(sheet.labels) } else { Err(Faults::new(sheet.faults, 0)) }
}

/// A cell is text; this one stands for a number.
fn numbered(mut row: Map<String, Value>) -> Map<String, Value> {
    if let Some(risk) = row.get_mut("risk")
        && let Some(text) = risk.as_str()
    {
        *risk = number(text.trim());
    }
    row
}

struct Sheet<'a> {
    file: String,
    known: &'a BTreeSet<&'a str>,
    /// Where an annotator labelled an item.
    lines: BTreeMap<(String, String), usize>,
    labels: Vec<Label>,
    faults: Vec<Fault>,
}

impl Sheet<'_> {
    fn fault(&mut self, line: usize, message: String) {
        self.faults.push(Fault { file: self.file.clone(), line, message });
    }

    fn add(&mut self, line: usize, row: Result<Map<String, Value>, String>) {
        match row.map_err(|problem| vec![problem]).and_then(|row| self.label(&row)) {
            Ok(label) => match self.lines.insert((label.item_id.clone(), label.annotator.clone()), line) {
                None => self.labels.push(label),
                Some(first) => self.fault(line, format!("`{}` already labelled `{}` in line {first}", label.annotator, label.item_id)),
            },
            Err(problems) => problems.into_iter().for_each(|problem| self.fault(line, problem)),
        }
    }

    fn label(&self, row: &Map<String, Value>) -> Result<Label, Vec<String>> {
        let known = |id: String| if self.known.contains(id.as_str()) { Ok(id) } else { Err(format!("the item `{id}` is not known")) };
        let id = text(row, "item_id").and_then(known);
        match (id, text(row, "annotator"), risk(row)) {
            (Ok(item_id), Ok(annotator), Ok(risk)) => Ok(Label { item_id, annotator, risk }),
            (id, annotator, risk) => Err([id.err(), annotator.err(), risk.err()].into_iter().flatten().collect()),
        }
    }
}

/// A number names an annotator as well as a text does.
fn text(row: &Map<String, Value>, name: &str) -> Result<String, String> {
    match row.get(name) {
        None | Some(Value::Null) => Err(format!("`{name}` is missing")),
        Some(Value::String(text)) if text.trim().is_empty() => Err(format!("`{name}` is empty")),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(other) => Err(format!("`{name}` must be a text, not {}", short(other))),
    }
}

fn risk(row: &Map<String, Value>) -> Result<Option<f64>, String> {
    match row.get("risk") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(risk) => risk_label(risk).map(Some),
            None => Err(format!("`risk` must be a number from 1 to 5, not {}", short(value))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<Label>, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let shown = |faults: Faults| faults.to_string().replace(&format!("{}/", folder.path().display()), "");
        labels(&path, &BTreeSet::from(["a", "b"])).map_err(|faults| shown(faults).lines().map(str::to_owned).collect())
    }

    #[test]
    fn both_forms_mean_the_same() {
        let csv = read("l.csv", "\u{feff}item_id,annotator,risk,note\na,x,4,fine\n\na,2, 1.5 ,\nb,x,,later\n").unwrap();
        let lines = [
            r#"{"item_id":"a","annotator":"x","risk":4}"#,
            r#"{"item_id":"a","annotator":2,"risk":1.5}"#,
            "",
            r#"{"item_id":"b","annotator":"x","risk":null}"#,
        ];
        assert_eq!(read("l.jsonl", &lines.join("\n")), Ok(csv.clone()));
        assert_eq!(csv.iter().map(|label| label.risk).collect::<Vec<_>>(), [Some(4.0), Some(1.5), None]);
    }

    #[test]
    fn every_bad_line_is_named() {
        let rows = "item_id,annotator,risk\na,x,3\nc,x,3\na,x,4\na,,6\nb,y,high\n,y,1\na,z\nb,z,1e999\n";
        let expected = [
            "l.csv:3: the item `c` is not known",
            "l.csv:4: `x` already labelled `a` in line 2",
            "l.csv:5: `annotator` is missing",
            "l.csv:5: the human risk 6 is outside 1 to 5",
            "l.csv:6: `risk` must be a number from 1 to 5, not \"high\"",
            "l.csv:7: `item_id` is missing",
            "l.csv:8: the row has 2 cells, the header 3",
            "l.csv:9: `risk` must be a number from 1 to 5, not \"1e999\"",
        ];
        assert_eq!(read("l.csv", rows), Err(expected.map(str::to_owned).to_vec()));
        assert_eq!(read("l.jsonl", "{\n[1]").unwrap_err().len(), 2);
        assert!(
            read("l.csv", "").unwrap_err()[0].contains("no label")
                && read("l.txt", "a").unwrap_err()[0].contains("expected .csv or .jsonl")
        );
    }
}
