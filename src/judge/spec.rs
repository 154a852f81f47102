//! How a judge is named on the command line.

use std::path::PathBuf;

use super::{ProviderKind, Settings};

/// The only key variable that is ever read for a bare URL: another server's key must not leak to it.
const URL_KEY: &str = "TRIBUNAL_API_KEY";

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
    /// `openai/MODEL`, `anthropic/MODEL` or `gemini/MODEL`: the vendor's own server.
    Vendor(ProviderKind, String),
}

/// Vendors that a spec can name.
const VENDORS: [ProviderKind; 3] = [ProviderKind::OpenAi, ProviderKind::Anthropic, ProviderKind::Gemini];

/// A spec that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("judge `{spec}`: {problem}")]
pub struct SpecError {
    /// As written.
    pub spec: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl JudgeSpec {
    /// The name under which the judge appears, before [`Judge::open`](super::Judge::open) marks an authored cassette.
    pub fn name(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Embedded => "embedded".to_owned(),
            Self::Replay(_) => "replay".to_owned(),
            Self::Url { base_url, model } => format!("{base_url}#{model}"),
            Self::Vendor(vendor, model) => format!("{}/{model}", vendor.name()),
        }
    }

    /// The settings that the spec stands for; `None` for a name, which tribunal.toml must explain.
    /// `embedded` still lacks its model file: the caller says where it is.
    pub fn settings(&self) -> Option<Settings> {
        let settings = match self {
            Self::Named(_) => return None,
            Self::Embedded => Settings::new(ProviderKind::Embedded),
            Self::Replay(path) => Settings { path: Some(path.clone()), ..Settings::new(ProviderKind::Replay) },
            Self::Url { base_url, model } => Settings { api_key_optional: true, ..Settings::openai(base_url, model, URL_KEY) },
            Self::Vendor(vendor, model) => Settings { model: Some(model.clone()), ..Settings::new(*vendor) },
        };
        Some(settings)
    }
}

impl std::str::FromStr for JudgeSpec {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        let refuse = |problem: &str| Err(SpecError { spec: spec.to_owned(), problem: problem.to_owned() });
        if spec.is_empty() {
            return refuse("is empty; write `embedded`, `replay:FILE`, `openai/MODEL`, a URL or a name in tribunal.toml");
        }
        if spec == "embedded" {
            return Ok(Self::Embedded);
        }
        if let Some(file) = spec.strip_prefix("replay:") {
            return if file.is_empty() { refuse("names no file; write `replay:FILE`") } else { Ok(Self::Replay(file.into())) };
        }
        if spec.starts_with("http://") || spec.starts_with("https://") {
            return match spec.split_once('#') {
                Some((base, model)) if !model.is_empty() => {
                    Ok(Self::Url { base_url: base.trim_end_matches('/').to_owned(), model: model.to_owned() })
                }
                // The address holds a secret, perhaps: opening the judge refuses it without saying it once more.
                _ if spec.contains(['@', '?']) => Ok(Self::Url { base_url: spec.to_owned(), model: String::new() }),
                _ => refuse("names no model; write `http://HOST:PORT/v1#MODEL`"),
            };
        }
        let vendor = |name: &str| VENDORS.into_iter().find(|vendor| vendor.name() == name);
        match spec.split_once('/').map(|(name, model)| (vendor(name), model)) {
            Some((Some(vendor), model)) if !model.is_empty() => Ok(Self::Vendor(vendor, model.to_owned())),
            Some((Some(vendor), _)) => refuse(&format!("names no model; write `{}/MODEL`", vendor.name())),
            Some(_) => refuse(&no_provider(spec)),
            None => Ok(Self::Named(spec.to_owned())),
        }
    }
}

/// Servers that run where their users run them, and the ports that they listen at if nothing else was said.
const LOCAL: [(&str, u16); 5] = [("ollama", 11434), ("vllm", 8000), ("llamacpp", 8080), ("llama.cpp", 8080), ("lmstudio", 1234)];

/// What is wrong with a spec that has a slash and no known provider, and what was probably meant.
fn no_provider(spec: &str) -> String {
    let (name, model) = spec.split_once('/').unwrap_or((spec, ""));
    if let Some((_, port)) = LOCAL.into_iter().find(|(local, _)| *local == name) {
        let model = if model.is_empty() { "MODEL" } else { model };
        return format!("names a server that may run anywhere; write its address, `http://127.0.0.1:{port}/v1#{model}` if it runs here");
    }
    // A name of a host, with its port or its domain.
    if name.contains([':', '.']) || name == "localhost" {
        let model = if spec.contains('#') { "" } else { "#MODEL" };
        return format!("lacks http:// or https://; write `http://{spec}{model}`");
    }
    "is no provider; known: `openai/MODEL`, `anthropic/MODEL`, `gemini/MODEL`, `replay:FILE`, `embedded`, `http://HOST:PORT/v1#MODEL`"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{JudgeSpec, ProviderKind};

    fn parse(spec: &str) -> Result<JudgeSpec, String> {
        spec.parse().map_err(|error: super::SpecError| error.to_string())
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(parse("embedded"), Ok(JudgeSpec::Embedded));
        assert_eq!(parse("mini"), Ok(JudgeSpec::Named("mini".into())));
        assert_eq!(parse("replay:a/b.jsonl"), Ok(JudgeSpec::Replay("a/b.jsonl".into())));
        assert_eq!(parse("openai/gpt-5-mini"), Ok(JudgeSpec::Vendor(ProviderKind::OpenAi, "gpt-5-mini".into())));
        let url = parse("http://127.0.0.1:8000/v1/#org/m").unwrap();
        assert_eq!(url, JudgeSpec::Url { base_url: "http://127.0.0.1:8000/v1".into(), model: "org/m".into() });
        assert_eq!(url.name(), "http://127.0.0.1:8000/v1#org/m");
    }

    #[test]
    fn what_is_missing_is_said() {
        for (spec, word) in [
            ("", "empty"),
            ("replay:", "replay:FILE"),
            ("openai/", "openai/MODEL"),
            ("anthropic/", "anthropic/MODEL"),
            ("http://h/v1", "no model"),
            ("mistral/m", "no provider"),
            ("ollama/llava", "`http://127.0.0.1:11434/v1#llava`"),
            ("llama.cpp/", "`http://127.0.0.1:8080/v1#MODEL`"),
            ("127.0.0.1:8000/v1#m", "`http://127.0.0.1:8000/v1#m`"),
            ("localhost/v1", "`http://localhost/v1#MODEL`"),
        ] {
            assert!(parse(spec).unwrap_err().contains(word), "{spec}");
        }
    }

    #[test]
    fn a_bare_url_never_gets_another_servers_key() {
        let settings = parse("http://h/v1#m").unwrap().settings().unwrap();
        assert_eq!(settings.provider, ProviderKind::OpenAi);
        assert_eq!(settings.api_key_env.as_deref(), Some("TRIBUNAL_API_KEY"));
        assert!(settings.api_key_optional);
        assert!(!parse("openai/m").unwrap().settings().unwrap().api_key_optional);
    }
}
