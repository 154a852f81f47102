//! The formats of a report, and how their files reach the disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::table::Tables;
use super::{Ratings, Rows, RunSettings, Summary, TableKind, html, json, markdown};
use crate::ledger::{Facts, LedgerError, Out, RunInfo, replace_file, write_file};
use crate::sampling::StrategyRow;
use crate::taxonomy::Lang;

/// What a report can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FormatKind {
    /// `report.html`, and above its limit of size folders beside it.
    Html,
    /// `report.md`.
    Markdown,
    /// `summary.json`, and `samplers.json` when strategies were compared.
    Json,
    /// `verdicts.csv` and `groups.csv`.
    Csv,
    /// `verdicts.parquet` and `groups.parquet`.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// Everything a report is made from: a stored run, nothing else.
#[derive(Debug, Clone, Copy)]
pub struct RunView<'a> {
    /// What the run is made of.
    pub info: &'a RunInfo,
    /// Its settings.
    pub settings: &'a RunSettings,
    /// What statistics need of it.
    pub facts: &'a Facts,
    /// The labels of people.
    pub ratings: &'a Ratings,
    /// All numbers.
    pub summary: &'a Summary,
    /// Compared strategies; empty unless they were.
    pub strategies: &'a [StrategyRow],
    /// Its instances and verdicts with all their texts, and what else its folders hold.
    pub rows: &'a Rows,
    /// Of labels and names.
    pub lang: Lang,
}

/// One way to write a report.
pub trait Format {
    /// Writes the files one by one. The same run gives the same bytes.
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error>;
}

/// The folder that a report is written into.
#[derive(Debug)]
pub struct Folder<'a> {
    dir: &'a Path,
    written: Vec<PathBuf>,
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A page could not be rendered.
    #[error("cannot render the report: {0}")]
    Template(#[from] minijinja::Error),
    /// A value could not be serialised.
    #[error("cannot write the summary: {0}")]
    Json(#[from] serde_json::Error),
    /// A table could not be serialised.
    #[error("cannot write the table: {0}")]
    Csv(#[from] ::csv::Error),
    /// The same.
    #[cfg(feature = "parquet")]
    #[error("cannot write the table: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// The ledger cannot be read.
    #[error("cannot read the run: {0}")]
    Ledger(#[from] LedgerError),
    /// A file that is being written was refused.
    #[error("cannot write the report: {0}")]
    Write(#[from] io::Error),
    /// The disk refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// Whether the run's database can be read no more: repeating does not mend it.
    pub const fn is_damaged(&self) -> bool {
        matches!(self, Self::Ledger(error) if error.is_damaged())
    }

    /// How the file system failed, if it did.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } | Self::Write(source) => Some(source.kind()),
            Self::Ledger(error) => error.io_kind(),
            Self::Json(error) => error.io_error_kind(),
            Self::Csv(error) => {
                if let ::csv::ErrorKind::Io(error) = error.kind() {
                    Some(error.kind())
                } else {
                    None
                }
            }
            #[cfg(feature = "parquet")]
            Self::Parquet(error) => std::error::Error::source(error)?.downcast_ref::<io::Error>().map(io::Error::kind),
            Self::Template(_) => None,
        }
    }
}

impl FormatKind {
    /// What is written unless something else is asked for.
    pub const DEFAULTS: [Self; 4] = [Self::Html, Self::Markdown, Self::Json, Self::Csv];

    /// Every format, in the order in which they are written.
    pub const ALL: &'static [Self] = &[
        Self::Html,
        Self::Markdown,
        Self::Json,
        Self::Csv,
        #[cfg(feature = "parquet")]
        Self::Parquet,
    ];

    fn open(self) -> Box<dyn Format> {
        match self {
            Self::Html => Box::new(html::Html),
            Self::Markdown => Box::new(markdown::Markdown),
            Self::Json => Box::new(json::Json),
            Self::Csv => Box::new(Tables(TableKind::Csv)),
            #[cfg(feature = "parquet")]
            Self::Parquet => Box::new(Tables(TableKind::Parquet)),
        }
    }
}

impl FromStr for FormatKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "html" => Ok(Self::Html),
            "md" => Ok(Self::Markdown),
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            #[cfg(feature = "parquet")]
            "parquet" => Ok(Self::Parquet),
            #[cfg(not(feature = "parquet"))]
            "parquet" => Err(crate::manifest::WITHOUT_PARQUET.to_owned()),
            other => Err(format!("`{other}` is no report format; known: html, md, json, csv, parquet")),
        }
    }
}

impl<'a> Folder<'a> {
    /// The folder at `dir`, which is there.
    pub(super) const fn at(dir: &'a Path) -> Self {
        Self { dir, written: Vec::new() }
    }

