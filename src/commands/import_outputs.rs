//! `tribunal import LOG... --from inspect-log`: what evaluated models put out, as a manifest for `score`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tribunal::harness::{self, ImportedOutputs};

use super::context::{Context, Exit, Failure};
use super::output;
use crate::cli::ImportArgs;

#[derive(Debug, Serialize)]
struct OutputsJson<'a> {
    manifest: &'a Path,
    items: usize,
    blocked: usize,
    without_output: usize,
    missing_inputs: usize,
    left_out: &'a [String],
}

/// Reads every log, and writes the manifest once all of them are logs. Samples that had to be left out are exit 1.
pub(super) fn run(context: &Context, args: &ImportArgs) -> Result<Exit, Failure> {
    let beside = || args.files.first().map(|file| file.with_extension(""));
    let dir: PathBuf = args.output.clone().or_else(beside).ok_or_else(|| Failure::usage("name at least one log"))?;
    let ImportedOutputs { manifest, items, blocked, without_output, missing_inputs, problems } =
        harness::inspect_log_outputs(&args.files, &dir).map_err(|problems| Failure::usage(problems.join("\n")))?;
    if context.json {
        output::say_json(&OutputsJson { manifest: &manifest, items, blocked, without_output, missing_inputs, left_out: &problems });
    } else {
        let counts = [
            (blocked, "blocked"),
            (without_output, "samples without an output"),
            (missing_inputs, "media of prompts that are not in the log"),
            (problems.len(), "samples left out"),
        ];
        let counted = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let words: Vec<String> = [format!("{items} items")].into_iter().chain(counted).collect();
        output::say(&format!("{}: {}", manifest.display(), words.join(", ")));
        output::say(&format!("score them: tribunal score {}", manifest.display()));
    }
    problems.iter().for_each(|problem| output::complain(problem));
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Unclean })
}
