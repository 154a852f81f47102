//! Flags and settings -> an opened study and worker pool. Everything wrong is said before any work.

use std::ffi::OsString;
use std::path::Path;

use tribunal::ensemble;
use tribunal::judge::{self, Judge, JudgeSpec, ProviderKind};
use tribunal::ledger::Kept;
use tribunal::manifest::{self, Files, Manifest, OpenError};
use tribunal::pipeline::{self, Plan, Selection, Study};
use tribunal::rubric::Rubric;
use tribunal::sandbox::{Isolation, Pool};
use tribunal::taxonomy::{Lang, Taxonomy};
use tribunal_media::Modality;

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

/// Whether a judge without its key can be opened: only when nothing will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// A missing key is an error.
    Needed,
    /// A dry run sends nothing.
    NotNeeded,
}

/// Opens a source with its taxonomy, rubrics, samplers and, where `judging` is given, judges.
pub(crate) fn study(
    context: &Context,
    source: &SourceArgs,
    workers: &WorkerArgs,
    judging: Option<&JudgingArgs>,
    keys: Keys,
) -> Result<Study, Failure> {
    let taxonomy = taxonomy(&source.taxonomy)?;
    let replayed = judging.and_then(|judging| judging.replay.as_deref());
    let manifest = manifest(&source.source, &taxonomy, replayed.map_or(Files::Needed, |_| Files::MayBeGone))?;
    let rubrics = source.rubric.iter().map(|name| rubric(name)).collect::<Result<Vec<_>, _>>()?;
    let keys = if replayed.is_some() { Keys::NotNeeded } else { keys };
    let judges = judging.map_or_else(|| Ok(Vec::new()), |judging| judges(context, judging, keys))?;
    let judges = match replayed {
        None => judges,
        Some(run) => replaying(judges, run, judging.map_or(0, |judging| judging.seed), source.lang.into())?,
    };
    let kept = replayed.map(Kept::open).transpose().map_err(Failure::usage)?;
    let recipe = context.config.recipe.check().map_err(Failure::usage)?;
    if manifest.instances.modalities().contains(&Modality::Audio) {
        judges.iter().try_for_each(|judge| judge.check_sound(recipe.sound)).map_err(Failure::usage)?;
    }
    let plan = Plan::new(rubrics, &source.sampler, manifest.instances.modalities()).map_err(Failure::usage)?;
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
        recipe,
        ensemble: ensemble(context, &judges)?,
        probes: context.config.probes.clone().check().map_err(Failure::usage)?,
        sentinel: context.config.sentinel.check().map_err(Failure::usage)?,
        warnings: context.config.warnings.check().map_err(Failure::usage)?,
    };
    Ok(Study { manifest, taxonomy, plan, judges, spoken: None, kept, settings })
}

/// Opens a source; one that is wrong is a mistake of usage, no room for its rows is not.
pub(crate) fn manifest(source: &Path, taxonomy: &Taxonomy, files: Files) -> Result<Manifest, Failure> {
    manifest::open(source, taxonomy, files).map_err(|error| match error {
        OpenError::Faults(faults) => Failure::usage(faults),
        OpenError::Rows(error) => Failure::stopped(error),
    })
}

/// The tables that say how several judges and repeats work together; without judges they mean nothing.
fn ensemble(context: &Context, judges: &[Judge]) -> Result<ensemble::Settings, Failure> {
    if judges.is_empty() {
        return Ok(ensemble::Settings::default());
    }
    let config = &context.config;
    let settings = ensemble::Settings { repeats: config.repeats.clone(), cascade: config.cascade.clone(), panel: config.panel.clone() };
    let names: Vec<&str> = judges.iter().map(Judge::name).collect();
    settings.check(&names).map_err(Failure::usage)?;
    let pooled = |judge: &&Judge| {
        judge.is_triage() && settings.panel.as_ref().is_some_and(|panel| panel.judges.iter().any(|name| name == judge.name()))
    };
    if let Some(judge) = judges.iter().find(pooled) {
        return Err(Failure::usage(format!(
            "[panel]: `{}` is an uncalibrated classifier, which is never pooled with judges",
            judge.name()
        )));
    }
    Ok(settings)
}

/// The judges with the replies of an earlier run instead of their servers.
fn replaying(judges: Vec<Judge>, path: &Path, seed: u64, lang: Lang) -> Result<Vec<Judge>, Failure> {
    let run = tribunal::ledger::Reader::open(path).map_err(Failure::usage)?;
    // Every request depends on them.
    let was = &run.info().experiment;
    if (was.seed, was.lang.as_str()) != (seed, lang.code()) {
        return Err(Failure::usage(format!(
            "--replay {}: that run was made with --seed {} --lang {}; add them, for its answers are those to its own requests",
            path.display(),
            was.seed,
            was.lang
        )));
    }
    let replayed = |judge: Judge| {
        let lines = run.cassette(judge.name()).map_err(Failure::usage)?;
        judge.replaying(&lines).map_err(Failure::usage)
    };
    judges.into_iter().map(|judge| if judge.is_remote() { replayed(judge) } else { Ok(judge) }).collect()
}

