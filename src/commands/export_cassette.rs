//! `tribunal export RUN --to cassette`: the replies of one judge, for `--judge replay:FILE`.

use std::path::Path;

use serde::Serialize;
use tribunal::ledger::{Reader, write_file};

use super::context::{Context, Exit, Failure};
use super::output;
use crate::cli::ExportArgs;

#[derive(Debug, Serialize)]
struct CassetteJson<'a> {
    cassette: &'a Path,
    judge: &'a str,
    replies: usize,
}

/// Writes the cassette.
pub(super) fn run(context: &Context, args: &ExportArgs) -> Result<Exit, Failure> {
    let run = Reader::open(&args.source.source).map_err(Failure::usage)?;
    let (judge, lines) = recorded(&run, args)?;
    let failed = |error| Failure::unwritten(&args.output, &error);
    write_file(&args.output, failed, |out| out.write_all(lines.as_bytes()).map_err(failed))?;
    let replies = lines.lines().count();
    if context.json {
        output::say_json(&CassetteJson { cassette: &args.output, judge: &judge, replies });
    } else {
        output::say(&format!("{replies} replies to {judge}\nuse it: --judge replay:{}", args.output.display()));
    }
    Ok(Exit::Done)
}

/// The judge asked for, or the only one that was answered; and its replies.
fn recorded(run: &Reader, args: &ExportArgs) -> Result<(String, String), Failure> {
    let wanted: Vec<String> = args.judging.judge.iter().map(tribunal::judge::JudgeSpec::name).collect();
    let judges = run.info().experiment.judges.keys();
    let mut answered = Vec::new();
    for judge in judges.filter(|judge| wanted.is_empty() || wanted.contains(judge)) {
        let lines = run.cassette(judge).map_err(Failure::usage)?;
        if !lines.is_empty() {
            answered.push((judge.clone(), lines));
        }
    }
    match (answered.pop(), answered.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Failure::usage(format!("{}: no server answered in this run", args.source.source.display()))),
        (Some((last, _)), false) => {
            let names: Vec<&str> = answered.iter().map(|(judge, _)| judge.as_str()).chain([last.as_str()]).collect();
            Err(Failure::usage(format!("a cassette answers for one judge; choose with --judge: {}", names.join(", "))))
        }
    }
}
