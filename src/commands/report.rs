//! `tribunal report`: the reports of a stored run, made anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;
use tribunal::report::{self, Comparison, OpenError, StoredRun};

use super::context::{Context, Exit, Failure};
use super::open;
use super::output::{self, TERMINAL_WIDTH};
use crate::cli::ReportArgs;

#[derive(Debug, Serialize)]
struct ReportJson<'a> {
    files: Vec<PathBuf>,
    gate_missed: bool,
    misses: &'a [String],
    summary: &'a report::Summary,
}

#[derive(Debug, Serialize)]
struct ComparisonJson<'a> {
    files: Vec<PathBuf>,
    comparison: &'a Comparison,
}

/// Writes the reports of one run or of complementary shards, or compares runs.
pub(crate) fn run(context: &Context, args: &ReportArgs) -> Result<Exit, Failure> {
    if let Some(twice) = named_twice(&args.runs) {
        return Err(Failure::usage(format!("{} is named twice; a run compared with itself says nothing", twice.display())));
    }
    let stored = match StoredRun::open(&args.runs) {
        Err(OpenError::NotShards { .. }) => return compare(context, args),
        stored => stored.map_err(Failure::usage)?,
    };
    if args.runs.len() > 1 && args.output.is_none() {
        return Err(Failure::usage("several runs make one report of their own: say where with -o DIR"));
    }
    if let Some(output) = &args.output {
        open::require_folder(output)?;
    }
    let run = args.runs.first().ok_or_else(|| Failure::usage("name a run folder"))?;
    let dir = args.output.as_ref().unwrap_or(run);
    let lang = args.lang.map_or_else(|| stored.lang(), Into::into);
    let files = report::write(dir, &stored.view(lang), &args.format).map_err(|error| Failure::unreported(run, &error))?;
    let misses = args.gates.misses(stored.summary());
    if context.json {
        output::say_json(&ReportJson { files, gate_missed: !misses.is_empty(), misses: &misses, summary: stored.summary() });
    } else {
        output::say(&report::terminal(stored.summary(), TERMINAL_WIDTH));
        files.iter().for_each(|file| output::say(&file.display().to_string()));
    }
    misses.iter().for_each(|miss| output::complain(&format!("gate missed: {miss}")));
    Ok(if misses.is_empty() { Exit::Done } else { Exit::Gate })
}

/// The first folder that another name before it leads to as well.
fn named_twice(runs: &[PathBuf]) -> Option<&PathBuf> {
    let mut known = BTreeSet::new();
    runs.iter().find(|run| run.canonicalize().is_ok_and(|whole| !known.insert(whole)))
}

/// Different runs side by side.
fn compare(context: &Context, args: &ReportArgs) -> Result<Exit, Failure> {
    let out = args.output.as_ref().ok_or_else(|| Failure::usage("a comparison of runs belongs to none of them: say where with -o DIR"))?;
    if !args.gates.is_empty() {
        return Err(Failure::usage("gates are about one run: give --fail-under and --fail-if with one run at a time"));
    }
    open::require_folder(out)?;
    let comparison = Comparison::open(&args.runs).map_err(Failure::usage)?;
    let lang = args.lang.map_or(comparison.lang, Into::into);
    let files = report::write_comparison(out, &comparison, &args.format, lang).map_err(Failure::stopped)?;
    if context.json {
        output::say_json(&ComparisonJson { files, comparison: &comparison });
    } else {
        output::say(&report::comparison_terminal(&comparison, TERMINAL_WIDTH));
        files.iter().for_each(|file| output::say(&file.display().to_string()));
    }
    Ok(Exit::Done)
}
