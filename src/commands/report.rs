//! `tribunal report`: the reports of a stored run, made anew.

use serde::Serialize;
use tribunal::report::{self, RunView};

use super::context::{Context, Exit, Failure};
use super::output;
use crate::cli::ReportArgs;

#[derive(Debug, Serialize)]
struct ReportJson<'a> {
    files: Vec<std::path::PathBuf>,
    summary: &'a report::Summary,
}

/// Writes the reports of one run, or of complementary shards.
pub fn run(context: &Context, args: ReportArgs) -> Result<Exit, Failure> {
    let view = RunView::open(&args.runs, args.lang.into()).map_err(Failure::usage)?;
    let dir = args.output.as_ref().or(args.runs.first()).ok_or_else(|| Failure::usage("name a run folder"))?;
    let files = report::write(&view, &args.format, dir).map_err(Failure::stopped)?;
    if context.json {
        output::say_json(&ReportJson { files, summary: view.summary() });
    } else {
        output::say(&report::terminal(view.summary()));
        files.iter().for_each(|file| output::say(&file.display().to_string()));
    }
    Ok(Exit::Done)
}
