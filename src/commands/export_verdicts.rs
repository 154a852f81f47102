//! `tribunal export RUN --to jsonl|csv|parquet`: the verdicts of a run, one row each.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;
use tribunal::ledger::Reader;
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
    let run = Reader::open(run).map_err(Failure::usage)?;
    let verdicts = match table {
        Some(table) => table.write_verdicts(&run, file).map_err(|error| failure(&error, error.io_kind()))?,
        None => run.write_verdicts(file).map_err(|error| failure(&error, error.io_kind()))?,
    };
    if context.json {
        output::say_json(&VerdictsJson { file, verdicts });
    } else {
        output::say(&format!("{verdicts} verdicts in {}", file.display()));
    }
    Ok(Exit::Done)
}

/// What the file system refuses may go another time; a run that cannot be read may not.
fn failure(error: &impl Display, kind: Option<ErrorKind>) -> Failure {
    kind.map_or_else(|| Failure::usage(error), |kind| Failure::of_files(error, kind))
}
