//! The settings of one judge: a table `[judges.NAME]`, or what a spec stands for.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// How to reach a judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum ProviderKind {
    /// OpenAI-compatible chat completions.
    OpenAi,
    /// Replies read from a cassette.
    Replay,
    /// The Open-NSFW triage.
    Embedded,
}

/// One judge, ready to open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How it is reached.
    pub provider: ProviderKind,
    /// Up to and with the API's version, e.g. `http://127.0.0.1:8000/v1`. OpenAI-compatible judges only.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The model to name. A cassette's default is `replay`.
    #[serde(default)]
    pub model: Option<String>,
    /// The environment variable that holds the key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// A file that holds the key and nothing else.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// Not a key of tribunal.toml: an unset variable means "no key" instead of an error.
    #[serde(skip)]
    pub api_key_optional: bool,
    /// The cassette, or the model file of the embedded judge.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Most tokens that one reply may have; also the bound of what a reply can cost.
    #[serde(default = "default_max_tokens")]
    pub max_tokens: u32,
    /// 0..=2.
    #[serde(default)]
    pub temperature: f64,
    /// The server's sampling seed. Left out: 0 at temperature 0, else none is sent, so that repeats stay independent draws.
    #[serde(default)]
    pub seed: Option<u64>,
    /// How closely the server looks at pictures.
    #[serde(default)]
    pub detail: PictureDetail,
    /// Seconds from connecting to the last byte of a reply.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u64,
    /// What tokens cost. Without it costs are unknown and no budget can be kept.
    #[serde(default)]
    pub price: Option<Price>,
    /// What the server allows.
    #[serde(default)]
    pub limits: Limits,
    /// Built-in limits and token rules by model name; not built yet and refused when set.
    #[serde(default)]
    pub profile: Option<String>,
}

/// How closely the server looks at pictures. Parts are at most 768 pixels long by default, so `high` costs few tiles and loses
/// nothing; `auto` may change under our feet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureDetail {
    /// One small view.
    Low,
    /// Every pixel sent.
    #[default]
    High,
    /// The server decides.
    Auto,
}

/// What a server allows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests per minute: sends are spaced evenly. `None` leaves it to the server's 429.
    pub rpm: Option<u32>,
    /// Tokens per minute; not built yet and refused when set.
    pub tpm: Option<u32>,
    /// Most tokens that the server counts for one picture, for reservations under a budget. `None` assumes the dearest published rule.
    pub picture_tokens: Option<u32>,
}

/// Dollars per million tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input; where kinds of input differ, the dearest that is sent.
    pub input_per_mtok: f64,
    /// Output.
    pub output_per_mtok: f64,
    /// When the price was read, `YYYY-MM-DD`.
    pub date: String,
}

const fn default_max_tokens() -> u32 {
    800
}

const fn default_timeout_s() -> u64 {
    120
}

impl PictureDetail {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
            Self::Auto => "auto",
        }
    }
}

impl TryFrom<String> for ProviderKind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "openai" => Ok(Self::OpenAi),
            "replay" => Ok(Self::Replay),
            "embedded" => Ok(Self::Embedded),
            "vllm" | "llamacpp" | "ollama" => {
                Err(format!("provider `{name}` is not built yet; its server also speaks provider `openai` at its /v1 address"))
            }
            "responses" | "azure" | "anthropic" | "gemini" => {
                Err(format!("provider `{name}` is not built yet; built: openai, replay, embedded"))
            }
            _ => Err(format!("`{name}` is no provider; built: openai, replay, embedded")),
        }
    }
}

impl Settings {
    /// A judge with every default.
    pub fn new(provider: ProviderKind) -> Self {
        Self {
            provider,
            base_url: None,
            model: None,
            api_key_env: None,
            api_key_file: None,
            api_key_optional: false,
            path: None,
            max_tokens: default_max_tokens(),
            temperature: 0.0,
            seed: None,
            detail: PictureDetail::default(),
            timeout_s: default_timeout_s(),
            price: None,
            limits: Limits::default(),
            profile: None,
        }
    }

    pub(super) fn openai(base_url: &str, model: &str, key_variable: &str) -> Self {
        Self {
            base_url: Some(base_url.to_owned()),
            model: Some(model.to_owned()),
            api_key_env: Some(key_variable.to_owned()),
            ..Self::new(ProviderKind::OpenAi)
        }
    }

