//! `tribunal export`: a source or run in another tool's format.

use std::path::PathBuf;

use serde::Serialize;
use tribunal::harness::ExportKind;
use tribunal::pipeline;
use tribunal::report::visible;

use super::context::{Context, Exit, Failure};
use super::open::{self, Keys};
use super::output;
use crate::cli::ExportArgs;

#[derive(Debug, Serialize)]
struct ExportJson {
    samples: usize,
    media: usize,
    task: PathBuf,
    refused: Vec<String>,
    left_out: u64,
}

/// Exports a source or a run.
pub(crate) fn run(context: &Context, args: &ExportArgs) -> Result<Exit, Failure> {
    match args.to {
        ExportKind::Batch => return super::export_batch::run(context, args),
        ExportKind::Cassette => return super::export_cassette::run(context, args),
        ExportKind::Jsonl => return super::export_verdicts::run(context, args, None),
        ExportKind::Table(kind) => return super::export_verdicts::run(context, args, Some(kind)),
        ExportKind::InspectLog => return super::export_run::inspect_log(context, args),
        ExportKind::LabelStudio => return super::export_run::label_studio(context, args),
        ExportKind::Inspect => refuse_judging(args)?,
    }
    let study = open::study(context, &args.source, &args.workers, None, Keys::Needed)?;
    open::require_folder(&args.output)?;
    let pool = open::pool(context, &args.workers)?;
    let done = pipeline::inspect(&study, &pool, &args.output).map_err(Failure::stopped)?;
    let refused: Vec<String> = done.refused.iter().map(|(item, why)| format!("{item}: {}: {}", why.reason, why.message)).collect();
    let exit = if refused.is_empty() { Exit::Done } else { Exit::Unclean };
    let (samples, media, task) = (done.exported.samples, done.exported.media, done.exported.task);
    if context.json {
        output::say_json(&ExportJson { samples, media, task, refused, left_out: done.left_out });
        return Ok(exit);
    }
    refused.iter().for_each(|line| output::say(&format!("refused {}", visible(line))));
    output::say(&format!("{samples} samples, {media} media files, {} items left out (blocked or withheld)", done.left_out));
    output::say(&format!("run it: inspect eval {} --model PROVIDER/JUDGE", task.display()));
    Ok(exit)
}

/// Inspect chooses its own judge: flags about one would be passed over in silence.
fn refuse_judging(args: &ExportArgs) -> Result<(), Failure> {
    if args.judging.judge.is_empty() && args.budget_usd.is_none() && args.retry.is_empty() {
        return Ok(());
    }
    Err(Failure::usage("--judge, --budget-usd and --retry are for --to batch; the judge of an Inspect run is named to `inspect eval`"))
}
