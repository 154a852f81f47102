//! The settings of one mock, read from JSON.

use std::path::PathBuf;

use serde::Deserialize;

use crate::fault::Fault;

/// Everything that decides how the mock answers. A field that is left out has the default that its line names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The level of every verdict, 1..=5; left out: drawn from a hash of the media (of the text where there are none).
    pub(crate) safety: Option<u8>,
    /// Pause before each reply of a judge; 0.
    pub(crate) latency_ms: u64,
    /// The key to demand; none.
    pub(crate) api_key: Option<String>,
    /// Where the billing oracle is appended; in memory only.
    pub(crate) ledger: Option<PathBuf>,
    /// How tokens are counted.
    pub(crate) tokens: TokenRule,
    /// What they cost; nothing.
    pub(crate) price: Price,
    /// Rate limits; none, and no headers about them.
    pub(crate) limits: Option<Limits>,
    /// Parameters that a body must not carry, at the top or within `generationConfig` or `options`; `a.b` is a path from the top.
    pub(crate) refuses: Vec<String>,
    /// Most pictures in one request.
    pub(crate) max_images: Option<usize>,
    /// Most bytes of one picture, as base64.
    pub(crate) max_image_bytes: Option<usize>,
    /// Most bytes of a body.
    pub(crate) max_body_bytes: Option<usize>,
    /// Longest edge of a picture.
    pub(crate) max_edge_px: Option<u32>,
    /// How much a reply says about tokens; `full`.
    pub(crate) usage: UsageForm,
    /// Whether it echoes receipts at all; true.
    pub(crate) reads_receipt: bool,
    /// The receipt to echo when the request has no `x-mock-receipt`.
    pub(crate) receipt: Option<String>,
    /// Whether it gives log-probabilities to those who ask; false.
    pub(crate) logprobs: bool,
    /// What goes wrong; nothing.
    pub(crate) faults: Option<Faults>,
    /// Where `redirect` sends clients; an address nobody listens at.
    pub(crate) redirect_to: String,
    /// How verdicts are worded.
    pub(crate) judge: Wording,
    /// How batches go.
    pub(crate) batch: BatchRule,
    /// What llama.cpp's `/props` claims; both.
    pub(crate) modalities: Modalities,
    /// What `/version` says; `0.12.0`.
    pub(crate) version: String,
    /// What `/v1/models` lists; `mock`.
    pub(crate) model: String,
}

/// How tokens are counted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TokenRule {
    /// Characters of text that make a token; 4.
    pub(crate) text_chars_per_token: f64,
    /// Pictures; tiles of 170 on 85.
    pub(crate) image: ImageRule,
    /// Sound; 10.
    pub(crate) audio_per_second: f64,
}

/// How the tokens of one picture are counted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, tag = "rule", rename_all = "snake_case")]
pub(crate) enum ImageRule {
    /// Always the same.
    Fixed {
        /// So many.
        tokens: u64,
    },
    /// gpt-4o: fit into 2048 x 2048, short side to 768, then tiles of 512; only `base` at low detail.
    Tiles {
        /// For every picture.
        base: u64,
        /// For every tile.
        tile: u64,
    },
    /// gpt-4.1-mini: patches of 32 x 32, at most 1536.
    Patches {
        /// Of the model.
        multiplier: f64,
    },
    /// Claude: width x height by a divisor.
    Area {
        /// Pixels that make a token.
        divisor: f64,
        /// At most.
        max: u64,
    },
}

/// Dollars per million tokens.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Price {
    /// Input.
    pub(crate) input_per_mtok: f64,
    /// Output.
    pub(crate) output_per_mtok: f64,
    /// What longer requests cost; no more.
    pub(crate) above: Option<Above>,
}

/// Dollars per million tokens of a request with more tokens in than `input_tokens`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Above {
    /// The most that cost less.
    pub(crate) input_tokens: u64,
    /// Input.
    pub(crate) input_per_mtok: f64,
    /// Output.
    pub(crate) output_per_mtok: f64,
}

/// A bucket of requests and one of tokens.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Requests per minute.
    pub(crate) rpm: Option<f64>,
    /// Tokens per minute, input and output.
    pub(crate) tpm: Option<f64>,
    /// Requests that a rested bucket holds; `rpm`.
    pub(crate) burst: Option<f64>,
    /// How a 429 says when to come back; `body` for Gemini, else `seconds`.
    pub(crate) retry_after: Option<RetryForm>,
}

/// How a 429 says when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetryForm {
    /// `Retry-After: 3`
    Seconds,
    /// `Retry-After-Ms: 2500`
    Ms,
    /// `Retry-After:` a date
    Date,
    /// In the error itself: `retryDelay` for Gemini, words for the others.
    Body,
}

/// How much a reply says about tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UsageForm {
    /// With details by modality, where the dialect has them.
    Full,
    /// Sums only.
    Plain,
    /// Nothing.
    None,
    /// Like `full` from a server that drops the media: they count 0, and cost 0.
    Blind,
}

/// What goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Faults {
    /// Part of the requests for a verdict, 0..=1.
    pub(crate) share: f64,
    /// Decides which; 0.
    #[serde(default)]
    pub(crate) seed: u64,
    /// To draw from; all.
    #[serde(default = "crate::fault::all")]
    pub(crate) kinds: Vec<Fault>,
}

