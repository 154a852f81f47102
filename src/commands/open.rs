//! Flags and settings -> an opened study and worker pool. Everything wrong is said before any work.

use std::path::Path;

use tribunal::judge::{self, Judge, JudgeSpec};
use tribunal::manifest::{self, Manifest};
use tribunal::pipeline::{self, Plan, Selection, Study};
use tribunal::rubric::Rubric;
use tribunal::sandbox::{Isolation, Pool};
use tribunal::taxonomy::{Lang, Taxonomy};

use super::context::{Context, Failure, model_path};
use super::output;
use crate::cli::{JudgingArgs, LangArg, SourceArgs, WorkerArgs};

/// Bytes that prepared parts may take at once.
const MEMORY_BYTES: u64 = 512 << 20;

impl From<LangArg> for Lang {
    fn from(lang: LangArg) -> Self {
        match lang {
            LangArg::Ko => Self::Ko,
            LangArg::En => Self::En,
        }
    }
}

/// Opens a source with its taxonomy, rubrics, samplers and, where `judging` is given, judges.
pub fn study(context: &Context, source: &SourceArgs, workers: &WorkerArgs, judging: Option<&JudgingArgs>) -> Result<Study, Failure> {
    let taxonomy = taxonomy(&source.taxonomy)?;
    let manifest = manifest::open(&source.source, &taxonomy).map_err(Failure::usage)?;
    let rubrics = source.rubric.iter().map(|name| rubric(name)).collect::<Result<Vec<_>, _>>()?;
    let judges = judging.map_or_else(|| Ok(Vec::new()), |judging| judges(context, judging))?;
    let plan = Plan::new(rubrics, &source.sampler, &Study::modalities(&manifest)).map_err(Failure::usage)?;
    notices(&manifest);
    let settings = pipeline::Settings {
        lang: source.lang.into(),
        seed: judging.map_or(0, |judging| judging.seed),
        repeats: judging.map_or(1, |judging| judging.repeats),
        selection: Selection { shard: source.shard, limit: source.limit },
        threads: threads(workers),
        concurrency: judging.map_or(1, |judging| usize::from(judging.concurrency)),
        memory_bytes: MEMORY_BYTES,
        send_withheld: context.config.policy.send_withheld,
    };
    Ok(Study { manifest, taxonomy, plan, judges, settings })
}

/// Starts the workers.
pub fn pool(context: &Context, workers: &WorkerArgs) -> Result<Pool, Failure> {
    let mut settings = context.config.limits.clone();
    settings.isolation = workers.isolation.unwrap_or(settings.isolation);
    let program = std::env::current_exe().map_err(|error| Failure::usage(format!("this program's own file: {error}")))?;
    let pool = Pool::start(settings, &[program.into_os_string(), crate::ZYGOTE.into()]).map_err(Failure::usage)?;
    if pool.settings().isolation == Isolation::BestEffort && !pool.missing_locks().is_empty() {
        output::remark(&format!("workers run without {}", pool.missing_locks().join(", ")));
    }
    Ok(pool)
}

/// Threads that prepare: as asked, else one per core.
pub fn threads(workers: &WorkerArgs) -> usize {
    workers.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// A built-in taxonomy by name, else a file.
pub fn taxonomy(name: &str) -> Result<Taxonomy, Failure> {
    match Taxonomy::builtin(name) {
        Some(taxonomy) => Ok(taxonomy),
        None => Taxonomy::from_toml(&read(name, "taxonomy", &Taxonomy::names())?, name).map_err(Failure::usage),
    }
}

fn rubric(name: &str) -> Result<Rubric, Failure> {
    if Rubric::names().contains(&name) {
        return Rubric::builtin(name).map_err(Failure::usage);
    }
    Rubric::from_toml(&read(name, "rubric", &Rubric::names())?, name).map_err(Failure::usage)
}

fn read(path: &str, what: &str, known: &[&str]) -> Result<String, Failure> {
    let fail = |error| Failure::usage(format!("{what} `{path}` is neither built in ({}) nor a file that can be read: {error}", known.join(", ")));
    std::fs::read_to_string(Path::new(path)).map_err(fail)
}

/// The judges that were named, else the default of tribunal.toml, else the embedded one (and it says so).
fn judges(context: &Context, judging: &JudgingArgs) -> Result<Vec<Judge>, Failure> {
    let specs = if judging.judge.is_empty() { vec![default_judge(context)?] } else { judging.judge.clone() };
    let mut judges: Vec<Judge> = Vec::new();
    for spec in &specs {
        let judge = judge(context, spec)?;
        if judges.iter().any(|known| known.name() == judge.name()) {
            return Err(Failure::usage(format!("the judge `{}` was given twice", judge.name())));
        }
        judges.push(judge);
    }
    Ok(judges)
}

fn default_judge(context: &Context) -> Result<JudgeSpec, Failure> {
    if let Some(spec) = &context.config.defaults.judge {
        return spec.parse().map_err(Failure::usage);
    }
    output::remark("no judge named: using `embedded`, a triage that covers 2 of 35 factors; name a full judge with --judge");
    Ok(JudgeSpec::Embedded)
}

fn judge(context: &Context, spec: &JudgeSpec) -> Result<Judge, Failure> {
    let known: Vec<&str> = context.config.judges.keys().map(String::as_str).collect();
    let resolved = match spec {
        JudgeSpec::Named(name) => match context.config.judges.get(name) {
            Some(settings) => judge::Settings::clone(settings),
            None => {
                let known = if known.is_empty() { "none are set up in tribunal.toml".to_owned() } else { format!("set up: {}", known.join(", ")) };
                return Err(Failure::usage(format!(
                    "judge `{name}` is unknown ({known}); or write embedded, replay:FILE, openai/MODEL, http://HOST:PORT/v1#MODEL"
                )));
            }
        },
        _ => todo!(),
    };
    let _ = (resolved, model_path());
    todo!()
}

fn notices(manifest: &Manifest) {
    for notice in &manifest.notices {
        output::remark(&format!("{}: {}", notice.code, notice.message));
    }
}
