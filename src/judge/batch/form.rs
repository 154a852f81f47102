//! One request as one line of a batch file.

use bytes::Bytes;

use crate::judge::ProviderKind;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// OpenAI's, which vLLM and Azure read too: with the path of the endpoint.
    OpenAi(&'static str),
    /// Anthropic's.
    Anthropic,
}

impl Form {
    /// The form that the servers of a provider read; the error says who reads none.
    pub(super) fn of(provider: ProviderKind) -> Result<Self, String> {
        match provider {
            ProviderKind::OpenAi | ProviderKind::Vllm => Ok(Self::OpenAi("/v1/chat/completions")),
            // Azure names the deployment in the body, and its paths begin below the version.
            ProviderKind::Azure => Ok(Self::OpenAi("/chat/completions")),
            ProviderKind::Responses => Ok(Self::OpenAi("/v1/responses")),
            ProviderKind::Anthropic => Ok(Self::Anthropic),
            ProviderKind::Gemini | ProviderKind::LlamaCpp | ProviderKind::Ollama | ProviderKind::Replay | ProviderKind::Embedded => Err(
                format!("provider `{}` reads no batch files; those that do: openai, responses, azure, vllm, anthropic", provider.name()),
            ),
        }
    }

    /// The path that every request of a batch goes to, where a batch has one.
    pub(super) const fn endpoint(self) -> Option<&'static str> {
        match self {
            Self::OpenAi(path) => Some(path),
            Self::Anthropic => None,
        }
    }

    /// The line in pieces that share the memory of the body's. A body is one line already: JSON escapes every other line break.
    pub(super) fn line(self, custom_id: &str, body: &[Bytes]) -> Vec<Bytes> {
        let head = match self {
            Self::OpenAi(path) => format!(r#"{{"custom_id":"{custom_id}","method":"POST","url":"{path}","body":"#),
            Self::Anthropic => format!(r#"{{"custom_id":"{custom_id}","params":"#),
        };
        let mut pieces = vec![Bytes::from(head)];
        pieces.extend(body.iter().cloned());
        pieces.push(Bytes::from_static(b"}\n"));
        pieces
    }
}