    /// Writes a file, whole or not at all; `name` may be in a folder beneath this one.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.stream(name, |_, out| Ok(out.write_all(bytes)?))
    }

    /// The same bit by bit; `write` may put other files meanwhile.
    pub(super) fn stream<T>(&mut self, name: &str, write: impl FnOnce(&mut Self, &mut Out) -> Result<T, Error>) -> Result<T, Error> {
        let path = self.place(name)?;
        let done = replace(&path, |out| write(self, out))?;
        self.written.push(path);
        Ok(done)
    }

    /// A file without a name, for what must wait until something else is written.
    pub(super) fn spool(&self) -> Result<io::BufWriter<fs::File>, Error> {
        tempfile::tempfile_in(self.dir).map(io::BufWriter::new).map_err(at(self.dir))
    }

    /// Brings a file whose name says what it holds; one that is there stays.
    pub(super) fn bring(&mut self, name: &str, from: &Path) -> Result<(), Error> {
        let path = self.place(name)?;
        if path.is_file() { Ok(()) } else { fs::copy(from, &path).map(drop).map_err(at(&path)) }
    }

    /// The files that were put here, but for those in folders beneath.
    pub(super) fn files(self) -> Vec<PathBuf> {
        self.written.into_iter().filter(|path| path.parent() == Some(self.dir)).collect()
    }

    fn place(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.dir.join(name);
        let folder = path.parent().unwrap_or(self.dir);
        fs::create_dir_all(folder).map_err(at(folder))?;
        Ok(path)
    }
}

/// Replaces the file at `path` by what `write` writes, whole or not at all.
pub(super) fn replace<T>(path: &Path, write: impl FnOnce(&mut Out) -> Result<T, Error>) -> Result<T, Error> {
    replace_file(path, Error::Write, write).map_err(|error| error.at(path))
}

/// Writes to the place that a user named, a file whole or not at all.
pub(super) fn write_to<T>(path: &Path, write: impl FnOnce(&mut Out) -> Result<T, Error>) -> Result<T, Error> {
    write_file(path, Error::Write, write).map_err(|error| error.at(path))
}

impl Error {
    /// Names the file that could not be written.
    fn at(self, path: &Path) -> Self {
        match self {
            Self::Write(source) => at(path)(source),
            Self::Json(error) if error.is_io() => at(path)(error.into()),
            Self::Csv(error) if error.is_io_error() => at(path)(error.into()),
            #[cfg(feature = "parquet")]
            Self::Parquet(::parquet::errors::ParquetError::External(error)) => at(path)(io::Error::other(error)),
            other => other,
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, source }
}

/// Writes a report into `dir`; returns the paths of its files.
pub fn write(dir: &Path, run: &RunView, kinds: &[FormatKind]) -> Result<Vec<PathBuf>, Error> {
    fs::create_dir_all(dir).map_err(at(dir))?;
    let mut out = Folder::at(dir);
    kinds.iter().try_for_each(|kind| kind.open().write(run, &mut out))?;
    Ok(out.files())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::StoredRun;
    use crate::report::summary::tests::run;

    #[test]
    fn unknown_formats_say_what_is_known() {
        assert_eq!("md".parse(), Ok(FormatKind::Markdown));
        assert!("pdf".parse::<FormatKind>().unwrap_err().contains("html, md, json, csv, parquet"));
        assert_eq!("parquet".parse::<FormatKind>().is_ok(), cfg!(feature = "parquet"));
    }

    #[test]
    fn a_folder_that_takes_no_file_is_told_with_the_file_and_the_reason() {
        let (info, items, records) = run();
        let (folder, run) = (tempfile::tempdir().unwrap(), StoredRun::new(info, items, records, Vec::new()).unwrap());
        // A folder stands where each file is made.
        for kind in FormatKind::ALL {
            for name in ["report.html", "report.md", "summary.json", "verdicts.csv", "verdicts.parquet"] {
                fs::create_dir_all(folder.path().join(format!("{name}.tmp"))).unwrap();
            }
            let told = write(folder.path(), &run.view(Lang::En), &[*kind]).unwrap_err().to_string();
            assert!(told.contains(folder.path().to_str().unwrap()) && told.contains("Is a directory"), "{kind:?}: {told}");
        }
    }

    #[test]
    fn every_file_is_the_same_on_a_second_run() {
        let (info, items, records) = run();
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let contents = folders.each_ref().map(|folder| {
            let run = StoredRun::new(info.clone(), items.clone(), records.clone(), Vec::new()).unwrap();
            let mut paths = write(folder.path(), &run.view(Lang::En), FormatKind::ALL).unwrap();
            paths.sort();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), paths.len()); // no partial file is left
            paths.iter().map(|path| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap())).collect::<Vec<_>>()
        });
        assert_eq!(contents[0].len(), if cfg!(feature = "parquet") { 7 } else { 5 });
        assert!(contents[0] == contents[1]);
    }
}
