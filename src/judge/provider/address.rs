//! Where a provider's requests go, and how it wants its key.

use reqwest::Url;
use serde_json::Value;

use crate::judge::terms::Takes;
use crate::judge::{ProviderKind, Settings};

/// Where requests go and what goes with each.
pub(super) struct Address {
    pub(super) url: Url,
    /// Name of the key's header, and what stands before the key.
    pub(super) key_header: (&'static str, &'static str),
    /// Other headers that the server wants.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// How to ask what the model can take in.
    pub(super) probe: Option<Probe>,
    /// What its batches lie below, and the query that they want; `None` where it has none.
    pub(super) batches: Option<(Url, Option<String>)>,
}

/// A request that asks what the model can take in.
pub(super) enum Probe {
    Get(Url),
    Post(Url, String),
}

/// Azure's `api-version` when the settings name none: the last of the dated ones that was made general.
const AZURE_VERSION: &str = "2024-10-21";

impl Address {
    /// By provider. An address with a password or a query in it would carry secrets into the ledger.
    pub(super) fn of(settings: &Settings, model: &str) -> Result<Self, String> {
        let provider = settings.provider;
        let missing = || format!("base_url is missing; provider `{}` has no address of its own", provider.name());
        let base = settings.base_url.as_deref().or(provider.usual_base()).ok_or_else(missing)?;
        let root = checked(base)?;
        let (url, key_header, headers): (Url, _, &[_]) = match provider {
            ProviderKind::Responses => (below(&root, &["responses"])?, BEARER, &[]),
            ProviderKind::Anthropic => (below(&root, &["messages"])?, ("x-api-key", ""), &[("anthropic-version", "2023-06-01")]),
            ProviderKind::Gemini => (below(&root, &["models", &format!("{model}:generateContent")])?, ("x-goog-api-key", ""), &[]),
            ProviderKind::Ollama => (below(&root, &["api", "chat"])?, BEARER, &[]),
            ProviderKind::Azure => (azure(settings, &root, model)?, ("api-key", ""), &[]),
            ProviderKind::OpenAi | ProviderKind::Vllm | ProviderKind::LlamaCpp | ProviderKind::Replay | ProviderKind::Embedded => {
                (below(&root, &["chat", "completions"])?, BEARER, &[])
            }
        };
        let probe = match provider {
            ProviderKind::LlamaCpp => Some(Probe::Get(sibling(&root, "props")?)),
            ProviderKind::Ollama => Some(Probe::Post(below(&root, &["api", "show"])?, serde_json::json!({"model": model}).to_string())),
            _ => None,
        };
        let batches = match provider {
            ProviderKind::OpenAi | ProviderKind::Responses | ProviderKind::Anthropic => Some((root.clone(), None)),
            ProviderKind::Azure => Some(match url.query() {
                None => (root.clone(), None),
                Some(query) => (below(&root, &["openai"])?, Some(query.to_owned())),
            }),
            _ => None,
        };
        Ok(Self { url, key_header, headers, probe, batches })
    }
}

const BEARER: (&str, &str) = ("authorization", "Bearer ");

