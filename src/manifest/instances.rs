//! The rows of a source on disk: there may be any number of them, and each is read when it is wanted.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::ops::Range;
use std::sync::Arc;

use tribunal_media::Modality;

use super::Instance;
use super::cursor::FileCursor;

/// Bytes that are read or written at once.
const BUFFER: usize = 1 << 16;

/// The rows of a source, in its order. They lie in a temporary file without a name, which is gone when the process is; in memory there are eight
/// bytes a row.
#[derive(Debug, Clone)]
pub struct Instances {
    file: Arc<File>,
    /// Where each row ends.
    ends: Vec<u64>,
    modalities: BTreeSet<Modality>,
}

/// The temporary file failed that holds the rows of a source.
#[derive(Debug, thiserror::Error)]
#[error(
    "the rows of the source are kept in a temporary file, and that failed: {0}; make room there, or name another folder with TMPDIR, then repeat"
)]
pub struct RowsError(#[from] io::Error);

impl From<serde_json::Error> for RowsError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.into())
    }
}

impl Instances {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The modalities that occur.
    pub const fn modalities(&self) -> &BTreeSet<Modality> {
        &self.modalities
    }

    /// Every row.
    pub fn all(&self) -> impl Iterator<Item = Result<Instance, RowsError>> + Send + use<'_> {
        self.range(0..self.len())
    }

    /// The rows at these positions, from 0, as far as there are any. Several threads may read at once.
    pub fn range(&self, positions: Range<usize>) -> impl Iterator<Item = Result<Instance, RowsError>> + Send + use<'_> {
        let mut start = positions.start.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let mut reader = BufReader::with_capacity(BUFFER, FileCursor::new(&self.file, start));
        let (mut row, mut failed) = (Vec::new(), false);
        let mut next = move |end: u64| -> Result<Instance, RowsError> {
            row.resize((end - start) as usize, 0);
            start = end;
            reader.read_exact(&mut row)?;
            Ok(serde_json::from_slice(&row)?)
        };
        let ends = self.ends.iter().take(positions.end).skip(positions.start);
        // After a failure the place in the file is not known.
        ends.map_while(move |&end| {
            let instance = (!failed).then(|| next(end))?;
            failed = instance.is_err();
            Some(instance)
        })
    }

    /// Leaves out every row that `keep` does not want; those that stay move up.
    pub fn retain(&mut self, mut keep: impl FnMut(&Instance) -> bool) -> Result<(), RowsError> {
        let mut kept = InstancesWriter::new()?;
        for instance in self.all() {
            let instance = instance?;
            if keep(&instance) {
                kept.push(&instance)?;
            }
        }
        *self = kept.finish()?;
        Ok(())
    }

    /// All of them, held.
    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<Instance> {
        self.all().collect::<Result<_, _>>().unwrap()
    }
}

/// Rows on their way to disk.
#[derive(Debug)]
pub(super) struct InstancesWriter {
    file: BufWriter<File>,
    end: u64,
    ends: Vec<u64>,
    modalities: BTreeSet<Modality>,
}

impl InstancesWriter {
    pub(super) fn new() -> Result<Self, RowsError> {
        Ok(Self::over(tempfile::tempfile()?))
    }

    fn over(file: File) -> Self {
        Self { file: BufWriter::with_capacity(BUFFER, file), end: 0, ends: Vec::new(), modalities: BTreeSet::new() }
    }

    pub(super) fn push(&mut self, instance: &Instance) -> Result<(), RowsError> {
        let row = serde_json::to_vec(instance)?;
        self.file.write_all(&row)?;
        self.end += row.len() as u64;
        self.ends.push(self.end);
        self.modalities.insert(instance.modality);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Instances, RowsError> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Instances { file: Arc::new(file), ends: self.ends, modalities: self.modalities })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::manifest::{Asset, Message, Prompt};

    fn text(id: &str, output: &str) -> Instance {
        Instance {
            id: id.to_owned(),
            line: 7,
            modality: Modality::Text,
            risk: None,
            prompt_type: None,
            prompt: Prompt::None,
            model: None,
            output: Some(Asset::Text(output.to_owned())),
            blocked: false,
            human_risk: Vec::new(),
            annotators: Vec::new(),
            tags: [].into(),
            inputs: Vec::new(),
            extra: Map::new(),
        }
    }

