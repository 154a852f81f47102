//! A log's samples, one after another: of a `.json` file, or of an `.eval` archive.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use zip::ZipArchive;

/// Bytes that one sample of an archive may have once unpacked: media are in it, in base64.
const MOST_SAMPLE: u64 = 1 << 30;

/// What was evaluated.
#[derive(Debug, Deserialize)]
pub(super) struct Eval {
    pub(super) task: String,
    pub(super) model: String,
    #[serde(default)]
    pub(super) config: Config,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Config {
    pub(super) epochs: Option<u32>,
}

#[derive(Deserialize)]
struct Header {
    eval: Eval,
}

/// One sample; messages, events and scores are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Sample {
    /// A text or a number.
    pub(super) id: Value,
    pub(super) epoch: u32,
    /// A text, or messages.
    #[serde(default)]
    pub(super) input: Value,
    #[serde(default)]
    pub(super) output: Output,
    #[serde(default)]
    pub(super) metadata: Map<String, Value>,
    /// What stands as `attachment://KEY` elsewhere.
    #[serde(default)]
    pub(super) attachments: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Output {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    pub(super) message: Message,
    pub(super) stop_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    /// A text, or parts.
    #[serde(default)]
    pub(super) content: Value,
}

/// Tells `each` every sample of a log.
///
/// # Errors
/// What is wrong with the file, in words; samples before that were told.
pub(super) fn read(file: &Path, mut each: impl FnMut(&Eval, Sample)) -> Result<(), String> {
    let mut opened = File::open(file).map_err(|error| error.to_string())?;
    let mut magic = Vec::new();
    opened.by_ref().take(2).read_to_end(&mut magic).and_then(|_| opened.rewind()).map_err(|error| error.to_string())?;
    if magic == b"PK" { archive(opened, &mut each) } else { text(opened, &mut each) }
}

/// Twice through the file, so that no more than a sample is held: what was evaluated may stand behind the samples.
fn text(mut file: File, each: &mut impl FnMut(&Eval, Sample)) -> Result<(), String> {
    let wrong = |error: serde_json::Error| format!("is no log of Inspect: {error}");
    let Header { eval } = serde_json::from_reader(Plain::new(BufReader::new(&file))).map_err(wrong)?;
    file.rewind().map_err(|error| error.to_string())?;
    let mut tell = |sample| each(&eval, sample);
    let mut json = serde_json::Deserializer::from_reader(Plain::new(BufReader::new(&file)));
    Samples(&mut tell).deserialize(&mut json).map_err(wrong)
}

fn archive(file: File, each: &mut impl FnMut(&Eval, Sample)) -> Result<(), String> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| format!("is no archive: {error}"))?;
    let names: Result<Vec<String>, _> = archive.file_names().map(|name| name.map(std::borrow::Cow::into_owned)).collect();
    let names = names.map_err(|error| format!("is no archive: {error}"))?;
    if !names.iter().any(|name| name == "header.json") {
        return Err("holds no header.json: the evaluation has not ended, or this is no log of Inspect".to_owned());
    }
    let Header { eval } = entry(&mut archive, "header.json")?;
    for name in names.iter().filter(|name| name.starts_with("samples/") && !name.ends_with('/')) {
        each(&eval, entry(&mut archive, name)?);
    }
    Ok(())
}

fn entry<T: for<'de> Deserialize<'de>>(archive: &mut ZipArchive<BufReader<File>>, name: &str) -> Result<T, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let packed = archive.by_name(name).map_err(|error| wrong(&error))?;
    let mut bytes = Vec::new();
    Plain::new(packed).take(MOST_SAMPLE + 1).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
    if bytes.len() as u64 > MOST_SAMPLE {
        return Err(wrong(&format!("is over {MOST_SAMPLE} bytes")));
    }
    serde_json::from_slice(&bytes).map_err(|error| wrong(&error))
}

