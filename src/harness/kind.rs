//! The formats that a source or run can be exported to.

use std::str::FromStr;

/// What `export --to` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// A folder that the Inspect framework loads and runs.
    Inspect,
}

impl FromStr for ExportKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "inspect" => Ok(Self::Inspect),
            "inspect-log" | "jsonl" | "csv" | "parquet" | "label-studio" | "batch" => {
                Err(format!("export to {text} is not built yet; built: inspect"))
            }
            other => Err(format!("`{other}` is no export format; built: inspect")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_works_is_accepted() {
        assert_eq!("inspect".parse(), Ok(ExportKind::Inspect));
        assert!("parquet".parse::<ExportKind>().unwrap_err().contains("not built yet"));
        assert!("pdf".parse::<ExportKind>().unwrap_err().contains("no export format"));
    }
}
