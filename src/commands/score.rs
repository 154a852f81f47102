//! `tribunal score`: the main job.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tribunal::pipeline::{self, Doomed, DryRun, Forecast, Learnt, Orders, ProbesError, ScoreError, StopFlag, Study};
use tribunal::report::{self, StoredRun, Summary};

use super::context::{Context, Exit, Failure};
use super::open::{self, Keys};
use super::output::{self, TERMINAL_WIDTH};
use super::progress::Bar;
use super::signals;
use crate::cli::ScoreArgs;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct ScoreJson<'a> {
    run: &'a Path,
    report: PathBuf,
    resumed: u64,
    stopped: Option<&'a str>,
    gate_missed: bool,
    misses: &'a [String],
    learnt: &'a [Learnt],
    /// System calls for files and sockets that this invocation's workers were refused.
    refused_calls: u64,
    summary: &'a Summary,
}

/// Scores a source and reports.
pub(crate) fn run(context: &Context, args: &ScoreArgs) -> Result<Exit, Failure> {
    let budget_micro_usd = args.budget_usd.map(micro_usd).transpose()?;
    if args.judging.replay.is_some() && args.output.is_none() {
        return Err(Failure::usage("--replay needs -o: the folder of a run of its own"));
    }
    let keys = if args.dry_run { Keys::NotNeeded } else { Keys::Needed };
    let mut study = open::study(context, &args.source, &args.workers, Some(&args.judging), keys)?;
    if budget_micro_usd.is_some() {
        open::require_prices(&study)?;
    }
    let pool = open::pool(context, &args.workers)?;
    study.plan_probes(&pool).map_err(|error| match error {
        ProbesError::Spoken(_) => Failure::usage(error),
        ProbesError::Rows(_) => Failure::stopped(error),
    })?;
    study.unheeded().iter().for_each(|ignored| output::remark(ignored));
    if study.lacks_spoken_orders() {
        output::remark("probes: nothing here can speak, so sound is probed by planted prompts only; name a recording with probes.spoken");
    }
    let bar = Bar::new();
    let info = pipeline::run_info(&study, &pool);
    let dir = args.output.clone().unwrap_or_else(|| default_dir(&study, &info.run_id));
    if args.dry_run {
        let earlier = pipeline::Earlier::open(&study, &dir, &info, &args.retry).map_err(|error| Failure::usage(error.within(&dir)))?;
        let dry = pipeline::dry_run(&study, &pool, earlier.as_ref(), &bar).map_err(|error| match error {
            ScoreError::Ledger(ref ledger) if ledger.is_damaged() => Failure::usage(format!("{}: {error}", dir.display())),
            other => Failure::stopped(other),
        })?;
        bar.clear();
        return Ok(say_dry_run(context, &dry));
    }
    open::require_folder(&dir)?;
    let stop = StopFlag::for_later();
    signals::drain(&stop, signals::REPLIES);
    let orders = Orders { retry: args.retry.clone(), budget_micro_usd, keep_parts: args.keep_parts };
    let done = pipeline::score(&study, &pool, &dir, &info, &orders, &bar, &stop).map_err(failure_in(&dir))?;
    bar.clear();
    let lang = study.settings.lang;
    // The report reads the stored run, and has no use for a second copy of the source.
    drop(study);
    let stored = StoredRun::open(std::slice::from_ref(&dir)).map_err(|error| match error {
        report::OpenError::Ledger { ref source, .. } if source.is_damaged() => Failure::usage(error),
        other => Failure::stopped(other),
    })?;
    report::write(&dir, &stored.view(lang), &report::FormatKind::DEFAULTS).map_err(|error| Failure::unreported(&dir, &error))?;
    let summary = stored.summary();
    let misses = args.gates.misses(summary);
    let gate_missed = !misses.is_empty();
    let report = dir.join("report.html");
    if context.json {
        let stopped = done.stopped.as_deref();
        output::say_json(&ScoreJson {
            run: &dir,
            report,
            resumed: done.resumed,
            stopped,
            gate_missed,
            misses: &misses,
            learnt: &done.learnt,
            refused_calls: pool.counts().refused_calls,
            summary,
        });
    } else {
        output::say(&report::terminal(summary, TERMINAL_WIDTH));
        if done.resumed > 0 {
            output::say(&format!("resumed: {} of {} tasks had ended before, and were not asked again", done.resumed, done.tasks));
        }
        output::say(&format!("report: {}", report.display()));
    }
    for learnt in &done.learnt {
        learnt.lessons.iter().for_each(|lesson| output::remark(&format!("the server of judge {}: {lesson}", learnt.judge)));
    }
    if let Some(reason) = &done.stopped {
        output::complain(&format!("stopped early: {reason}\n{}", left(summary.pending)));
    } else if summary.pending > 0 {
        output::complain(&format!("{} tasks of the run, outside this selection, are pending", summary.pending));
    }
    misses.iter().for_each(|miss| output::complain(&format!("gate missed: {miss}")));
    Ok(exit(done.stopped.is_some(), gate_missed, summary))
}

/// What a run that was stopped early has left. Tasks that follow from others (cascades, adaptive repeats) may not be planned yet.
fn left(pending: usize) -> String {
    match pending {
        0 => "every task that was planned has ended; the same command asks what else there may be, and ends by how they ended".to_owned(),
        _ => format!("{pending} tasks are pending; the same command goes on from here"),
    }
}

/// Precedence 2 > 4 > 3 > 1 > 0; 2 never comes this far. Pending tasks are resumable, whatever left them.
pub(crate) fn exit(stopped: bool, gate_missed: bool, summary: &Summary) -> Exit {
    let unclean = summary.by_outcome.iter().any(|(name, count)| !name.is_clean() && *count > 0);
    match (stopped || summary.pending > 0, gate_missed, unclean) {
        (true, _, _) => Exit::Stopped,
        (_, true, _) => Exit::Gate,
        (_, _, true) => Exit::Unclean,
        _ => Exit::Done,
    }
}

