//! The formats that a source or run can be exported to, and those that can be read.

use std::str::FromStr;

use crate::report::TableKind;

/// What `export --to` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// A folder that the Inspect framework loads and runs.
    Inspect,
    /// The verdicts of a run as logs of the Inspect framework.
    InspectLog,
    /// The items of a run as tasks for people.
    LabelStudio,
    /// Files of requests for servers that take files.
    Batch,
    /// The replies of a run, for `replay:FILE`.
    Cassette,
    /// The verdicts of a run, as lines of JSON.
    Jsonl,
    /// The same as a table.
    Table(TableKind),
}

const BUILT: &str = "inspect, inspect-log, label-studio, batch, cassette, jsonl, csv, parquet";

/// What `import --from` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportKind {
    /// A file of results of such requests.
    Batch,
    /// Labels that people gave.
    LabelStudio,
    /// Outputs of models that the Inspect framework evaluated.
    InspectLog,
}

impl FromStr for ExportKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "inspect" => Ok(Self::Inspect),
            "inspect-log" => Ok(Self::InspectLog),
            "label-studio" => Ok(Self::LabelStudio),
            "batch" => Ok(Self::Batch),
            "cassette" => Ok(Self::Cassette),
            "jsonl" => Ok(Self::Jsonl),
            "csv" => Ok(Self::Table(TableKind::Csv)),
            #[cfg(feature = "parquet")]
            "parquet" => Ok(Self::Table(TableKind::Parquet)),
            #[cfg(not(feature = "parquet"))]
            "parquet" => Err(crate::manifest::WITHOUT_PARQUET.to_owned()),
            other => Err(format!("`{other}` is no export format; built: {BUILT}")),
        }
    }
}

impl FromStr for ImportKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "batch" => Ok(Self::Batch),
            "label-studio" => Ok(Self::LabelStudio),
            "inspect-log" => Ok(Self::InspectLog),
            other => Err(format!("`{other}` is no import format; built: batch, inspect-log, label-studio")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_works_is_accepted() {
        assert_eq!("inspect".parse(), Ok(ExportKind::Inspect));
        assert_eq!(("batch".parse(), "batch".parse()), (Ok(ExportKind::Batch), Ok(ImportKind::Batch)));
        assert_eq!(("jsonl".parse(), "csv".parse()), (Ok(ExportKind::Jsonl), Ok(ExportKind::Table(TableKind::Csv))));
        assert_eq!("parquet".parse::<ExportKind>().is_ok(), cfg!(feature = "parquet"));
        assert_eq!(("inspect-log".parse(), "label-studio".parse()), (Ok(ExportKind::InspectLog), Ok(ExportKind::LabelStudio)));
        assert_eq!(("label-studio".parse(), "inspect-log".parse()), (Ok(ImportKind::LabelStudio), Ok(ImportKind::InspectLog)));
        assert!("csv".parse::<ImportKind>().unwrap_err().contains("no import format"));
        assert!("pdf".parse::<ExportKind>().unwrap_err().contains("no export format"));
    }
}
