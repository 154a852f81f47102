//! The settings of one judge: a table `[judges.NAME]`, or what a spec stands for.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::ProviderKind;
use super::terms::{self, BatchTerms, Limits, OwnTokens, Price, Takes, Terms, TokenRules};

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

impl Receipt {
    /// The name in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Usage => "usage",
            Self::Canary => "canary",
        }
    }
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
    /// Not a key of tribunal.toml: an unset variable means "no key" instead of an error, and no file is read.
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
    #[serde(default, deserialize_with = "said")]
    pub tokens: OwnTokens,
    /// Send requests as batches: cheaper, and up to a day later.
    #[serde(default)]
    pub batch: bool,
    /// What a batch may hold and costs; goes before the profile's.
    #[serde(default)]
    pub batch_terms: Option<BatchTerms>,
}

/// Settings that were kept with a batch may say `null`.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<OwnTokens, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
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
            tokens: OwnTokens::default(),
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
        if let Some(name) = self.extra_body.as_ref().and_then(|extra| reserved(extra, None)) {
            return Err(format!("extra_body: `{name}` is ours to send: budgets, shapes, ids and verdicts hang on it"));
        }
        self.limits.check()?;
        self.batch_terms.as_ref().map_or(Ok(()), BatchTerms::check)?;
        self.tokens.over(TokenRules::default()).check()?;
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
        let published = profile.map(|profile| profile.tokens.at(self.detail));
        Ok(Terms {
            profile: name.map(str::to_owned),
            takes: self.takes.or(profile.map(|profile| profile.takes)).unwrap_or_default(),
            limits: Limits { context_tokens: limits.context_tokens.or(self.provider.usual_context()), ..limits },
            tokens: self.tokens.over(published.unwrap_or_default()),
            published,
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

    /// What decides what of a payload is sent: limits, what the model takes in, and how tokens are counted where they are limited. A profile that is not
    /// there has none; opening the judge says so.
    fn cuts(&self) -> Vec<(&'static str, String)> {
        let Ok(Terms { limits, takes, tokens, .. }) = self.terms() else { return Vec::new() };
        let of = |limit: Option<u32>| limit.map(u64::from);
        let cuts = [
            ("pictures", of(limits.pictures)),
            ("request_bytes", limits.request_bytes),
            ("context_tokens", limits.context_tokens),
            ("sound_seconds", of(limits.sound_seconds)),
            ("picture_bytes", limits.picture_bytes),
            ("long_edge", of(limits.long_edge)),
        ];
        let cuts = cuts.into_iter().filter_map(|(name, limit)| Some((name, limit?.to_string())));
        let takes = [("takes_pictures", takes.pictures), ("takes_sound", takes.sound)];
        let takes = takes.into_iter().filter(|(_, takes)| !takes).map(|(name, _)| (name, "no".to_owned()));
        let picture = serde_json::to_string(&tokens.picture).unwrap_or_default();
        let counts = [
            ("tokens.text_bytes_per_token", tokens.text_bytes_per_token.to_string()),
            ("tokens.picture", picture),
            ("tokens.sound_per_second", tokens.sound_per_second.to_string()),
        ];
        cuts.chain(takes).chain(counts.into_iter().filter(|_| limits.context_tokens.is_some())).collect()
    }
}

/// What a request says by our own settings, in every format and every spelling (a server may read `candidate_count` as `candidateCount`): what it asks for,
/// how long and how often it is answered, and in which shape. More tokens than were reserved would break the budget; other messages, the verdict;
/// another shape, what is recorded of it.
const RESERVED: [&str; 43] = [
    "model",
    "models",
    "messages",
    "input",
    "contents",
    "system",
    "instructions",
    "systeminstruction",
    "previousresponseid",
    "conversation",
    "cachedcontent",
    "background",
    "plugins",
    "websearchoptions",
    "prediction",
    "n",
    "bestof",
    "candidatecount",
    "stream",
    "modalities",
    "responsemodalities",
    "maxtokens",
    "maxcompletiontokens",
    "maxoutputtokens",
    "maxnewtokens",
    "numpredict",
    "npredict",
    "numctx",
    "responseformat",
    "responseschema",
    "responsejsonschema",
    "responsemimetype",
    "outputformat",
    "jsonschema",
    "grammar",
    "structuredoutputs",
    "guidedjson",
    "guidedregex",
    "guidedchoice",
    "guidedgrammar",
    "tools",
    "functions",
    "toolchoice",
];
/// Tables of ours, to which others may be added: spelled otherwise, or no table, they would stand in for all of it.
const TABLES: [&str; 4] = ["generationConfig", "options", "text", "output_config"];
/// Those of them in which `format` is the shape; it is so at the top as well (Ollama).
const SHAPED: [&str; 2] = ["text", "outputconfig"];

/// The first reserved name in `fields`, which stand in `table`, however deep.
fn reserved<'f>(fields: &'f Map<String, Value>, table: Option<&str>) -> Option<&'f str> {
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let ours = |name: &str, value: &Value| {
        let bare = plain(name);
        let replaces = |own: &&str| plain(own) == bare && (*own != name || !value.is_object());
        RESERVED.contains(&bare.as_str())
            || table.is_none() && TABLES.iter().any(replaces)
            || bare == "format" && table.is_none_or(|table| SHAPED.contains(&plain(table).as_str()))
    };
    let here = fields.iter().find(|(name, value)| ours(name, value)).map(|(name, _)| name.as_str());
    here.or_else(|| fields.iter().find_map(|(name, value)| reserved(value.as_object()?, Some(name))))
}