/// Starts the workers.
pub(crate) fn pool(context: &Context, workers: &WorkerArgs) -> Result<Pool, Failure> {
    let mut settings = context.config.limits.clone();
    settings.isolation = workers.isolation.unwrap_or(settings.isolation);
    settings.check().map_err(Failure::usage)?;
    let pool = Pool::start(settings, &zygote()?).map_err(Failure::usage)?;
    if pool.settings().isolation == Isolation::BestEffort && !pool.missing_locks().is_empty() {
        output::remark(&format!("workers run without {}", pool.missing_locks().join(", ")));
    }
    Ok(pool)
}

/// This program's own file and its hidden subcommand.
pub(crate) fn zygote() -> Result<Vec<OsString>, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::usage(format!("this program's own file: {error}")))?;
    Ok(vec![program.into_os_string(), crate::ZYGOTE.into()])
}

/// Threads that prepare: as asked, else one per core.
pub(crate) fn threads(workers: &WorkerArgs) -> usize {
    workers.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// A built-in taxonomy by name, else a file.
pub(crate) fn taxonomy(name: &str) -> Result<Taxonomy, Failure> {
    if let Some(taxonomy) = Taxonomy::builtin(name) {
        return Ok(taxonomy);
    }
    let text = read(name, "taxonomy", Taxonomy::names())?;
    Taxonomy::from_toml(&text, name).map_err(|problems| Failure::usage(lines(&problems)))
}

/// A built-in rubric by name, else a file.
fn rubric(name: &str) -> Result<Rubric, Failure> {
    match Rubric::builtin(name) {
        Some(rubric) => Ok(rubric),
        None => Rubric::from_toml(&read(name, "rubric", Rubric::names())?, name).map_err(Failure::usage),
    }
}

fn read(path: &str, what: &str, known: impl Iterator<Item = &'static str>) -> Result<String, Failure> {
    let known = known.collect::<Vec<_>>().join(", ");
    let fail = |error| Failure::usage(format!("{what} `{path}` is neither built in ({known}) nor a file that can be read: {error}"));
    std::fs::read_to_string(Path::new(path)).map_err(fail)
}

fn lines(problems: &[impl ToString]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The judges that were named, else the default of tribunal.toml, else the embedded one (and it says so).
fn judges(context: &Context, judging: &JudgingArgs, keys: Keys) -> Result<Vec<Judge>, Failure> {
    let specs = if judging.judge.is_empty() { vec![default_judge(context)?] } else { judging.judge.clone() };
    let mut judges: Vec<Judge> = Vec::new();
    for spec in &specs {
        let judge = judge(context, spec, keys)?;
        if judges.iter().any(|known| known.name() == judge.name()) {
            return Err(Failure::usage(format!("the judge `{}` was given twice", judge.name())));
        }
        judges.push(judge);
    }
    Judge::keep_quiet_together(&mut judges);
    Judge::learn_together(&mut judges);
    Judge::pay_once_together(&mut judges);
    Ok(judges)
}

fn default_judge(context: &Context) -> Result<JudgeSpec, Failure> {
    if let Some(spec) = &context.config.defaults.judge {
        return spec.parse().map_err(Failure::usage);
    }
    output::remark("no judge named: using `embedded`, a triage that covers 2 of 35 factors; name a full judge with --judge");
    Ok(JudgeSpec::Embedded)
}

fn judge(context: &Context, spec: &JudgeSpec, keys: Keys) -> Result<Judge, Failure> {
    let mut settings = match spec.settings() {
        Some(settings) => settings,
        None => named(context, &spec.name())?,
    };
    settings.api_key_optional |= keys == Keys::NotNeeded;
    open_judge(&spec.name(), settings).map_err(Failure::usage)
}

fn named(context: &Context, name: &str) -> Result<judge::Settings, Failure> {
    let known: Vec<&str> = context.config.judges.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none is set up in tribunal.toml".to_owned() } else { format!("set up: {}", known.join(", ")) };
    let unknown =
        || format!("judge `{name}` is unknown ({known}); or write embedded, replay:FILE, openai/MODEL, http://HOST:PORT/v1#MODEL");
    context.config.judges.get(name).cloned().ok_or_else(|| Failure::usage(unknown()))
}

/// Opens a judge with what only the program knows: the environment's keys and where the model file lies.
pub(crate) fn open_judge(name: &str, mut settings: judge::Settings) -> Result<Judge, judge::OpenError> {
    if settings.provider == ProviderKind::Embedded && settings.path.is_none() {
        settings.path = model_path();
    }
    Judge::open(name, &settings, &|variable| std::env::var(variable).ok())
}

/// Makes the output folder before any work: a path that cannot be one is a mistake of usage, not a full disk.
pub(crate) fn require_folder(dir: &Path) -> Result<(), Failure> {
    let refuse = |error| Failure::usage(format!("{} cannot be the output folder: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(refuse)
}

/// A budget means nothing while some judge's price is unknown.
pub(crate) fn require_prices(study: &Study) -> Result<(), Failure> {
    match study.judges.iter().find(|judge| judge.is_remote() && !judge.has_price()) {
        None => Ok(()),
        Some(judge) => Err(Failure::usage(format!(
            "--budget-usd needs the price of judge `{}`: set [judges.NAME.price] in tribunal.toml and name the judge by it",
            judge.name()
        ))),
    }
}

fn notices(manifest: &Manifest) {
    for notice in &manifest.notices {
        output::remark(&format!("{}: {}", notice.code, notice.message));
    }
}