pub(crate) fn micro_usd(usd: f64) -> Result<u64, Failure> {
    if usd.is_finite() && usd >= 0.0 { Ok((usd * 1e6).floor() as u64) } else { Err(Failure::usage("--budget-usd must be 0 or more")) }
}

fn default_dir(study: &Study, run_id: &str) -> PathBuf {
    Path::new("runs").join(format!("{}-{}", study.manifest.name, &run_id[..8]))
}

/// The exit code of a run that could not go on.
pub(crate) fn failure(error: ScoreError) -> Failure {
    match error {
        ScoreError::Ledger(tribunal::ledger::LedgerError::Store(_))
        | ScoreError::Runtime(_)
        | ScoreError::Unprepared(_)
        | ScoreError::Rows(_) => Failure::stopped(error),
        ScoreError::Ledger(_) => Failure::usage(error),
    }
}

/// The same, where the run's folder is known: a damaged ledger is named with it.
pub(crate) fn failure_in(dir: &Path) -> impl FnOnce(ScoreError) -> Failure {
    move |error| {
        failure(match error {
            ScoreError::Ledger(error) => ScoreError::Ledger(error.within(dir)),
            other => other,
        })
    }
}

fn say_dry_run(context: &Context, dry: &DryRun) -> Exit {
    if context.json {
        output::say_json(dry);
        return Exit::Done;
    }
    output::say(&dry_run_lines(dry).join("\n"));
    Exit::Done
}

fn dry_run_lines(dry: &DryRun) -> Vec<String> {
    let mut lines =
        vec!["dry run: nothing was sent".to_owned(), format!("items     {:>12}", dry.items), format!("tasks     {:>12}", dry.tasks)];
    if dry.ended > 0 {
        lines.push(format!("  ended   {:>12} of these in the run before: not asked again", dry.ended));
    }
    let at_most = if dry.at_most { " at most: some are sent only where answers call for them" } else { "" };
    lines.push(format!("requests  {:>12}{at_most}", dry.requests));
    if dry.shared > 0 {
        lines.push(format!("  shared  {:>12} tasks besides read the replies to equal requests: those are paid for once", dry.shared));
    }
    if dry.replayed > 0 {
        lines.push(format!("  replayed{:>12} of these: the answers are there, nothing is sent", dry.replayed));
    }
    lines.push(format!("bytes     {:>12}", dry.request_bytes));
    if dry.probe_requests > 0 {
        lines.push(format!("  probes  {:>12} of these requests only probe the judges ([probes] in tribunal.toml)", dry.probe_requests));
    }
    if dry.sentinel_requests > 0 {
        let usd = dry.sentinel_cost_usd.map_or_else(|| "unknown cost".to_owned(), |usd| format!("${usd:.4}"));
        lines.push(format!(
            "  sentinel{:>12} of these requests, {usd}: sent again by every invocation ([sentinel] in tribunal.toml)",
            dry.sentinel_requests
        ));
    }
    lines.extend(dry.by_modality.iter().map(|(modality, count)| format!("  {modality:<8}{count:>12} requests")));
    lines.extend(dry.without_request.iter().map(|(outcome, count)| format!("  {outcome:<15}{count:>5} without a request")));
    lines.extend(dry.judges.iter().flat_map(forecast_lines));
    lines
}

fn forecast_lines(forecast: &Forecast) -> Vec<String> {
    let tokens = &forecast.tokens;
    let guess = match forecast.guessed.join(" and ") {
        none if none.is_empty() => none,
        kinds => format!("; {kinds}: a guess, for none was counted yet"),
    };
    let most = if forecast.at_most { "at most " } else { "" };
    let dollars = |usd: Option<f64>| usd.map_or_else(|| "unknown".to_owned(), |usd| format!("{most}${usd:.4}"));
    let mut lines = vec![
        format!(
            "judge {}{}",
            forecast.judge,
            forecast.profile.as_ref().map_or_else(String::new, |profile| format!(" (profile {profile})"))
        ),
        format!(
            "  tokens  text {:.0}, pictures {:.0}, sound {:.0}, replies {:.0} (estimated{guess})",
            tokens.text, tokens.image, tokens.audio, tokens.output
        ),
        format!(
            "  cost    {}{}",
            dollars(forecast.cost_usd),
            forecast.price_date.as_ref().map_or_else(String::new, |date| format!(", prices of {date}"))
        ),
    ];
    if let (Some(_), Some(batches)) = (forecast.batch_cost_usd, forecast.batches) {
        lines.push(format!("  batch   {}, batches: {batches}", dollars(forecast.batch_cost_usd)));
    }
    if let Some(seconds) = forecast.seconds {
        lines.push(format!("  time    at least {seconds:.0} s by the rate limits"));
    }
    if forecast.cut_to_fit > 0 {
        lines.push(format!("  {} requests would go with fewer pictures than sampled: the judge takes no more", forecast.cut_to_fit));
    }
    if forecast.over_limit > 0 {
        lines.push(format!("  {} tasks would break a limit:", forecast.over_limit));
    }
    lines.extend(forecast.over_limit_tasks.iter().map(doomed_line));
    if forecast.unanswered > 0 {
        lines.push(format!("  {} tasks have no answer in what is replayed:", forecast.unanswered));
    }
    lines.extend(forecast.unanswered_tasks.iter().map(doomed_line));
    lines
}

fn doomed_line(task: &Doomed) -> String {
    format!("    {}: {}", task.item_id, task.message)
}
