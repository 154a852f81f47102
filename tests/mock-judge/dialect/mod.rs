//! The wire formats: one enum, one `match` for each thing that differs.

mod anthropic;
mod chat;
mod gemini;
mod ollama;
mod responses;

use serde_json::Value;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::config::RetryForm;
use crate::failure::Failure;
use crate::http::Request;

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI chat completions, and those who copy them.
    Chat,
    /// The same at Azure.
    Azure,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini generateContent.
    Gemini,
    /// Ollama's own chat.
    Ollama,
}

impl Dialect {
    /// In the ledger.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Azure => "azure",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// Reads a body.
    pub(crate) fn read(self, path: &str, body: &Value) -> Result<Asked, Failure> {
        match self {
            Self::Chat | Self::Azure => chat::read(path, body),
            Self::Responses => responses::read(body),
            Self::Anthropic => anthropic::read(body),
            Self::Gemini => gemini::read(path, body),
            Self::Ollama => ollama::read(body),
        }
    }

    /// Wraps what the judge says.
    pub(crate) fn reply(self, answer: &Answer) -> Value {
        match self {
            Self::Chat => chat::reply(answer),
            Self::Azure => chat::azure_reply(answer),
            Self::Responses => responses::reply(answer),
            Self::Anthropic => anthropic::reply(answer),
            Self::Gemini => gemini::reply(answer),
            Self::Ollama => ollama::reply(answer),
        }
    }

    /// Words a refusal.
    pub(crate) fn error(self, failure: &Failure) -> Value {
        match self {
            Self::Chat | Self::Responses => chat::error(failure),
            Self::Azure => chat::azure_error(failure),
            Self::Anthropic => anthropic::error(failure),
            Self::Gemini => gemini::error(failure),
            Self::Ollama => ollama::error(failure),
        }
    }

    /// Whether `request` carries `key` where this dialect puts it.
    pub(crate) fn has_key(self, request: &Request, key: &str) -> bool {
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) == Some(key);
        let own = |name: &str| request.header(name) == Some(key);
        match self {
            Self::Chat | Self::Responses | Self::Ollama => bearer,
            // A bearer token is as good as a key: Entra gives them at Azure, and Anthropic's newer client sends nothing else.
            Self::Azure => bearer || own("api-key"),
            Self::Anthropic => bearer || own("x-api-key"),
            Self::Gemini => own("x-goog-api-key"),
        }
    }

    /// How it says when to come back, unless the settings know better.
    pub(crate) const fn retry_form(self) -> RetryForm {
        match self {
            Self::Gemini => RetryForm::Body,
            _ => RetryForm::Seconds,
        }
    }
}

/// Seconds since 1970, as replies tell them.
fn unix_now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A field as text, or nothing.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The first of several spellings of a field.
fn either<'a>(value: &'a Value, names: [&str; 2]) -> &'a Value {
    value.get(names[0]).unwrap_or(&value[names[1]])
}