/// How verdicts are worded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wording {
    /// Every text field but nonce and receipt.
    pub(crate) rationale: String,
    /// Whether a level below 5 points at the first second that a label names; true.
    pub(crate) evidence: bool,
}

/// How batches go.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BatchRule {
    /// Looks at its state until it has ended; 2.
    pub(crate) polls_until_done: u32,
    /// Whether none ends before `POST /_mock/release`; false.
    pub(crate) held: bool,
    /// Part of the items that expire, by their custom_id up to its first `-`; 0.
    pub(crate) expire_share: f64,
    /// Part of the items that fail, by their custom_id up to its first `-`; 0.
    pub(crate) fail_share: f64,
    /// How they fail; `server`.
    pub(crate) fail_as: FailAs,
    /// Of the normal price; 0.5.
    pub(crate) price_factor: f64,
    /// So many batches are made, but their makers get a 504; 0.
    pub(crate) lost_creates: u32,
    /// Until those are listed; 0.
    pub(crate) late_ms: u64,
    /// So many times nobody may make a batch for `busy_s` seconds; 0.
    pub(crate) busy_creates: u32,
    /// As `Retry-After`; 1.
    pub(crate) busy_s: u64,
    /// Most requests in OpenAI's batches at once; a batch beyond fails as one of too many tokens does. No limit.
    pub(crate) queue_requests: Option<usize>,
    /// So many of OpenAI's batches end without leaving their files; 0.
    pub(crate) gone_results: u32,
    /// So many looks at one of OpenAI's batches that has ended name no file of it; 0.
    pub(crate) late_files: u32,
    /// So many downloads of OpenAI's results hold the first half of their bytes; 0.
    pub(crate) short_results: u32,
    /// Whether OpenAI's files that are not there have the id "" and are refused as bad requests; false.
    pub(crate) empty_ids: bool,
    /// Every result comes a second time; once.
    pub(crate) doubles: Option<Doubles>,
}

/// What results say that come a second time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Doubles {
    /// The same.
    Same,
    /// That the request expired.
    Expired,
}

/// How items of batches fail. Nothing is billed of any of them.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailAs {
    /// The server's own failure: 500, `api_error`.
    Server,
    /// Too many people want it: 529, `overloaded_error`.
    Overloaded,
    /// The request makes no sense: 400, `invalid_request_error`.
    Invalid,
}

/// What llama.cpp's `/props` claims.
#[derive(Debug, Clone, Copy, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Modalities {
    /// Pictures.
    pub(crate) vision: bool,
    /// Sound.
    pub(crate) audio: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            safety: None,
            latency_ms: 0,
            api_key: None,
            ledger: None,
            tokens: TokenRule::default(),
            price: Price::default(),
            limits: None,
            refuses: Vec::new(),
            max_images: None,
            max_image_bytes: None,
            max_body_bytes: None,
            max_edge_px: None,
            usage: UsageForm::Full,
            reads_receipt: true,
            receipt: None,
            logprobs: false,
            faults: None,
            redirect_to: "http://127.0.0.1:9".to_owned(),
            judge: Wording::default(),
            batch: BatchRule::default(),
            modalities: Modalities::default(),
            version: "0.12.0".to_owned(),
            model: "mock".to_owned(),
        }
    }
}

impl Default for TokenRule {
    fn default() -> Self {
        Self { text_chars_per_token: 4.0, image: ImageRule::Tiles { base: 85, tile: 170 }, audio_per_second: 10.0 }
    }
}

impl Default for Wording {
    fn default() -> Self {
        Self { rationale: "nothing of concern".to_owned(), evidence: true }
    }
}

impl Default for BatchRule {
    fn default() -> Self {
        Self {
            polls_until_done: 2,
            held: false,
            expire_share: 0.0,
            fail_share: 0.0,
            fail_as: FailAs::Server,
            price_factor: 0.5,
            lost_creates: 0,
            late_ms: 0,
            busy_creates: 0,
            busy_s: 1,
            queue_requests: None,
            gone_results: 0,
            late_files: 0,
            short_results: 0,
            empty_ids: false,
            doubles: None,
        }
    }
}

impl Default for Modalities {
    fn default() -> Self {
        Self { vision: true, audio: true }
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    fn read(text: &str) -> Result<Config, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_has_a_default_and_nothing_may_be_misspelt() {
        assert!(read("{}").unwrap().reads_receipt);
        let faults = read(r#"{"faults":{"share":0.3}}"#).unwrap().faults.unwrap();
        assert_eq!(faults.kinds.len(), crate::fault::TABLE.len());
        assert!(read(r#"{"fualts":{}}"#).is_err());
        assert!(read(r#"{"faults":{"share":1,"kinds":["r429"]}}"#).unwrap_err().contains("r429"));
    }

    #[test]
    fn rules_are_read_by_name() {
        let config =
            read(r#"{"tokens":{"image":{"rule":"area","divisor":750,"max":1600}},"limits":{"rpm":60,"retry_after":"ms"}}"#).unwrap();
        assert!(matches!(config.tokens.image, super::ImageRule::Area { max: 1600, .. }));
        assert_eq!(config.limits.unwrap().retry_after, Some(super::RetryForm::Ms));
    }
}
