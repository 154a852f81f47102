//! Parquet manifests: the columns of CSV, with cells that have types of their own.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, FileReader as _, Length, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Map, Value, json};

use super::assets::Root;
use super::cursor::{FileCursor, MOST_LINE};
use super::draft::Draft;
use super::table::{joined, row, value};

/// Adds every row of a Parquet manifest; the line of a row is its number from 1.
pub(super) fn parquet(file: File, root: &Root, draft: &mut Draft) {
    let mut read = 0;
    // The library panics at some damaged files; to a source that is one more fault.
    let whole = catch_unwind(AssertUnwindSafe(|| {
        rows(file, |columns| {
            read += 1;
            let texts: usize = columns.get_column_iter().map(|(_, field)| text_length(field)).sum();
            if texts > MOST_LINE {
                return draft.fault(read, format!("the row has more than {} MiB of text", MOST_LINE >> 20));
            }
            row(joined(columns.into_columns().into_iter().filter_map(cell)), read, root, draft);
        })
    }));
    let problem = match whole {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the file is damaged".to_owned(),
    };
    let beyond = if read == 0 { "" } else { " beyond this row" };
    draft.fault(read, format!("cannot be read{beyond}: {problem}"));
}

fn rows(file: File, mut each: impl FnMut(Row)) -> Result<()> {
    let input = Input { len: file.metadata()?.len(), file: Arc::new(file) };
    for row in SerializedFileReader::new(input)?.get_row_iter(None)? {
        each(row?);
    }
    Ok(())
}

/// A file of which nobody gets more than there is: its own numbers say how much to make room for.
struct Input {
    file: Arc<File>,
    len: u64,
}

