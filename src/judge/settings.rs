//! The settings of one judge: a table `[judges.NAME]`, or what a spec stands for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ProviderKind;
use super::terms::{self, BatchTerms, Limits, Price, Takes, Terms, TokenRules};

/// How it is made sure that the judge saw the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receipt {
    /// Not at all.
    Off,
    /// By the server's own count of picture and sound tokens, where it gives one.
    #[default]
    Usage,
    /// And by a picture or a sound with a code, which the verdict must read back. Costs a small picture or a few seconds of sound per request.
    Canary,
}

/// One judge, ready to open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of tribunal.toml")]
pub struct Settings {
    /// How it is reached.
    pub provider: ProviderKind,
    /// Up to and with the API's version, e.g. `http://127.0.0.1:8000/v1`. Left out: the vendor's own.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The model to name; at Azure the deployment. A cassette's default is `replay`.
    #[serde(default)]
    pub model: Option<String>,
    /// Azure's `api-version`.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The environment variable that holds the key. Left out: the vendor's usual one.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// A file that holds the key and nothing else.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// Not a key of tribunal.toml: an unset variable means "no key" instead of an error.
    #[serde(skip)]
    pub api_key_optional: bool,
    /// The cassette or run folder, or the model file of the embedded judge.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Most tokens that one reply may have, hidden reasoning included; also the bound of what a reply can cost. Left out: 800, and more for a server
    /// whose replies are cut there.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// 0..=2.
    #[serde(default)]
    pub temperature: f64,
    /// The server's sampling seed. Left out: 0 at temperature 0, else none is sent, so that repeats stay independent draws.
    #[serde(default)]
    pub seed: Option<u64>,
    /// How closely the server looks at pictures.
    #[serde(default)]
    pub detail: PictureDetail,
    /// Ask for the probabilities of the level's token, where the server gives them.
    #[serde(default)]
    pub logprobs: bool,
    /// Send the frames of a clip as one video of ready frames (vLLM).
    #[serde(default)]
    pub frames_as_video: bool,
    /// More fields at the top of every body, e.g. `media_io_kwargs` or `mm_processor_kwargs` (vLLM); they go before ours.
    #[serde(default)]
    pub extra_body: Option<Map<String, Value>>,
    /// How it is made sure that the judge saw the media.
    #[serde(default)]
    pub receipt: Receipt,
    /// Seconds from connecting to the last byte of a reply.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u64,
    /// Seconds from a task's first attempt in this process to its end, all waits for the server included, those for the budget, rates and other requests not.
    #[serde(default = "default_deadline_s")]
    pub deadline_s: u64,
    /// How often a task is sent again after a crash of ours left its request open; each time it may have been billed.
    #[serde(default = "default_max_crash_resends")]
    pub max_crash_resends: u32,
    /// Limits, token rules and prices of a known model. Left out: the model's own name, where it is known.
    #[serde(default)]
    pub profile: Option<String>,
    /// What else than text the model takes in; goes before the profile's.
    #[serde(default)]
    pub takes: Option<Takes>,
    /// What tokens cost; goes before the profile's. Without any costs are unknown and no budget can be kept.
    #[serde(default)]
    pub price: Option<Price>,
    /// What the server allows; goes before the profile's.
    #[serde(default)]
    pub limits: Limits,
    /// How the server counts tokens; goes before the profile's.
    #[serde(default)]
    pub tokens: Option<TokenRules>,
    /// Send requests as batches: cheaper, and up to a day later.
    #[serde(default)]
    pub batch: bool,
    /// What a batch may hold and costs; goes before the profile's.
    #[serde(default)]
    pub batch_terms: Option<BatchTerms>,
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

/// Tokens that a verdict fits into with room, where nothing is reasoned in secret.
const USUAL_MAX_TOKENS: u32 = 800;

const fn default_timeout_s() -> u64 {
    120
}

const fn default_deadline_s() -> u64 {
    3600
}

const fn default_max_crash_resends() -> u32 {
    1
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

impl Settings {
    /// A judge with every default.
    pub fn new(provider: ProviderKind) -> Self {
        Self {
            provider,
            base_url: None,
            model: None,
            api_version: None,
            api_key_env: None,
            api_key_file: None,
            api_key_optional: false,
            path: None,
            max_tokens: None,
            temperature: 0.0,
            seed: None,
            detail: PictureDetail::default(),
            logprobs: false,
            frames_as_video: false,
            extra_body: None,
            receipt: Receipt::default(),
            timeout_s: default_timeout_s(),
            deadline_s: default_deadline_s(),
            max_crash_resends: default_max_crash_resends(),
            profile: None,
            takes: None,
            price: None,
            limits: Limits::default(),
            tokens: None,
            batch: false,
            batch_terms: None,
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

    /// Most tokens that a reply may have before anything is learnt of the server.
    pub(super) fn first_max_tokens(&self) -> u32 {
        self.max_tokens.unwrap_or(USUAL_MAX_TOKENS)
    }

    /// The sampling seed that is sent, if any.
    pub(super) fn sent_seed(&self) -> Option<u64> {
        self.seed.or_else(|| (self.temperature == 0.0).then_some(0))
    }

    /// What is wrong with values that no provider could use.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.max_tokens == Some(0) || self.timeout_s == 0 || self.deadline_s == 0 {
            return Err("max_tokens, timeout_s and deadline_s must be at least 1".to_owned());
        }
        if !(0.0..=2.0).contains(&self.temperature) {
            return Err(format!("temperature {} is outside 0..=2", self.temperature));
        }
        let has_odds =
            !matches!(self.provider, ProviderKind::Anthropic | ProviderKind::Responses | ProviderKind::Gemini | ProviderKind::Ollama);
        if self.logprobs && !has_odds {
            return Err(format!("logprobs = true is for chat completions; nothing here asks `{}` for them", self.provider.name()));
        }
        if self.frames_as_video && self.provider != ProviderKind::Vllm {
            return Err("frames_as_video is for provider `vllm`".to_owned());
        }
        let has_batches =
            matches!(self.provider, ProviderKind::OpenAi | ProviderKind::Responses | ProviderKind::Azure | ProviderKind::Anthropic);
        if self.batch && !has_batches {
            return Err(format!(
                "batch = true is for providers openai, responses, azure and anthropic; `{}` has no batches (vllm: `tribunal export --to batch`)",
                self.provider.name()
            ));
        }
        if let Some(name) = self.extra_body.as_ref().and_then(reserved) {
            return Err(format!("extra_body: `{name}` is ours to send: budgets, ids and verdicts hang on it"));
        }
        self.limits.check()?;
        self.batch_terms.as_ref().map_or(Ok(()), BatchTerms::check)?;
        self.tokens.as_ref().map_or(Ok(()), TokenRules::check)?;
        self.price.as_ref().map_or(Ok(()), Price::check)
    }

    /// Everything known of the server: these settings over the profile's. A profile that is named must exist; a model's own name may.
    pub(super) fn terms(&self) -> Result<Terms, String> {
        let named = self.profile.as_deref().map(|name| terms::find_profile(name).map(|profile| (name, profile))).transpose()?;
        // A stranger's server may call anything by a known name.
        let vendors = self.base_url.is_none();
        let found =
            named.or_else(|| self.model.as_deref().filter(|_| vendors).and_then(|name| Some((name, terms::find_profile(name).ok()?))));
        let (name, profile) = found.unzip();
        let limits = profile.map_or_else(|| self.limits.clone(), |profile| self.limits.over(&profile.limits));
        Ok(Terms {
            profile: name.map(str::to_owned),
            takes: self.takes.or(profile.map(|profile| profile.takes)).unwrap_or_default(),
            limits: Limits { context_tokens: limits.context_tokens.or(self.provider.usual_context()), ..limits },
            tokens: self.tokens.or(profile.map(|profile| profile.tokens.at(self.detail))).unwrap_or_default(),
            price: self.price.clone().or_else(|| profile.and_then(|profile| profile.price.clone())),
            batch: self.batch_terms.or_else(|| profile.and_then(|profile| profile.batch)),
        })
    }

    /// Whether the server may read FLAC; WAV is read wherever sound is. OpenAI's API and llama.cpp name `wav` and `mp3` alone; a stranger's server may
    /// be any.
    pub(super) const fn may_read_flac(&self) -> bool {
        match self.provider {
            ProviderKind::OpenAi => self.base_url.is_some(),
            ProviderKind::Azure | ProviderKind::LlamaCpp => false,
            _ => true,
        }
    }

    /// The settings that decide verdicts, in words. Fields that older runs did not know are named only where they are set.
    pub(super) fn parameters(&self, model: &str) -> String {
        let seed = self.sent_seed().map_or_else(|| "none".to_owned(), |seed| seed.to_string());
        let (Self { temperature, detail, .. }, max_tokens) = (self, self.first_max_tokens());
        let mut words = format!("model={model} max_tokens={max_tokens} temperature={temperature} seed={seed} detail={}", detail.as_str());
        let receipt = |kind| self.receipt == kind;
        for (set, word) in [
            (self.logprobs, "logprobs"),
            (self.frames_as_video, "frames_as_video"),
            (receipt(Receipt::Canary), "canary"),
            (receipt(Receipt::Off), "receipt=off"),
        ] {
            if set {
                words = format!("{words} {word}");
            }
        }
        for (name, limit) in self.cuts() {
            words = format!("{words} {name}={limit}");
        }
        match &self.extra_body {
            Some(extra) => format!("{words} extra_body={}", Value::Object(extra.clone())),
            None => words,
        }
    }

    /// The limits that decide what of a payload is sent. A profile that is not there has none; opening the judge says so.
    fn cuts(&self) -> Vec<(&'static str, u64)> {
        let limits = self.terms().map(|terms| terms.limits).unwrap_or_default();
        let cuts = [
            ("pictures", limits.pictures.map(u64::from)),
            ("request_bytes", limits.request_bytes),
            ("context_tokens", limits.context_tokens),
        ];
        cuts.into_iter().filter_map(|(name, limit)| Some((name, limit?))).collect()
    }
}

/// What a request says by our own settings, in every format. More tokens than were reserved would break the budget; other messages, the verdict.
const RESERVED: [&str; 18] = [
    "model",
    "messages",
    "input",
    "contents",
    "system",
    "instructions",
    "systemInstruction",
    "system_instruction",
    "n",
    "best_of",
    "candidateCount",
    "stream",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxOutputTokens",
    "num_predict",
    "num_ctx",
];

/// The first reserved name in `fields`, however deep.
fn reserved(fields: &Map<String, Value>) -> Option<&'static str> {
    let here = RESERVED.into_iter().find(|name| fields.contains_key(*name));
    here.or_else(|| fields.values().filter_map(Value::as_object).find_map(reserved))
}

#[cfg(test)]
mod tests {
    use super::Settings;

