//! The rows of a run as others read them.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tribunal_media::{Digest, Modality, Report};

use super::LedgerError;
use crate::judge::{Fit, Odds, OutcomeName, ReplyFormat, Scale, Served, Triage, Usage};

/// One row of `verdicts.jsonl`: one task, its end and its grounds. Field order is the file's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The instance.
    pub item_id: String,
    /// `blake3(recorded body, endpoint, repeat)`; null when nothing was asked.
    pub verdict_id: Option<Digest>,
    /// Of the instance.
    pub modality: Modality,
    /// The system under test.
    pub model: Option<String>,
    /// Code of the risk factor.
    pub risk: Option<String>,
    /// Code of the prompt type.
    pub prompt_type: Option<String>,
    /// The judge's name.
    pub judge: String,
    /// The rubric's name.
    pub rubric: String,
    /// Canonical sampler; null unless video.
    pub sampler: Option<String>,
    /// 1..=K.
    pub repeat: u32,
    /// How the task ended; null while pending.
    pub outcome: Option<OutcomeName>,
    /// Stable code of why there is no verdict.
    pub reason: Option<String>,
    /// That reason in words.
    pub message: Option<String>,
    /// 1..=5, higher is safer.
    pub safety: Option<u8>,
    /// 6 - safety.
    pub risk_score: Option<u8>,
    /// What the number means.
    pub scale: Option<Scale>,
    /// Further scores by name.
    pub dimensions: BTreeMap<String, u8>,
    /// The judge's grounds.
    pub rationale: Option<String>,
    /// Seconds that the judge points at.
    pub evidence: Vec<f64>,
    /// From the embedded judge.
    pub triage: Option<Triage>,
    /// How sure the judge was, where its server gave probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odds: Option<Odds>,
    /// How the shape of the reply was asked for; null unless scored by this process or an earlier one that sent the request.
    #[serde(default)]
    pub format: Option<ReplyFormat>,
    /// The frames sent.
    pub frames: Vec<FrameRow>,
    /// The stretches of sound sent.
    pub chunks: Vec<ChunkRow>,
    /// How the payload was cut to what the judge takes; null when it was sent whole.
    #[serde(default)]
    pub fit: Option<Fit>,
    /// Tokens, summed over attempts.
    pub usage: Option<Usage>,
    /// Dollars, summed over its own attempts: 0 where it read the reply that another paid for. Null without a known price.
    pub cost_usd: Option<f64>,
    /// How often it was sent.
    pub attempts: u32,
    /// Wall time of the last attempt.
    pub latency_ms: Option<u64>,
    /// What the server said of the model whose reply this rests on.
    #[serde(skip)]
    pub served: Served,
    /// Whether the server counted fewer tokens for a request than its texts alone can have.
    #[serde(skip)]
    pub unread: bool,
}

/// One frame that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameRow {
    /// Seconds from the first displayed frame; null for stills.
    pub t: Option<f64>,
    /// Ticks. Under a probe of order it is where the frame really comes from, and `t` is what its label said.
    pub pts: Option<i64>,
    /// Of the part's bytes.
    pub sha256: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// One stretch of sound that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkRow {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// Of the part's bytes.
    pub sha256: String,
}

/// What was sent for one item under one recipe.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PartsRow {
    /// Frames, ascending in time.
    pub frames: Vec<FrameRow>,
    /// Chunks, ascending in time.
    pub chunks: Vec<ChunkRow>,
    /// How the payload was cut, if it was.
    pub fit: Option<Fit>,
}

/// One instance as the run knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemRow {
    /// The instance.
    pub item_id: String,
    /// Position in the manifest, from 0.
    pub position: u64,
    /// Of the instance.
    pub modality: Modality,
    /// The system under test.
    pub model: Option<String>,
    /// Code of the risk factor.
    pub risk: Option<String>,
    /// Code of the prompt type.
    pub prompt_type: Option<String>,
    /// What was asked, as text.
    pub prompt: String,
    /// The output's text, or its path relative to the source.
    pub output: String,
    /// The model produced nothing by policy.
    pub blocked: bool,
    /// Human risk labels.
    pub human_risk: Vec<Option<f64>>,
    /// Names of the annotators, same order; may be empty.
    #[serde(default)]
    pub annotators: Vec<String>,
    /// Labels for grouping.
    pub tags: BTreeMap<String, String>,
    /// Digest of everything in the row that decides verdicts.
    pub digest: Digest,
    /// BLAKE3 of the asset; null until prepared.
    pub media_id: Option<Digest>,
    /// What the decoders saw; null until prepared.
    pub media: Option<Report>,
    /// In time order.
    pub thumbs: Vec<Thumb>,
}

/// A picture of an item for reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredThumb")]
pub struct Thumb {
    /// Its file under `thumbs/`.
    pub name: String,
    /// The moment it was on screen, as in [`FrameRow`]; null for stills.
    pub t: Option<f64>,
}

impl Thumb {
    /// The name of a picture's file: equal pictures share one.
    pub fn name_of(picture: Digest) -> String {
        format!("{}.jpg", &picture.to_string()[..32])
    }
}

/// Earlier programs kept names alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredThumb {
    Name(String),
    Timed { name: String, t: Option<f64> },
}

impl From<StoredThumb> for Thumb {
    fn from(stored: StoredThumb) -> Self {
        match stored {
            StoredThumb::Name(name) => Self { name, t: None },
            StoredThumb::Timed { name, t } => Self { name, t },
        }
    }
}

/// One instance and its tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The instance.
    pub item: ItemRow,
    /// One per task, in the order of `verdicts.jsonl`.
    pub records: Vec<Record>,
}

/// `run.json`: what a run is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Version of this file's format.
    pub schema: u32,
    /// First 16 hex digits of the experiment's digest.
    pub run_id: String,
    /// Name of the source.
    pub source: String,
    /// When its first invocation began: UTC, RFC 3339, whole seconds; null where an earlier program began it.
    #[serde(default)]
    pub started_at: Option<String>,
    /// What must not change.
    pub experiment: super::Experiment,
    /// Settings that may change, for the reader: concurrency, threads, isolation, shard, limit.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// Versions of this program and its libraries.
    pub versions: BTreeMap<String, String>,
    /// CPU features that decide which code path scales pixels.
    pub cpu_features: Vec<String>,
    /// Names of judges whose replies were written by hand, not given by a model.
    pub authored_judges: Vec<String>,
    /// Names of judges that are uncalibrated triage.
    pub triage_judges: Vec<String>,
    /// Locks that the workers lacked; empty when isolation was complete.
    pub missing_locks: Vec<String>,
    /// What the source lacks or passed over.
    pub notices: Vec<crate::manifest::Notice>,
    /// Names of the factors by code, for tables: (English, Korean).
    pub factor_names: BTreeMap<String, (String, String)>,
    /// Category of each factor: code -> (English, Korean).
    pub factor_categories: BTreeMap<String, (String, String)>,
    /// Names of the prompt types by code: (English, Korean); runs of earlier programs have none.
    #[serde(default)]
    pub prompt_type_names: BTreeMap<String, (String, String)>,
}

impl RunInfo {
    /// One of the run's settings; runs of earlier programs lack some, and have what those did by default.
    pub fn stored<T: DeserializeOwned + Default>(&self, key: &str) -> Result<T, LedgerError> {
        let Some(stored) = self.settings.get(key) else { return Ok(T::default()) };
        T::deserialize(stored).map_err(|error| LedgerError::Setting { key: key.to_owned(), problem: error.to_string() })
    }
}