fn checked(base: &str) -> Result<Url, String> {
    // A password must not be shown, even where the address cannot be read.
    let shown = base.rsplit_once('@').map_or_else(|| base.to_owned(), |(_, host)| format!("...@{host}"));
    let url: Url = base.parse().map_err(|error| format!("base_url `{shown}`: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("base_url `{shown}` is no http(s) address"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("base_url must hold no user, password, query or fragment; a key belongs in api_key_env or api_key_file".to_owned());
    }
    Ok(url)
}

/// `names` below `root`, each escaped as one segment.
fn below(root: &Url, names: &[&str]) -> Result<Url, String> {
    let mut url = root.clone();
    url.path_segments_mut().map_err(|()| format!("base_url `{root}` has no path"))?.pop_if_empty().extend(names);
    Ok(url)
}

/// `name` beside the API's version: llama.cpp serves `/props` at its root.
fn sibling(root: &Url, name: &str) -> Result<Url, String> {
    let mut url = root.clone();
    let fail = |()| format!("base_url `{root}` has no path");
    let versioned = url.path().trim_end_matches('/').ends_with("/v1");
    let mut path = url.path_segments_mut().map_err(fail)?;
    path.pop_if_empty();
    if versioned {
        path.pop();
    }
    path.push(name);
    drop(path);
    Ok(url)
}

/// Deployments are named in the path; Azure's newer `/openai/v1` takes the model from the body like OpenAI.
fn azure(settings: &Settings, root: &Url, model: &str) -> Result<Url, String> {
    if root.path().trim_end_matches('/').ends_with("/v1") {
        return below(root, &["chat", "completions"]);
    }
    let mut url = below(root, &["openai", "deployments", model, "chat", "completions"])?;
    url.query_pairs_mut().append_pair("api-version", settings.api_version.as_deref().unwrap_or(AZURE_VERSION));
    Ok(url)
}

/// What llama.cpp's `/props` or Ollama's `/api/show` say that the model can take in.
pub(super) fn carried(said: &Value) -> Option<Takes> {
    if let Some(modalities) = said.get("modalities") {
        let has = |name: &str| modalities.get(name).and_then(Value::as_bool);
        return Some(Takes { pictures: has("vision")?, sound: has("audio").unwrap_or(false) });
    }
    let capabilities = said.get("capabilities")?.as_array()?;
    Some(Takes { pictures: capabilities.iter().any(|capability| capability == "vision"), sound: false })
}

#[cfg(test)]
mod tests {
    use super::{Address, ProviderKind, Settings, carried};

    fn url(provider: ProviderKind, base: Option<&str>) -> Result<String, String> {
        let settings = Settings { base_url: base.map(str::to_owned), ..Settings::new(provider) };
        Address::of(&settings, "org/m 1").map(|address| address.url.to_string())
    }

    #[test]
    fn every_provider_has_its_address() {
        for (provider, base, expected) in [
            (ProviderKind::OpenAi, None, "https://api.openai.com/v1/chat/completions"),
            (ProviderKind::OpenAi, Some("http://h:1/v1/"), "http://h:1/v1/chat/completions"),
            (ProviderKind::Responses, None, "https://api.openai.com/v1/responses"),
            (ProviderKind::Anthropic, None, "https://api.anthropic.com/v1/messages"),
            (ProviderKind::Gemini, None, "https://generativelanguage.googleapis.com/v1beta/models/org%2Fm%201:generateContent"),
            (ProviderKind::Ollama, None, "http://127.0.0.1:11434/api/chat"),
            (
                ProviderKind::Azure,
                Some("https://x.example/"),
                "https://x.example/openai/deployments/org%2Fm%201/chat/completions?api-version=2024-10-21",
            ),
            (ProviderKind::Azure, Some("https://x.example/openai/v1"), "https://x.example/openai/v1/chat/completions"),
        ] {
            assert_eq!(url(provider, base).as_deref(), Ok(expected));
        }
        assert!(url(ProviderKind::Vllm, None).unwrap_err().contains("vllm"));
        for base in ["http://u:p@h/v1", "http://h/v1?key=1", "http://h/v1#x", "ftp://h/v1", "nonsense"] {
            assert!(url(ProviderKind::OpenAi, Some(base)).is_err(), "{base}");
        }
        for base in ["http://u:pass@word@h:99999/v1", "ftp://u:word@h/v1"] {
            assert!(!url(ProviderKind::OpenAi, Some(base)).unwrap_err().contains("word"), "{base}");
        }
    }

    #[test]
    fn servers_tell_what_their_models_take_in() {
        let read = |text: &str| carried(&serde_json::from_str(text).unwrap()).map(|carried| (carried.pictures, carried.sound));
        assert_eq!(read(r#"{"modalities":{"vision":true,"audio":false}}"#), Some((true, false)));
        assert_eq!(read(r#"{"capabilities":["completion","vision"]}"#), Some((true, false)));
        assert_eq!(read(r#"{"capabilities":["completion"]}"#), Some((false, false)));
        assert_eq!(read("{}"), None);
    }
}