    /// The sampling seed that is sent, if any.
    pub(super) fn sent_seed(&self) -> Option<u64> {
        self.seed.or_else(|| (self.temperature == 0.0).then_some(0))
    }

    /// What is wrong with values that no provider could use.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(profile) = &self.profile {
            return Err(format!(
                "profile `{profile}`: built-in profiles are not built yet; write price and limits out and remove the line"
            ));
        }
        if self.limits.tpm.is_some() {
            return Err("limits.tpm is not built yet; use limits.rpm".to_owned());
        }
        if self.limits.rpm == Some(0) {
            return Err("limits.rpm = 0 would never send anything; remove it or give at least 1".to_owned());
        }
        if self.max_tokens == 0 || self.timeout_s == 0 {
            return Err("max_tokens and timeout_s must be at least 1".to_owned());
        }
        if !(0.0..=2.0).contains(&self.temperature) {
            return Err(format!("temperature {} is outside 0..=2", self.temperature));
        }
        self.price.as_ref().map_or(Ok(()), Price::check)
    }

    /// The key, from its file or from `secrets`; `None` when none is named, or when the one named may be unset.
    pub(super) fn key(&self, secrets: &dyn Fn(&str) -> Option<String>) -> Result<Option<SecretString>, String> {
        if let Some(file) = &self.api_key_file {
            return key_file(file).map(Some);
        }
        let Some(variable) = &self.api_key_env else { return Ok(None) };
        let key = secrets(variable).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        match key {
            Some(key) => Ok(Some(key.into())),
            None if self.api_key_optional => Ok(None),
            None => Err(format!("the environment variable {variable} is not set; put the API key there, or name a file with api_key_file")),
        }
    }
}

impl Price {
    fn check(&self) -> Result<(), String> {
        let sound = |dollars: f64| dollars.is_finite() && dollars >= 0.0;
        if sound(self.input_per_mtok) && sound(self.output_per_mtok) {
            return Ok(());
        }
        Err("price: dollars per million tokens must be 0 or more".to_owned())
    }
}

fn key_file(file: &Path) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read api_key_file {}: {error}", file.display()))?;
    match text.trim() {
        "" => Err(format!("api_key_file {} is empty", file.display())),
        key => Ok(key.into()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::Settings;

    fn read(text: &str) -> Result<Settings, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_has_defaults_and_knows_its_fields() {
        let settings = read("provider = 'openai'\nbase_url = 'http://h/v1'\nmodel = 'm'\n[limits]\nrpm = 60").unwrap();
        assert_eq!((settings.max_tokens, settings.timeout_s, settings.limits.rpm), (800, 120, Some(60)));
        assert_eq!(settings.sent_seed(), Some(0));
        assert_eq!(Settings { temperature: 0.7, ..settings.clone() }.sent_seed(), None);
        assert!(read("provider = 'openai'\nmodle = 'm'").unwrap_err().contains("modle"));
        assert!(read("provider = 'azure'").unwrap_err().contains("not built yet"));
        assert!(read("provider = 'vllm'").unwrap_err().contains("/v1"));
    }

    #[test]
    fn what_is_not_built_is_refused_and_never_ignored() {
        let base = read("provider = 'openai'").unwrap();
        assert!(base.check().is_ok());
        assert!(Settings { profile: Some("x".into()), ..base.clone() }.check().unwrap_err().contains("not built"));
        assert!(Settings { temperature: f64::NAN, ..base.clone() }.check().is_err());
        let mut tpm = base.clone();
        tpm.limits.tpm = Some(1);
        assert!(tpm.check().is_err());
    }

    #[test]
    fn keys_come_from_a_file_or_a_variable() {
        let settings = Settings { api_key_env: Some("K".into()), ..read("provider = 'openai'").unwrap() };
        assert!(settings.key(&|_| None).unwrap_err().contains('K'));
        assert!(settings.key(&|_| Some("  ".into())).is_err());
        assert_eq!(settings.key(&|_| Some("s3\n".into())).unwrap().unwrap().expose_secret(), "s3");
        let optional = Settings { api_key_optional: true, ..settings };
        assert!(optional.key(&|_| None).unwrap().is_none());
        let file = tempfile::NamedTempFile::new().unwrap();
        let from_file = Settings { api_key_file: Some(file.path().into()), ..optional };
        assert!(from_file.key(&|_| None).unwrap_err().contains("empty"));
        std::fs::write(file.path(), "k4\n").unwrap();
        assert_eq!(from_file.key(&|_| None).unwrap().unwrap().expose_secret(), "k4");
    }
}
