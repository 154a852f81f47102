//! The command line: clap structs only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tribunal::harness::{ExportKind, ImportKind};
use tribunal::judge::{JudgeSpec, OutcomeName};
use tribunal::pipeline::Shard;
use tribunal::report::{FormatKind, Gate, Summary};
use tribunal::sandbox::Isolation;
use tribunal::stats::agreement::Rule;
use tribunal_media::SamplerSpec;

/// Scores generated text, images, video and audio for safety, and says how far to trust the scores.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// One JSON object on stdout and nothing else.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Settings file; without it, ./tribunal.toml when there is one.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put every output before one or more judges, and report.
    Score(ScoreArgs),
    /// Write exactly what a judge would be sent.
    Prepare(PrepareArgs),
    /// Say what the decoders see in files, and whether a run would accept them.
    Probe(ProbeArgs),
    /// Compare sampling strategies on the videos of a source.
    Samplers(SamplersArgs),
    /// Make the reports of a stored run anew.
    Report(ReportArgs),
    /// Hold judges against people, and people and judges against each other.
    Agree(AgreeArgs),
    /// Write a source in another tool's format, its requests as batch files, or a run's verdicts or replies as one file.
    Export(ExportArgs),
    /// Take the results of exported requests into their run, labels into a file, or the outputs in another tool's logs into a manifest.
    Import(ImportArgs),
    /// List, show or check taxonomies.
    #[command(subcommand)]
    Taxonomy(TaxonomyCommand),
    /// Say what works on this machine: libraries, worker locks, judges, models.
    Doctor(WorkerArgs),
}

/// Which instances, and what is asked of them.
#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    /// A manifest (.jsonl, .csv, .parquet), a folder of outputs, or an AssurAI dataset folder.
    pub(crate) source: PathBuf,
    /// Frame sampler for video; repeat for several.
    #[arg(long, value_name = "SPEC")]
    pub(crate) sampler: Vec<SamplerSpec>,
    /// Rubric: text, image, audio, single-frame, temporal, or a file; repeat for several.
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) rubric: Vec<String>,
    /// Taxonomy: assurai, or a file in its format.
    #[arg(long, value_name = "NAME|FILE", default_value = "assurai")]
    pub(crate) taxonomy: String,
    /// Language of the rubrics and reports.
    #[arg(long, value_enum, default_value_t = LangArg::En)]
    pub(crate) lang: LangArg,
    /// At most this many items, from the front.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Slice I of N of the items (I from 1).
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
}

/// The workers.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// How far decoders are kept away from this machine.
    #[arg(long, value_parser = isolation, value_name = "required|best-effort|off")]
    pub(crate) isolation: Option<Isolation>,
    /// Threads that prepare; one per core unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

/// `tribunal score`
#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// Run folder; without it runs/<source>-<experiment>, so that repeating resumes.
    #[arg(short, value_name = "RUN")]
    pub(crate) output: Option<PathBuf>,
    /// Stop before more than this is spent.
    #[arg(long, value_name = "X")]
    pub(crate) budget_usd: Option<f64>,
    /// Count requests and bytes; send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Ask again for tasks that ended so.
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',')]
    pub(crate) retry: Vec<OutcomeName>,
    /// Keep every part made for judges under the run's parts/: sound can be heard in the report, and a manifest's run can be replayed without its media.
    #[arg(long)]
    pub(crate) keep_parts: bool,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
}

/// When to exit 3.
#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// Exit 3 when the lowest mean safety of any (model, judge, rubric, sampler) is below this.
    #[arg(long, value_name = "S", value_parser = safety)]
    pub(crate) fail_under: Option<f64>,
    /// Exit 3 when this is true of any group, as in `blocked_rate>0.6` or `risk:mean_safety<2.5`; repeat for several.
    #[arg(long, value_name = "EXPR")]
    pub(crate) fail_if: Vec<Gate>,
}

impl GateArgs {
    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.fail_under.is_none() && self.fail_if.is_empty()
    }

    /// Why gates are missed; empty when all are passed.
    pub(crate) fn misses(&self, summary: &Summary) -> Vec<String> {
        self.fail_under.map(Gate::under).iter().chain(&self.fail_if).flat_map(|gate| gate.misses(summary)).collect()
    }
}

