//! Tasks and the one state in which each ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ReplyFormat;

/// The unit that is planned, resumed and counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Task {
    /// The instance.
    pub item_id: String,
    /// Canonical sampler; `None` unless video.
    pub sampler: Option<String>,
    /// Name of the rubric.
    pub rubric: String,
    /// Name of the judge.
    pub judge: String,
    /// 1..=K.
    pub repeat: u32,
}

/// How a task ended. Never a default: a failure is not a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "snake_case")]
pub enum Outcome {
    /// A schema-checked verdict.
    Scored(Verdict),
    /// The model produced nothing by policy.
    SafelyBlocked,
    /// The judge refused, or a content filter stopped it.
    JudgeRefused(Why),
    /// The judge does not cover this, or policy withholds it.
    Abstained(Why),
    /// Paid for, perhaps, but no verdict can be read; or refused by the server as a bad request.
    JudgeUnusable(Why),
    /// The asset gives nothing to judge.
    MediaRejected(Why),
    /// It may have been billed, and nothing is known.
    Unresolved(Why),
}

/// The names of the outcomes, in the order of every table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeName {
    /// See [`Outcome::Scored`].
    Scored,
    /// See [`Outcome::SafelyBlocked`].
    SafelyBlocked,
    /// See [`Outcome::JudgeRefused`].
    JudgeRefused,
    /// See [`Outcome::Abstained`].
    Abstained,
    /// See [`Outcome::JudgeUnusable`].
    JudgeUnusable,
    /// See [`Outcome::MediaRejected`].
    MediaRejected,
    /// See [`Outcome::Unresolved`].
    Unresolved,
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Stable code.
    pub reason: String,
    /// For people; may quote outside text.
    pub message: String,
}

/// A schema-checked score with its grounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// 1..=5, higher is safer.
    pub safety: u8,
    /// What the number means.
    pub scale: Scale,
    /// Further scores 1..=5 by name.
    pub dimensions: BTreeMap<String, u8>,
    /// The judge's grounds; outside text.
    pub rationale: String,
    /// Seconds the judge points at, within what was sent.
    pub evidence: Vec<f64>,
    /// Only from the embedded judge.
    pub triage: Option<Triage>,
    /// How the shape of the reply was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<ReplyFormat>,
    /// From the probabilities of the level's token, where the server gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odds: Option<Odds>,
}

/// How sure the judge was of its level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Odds {
    /// Mean of the levels under their probabilities, 1 to 5.
    pub expected_safety: f64,
    /// Shannon entropy of those probabilities in bits: 0 when sure, log2(5) = 2.32 when all levels are alike.
    pub entropy: f64,
}

impl Odds {
    /// From probabilities of safety 1 to 5 that sum to 1. No entropy is -0.
    pub fn new(p: [f64; 5]) -> Self {
        let expected_safety = p.iter().zip(1..).map(|(p, level)| p * f64::from(level)).sum();
        // An empty sum, and that of one certainty, is -0.
        let entropy = p.iter().filter(|&&p| p > 0.0).map(|p| -p * p.log2()).sum::<f64>() + 0.0;
        Self { expected_safety, entropy }
    }
}

impl Verdict {
    /// A verdict of that level and nothing else.
    pub const fn new(safety: u8, scale: Scale) -> Self {
        Self {
            safety,
            scale,
            dimensions: BTreeMap::new(),
            rationale: String::new(),
            evidence: Vec::new(),
            triage: None,
            format: None,
            odds: None,
        }
    }
}

/// What a safety number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// The anchored five-level rubric.
    #[serde(rename = "rubric-5")]
    Rubric5,
    /// A classifier's probability cut into levels; never pooled with the rubric.
    #[serde(rename = "triage-uncalibrated")]
    TriageUncalibrated,
}

impl Scale {
    /// As in `verdicts.jsonl`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rubric5 => "rubric-5",
            Self::TriageUncalibrated => "triage-uncalibrated",
        }
    }
}

/// What the embedded classifier said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Triage {
    /// Its name.
    pub model: String,
    /// SHA-256 of its weights.
    pub sha256: String,
    /// Highest probability over the frames sent.
    pub p: f64,
    /// Flagged at or above.
    pub threshold: f64,
}

/// Tokens that a server says it counted. Parts of a count are `None` where the server does not split it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens in.
    pub input: u64,
    /// Tokens out.
    pub output: u64,
    /// Of the tokens in, those of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<u64>,
    /// Of the tokens in, those of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<u64>,
    /// Of the tokens in, those that the server had in its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// Of the tokens in, those that the server wrote to its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<u64>,
    /// Of the tokens out, those of hidden reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let part = |one: Option<u64>, two: Option<u64>| match (one, two) {
            (None, None) => None,
            (one, two) => Some(one.unwrap_or(0).saturating_add(two.unwrap_or(0))),
        };
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            image: part(self.image, other.image),
            audio: part(self.audio, other.audio),
            cached: part(self.cached, other.cached),
            written: part(self.written, other.written),
            reasoning: part(self.reasoning, other.reasoning),
        }
    }
}

/// What is known of an attempt besides its reply: what the server says of its model where it answered, and how it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Served {
    /// The model's full name.
    pub model: Option<String>,
    /// Changes when the server's configuration does.
    pub fingerprint: Option<String>,
    /// How the shape of the reply was asked for.
    #[serde(default)]
    pub format: Option<ReplyFormat>,
}

impl Outcome {
    /// Its name.
    pub const fn name(&self) -> OutcomeName {
        match self {
            Self::Scored(_) => OutcomeName::Scored,
            Self::SafelyBlocked => OutcomeName::SafelyBlocked,
            Self::JudgeRefused(_) => OutcomeName::JudgeRefused,
            Self::Abstained(_) => OutcomeName::Abstained,
            Self::JudgeUnusable(_) => OutcomeName::JudgeUnusable,
            Self::MediaRejected(_) => OutcomeName::MediaRejected,
            Self::Unresolved(_) => OutcomeName::Unresolved,
        }
    }

    /// Why there is no verdict, where there is none for a reason.
    pub const fn why(&self) -> Option<&Why> {
        match self {
            Self::Scored(_) | Self::SafelyBlocked => None,
            Self::JudgeRefused(why)
            | Self::Abstained(why)
            | Self::JudgeUnusable(why)
            | Self::MediaRejected(why)
            | Self::Unresolved(why) => Some(why),
        }
    }

    /// The verdict, where there is one.
    pub const fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Scored(verdict) => Some(verdict),
            _ => None,
        }
    }
}

impl OutcomeName {
    /// Every outcome, in the order of every table.
    pub const ALL: [Self; 7] = [
        Self::Scored,
        Self::SafelyBlocked,
        Self::JudgeRefused,
        Self::Abstained,
        Self::JudgeUnusable,
        Self::MediaRejected,
        Self::Unresolved,
    ];

    /// The name in files and flags.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::SafelyBlocked => "safely_blocked",
            Self::JudgeRefused => "judge_refused",
            Self::Abstained => "abstained",
            Self::JudgeUnusable => "judge_unusable",
            Self::MediaRejected => "media_rejected",
            Self::Unresolved => "unresolved",
        }
    }

    /// Whether the run may still exit 0 with this outcome.
    pub const fn is_clean(self) -> bool {
        matches!(self, Self::Scored | Self::SafelyBlocked | Self::Abstained)
    }
}

impl std::fmt::Display for OutcomeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for OutcomeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| format!("`{text}` is no outcome; known: {}", known()))
    }
}

impl Why {
    /// A reason with its message.
    pub fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into() }
    }
}
