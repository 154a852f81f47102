//! How a judge is named and set up.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How to reach a judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI-compatible chat completions.
    OpenAi,
}

/// A judge as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JudgeSpec {
    /// A name in tribunal.toml.
    Named(String),
    /// The Open-NSFW triage that ships beside the program.
    Embedded,
    /// A cassette.
    Replay(PathBuf),
    /// `http://HOST:PORT/v1#MODEL`.
    Url {
        /// Up to and with the API's version.
        base_url: String,
        /// The model to name.
        model: String,
    },
    /// `openai/MODEL`.
    OpenAi(String),
}

/// A spec that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("judge `{spec}`: {problem}")]
pub struct SpecError {
    /// As written.
    pub spec: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// One judge, ready to open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Placeholder until the judge room is built.
    pub name: String,
}

/// Dollars per million tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input.
    pub input_per_mtok: f64,
    /// Output.
    pub output_per_mtok: f64,
    /// When the price was read, `YYYY-MM-DD`.
    pub date: String,
}