    fn read(text: &str) -> Result<Settings, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_has_defaults_and_knows_its_fields() {
        let settings = read("provider = 'openai'\nbase_url = 'http://h/v1'\nmodel = 'm'\n[limits]\nrpm = 60").unwrap();
        assert_eq!((settings.first_max_tokens(), settings.timeout_s, settings.limits.rpm), (800, 120, Some(60)));
        assert_eq!(settings.sent_seed(), Some(0));
        assert_eq!(Settings { temperature: 0.7, ..settings.clone() }.sent_seed(), None);
        assert!(read("provider = 'openai'\nmodle = 'm'").unwrap_err().contains("modle"));
        assert!(read("provider = 'mistral'").unwrap_err().contains("azure"), "an error names what there is");
        let vllm = read("provider = 'vllm'\nframes_as_video = true\n[extra_body.media_io_kwargs.video]\nnum_frames = 8").unwrap();
        assert!(vllm.check().is_ok() && vllm.parameters("m").ends_with(r#"extra_body={"media_io_kwargs":{"video":{"num_frames":8}}}"#));
    }

    #[test]
    fn by_which_rules_replies_are_read_is_told() {
        let with = |receipt: &str| read(&format!("provider = 'openai'\nreceipt = '{receipt}'")).unwrap().parameters("m");
        let plain = read("provider = 'openai'").unwrap().parameters("m");
        assert_eq!(with("usage"), plain, "as runs have it that knew no other");
        assert!(with("off") != plain && with("canary") != plain && with("off") != with("canary"));
    }

    #[test]
    fn what_no_server_could_use_is_refused() {
        let base = read("provider = 'openai'").unwrap();
        assert!(base.check().is_ok());
        assert!(Settings { temperature: f64::NAN, ..base.clone() }.check().is_err());
        assert!(Settings { frames_as_video: true, ..base.clone() }.check().is_err());
        let more = read("provider = 'ollama'\n[extra_body.options]\nnum_predict = 9000").unwrap();
        assert!(more.check().unwrap_err().contains("num_predict"));
        assert!(Settings { profile: Some("x".into()), ..base }.terms().unwrap_err().contains("gpt-5-mini"));
    }

    #[test]
    fn a_profile_fills_in_what_is_not_said() {
        let named = read("provider = 'openai'\nbase_url = 'http://h/v1'\nmodel = 'x'\nprofile = 'gpt-4o'\n[limits]\npictures = 3")
            .unwrap()
            .terms()
            .unwrap();
        assert_eq!((named.limits.pictures, named.limits.long_edge), (Some(3), Some(2048)));
        assert!(named.price.is_some());
        let vendors = read("provider = 'openai'\nmodel = 'gpt-5-mini'").unwrap();
        assert_eq!(vendors.terms().unwrap().profile.as_deref(), Some("gpt-5-mini"));
        let strangers = Settings { base_url: Some("http://h/v1".into()), ..vendors };
        assert_eq!(strangers.terms().unwrap().profile, None, "a stranger's server may call anything by a known name");
    }
}
