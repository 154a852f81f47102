//! `tribunal import FILE... --from label-studio`: what people labelled, as a file for `agree --labels`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tribunal::harness::{self, ImportedLabels};
use tribunal::ledger::write_file;

use super::context::{Context, Exit, Failure};
use super::output;
use crate::cli::ImportArgs;

#[derive(Debug, Serialize)]
struct LabelsJson<'a> {
    labels_file: &'a Path,
    labels: usize,
    tasks: usize,
    skipped: usize,
}

/// One line of the file.
#[derive(Debug, Serialize)]
struct Line<'a> {
    item_id: &'a str,
    annotator: &'a str,
    risk: Option<f64>,
}

/// Reads every file, and writes the labels once all of them are good.
pub(super) fn run(context: &Context, args: &ImportArgs) -> Result<Exit, Failure> {
    let beside = || args.files.first().map(|file| file.with_extension("labels.jsonl"));
    let path: PathBuf = args.output.clone().or_else(beside).ok_or_else(|| Failure::usage("name at least one file"))?;
    if path.extension().is_none_or(|extension| extension != "jsonl") {
        return Err(Failure::usage(format!("{}: labels are written as lines of JSON; name a file that ends in .jsonl", path.display())));
    }
    let ImportedLabels { labels, tasks, skipped } =
        harness::label_studio_labels(&args.files).map_err(|problems| Failure::usage(problems.join("\n")))?;
    let failed = |error: std::io::Error| Failure::unwritten(&path, &error);
    write_file(&path, failed, |out| {
        labels.iter().try_for_each(|label| {
            let line = Line { item_id: &label.item_id, annotator: &label.annotator, risk: label.risk };
            serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from).and_then(|()| out.write_all(b"\n")).map_err(failed)
        })
    })?;
    if context.json {
        output::say_json(&LabelsJson { labels_file: &path, labels: labels.len(), tasks, skipped });
    } else {
        output::say(&format!("{} labels of {tasks} tasks in {} ({skipped} annotations say nothing of risk)", labels.len(), path.display()));
        output::say(&format!("use them: tribunal agree RUN --labels {}", path.display()));
    }
    Ok(Exit::Done)
}
