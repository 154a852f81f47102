//! What a table can be written as, and the tables of a run as a format of its report.

use std::path::Path;

use super::column::Columns;
use super::groups::groups;
use super::verdicts::verdicts;
use crate::ledger::{Entry, LedgerError, Out, Reader, RunInfo, VerdictRow};
use crate::report::format::{Error, Folder, Format, RunView, write_to};

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// Text for spreadsheets.
    Csv,
    /// Typed columns for pandas, polars and DuckDB.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl TableKind {
    /// Writes the verdicts of a run as a table to the place that a user named, one row each; returns how many.
    pub fn write_verdicts(self, run: &Reader, path: &Path) -> Result<usize, Error> {
        let dimensions = run.dimensions()?;
        write_to(path, |out| self.write(&verdicts(&dimensions), rows(run.info(), run.entries()?), out))
    }

    /// A table that is held.
    pub(in crate::report) fn bytes<T>(self, columns: &Columns<T>, rows: impl IntoIterator<Item = T>) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.write(columns, rows.into_iter().map(Ok), &mut bytes)?;
        Ok(bytes)
    }

    /// A table row by row.
    fn write<T>(self, columns: &Columns<T>, rows: impl Iterator<Item = Result<T, Error>>, out: &mut Out) -> Result<usize, Error> {
        match self {
            Self::Csv => super::csv::csv(columns, rows, out),
            #[cfg(feature = "parquet")]
            Self::Parquet => super::parquet::parquet(columns, rows, out),
        }
    }

    /// The name of a file of it.
    pub(in crate::report) fn file(self, name: &str) -> String {
        match self {
            Self::Csv => format!("{name}.csv"),
            #[cfg(feature = "parquet")]
            Self::Parquet => format!("{name}.parquet"),
        }
    }
}

/// The rows of all items; after a failure there is nothing more.
fn rows<'r>(
    info: &'r RunInfo,
    entries: impl Iterator<Item = Result<Entry, LedgerError>> + 'r,
) -> impl Iterator<Item = Result<VerdictRow, Error>> + 'r {
    entries.flat_map(|entry| match entry {
        Ok(entry) => VerdictRow::of(info, entry).map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error.into())],
    })
}

/// Verdicts and groups.
pub(in crate::report) struct Tables(pub(in crate::report) TableKind);

impl Format for Tables {
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error> {
        let Self(kind) = *self;
        out.stream(&kind.file("verdicts"), |_, file| {
            kind.write(&verdicts(run.facts.dimensions()), rows(run.info, run.rows.entries()?), file)
        })?;
        out.put(&kind.file("groups"), &kind.bytes(&groups(), run.summary.groups.iter().cloned())?)
    }
}