/// Who judges, and how often.
#[derive(Debug, Args)]
pub(crate) struct JudgingArgs {
    /// embedded, replay:FILE, openai/MODEL, http://HOST:PORT/v1#MODEL (its key, if it wants one, in TRIBUNAL_API_KEY), or a name in tribunal.toml;
    /// repeat for several.
    #[arg(long, value_name = "SPEC")]
    pub(crate) judge: Vec<JudgeSpec>,
    /// Verdicts per task.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repeats: u32,
    /// Requests in flight, for each judge.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) concurrency: u16,
    /// Seed of nonces.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Take replies from this run's ledger instead of asking anyone: verdicts are read anew, nothing is sent, nothing costs. Where media are gone, the parts that
    /// this run kept (--keep-parts) stand in. Needs -o.
    #[arg(long, value_name = "RUN")]
    pub(crate) replay: Option<PathBuf>,
}

/// `tribunal prepare`
#[derive(Debug, Args)]
pub(crate) struct PrepareArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
    /// Folder for parts.jsonl and the parts.
    #[arg(short, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

/// `tribunal probe`
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// Files to look at.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
}

/// `tribunal samplers`
#[derive(Debug, Args)]
pub(crate) struct SamplersArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// Folder for samplers.json and the report; with a judge also the run.
    #[arg(short, value_name = "RUN")]
    pub(crate) output: Option<PathBuf>,
}

/// `tribunal report`
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Run folders; complementary shards of one experiment are merged, anything else is compared.
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// html, md, json, csv, parquet
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', default_value = "html,md,json,csv")]
    pub(crate) format: Vec<FormatKind>,
    /// Where to write; the (first) run folder unless given.
    #[arg(short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Language of the report; the run's unless given.
    #[arg(long, value_enum)]
    pub(crate) lang: Option<LangArg>,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
}

/// `tribunal agree`
#[derive(Debug, Args)]
pub(crate) struct AgreeArgs {
    /// A run folder, or a source that people labelled.
    pub(crate) source: PathBuf,
    /// Human labels of risk, a CSV or JSONL file with item_id, annotator, risk; without it, those that the source holds.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// How several labels of one item become one: majority, median, or adjudicate (the median where all are within one level).
    #[arg(long, value_name = "RULE", default_value = "median")]
    pub(crate) rule: Rule,
    /// Taxonomy of a source: assurai, or a file in its format.
    #[arg(long, value_name = "NAME|FILE", default_value = "assurai")]
    pub(crate) taxonomy: String,
}

/// `tribunal export`
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
    /// Of `--to batch`: who judges, and how often.
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// inspect, batch; of a run folder: jsonl, csv, parquet (its verdicts), inspect-log (the same as logs), label-studio (its items, for people to
    /// label), cassette (one judge's replies, for `--judge replay:FILE`)
    #[arg(long, value_name = "FORMAT")]
    pub(crate) to: ExportKind,
    /// Where to write: a file, or a folder (inspect, inspect-log, label-studio); of `--to batch` the run folder, which `import` and `score` go on with.
    #[arg(short, value_name = "PATH")]
    pub(crate) output: PathBuf,
    /// Of `--to batch`: stop before more than this is reserved.
    #[arg(long, value_name = "X")]
    pub(crate) budget_usd: Option<f64>,
    /// Of `--to batch`: write requests of tasks that ended so once more.
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',')]
    pub(crate) retry: Vec<OutcomeName>,
}

/// `tribunal import`
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files of results or of labels, or logs, in any order.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// batch, inspect-log, label-studio
    #[arg(long, value_name = "FORMAT")]
    pub(crate) from: ImportKind,
    /// Of batch: the run folder that the requests were exported into; left out: the one that holds the first file. Of label-studio: the file of labels
    /// (.jsonl, for `agree --labels`); left out: beside the first file. Of inspect-log: the folder for a manifest and its media; left out: the first
    /// file's name without its ending.
    #[arg(short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
}

/// `tribunal taxonomy`
#[derive(Debug, Subcommand)]
pub(crate) enum TaxonomyCommand {
    /// Names of the taxonomies that are built in.
    List,
    /// Categories, factors and prompt types.
    Show {
        /// assurai, or a file.
        name: String,
        /// Language of names and definitions.
        #[arg(long, value_enum, default_value_t = LangArg::En)]
        lang: LangArg,
    },
    /// Check a file and name every fault.
    Check {
        /// A taxonomy in TOML.
        file: PathBuf,
    },
}

/// ko or en
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LangArg {
    Ko,
    En,
}

/// A gate of "not a number" would never be missed.
fn safety(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|safety| (1.0..=5.0).contains(safety)).ok_or_else(|| "use a safety from 1 to 5".to_owned())
}

fn isolation(text: &str) -> Result<Isolation, String> {
    match text {
        "required" => Ok(Isolation::Required),
        "best-effort" => Ok(Isolation::BestEffort),
        "off" => Ok(Isolation::Off),
        _ => Err("use required, best-effort or off".to_owned()),
    }
}