#[cfg(test)]
mod tests {
    use super::{Settings, TokenRules};

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
    fn what_decides_what_is_sent_is_told() {
        let with = |more: &str| read(&format!("provider = 'openai'\n{more}")).unwrap().parameters("m");
        for more in
            ["limits = { sound_seconds = 35 }", "limits = { picture_bytes = 9 }", "limits = { long_edge = 9 }", "takes = { sound = false }"]
        {
            assert_ne!(with(more), with(""), "{more}");
        }
        let tokens = "tokens = { picture = { rule = 'fixed', tokens = 1500 }, sound_per_second = 9.0, verdict = 9.0 }";
        assert_eq!(with(tokens), with(""), "nothing is cut by tokens");
        let context = "limits = { context_tokens = 9000 }";
        let both = with(&format!("{context}\n{tokens}"));
        assert!(both != with(context) && both.contains("tokens.picture=") && !both.contains("verdict"), "{both}");
        assert_eq!(with("takes = { sound = true }"), with(""));
    }

    #[test]
    fn what_no_server_could_use_is_refused() {
        let base = read("provider = 'openai'").unwrap();
        assert!(base.check().is_ok());
        assert!(Settings { temperature: f64::NAN, ..base.clone() }.check().is_err());
        assert!(Settings { frames_as_video: true, ..base.clone() }.check().is_err());
        let more = read("provider = 'ollama'\n[extra_body.options]\nnum_predict = 9000").unwrap();
        assert!(more.check().unwrap_err().contains("num_predict"));
        let extra = |text: &str| read(&format!("provider = 'openai'\nextra_body = {text}")).unwrap().check();
        for (text, word) in [
            ("{ generationConfig = { candidate_count = 8 } }", "candidate_count"),
            ("{ generation_config = { topK = 3 } }", "generation_config"),
            ("{ generationConfig = 'x' }", "generationConfig"),
            ("{ response_format = { type = 'text' } }", "response_format"),
            ("{ text = { format = { type = 'text' } } }", "format"),
            ("{ format = 'json' }", "format"),
            ("{ guided_json = '{}' }", "guided_json"),
            ("{ Max-Tokens = 9 }", "Max-Tokens"),
        ] {
            assert!(extra(text).unwrap_err().contains(&format!("`{word}`")), "{text}");
        }
        for text in [
            "{ generationConfig = { thinkingConfig = { thinkingBudget = 0 } } }",
            "{ text = { verbosity = 'low' } }",
            "{ output_config = { effort = 'low' } }",
            "{ options = { top_k = 3 }, media_io_kwargs = { video = { format = 'x' } } }",
        ] {
            assert_eq!(extra(text), Ok(()), "{text}");
        }
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
        let of = |own: &str| read(&format!("provider = 'openai'\nprofile = 'gpt-4o-mini'\n{own}")).unwrap().terms().unwrap();
        let (plain, own) = (of(""), of("[tokens]\nverdict = 300.0"));
        assert_eq!(own.tokens, TokenRules { verdict: 300.0, ..plain.tokens }, "what is not named stays the profile's");
        assert_eq!((own.published, plain.published), (Some(plain.tokens), Some(plain.tokens)));
        let vendors = read("provider = 'openai'\nmodel = 'gpt-5-mini'").unwrap();
        assert_eq!(vendors.terms().unwrap().profile.as_deref(), Some("gpt-5-mini"));
        let strangers = Settings { base_url: Some("http://h/v1".into()), ..vendors };
        assert_eq!(strangers.terms().unwrap().profile, None, "a stranger's server may call anything by a known name");
    }
}
