//! `tribunal export RUN --to jsonl|csv|parquet`: the verdicts of a run, one row each.

use std::path::Path;

use serde::Serialize;
use tribunal::ledger::{Reader, Record, replace_file};
use tribunal::report::TableKind;

use super::context::{Context, Exit, Failure};
use super::output;
use crate::cli::ExportArgs;

#[derive(Debug, Serialize)]
struct VerdictsJson<'a> {
    file: &'a Path,
    verdicts: usize,
}

/// Writes the file; `None` is JSONL, with every field of `verdicts.jsonl`.
pub(super) fn run(context: &Context, args: &ExportArgs, table: Option<TableKind>) -> Result<Exit, Failure> {
    let (run, file) = (&args.source.source, &args.output);
    if !run.join("run.json").is_file() {
        return Err(Failure::usage(format!("{}: is no run folder; verdicts are exported from one", run.display())));
    }
    let records = Reader::open(run).and_then(|run| run.records()).map_err(Failure::usage)?;
    let bytes = match table {
        Some(table) => table.verdicts(&records).map_err(Failure::usage)?,
        None => lines(&records).map_err(Failure::usage)?,
    };
    replace_file(file, |out| out.write_all(&bytes)).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    if context.json {
        output::say_json(&VerdictsJson { file, verdicts: records.len() });
    } else {
        output::say(&format!("{} verdicts in {}", records.len(), file.display()));
    }
    Ok(Exit::Done)
}

fn lines(records: &[Record]) -> Result<Vec<u8>, serde_json::Error> {
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