    fn kept(rows: &[Instance]) -> Instances {
        let mut writer = InstancesWriter::new().unwrap();
        rows.iter().for_each(|row| writer.push(row).unwrap());
        writer.finish().unwrap()
    }

    /// One level more than the reader takes within a row.
    fn deepest() -> Value {
        (0..126).fold(json!(1.5e300), |inner, _| json!([inner]))
    }

    fn rows() -> Vec<Instance> {
        let some = |text: &str| Some(text.to_owned());
        let turn = |role: &str, content: &str| Message { role: role.to_owned(), content: content.to_owned() };
        let odd = "안녕 \u{0}\u{202e}\u{fffd}\u{1f600} e\u{301}\r\n\"\\";
        let full = Instance {
            modality: Modality::Video,
            risk: some("R05"),
            prompt_type: some("pQO"),
            prompt: Prompt::Messages(vec![turn("system", odd), turn("user", "")]),
            model: some(odd),
            output: Some(Asset::File(PathBuf::from("영상/a b\n.mp4"))),
            human_risk: vec![Some(0.1 + 0.2), None, Some(5.0)],
            annotators: vec![String::new(), some(odd).unwrap(), some("c").unwrap()],
            tags: [(odd.to_owned(), String::new()), ("seed".to_owned(), "7".to_owned())].into(),
            inputs: vec![PathBuf::from("x/y.png"), PathBuf::from("z")],
            extra: json!({"z": deepest(), "id": 1, "a": [u64::MAX, i64::MIN, -0.0, null, {"prompt": "x"}]}).as_object().unwrap().clone(),
            ..text(odd, "")
        };
        let blocked = Instance { output: None, blocked: true, prompt: Prompt::Text(odd.to_owned()), line: 0, ..text("b", "") };
        let long = Instance { modality: Modality::Image, ..text("long", &"가".repeat(100_000)) };
        vec![text("a", ""), full, blocked, long, text("e", "\n")]
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let (rows, kept) = (rows(), kept(&rows()));
        assert_eq!(kept.to_vec(), rows);
        assert_eq!((kept.len(), kept.is_empty()), (5, false));
        assert_eq!(kept.modalities().iter().copied().collect::<Vec<_>>(), [Modality::Text, Modality::Image, Modality::Video]);
        for (positions, expected) in [(1..3, &rows[1..3]), (4..9, &rows[4..]), (5..6, &[]), (2..2, &[])] {
            assert_eq!(kept.range(positions).collect::<Result<Vec<_>, _>>().unwrap(), expected);
        }
        assert!(self::kept(&[]).is_empty());
    }

    #[test]
    fn what_is_not_wanted_leaves_and_the_rest_moves_up() {
        let (rows, mut kept) = (rows(), kept(&rows()));
        kept.retain(|row| row.modality == Modality::Text && row.output.is_some()).unwrap();
        assert_eq!(kept.to_vec(), [rows[0].clone(), rows[4].clone()]);
        assert_eq!(kept.modalities(), &BTreeSet::from([Modality::Text]));
    }

    #[test]
    fn threads_read_at_once_without_disturbing_each_other() {
        let rows: Vec<Instance> = (0..400).map(|number| text(&number.to_string(), &"x".repeat(number * 37 % 20_000))).collect();
        let kept = kept(&rows);
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for first in 0..4 {
                let (kept, rows, start) = (&kept, &rows, &start);
                scope.spawn(move || {
                    start.wait();
                    for _ in 0..10 {
                        assert!(kept.range(first * 50..400).map(Result::unwrap).eq(rows[first * 50..].iter().cloned()));
                    }
                });
            }
        });
    }

    #[test]
    fn a_full_folder_for_temporary_files_is_told_and_so_is_a_row_that_is_lost() {
        let mut full = InstancesWriter::over(File::options().read(true).write(true).open("/dev/full").unwrap());
        let failed = (0..10_000).try_for_each(|_| full.push(&text("a", "b"))).unwrap_err().to_string();
        assert!(failed.contains("No space left") && failed.contains("TMPDIR"), "{failed}");
        // A little is noticed at the end.
        let mut full = InstancesWriter::over(File::options().read(true).write(true).open("/dev/full").unwrap());
        full.push(&text("a", "b")).unwrap();
        assert!(full.finish().is_err());
        let kept = kept(&rows());
        kept.file.set_len(20).unwrap();
        let mut rest = kept.all();
        assert!(rest.next().unwrap().is_err() && rest.next().is_none());
    }
}
