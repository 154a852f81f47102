//! What a table can be written as, and the tables of a run as a format of its report.

use super::column::Columns;
use super::groups::groups;
use super::verdicts::verdicts;
use crate::ledger::Record;
use crate::report::format::{Error, Folder, Format, RunView};

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
    /// Verdicts as a table, one row each.
    pub fn verdicts(self, records: &[Record]) -> Result<Vec<u8>, Error> {
        self.bytes(&verdicts(records), records)
    }

    pub(in crate::report) fn bytes<T>(self, columns: &Columns<T>, rows: &[T]) -> Result<Vec<u8>, Error> {
        match self {
            Self::Csv => super::csv::csv(columns, rows),
            #[cfg(feature = "parquet")]
            Self::Parquet => Ok(super::parquet::parquet(columns, rows)?),
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

/// Verdicts and groups.
pub(in crate::report) struct Tables(pub(in crate::report) TableKind);

impl Format for Tables {
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error> {
        let Self(kind) = *self;
        out.put(&kind.file("verdicts"), &kind.verdicts(run.records)?)?;
        out.put(&kind.file("groups"), &kind.bytes(&groups(), &run.summary.groups)?)
    }
}
