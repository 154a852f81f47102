//! JSONL and CSV manifests.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::assets::Root;
use super::cursor::{FileCursor, Lines};
use super::draft::Draft;
use super::row::instance;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;
/// Those that are enough to see how a row begins.
const FEW: usize = 16;

/// The lines of a JSONL file that hold something: number from 1 and text. A BOM and blank lines are no problem.
pub(super) fn jsonl_lines(file: impl Read) -> impl Iterator<Item = (usize, Result<Map<String, Value>, String>)> {
    // After a line that cannot be read there is none.
    let mut readable = true;
    let file = BufReader::with_capacity(BUFFER, Lines::new(file));
    let lines = (1..).zip(file.split(b'\n')).take_while(move |(_, line)| std::mem::replace(&mut readable, line.is_ok()));
    lines.filter_map(|(number, line)| match line {
        Ok(line) => {
            let line = if number == 1 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line) } else { &line };
            (!line.trim_ascii().is_empty()).then(|| (number, object(line)))
        }
        Err(error) => Some((number, Err(format!("cannot be read: {error}")))),
    })
}

fn object(line: &[u8]) -> Result<Map<String, Value>, String> {
    let text = std::str::from_utf8(line).map_err(|error| format!("is not UTF-8 from byte {} of the line on", error.valid_up_to() + 1))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("must be a JSON object".to_owned()),
        Err(error) => {
            // serde_json's own position counts lines within this one line.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or(&message);
            Err(format!("is not JSON: {message} (column {})", error.column()))
        }
    }
}

/// Adds every row of a JSONL manifest.
pub(super) fn jsonl(file: File, root: &Root, draft: &mut Draft) {
    for (line, object) in jsonl_lines(file) {
        match object {
            Ok(object) => row(object, line, root, draft),
            Err(problem) => draft.fault(line, format!("the line {problem}")),
        }
    }
}

/// Adds every row of a CSV manifest.
pub(super) fn csv(file: File, root: &Root, draft: &mut Draft) {
    csv_rows(file, |line, object| match object {
        Ok(object) => row(object, line, root, draft),
        Err(problem) => draft.fault(line, problem),
    });
}

/// Gives every row of a CSV file as the JSON row that it stands for, with its line from 1, or what is wrong there.
pub(super) fn csv_rows(file: File, mut each: impl FnMut(usize, Result<Map<String, Value>, String>)) {
    let file = Arc::new(file);
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(BUFFER).from_reader(Lines::new(FileCursor::new(&file, 0)));
    let columns: Vec<String> = match reader.headers() {
        Ok(headers) => headers.iter().map(|name| name.trim().to_owned()).collect(),
        Err(error) => return each(1, Err(format!("the header cannot be read: {}", reason(&error)))),
    };
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].contains(column) {
            each(1, Err(format!("the column `{column}` is there twice")));
        }
    }
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => each(line_of(&file, record.position()), cells(&columns, &record)),
            Err(error) => each(line_of(&file, error.position()), Err(reason(&error))),
        }
    }
}

/// The line on which a record really begins: the reader counts blank lines before it as the record's.
fn line_of(file: &Arc<File>, position: Option<&csv::Position>) -> usize {
    let Some(position) = position else { return 0 };
    let rest = BufReader::with_capacity(FEW, FileCursor::new(file, position.byte())).bytes().map_while(Result::ok);
    let blank = rest.take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| *byte == b'\n').count();
    usize::try_from(position.line()).unwrap_or(usize::MAX) + blank
}

fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!("the row has {len} cells, the header {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// A CSV row as the JSON row it stands for; empty cells are absent fields.
fn cells(columns: &[String], record: &csv::ByteRecord) -> Result<Map<String, Value>, String> {
    let mut cells = Vec::new();
    for (column, cell) in columns.iter().zip(record) {
        let cell = std::str::from_utf8(cell).map_err(|_| format!("the cell `{column}` is not UTF-8"))?;
        if !cell.is_empty() {
            cells.push((column.clone(), if column.starts_with("tag_") { cell.into() } else { value(column, cell) }));
        }
    }
    Ok(joined(cells.into_iter()))
}

/// Cells as the JSON row they stand for: `output_path` and `output_text` are the output, `tag_X` the tag X.
pub(super) fn joined(cells: impl Iterator<Item = (String, Value)>) -> Map<String, Value> {
    let (mut object, mut tags) = (Map::new(), Map::new());
    for (column, value) in cells {
        match (column.as_str(), column.strip_prefix("tag_")) {
            (_, Some(tag)) => drop(tags.insert(tag.to_owned(), value)),
            ("output_path" | "output_text", _) => {
                let output = object.entry("output").or_insert_with(|| json!({}));
                output[column.trim_start_matches("output_")] = value;
            }
            _ => drop(object.insert(column, value)),
        }
    }
    if !tags.is_empty() {
        object.insert("tags".to_owned(), tags.into());
    }
    object
}

/// What a cell stands for: lists are JSON or separated by `;`. A cell of the wrong kind stays text, and the row says so.
pub(super) fn value(name: &str, cell: &str) -> Value {
    let items = || cell.split(';').map(str::trim);
    match name {
        "blocked" => match cell.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => true.into(),
            "false" | "0" | "no" => false.into(),
            _ => cell.into(),
        },
        "human_risk" | "annotators" | "inputs" | "prompt" if cell.trim_start().starts_with('[') => {
            serde_json::from_str(cell).unwrap_or_else(|_| cell.into())
        }
        "human_risk" => items().map(|item| if item.is_empty() { Value::Null } else { number(item) }).collect(),
        "annotators" => items().collect(),
        "inputs" => items().map(|path| json!({ "path": path })).collect(),
        _ => cell.into(),
    }
}

/// A number where the text is one; else the text, and the row says so.
pub(super) fn number(text: &str) -> Value {
    // JSON has no infinity: made a number it would be null, which is a label that was left open.
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map_or_else(|| text.into(), Value::from)
}

pub(super) fn row(object: Map<String, Value>, line: usize, root: &Root, draft: &mut Draft) {
    let id = object.get("id").and_then(Value::as_str).map(str::to_owned);
    let fresh = id.is_none_or(|id| draft.claim(&id, line));
    match instance(object, line, root, draft) {
        Ok(instance) if fresh => draft.add(&instance),
        Ok(_) => {}
        Err(problems) => problems.into_iter().for_each(|problem| draft.fault(line, problem)),
    }
}
