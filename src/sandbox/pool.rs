//! The pool: hands jobs to workers, watches them, replaces those that crash, hang or lie.

use std::fs::File;

use serde::{Deserialize, Serialize};
use tribunal_media::{Limits, PartSink, Probe, Recipe, Report};

/// How far decoding is kept away from this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Worker processes with every lock; refuse to start without.
    #[default]
    Required,
    /// Worker processes with the locks that this kernel has.
    BestEffort,
    /// In this process (benches, library users): a decoder crash ends the run.
    Off,
}

/// Limits of the workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How far decoding is kept away.
    pub isolation: Isolation,
    /// Resident memory of one worker above which it is killed, in MiB.
    pub rss_mib: u64,
    /// CPU seconds for one image or text.
    pub image_seconds: u64,
    /// CPU seconds for one sound or video, plus one per 60 planned frames.
    pub av_seconds: u64,
    /// The longest deadline, in CPU seconds.
    pub max_seconds: u64,
    /// A worker is replaced after this many clean jobs.
    pub jobs_per_worker: u32,
    /// What decoders may be asked for.
    pub media: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            isolation: Isolation::Required,
            rss_mib: 768,
            image_seconds: 10,
            av_seconds: 60,
            max_seconds: 900,
            jobs_per_worker: 64,
            media: Limits::default(),
        }
    }
}

/// One source to normalise.
#[derive(Debug)]
pub struct Job {
    /// Open, read-only; a sealed memfd or a regular file.
    pub input: File,
    /// Its length in bytes.
    pub len: u64,
    /// What to make of it; all of one modality.
    pub recipes: Vec<Recipe>,
}

/// A finished job.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// What the decoders saw.
    pub report: Report,
    /// CPU time the job took in the worker, in milliseconds.
    pub cpu_ms: f64,
}

/// A job that gave no result. The item ends `media_rejected`; the run goes on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Stable code: a media reason code, or `crashed`, `timed_out`, `over_memory`, `protocol`.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// The workers could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// A pool of worker processes. `run` is called from many threads at once; each call has one worker to itself.
#[derive(Debug)]
pub struct Pool {
    settings: Settings,
}

impl Pool {
    /// Starts the zygote (unless isolation is off). `zygote` is this program and the arguments of its hidden subcommand.
    pub fn start(settings: Settings, zygote: &[std::ffi::OsString]) -> Result<Self, StartError> {
        todo!("{settings:?} {zygote:?}")
    }

    /// The limits in force.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Locks that this kernel lacks; empty when isolation is complete. Goes into reports.
    pub fn missing_locks(&self) -> &[String] {
        todo!()
    }

    /// Runs one job to its end. Parts reach `sink` as they are finished; on failure those already delivered are void.
    pub fn run(&self, job: Job, sink: &mut dyn PartSink) -> Result<Done, Failure> {
        todo!("{job:?} {}", std::any::type_name_of_val(sink))
    }

    /// What the decoders see in a file, under the same guards.
    pub fn probe(&self, input: File, len: u64) -> Result<Probe, Failure> {
        todo!("{input:?} {len}")
    }
}

/// The hidden subcommand: becomes the zygote and serves forks over the socket on standard input until it closes.
pub fn serve_zygote() -> std::process::ExitCode {
    todo!()
}
