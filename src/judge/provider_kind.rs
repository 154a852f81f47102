//! The kinds of servers that a judge can be reached at.

use serde::{Deserialize, Serialize};

/// How to reach a judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI, and every server that speaks its chat completions.
    OpenAi,
    /// OpenAI's Responses.
    Responses,
    /// OpenAI's models at Azure.
    Azure,
    /// Anthropic's Messages.
    Anthropic,
    /// Gemini's own API.
    Gemini,
    /// vLLM and SGLang: chat completions with video and more fields.
    Vllm,
    /// The llama.cpp server: chat completions, and it tells what its model can see.
    LlamaCpp,
    /// Ollama's own API.
    Ollama,
    /// Replies read from a cassette or from another run.
    Replay,
    /// The Open-NSFW triage.
    Embedded,
}

impl ProviderKind {
    /// The name in tribunal.toml and in fingerprints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Azure => "azure",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Vllm => "vllm",
            Self::LlamaCpp => "llamacpp",
            Self::Ollama => "ollama",
            Self::Replay => "replay",
            Self::Embedded => "embedded",
        }
    }

    /// The variable in which the vendor's users keep their key.
    pub(super) const fn usual_key(self) -> Option<&'static str> {
        match self {
            Self::OpenAi | Self::Responses => Some("OPENAI_API_KEY"),
            Self::Azure => Some("AZURE_OPENAI_API_KEY"),
            Self::Anthropic => Some("ANTHROPIC_API_KEY"),
            Self::Gemini => Some("GEMINI_API_KEY"),
            Self::Vllm | Self::LlamaCpp | Self::Ollama | Self::Replay | Self::Embedded => None,
        }
    }

    /// The vendor's own address.
    pub(super) const fn usual_base(self) -> Option<&'static str> {
        match self {
            Self::OpenAi | Self::Responses => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com/v1"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com/v1beta"),
            Self::Ollama => Some("http://127.0.0.1:11434"),
            Self::Azure | Self::Vllm | Self::LlamaCpp | Self::Replay | Self::Embedded => None,
        }
    }

    /// Tokens of context that its servers are asked for when the settings name none: Ollama's own default is small, and it cuts what does not fit
    /// without a word.
    pub(super) const fn usual_context(self) -> Option<u64> {
        match self {
            Self::Ollama => Some(16_384),
            _ => None,
        }
    }
}
