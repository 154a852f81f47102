//! `tribunal import`: the results of exported requests, into their run and its reports; labels, into a file; outputs, into a manifest.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tribunal::harness::ImportKind;
use tribunal::ledger::LedgerError;
use tribunal::pipeline::{self, BatchImported, ImportError, ScoreError};
use tribunal::report::{self, StoredRun, Summary};

use super::context::{Context, Exit, Failure};
use super::output::{self, TERMINAL_WIDTH};
use super::score;
use crate::cli::ImportArgs;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct ImportJson<'a> {
    run: &'a Path,
    report: PathBuf,
    files: Vec<FileJson<'a>>,
    summary: &'a Summary,
}

#[derive(Debug, Serialize)]
struct FileJson<'a> {
    file: &'a Path,
    #[serde(flatten)]
    done: &'a BatchImported,
}

/// Imports every file.
pub(crate) fn run(context: &Context, args: &ImportArgs) -> Result<Exit, Failure> {
    match args.from {
        ImportKind::Batch => results(context, args),
        ImportKind::LabelStudio => super::import_labels::run(context, args),
        ImportKind::InspectLog => super::import_outputs::run(context, args),
    }
}

/// Takes results and reports. A file that is of no use, or has bad lines, is exit 2, after everything good in all of them was taken.
fn results(context: &Context, args: &ImportArgs) -> Result<Exit, Failure> {
    let dir = args
        .output
        .clone()
        .or_else(|| holds(args.files.first()?))
        .ok_or_else(|| Failure::usage("no run folder holds that file: say with -o which run the requests were exported into"))?;
    let (mut done, mut unread) = (Vec::new(), Vec::new());
    for file in &args.files {
        match pipeline::import_batch(file, &dir) {
            Ok(imported) => done.push((file, imported)),
            Err(error @ ImportError::File { .. }) => unread.push(error.to_string()),
            Err(error) => return Err(failure(error)),
        }
    }
    let stored = StoredRun::open(std::slice::from_ref(&dir)).map_err(Failure::usage)?;
    report::write(&dir, &stored.view(stored.lang()), &report::FormatKind::DEFAULTS).map_err(Failure::stopped)?;
    let (summary, report) = (stored.summary(), dir.join("report.html"));
    if context.json {
        let files = done.iter().map(|(file, done)| FileJson { file, done }).collect();
        output::say_json(&ImportJson { run: &dir, report, files, summary });
    } else {
        output::say(&report::terminal(summary, TERMINAL_WIDTH));
        done.iter().for_each(|(file, done)| say(file, done));
        output::say(&format!("report: {}", report.display()));
    }
    unread.iter().for_each(|problem| output::complain(problem));
    done.iter().flat_map(|(_, done)| &done.problems).for_each(|problem| output::complain(problem));
    let useless = done.iter().any(|(_, done)| done.bad > 0 || done.taken + done.before == 0);
    if summary.pending > 0 {
        let advice = "import more results, write the rest again with `tribunal export`, or ask it with `tribunal score`";
        output::complain(&format!("{} tasks are pending; {advice}", summary.pending));
    }
    Ok(if useless || !unread.is_empty() { Exit::Usage } else { score::exit(false, false, summary) })
}

/// The run folder that a file lies in, or beneath.
fn holds(file: &Path) -> Option<PathBuf> {
    let file = std::path::absolute(file).ok()?;
    file.ancestors().skip(1).take(2).find(|dir| dir.join("ledger.sqlite").is_file()).map(Path::to_owned)
}

fn failure(error: ImportError) -> Failure {
    match error {
        ImportError::Score(ScoreError::Ledger(LedgerError::Store(problem))) if problem.contains("no run is recorded") => {
            Failure::usage(format!("{problem}; name the folder that `tribunal export --to batch` wrote with -o"))
        }
        ImportError::Score(error) => score::failure(error),
        other => Failure::usage(other),
    }
}

fn say(file: &Path, done: &BatchImported) {
    let BatchImported { lines: _, taken, ended, again, before, doubled, doubtful, unknown, missing, bad, problems: _ } = done;
    let counts = [
        (*again, "to be asked again"),
        (*before, "taken before"),
        (*doubled, "doubled"),
        (*doubtful, "of which nobody can tell whose they are"),
        (*unknown, "of other runs"),
        (*missing, "requests without a result"),
        (*bad, "bad lines"),
    ];
    let counted = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let words: Vec<String> = [format!("{taken} results taken"), format!("{ended} tasks ended")].into_iter().chain(counted).collect();
    output::say(&format!("{}: {}", file.display(), words.join(", ")));
}