/// The object of a log: its list of samples is told, all else passed over.
struct Samples<'e, F>(&'e mut F);

/// That list.
struct List<'e, F>(&'e mut F);

impl<'de, F: FnMut(Sample)> DeserializeSeed<'de> for Samples<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Sample)> Visitor<'de> for Samples<'_, F> {
    type Value = ();

    fn expecting(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str("a log")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut log: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(name) = log.next_key::<String>()? {
            if name == "samples" {
                log.next_value_seed(List(&mut *self.0))?;
                found = true;
            } else {
                log.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::custom("it holds no samples")) }
    }
}

impl<'de, F: FnMut(Sample)> DeserializeSeed<'de> for List<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Sample)> Visitor<'de> for List<'_, F> {
    type Value = ();

    fn expecting(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str("a list of samples")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(sample) = list.next_element()? {
            (self.0)(sample);
        }
        Ok(())
    }
}

/// JSON without `NaN` and `Infinity`, which Python writes and no standard knows: 0 stands in their place, and nothing here reads it.
struct Plain<R> {
    from: R,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    Text,
    Escaped,
    /// Letters after the first of such a word.
    Word,
}

impl<R> Plain<R> {
    const fn new(from: R) -> Self {
        Self { from, state: State::Outside }
    }
}

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        for byte in &mut buffer[..read] {
            self.state = match (self.state, *byte) {
                (State::Text, b'\\') => State::Escaped,
                (State::Text, b'"') => State::Outside,
                (State::Text | State::Escaped, _) | (State::Outside | State::Word, b'"') => State::Text,
                (State::Outside, b'N' | b'I') => {
                    *byte = b'0';
                    State::Word
                }
                (State::Word, letter) if letter.is_ascii_alphabetic() => {
                    *byte = b' ';
                    State::Word
                }
                (State::Outside | State::Word, _) => State::Outside,
            };
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn told(bytes: &[u8]) -> Result<Vec<(String, Value)>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut told = Vec::new();
        read(file.path(), |eval, sample| told.push((eval.model.clone(), sample.id))).map(|()| told)
    }

    fn packed(entries: &[(&str, &str)], method: zip::CompressionMethod) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, text) in entries {
            archive.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    const HEADER: &str = r#"{"version": 2, "eval": {"task": "t", "model": "m"}, "results": {"value": NaN}}"#;

    #[test]
    fn samples_are_told_wherever_they_stand_and_however_they_are_packed() {
        let log = r#"{"samples": [{"id": "a \"NaN\" b", "epoch": 1, "scores": {"s": {"value": NaN}}, "x": [-Infinity, Infinity,true, null]}, {"id": 2, "epoch": 1}],
            "eval": {"task": "t", "model": "m"}}"#;
        assert_eq!(told(log.as_bytes()), Ok(vec![("m".into(), "a \"NaN\" b".into()), ("m".into(), 2.into())]));
        let entries = [("samples/a/1_epoch_1.json", r#"{"id": 1, "epoch": 1}"#), ("summaries.json", "[]"), ("header.json", HEADER)];
        for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated, zip::CompressionMethod::Zstd] {
            assert_eq!(told(&packed(&entries, method)), Ok(vec![("m".into(), 1.into())]), "{method}");
        }
    }

    #[test]
    fn what_is_no_log_is_said_in_words() {
        let unfinished = packed(&[("_journal/start.json", "{}")], zip::CompressionMethod::Stored);
        let broken = packed(&[("header.json", HEADER), ("samples/1_epoch_1.json", "{")], zip::CompressionMethod::Stored);
        for (bytes, words) in [
            (&b"{}"[..], "missing field `eval`"),
            (HEADER.as_bytes(), "it holds no samples"),
            (b"PK", "is no archive"),
            (b"", "is no log of Inspect"),
            (&unfinished, "has not ended"),
            (&broken, "samples/1_epoch_1.json: EOF"),
        ] {
            let problem = told(bytes).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
    }
}