impl Length for Input {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Input {
    type T = BufReader<FileCursor>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(FileCursor::new(&self.file, start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len) {
            return Err(ParquetError::EOF(format!("{length} bytes from byte {start} on are more than there are")));
        }
        let mut bytes = vec![0; length];
        FileCursor::new(&self.file, start).read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Bytes of the texts in a cell. A few bytes of a file may stand for any number of them.
fn text_length(field: &Field) -> usize {
    match field {
        Field::Str(text) => text.len(),
        Field::ListInternal(list) => list.elements().iter().map(text_length).sum(),
        Field::Group(row) => row.get_column_iter().map(|(_, field)| text_length(field)).sum(),
        Field::MapInternal(map) => map.entries().iter().map(|(key, value)| text_length(key) + text_length(value)).sum(),
        _ => 0,
    }
}

/// A cell as the field that it stands for; null and empty texts are absent. Texts mean what they mean in CSV.
fn cell((name, field): (String, Field)) -> Option<(String, Value)> {
    let found = match field {
        Field::Null => return None,
        Field::Str(text) if text.is_empty() => return None,
        Field::Str(text) if !name.starts_with("tag_") => value(&name, &text),
        Field::ListInternal(list) if name == "inputs" => list.elements().iter().map(input).collect(),
        other => plain(&other),
    };
    Some((name, found))
}

/// Paths are enough.
fn input(field: &Field) -> Value {
    match plain(field) {
        Value::String(path) => json!({ "path": path }),
        other => other,
    }
}

/// Moments and what else has no place in JSON stay numbers or texts: no field of a manifest is of that kind.
fn plain(field: &Field) -> Value {
    let known = |(name, field): (&String, &Field)| Some((name.clone(), plain(field))).filter(|(_, value)| !value.is_null());
    match field {
        Field::Null => Value::Null,
        Field::Bool(is) => (*is).into(),
        Field::Byte(n) => (*n).into(),
        Field::Short(n) => (*n).into(),
        Field::Int(n) | Field::Date(n) | Field::TimeMillis(n) => (*n).into(),
        Field::Long(n) | Field::TimeMicros(n) | Field::TimestampMillis(n) | Field::TimestampMicros(n) => (*n).into(),
        Field::UByte(n) => (*n).into(),
        Field::UShort(n) => (*n).into(),
        Field::UInt(n) => (*n).into(),
        Field::ULong(n) => (*n).into(),
        Field::Float(n) => f64::from(*n).into(),
        Field::Double(n) => (*n).into(),
        Field::Str(text) => text.as_str().into(),
        Field::Float16(_) | Field::Decimal(_) | Field::Bytes(_) => field.to_string().into(),
        Field::Group(row) => Value::Object(row.get_column_iter().filter_map(known).collect()),
        Field::ListInternal(list) => list.elements().iter().map(plain).collect(),
        Field::MapInternal(map) => {
            let entries = map.entries().iter().map(|(key, field)| (text(key), plain(field)));
            Value::Object(entries.filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
        }
    }
}

fn text(key: &Field) -> String {
    match key {
        Field::Str(text) => text.clone(),
        other => plain(other).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::{ChunkReader as _, Input, MOST_LINE};
    use crate::manifest::{Files, Manifest, OpenError, open};
    use crate::taxonomy::Taxonomy;

    const SCHEMA: &str = "message m {
        OPTIONAL BYTE_ARRAY id (UTF8); OPTIONAL BYTE_ARRAY output_text (UTF8); OPTIONAL BOOLEAN blocked; OPTIONAL INT64 tag_seed;
        OPTIONAL GROUP human_risk (LIST) { REPEATED GROUP list { OPTIONAL DOUBLE element; } }
        OPTIONAL BYTE_ARRAY annotators (UTF8); OPTIONAL INT64 at (TIMESTAMP(MICROS,true));
    }";

    fn file() -> Vec<u8> {
        file_of("hello")
    }

    /// Three rows; the first is of this text, the second has neither labels nor a seed, the third was blocked.
    fn file_of(text: &str) -> Vec<u8> {
        let texts = |texts: &[&str]| texts.iter().map(|text| ByteArray::from(*text)).collect::<Vec<_>>();
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(parse_message_type(SCHEMA).unwrap()), Arc::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        for column in 0..7 {
            let mut open = group.next_column().unwrap().unwrap();
            match column {
                0 => open.typed::<ByteArrayType>().write_batch(&texts(&["a", "b", "c"]), Some(&[1, 1, 1]), None),
                1 => open.typed::<ByteArrayType>().write_batch(&texts(&[text, "안녕", ""]), Some(&[1, 1, 1]), None),
                2 => open.typed::<BoolType>().write_batch(&[false, true], Some(&[1, 0, 1]), None),
                3 => open.typed::<Int64Type>().write_batch(&[7, 9], Some(&[1, 0, 1]), None),
                4 => open.typed::<DoubleType>().write_batch(&[4.0, 2.5], Some(&[3, 2, 0, 3]), Some(&[0, 1, 0, 0])),
                5 => open.typed::<ByteArrayType>().write_batch(&texts(&["p;q", "p"]), Some(&[1, 0, 1]), None),
                _ => open.typed::<Int64Type>().write_batch(&[i64::MAX], Some(&[1, 0, 0]), None),
            }
            .unwrap();
            open.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
        bytes
    }

    fn read(name: &str, bytes: &[u8]) -> Result<Manifest, OpenError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
        open(&folder.path().join(name), &Taxonomy::builtin("assurai").unwrap(), Files::Needed)
    }

    #[test]
    fn a_row_has_a_length() {
        let told = |text: usize| {
            read("m.parquet", &file_of(&"x".repeat(text))).map(|manifest| manifest.instances.len()).map_err(|error| error.to_string())
        };
        assert_eq!(told(MOST_LINE - 100), Ok(3));
        let problem = told(MOST_LINE).unwrap_err();
        assert!(problem.contains("parquet:1") && problem.contains("16 MiB"), "{problem}");
    }

    #[test]
    fn parquet_means_the_same_as_jsonl() {
        let jsonl = br#"{"id":"a","output":{"text":"hello"},"human_risk":[4,null],"annotators":["p","q"],"tags":{"seed":7},"blocked":false,"at":9223372036854775807}
{"id":"b","output":{"text":"\uc548\ub155"}}
{"id":"c","blocked":true,"human_risk":[2.5],"annotators":["p"],"tags":{"seed":9}}
"#;
        let (ours, theirs) = (read("m.parquet", &file()).unwrap(), read("m.jsonl", jsonl).unwrap());
        assert_eq!(ours.instances.to_vec(), theirs.instances.to_vec());
    }

    #[test]
    fn a_row_that_is_wrong_is_named_by_its_number() {
        let mut bytes = file();
        let at = bytes.windows(3).position(|part| part == b"p;q").unwrap();
        bytes[at + 1] = b'q'; // one name for two labels
        let shown = read("m.parquet", &bytes).unwrap_err().to_string();
        assert!(shown.contains("m.parquet:1: `annotators` has 1 names for 2 values of `human_risk`"), "{shown}");
    }

    #[test]
    fn nobody_makes_room_for_more_than_there_is() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10).unwrap();
        let input = Input { file: Arc::new(file), len: 10 };
        assert_eq!(input.get_bytes(4, 6).unwrap(), [0; 6][..]);
        for (start, length) in [(5, 6), (11, 0), (0, usize::MAX >> 1), (u64::MAX, 1)] {
            assert!(input.get_bytes(start, length).is_err());
        }
    }

    #[test]
    fn altered_files_are_read_or_refused() {
        let (whole, mut state) = (file(), 1u64);
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for round in 0..400 {
            let mut bytes = whole.clone();
            if round % 4 == 0 {
                bytes.truncate(draw(whole.len()));
            }
            for _ in 0..=draw(3) {
                if !bytes.is_empty() {
                    let at = draw(bytes.len());
                    bytes[at] = draw(256) as u8;
                }
            }
            drop(read("m.parquet", &bytes)); // what the library says of its panics is no failure; one that comes through is
        }
    }
}
