//! `tribunal export --to batch`: the requests of a run as files for a server that takes files.

use std::path::Path;

use serde::Serialize;
use tribunal::pipeline::{self, BatchExported, Orders, StopFlag};

use super::context::{Context, Exit, Failure};
use super::open::{self, Keys};
use super::output;
use super::progress::Bar;
use super::{score, signals};
use crate::cli::ExportArgs;

#[derive(Debug, Serialize)]
struct BatchJson<'a> {
    run: &'a Path,
    #[serde(flatten)]
    done: &'a BatchExported,
}

/// Writes the pending requests of a source.
pub(super) fn run(context: &Context, args: &ExportArgs) -> Result<Exit, Failure> {
    let budget_micro_usd = args.budget_usd.map(score::micro_usd).transpose()?;
    // Nothing is sent, so no key is needed.
    let study = open::study(context, &args.source, &args.workers, Some(&args.judging), Keys::NotNeeded)?;
    study.judges.iter().try_for_each(tribunal::judge::Judge::check_batch).map_err(Failure::usage)?;
    if budget_micro_usd.is_some() {
        open::require_prices(&study)?;
    }
    open::require_folder(&args.output)?;
    let pool = open::pool(context, &args.workers)?;
    let (bar, stop) = (Bar::new(), StopFlag::default());
    signals::drain(&stop, "finishing the requests at hand");
    let orders = Orders { retry: args.retry.clone(), budget_micro_usd, keep_parts: false };
    let info = pipeline::run_info(&study, &pool);
    let done = pipeline::export_batch(&study, &pool, &args.output, &info, &orders, &bar, &stop).map_err(score::failure_in(&args.output))?;
    bar.clear();
    if context.json {
        output::say_json(&BatchJson { run: &args.output, done: &done });
    } else {
        say(&args.output, &done);
    }
    if let Some(reason) = &done.stopped {
        output::complain(&format!("stopped early: {reason}\nwhat was written stands; the same command goes on from here"));
        return Ok(Exit::Stopped);
    }
    Ok(Exit::Done)
}

fn say(run: &Path, done: &BatchExported) {
    output::say(&format!("{} requests, {} bytes, in {} files", done.requests, done.bytes, done.files.len()));
    done.files.iter().for_each(|file| output::say(&format!("  {}", file.display())));
    if done.shared > 0 {
        output::say(&format!("{} tasks share the reply to an equal request", done.shared));
    }
    if done.waiting > 0 {
        output::say(&format!("{} tasks wait for the results of requests that were written before", done.waiting));
    }
    output::say(&format!("index: {}", done.index.display()));
    output::say(&format!("then: tribunal import RESULTS --from batch -o {}", run.display()));
}
