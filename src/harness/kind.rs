//! The formats that a source or run can be exported to, and those that can be read.

use std::str::FromStr;

/// What `export --to` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// A folder that the Inspect framework loads and runs.
    Inspect,
    /// Files of requests for servers that take files.
    Batch,
    /// The replies of a run, for `replay:FILE`.
    Cassette,
}

/// What `import --from` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportKind {
    /// A file of results of such requests.
    Batch,
}

impl FromStr for ExportKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "inspect" => Ok(Self::Inspect),
            "batch" => Ok(Self::Batch),
            "cassette" => Ok(Self::Cassette),
            "inspect-log" | "jsonl" | "csv" | "parquet" | "label-studio" => {
                Err(format!("export to {text} is not built yet; built: inspect, batch, cassette"))
            }
            other => Err(format!("`{other}` is no export format; built: inspect, batch, cassette")),
        }
    }
}

impl FromStr for ImportKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "batch" => Ok(Self::Batch),
            "inspect-log" | "label-studio" => Err(format!("import from {text} is not built yet; built: batch")),
            other => Err(format!("`{other}` is no import format; built: batch")),
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
        assert!("parquet".parse::<ExportKind>().unwrap_err().contains("not built yet"));
        assert!("label-studio".parse::<ImportKind>().unwrap_err().contains("not built yet"));
        assert!("pdf".parse::<ExportKind>().unwrap_err().contains("no export format"));
    }
}
