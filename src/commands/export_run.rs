//! `tribunal export RUN --to inspect-log|label-studio`: what a run says, in the words of other tools.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tribunal::harness::{self, ExportedLogs, ExportedTasks};
use tribunal::ledger::Reader;

use super::context::{Context, Exit, Failure};
use super::{open, output};
use crate::cli::ExportArgs;

#[derive(Debug, Serialize)]
struct LogsJson<'a> {
    logs: &'a [PathBuf],
    samples: usize,
}

#[derive(Debug, Serialize)]
struct TasksJson<'a> {
    files: &'a [PathBuf],
    tasks: usize,
    left_out: usize,
}

/// One log for each judge, rubric and sampler, into a folder.
pub(super) fn inspect_log(context: &Context, args: &ExportArgs) -> Result<Exit, Failure> {
    let (run, dir) = folders(args)?;
    let stored = reader(run)?;
    let created = if let Some(started) = stored.info().started_at.as_deref().and_then(|time| time.parse().ok()) {
        started
    } else {
        // Of a run of an earlier program its own file is the only one that tells when it was.
        let written = run.join("run.json").metadata().and_then(|meta| meta.modified()).map_err(Failure::usage)?;
        jiff::Timestamp::try_from(written).map_err(Failure::usage)?
    };
    let ExportedLogs { files, samples } = harness::inspect_log(dir, &stored, created).map_err(Failure::stopped)?;
    if context.json {
        output::say_json(&LogsJson { logs: &files, samples });
    } else {
        files.iter().for_each(|file| output::say(&file.display().to_string()));
        output::say(&format!("{samples} samples; look at them: inspect view --log-dir {}", dir.display()));
    }
    Ok(Exit::Done)
}

/// Tasks and a labelling interface for every modality, into a folder.
pub(super) fn label_studio(context: &Context, args: &ExportArgs) -> Result<Exit, Failure> {
    let (run, dir) = folders(args)?;
    let run = reader(run)?;
    let ExportedTasks { tasks, files, left_out } = harness::label_studio(dir, || run.entries()).map_err(Failure::stopped)?;
    if context.json {
        output::say_json(&TasksJson { files: &files, tasks, left_out });
    } else {
        files.iter().for_each(|file| output::say(&file.display().to_string()));
        output::say(&format!("{tasks} tasks, {left_out} items left out (blocked, withheld, or a text in a file)"));
        output::say(
            "Label Studio must serve the source's folder: LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true, LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=FOLDER",
        );
    }
    Ok(Exit::Done)
}

fn folders(args: &ExportArgs) -> Result<(&Path, &Path), Failure> {
    let run = args.source.source.as_path();
    if !run.join("run.json").is_file() {
        return Err(Failure::usage(format!("{}: is no run folder; this is exported from one", run.display())));
    }
    open::require_folder(&args.output)?;
    Ok((run, &args.output))
}

fn reader(run: &Path) -> Result<Reader, Failure> {
    Reader::open(run).map_err(Failure::usage)
}
