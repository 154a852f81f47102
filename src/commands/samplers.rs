//! `tribunal samplers`: what each sampling strategy costs and misses, and what a judge then says.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tribunal::pipeline::{self, Orders, REFERENCE, StopFlag};
use tribunal::report::{self, StoredRun, visible};
use tribunal::sampling::{self, StrategyRow};
use tribunal_media::{Modality, SamplerSpec};

use super::context::{Context, Exit, Failure};
use super::open::{self, Keys};
use super::output;
use super::progress::Bar;
use super::signals;
use crate::cli::SamplersArgs;

#[derive(Debug, Serialize)]
struct SamplersJson<'a> {
    videos: usize,
    refused: Vec<String>,
    samplers: &'a [StrategyRow],
    report: PathBuf,
    stopped: Option<String>,
}

/// One rubric for all strategies, so that only the frames differ.
const RUBRIC: &str = "temporal";

/// Compares strategies, and reports.
pub(crate) fn run(context: &Context, args: &SamplersArgs) -> Result<Exit, Failure> {
    let mut source = args.source.clone();
    let samplers = std::mem::take(&mut source.sampler);
    if samplers.is_empty() {
        return Err(Failure::usage("name the strategies to compare: --sampler middle --sampler uniform:8 ..."));
    }
    if args.judging.judge.len() > 1 {
        return Err(Failure::usage("strategies are compared by one judge; name one --judge"));
    }
    if args.source.rubric.len() > 1 {
        return Err(Failure::usage("strategies are compared under one rubric; name one --rubric"));
    }
    let judged = !args.judging.judge.is_empty();
    let taken = |dir: &PathBuf| !judged && dir.join("ledger.sqlite").exists();
    if let Some(run) = args.output.as_ref().filter(|dir| taken(dir)) {
        let run = run.display();
        return Err(Failure::usage(format!(
            "{run} holds a run, whose reports would be replaced; name another folder, or the run's --judge"
        )));
    }
    source.sampler = strategies(&samplers, judged);
    if source.rubric.is_empty() {
        source.rubric.push(RUBRIC.to_owned());
    }
    let mut study = open::study(context, &source, &args.workers, judged.then_some(&args.judging), Keys::Needed)?;
    study.manifest.instances.retain(|instance| instance.modality == Modality::Video).map_err(Failure::stopped)?;
    let pool = open::pool(context, &args.workers)?;
    let bar = Bar::new();
    let mut done = pipeline::observe(&study, &pool, &samplers, &bar).map_err(Failure::stopped)?;
    bar.clear();
    let info = pipeline::run_info(&study, &pool);
    let dir =
        args.output.clone().unwrap_or_else(|| Path::new("runs").join(format!("{}-samplers-{}", study.manifest.name, &info.run_id[..8])));
    let (stored, stopped) = if judged {
        let stop = StopFlag::for_later();
        signals::drain(&stop, signals::REPLIES);
        let bar = Bar::new();
        let scored =
            pipeline::score(&study, &pool, &dir, &info, &Orders::default(), &bar, &stop).map_err(super::score::failure_in(&dir))?;
        bar.clear();
        let run = StoredRun::open(std::slice::from_ref(&dir)).map_err(Failure::stopped)?;
        pipeline::with_verdicts(&mut done.observations, run.facts());
        (run, scored.stopped)
    } else {
        let items = pipeline::item_rows(&study).collect::<Result<_, _>>().map_err(Failure::stopped)?;
        (StoredRun::new(info, items, Vec::new(), Vec::new()).map_err(Failure::stopped)?, None)
    };
    let stored = stored.with_strategies(sampling::compare(&done.observations));
    let formats = report::FormatKind::DEFAULTS;
    report::write(&dir, &stored.view(study.settings.lang), &formats).map_err(Failure::stopped)?;
    let report = dir.join("report.html");
    if context.json {
        let refused = done.refused.iter().map(|(item, why)| format!("{item}: {}: {}", why.reason, why.message)).collect();
        output::say_json(&SamplersJson { videos: done.videos, refused, samplers: stored.strategies(), report, stopped: stopped.clone() });
    } else {
        output::say(&report::strategies_terminal(stored.strategies(), output::TERMINAL_WIDTH));
        done.refused
            .iter()
            .for_each(|(item, why)| output::say(&format!("refused {}: {}: {}", visible(item), why.reason, visible(&why.message))));
        output::say(&format!("report: {}", report.display()));
    }
    Ok(match (stopped, done.refused.is_empty()) {
        (Some(_), _) => Exit::Stopped,
        (None, false) => Exit::Unclean,
        (None, true) => Exit::Done,
    })
}

/// With a judge, the dense reference is judged too.
fn strategies(samplers: &[SamplerSpec], judged: bool) -> Vec<SamplerSpec> {
    let mut all = samplers.to_vec();
    if judged && !all.contains(&REFERENCE) {
        all.push(REFERENCE);
    }
    all
}
