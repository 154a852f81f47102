//! A server's error body, read leniently: every server writes it its own way.

use std::time::Duration;

use serde_json::Value;

use super::delay::asked_in;

/// Codes and types that mean "no money", whatever the status says.
/// Moonshot's, and Zhipu's number for it.
const QUOTA: [&str; 7] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "insufficient_balance",
    "budget_exceeded",
    "exceeded_current_quota_error",
    "1113",
];
/// Words of servers that give it no code of its own: Anthropic, gateways with budgets, Moonshot and DeepSeek, Gemini, Zhipu.
const SPENT: [&str; 6] =
    ["credit balance is too low", "spend limit", "budget has been exceeded", "insufficient balance", "credits are depleted", "余额不足"];
/// Words that OpenAI and Gemini have for an empty account and Gemini for a busy minute, too; then it says how long to wait.
const SPENT_OR_BUSY: [&str; 1] = ["exceeded your current quota"];
/// Words of a rate limit that no waiting helps against: one request is more than a minute's tokens (OpenAI).
const OVER_RATE: [&str; 2] = ["request too large", "tokens must be reduced"];
/// Codes of a key that is refused as a bad request (Gemini).
const BAD_KEY: [&str; 2] = ["api_key_invalid", "api_key_expired"];
/// Codes that mean a content filter stopped the request: OpenAI (developers.openai.com/api/docs/guides/safety-checks and the codes of its Responses),
/// Azure, DashScope, OpenRouter.
const FILTER: [&str; 11] = [
    "content_filter",
    "content_policy_violation",
    "image_content_policy_violation",
    "cyber_policy",
    "bio_policy",
    "misalignment_policy_violation",
    "moderation_blocked",
    "responsibleaipolicyviolation",
    "data_inspection_failed",
    "datainspectionfailed",
    "refusal",
];
/// Those of them by which OpenAI also tells that an account, and not a request, is no longer served for a while
/// (developers.openai.com/api/docs/guides/safety-checks/cybersecurity), and words by which a filter says the like.
const LOCKED_CODES: [&str; 3] = ["cyber_policy", "bio_policy", "misalignment_policy_violation"];
const LOCKED: [&str; 5] = ["organization", "organisation", "your account", "your team", "this team"];
/// What such codes contain that say in one word where it was found and of what kind it was: Volcengine (`InputImageSensitiveContentDetected.Violence`).
const FILTER_PARTS: [&str; 3] = ["sensitivecontentdetected", "textriskdetection", "imageriskdetection"];
/// Words of servers that give a filter no code of its own, or one that means other things, too: Anthropic, Azure, OpenRouter, OpenAI (`invalid_prompt`, and
/// what gateways leave of `cyber_policy`), xAI, DeepSeek, Zhipu.
const FILTERED: [&str; 10] = [
    "content filtering policy",
    "content management policy",
    "input was flagged",
    "prompt was flagged",
    "content was flagged",
    "request has been flagged",
    "our safety system",
    "violates usage guidelines",
    "content exists risk",
    "不安全或敏感内容",
];
/// Words of a server that does not know a parameter, as opposed to one that dislikes its value.
const UNKNOWN: [&str; 13] = [
    "not support",
    "unsupported",
    "does not support",
    "n't support",
    "unrecognized",
    "unknown",
    "unexpected",
    "extra ",
    "not permitted",
    "not allowed",
    "not available",
    "not enabled",
    "deprecated",
];
/// Further words of a server that does not take a way to ask for the shape of the reply: DeepSeek, Azure's older versions, Moonshot and
/// Ollama, llama.cpp.
const NO_FORMAT: [&str; 4] = ["unavailable", "enabled only", "invalid", "failed to parse"];
/// Words of Ollama when it can make nothing of the shape that is asked for. It answers 500, as to whatever goes wrong before a model runs.
const NO_GRAMMAR: [&str; 2] = ["invalid json schema in format", "expected \"json\" or a"];
/// Shortest run of characters that is taken for a quote of the request: names of parameters are shorter.
const QUOTE: usize = 20;
/// Codes that mean the same: OpenAI. The last is of models that take the default alone.
const UNKNOWN_CODES: [&str; 3] = ["unsupported_parameter", "unknown_parameter", "unsupported_value"];
/// Words of a server that knows the parameter and dislikes its value, whatever else it says.
const OF_VALUE: [&str; 25] = [
    "above max",
    "above the max",
    "below min",
    "below the min",
    "maximum value",
    "minimum value",
    "must be between",
    "must be in ",
    "must be a ",
    "must be less",
    "must be greater",
    "must be positive",
    "must be non",
    "must be <",
    "must be >",
    "should be between",
    "too large",
    "too small",
    "too high",
    "too low",
    "out of range",
    "at most",
    "at least",
    "less than",
    "greater than",
];
/// What codes of such complaints contain: OpenAI's `decimal_above_max_value`, `integer_below_min_value`, `invalid_type`.
const OF_VALUE_PARTS: [&str; 3] = ["_above_max", "_below_min", "invalid_type"];
/// Words of servers whose model takes in none of a kind of media: OpenAI, vLLM (for all prompts alike), llama.cpp, OpenRouter.
const NOT_TAKEN: [&str; 6] =
    ["does not support", "is not supported", "are not supported", "only supported by", "at most 0 ", "no endpoints found that support"];
/// As much of a server's words as fits a message.
const MESSAGE_CHARACTERS: usize = 400;

/// What an error body says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ServerError {
    /// Its words, or the body itself.
    pub(super) message: String,
    /// How long it asks to be left alone, in its own form (Gemini's `RetryInfo`).
    pub(super) retry_delay: Option<String>,
    param: Option<String>,
    /// `code`, `type` and inner codes.
    codes: Vec<String>,
    /// Whether it names what a moderator objected to (OpenRouter).
    flagged: bool,
}

impl ServerError {
    /// Reads `{"error":{"message","type","param","code"}}`, `{"error":"..."}`, the fields at top level, or any text.
    pub(super) fn read(body: &str) -> Self {
        let Ok(root) = serde_json::from_str::<Value>(body) else { return Self { message: short(body), ..Self::default() } };
        // Gemini puts it in an array when asked for more than one reply at once.
        let root = root.as_array().and_then(|array| array.first()).unwrap_or(&root);
        let fields = root.get("error").unwrap_or(root);
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        // Zhipu's codes are numbers in text, those of gateways numbers.
        let code = || text("code").or_else(|| fields.get("code")?.as_u64().map(|code| code.to_string()));
        // Azure's inner code, and OpenRouter's own beside that of its provider.
        let inner = [("innererror", "code"), ("inner_error", "code"), ("metadata", "error_type")];
        let inner = inner.iter().find_map(|(place, name)| fields.get(place)?.get(name)?.as_str()).map(str::to_owned);
        Self {
            message: short(&text("message").or_else(|| fields.as_str().map(str::to_owned)).unwrap_or_else(|| body.to_owned())),
            retry_delay: delay(fields),
            param: text("param"),
            flagged: fields.get("metadata").is_some_and(|metadata| metadata.get("flagged_input").is_some()),
            codes: [code(), text("type"), text("status"), inner, reason(fields)]
                .into_iter()
                .flatten()
                .map(|code| code.to_ascii_lowercase())
                .collect(),
        }
    }

    /// How long its words ask to wait: "try again in 2.8s", "retry in 2 minutes".
    pub(super) fn asks_to_wait(&self) -> Option<Duration> {
        asked_in(&self.message)
    }

    /// Whether the account cannot pay.
    pub(super) fn is_quota(&self) -> bool {
        self.has_code(&QUOTA) || self.says(&SPENT)
    }

    /// Whether the account cannot pay, said in words that mean a busy server where it `asks_to_wait`.
    pub(super) fn is_quota_unless(&self, asks_to_wait: bool) -> bool {
        self.is_quota() || !asks_to_wait && self.says(&SPENT_OR_BUSY)
    }

    /// Whether a rate limit is below this one request.
    pub(super) fn is_over_rate(&self) -> bool {
        self.says(&OVER_RATE)
    }

    /// Whether only words say so that stand in the request, too, as it is `recorded`: servers quote what they refuse.
    pub(super) fn quotes_quota(&self, recorded: &str) -> bool {
        let (message, recorded) = (self.message.to_ascii_lowercase(), recorded.to_ascii_lowercase());
        !self.has_code(&QUOTA) && SPENT.iter().filter(|words| message.contains(**words)).all(|words| recorded.contains(words))
    }

    /// Whether the key is refused.
    pub(super) fn is_bad_key(&self) -> bool {
        self.has_code(&BAD_KEY)
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.codes.iter().any(|code| codes.contains(&code.as_str()))
    }

    fn says(&self, words: &[&str]) -> bool {
        let message = self.message.to_ascii_lowercase();
        words.iter().any(|words| message.contains(words))
    }

    /// Whether the model does not take in sound at all.
    pub(super) fn refuses_sound(&self) -> bool {
        self.says(&["audio"]) && self.says(&NOT_TAKEN)
    }

    /// Whether the model does not take in pictures at all; one picture that is wrong is the item's fault.
    pub(super) fn refuses_pictures(&self) -> bool {
        self.says(&["not a multimodal model"])
            || self.says(&["image input", "image inputs", "images", "image_url", "vision"]) && self.says(&NOT_TAKEN)
    }

    /// Whether a content filter stopped the request.
    pub(super) fn is_filter(&self) -> bool {
        let has_part = |code: &String| FILTER_PARTS.iter().any(|part| code.contains(part));
        self.flagged || self.has_code(&FILTER) || self.codes.iter().any(has_part) || self.says(&FILTERED)
    }

    /// Whether a content filter may mean whoever asks rather than what is asked.
    pub(super) fn may_mean_account(&self) -> bool {
        self.has_code(&LOCKED_CODES) || self.says(&LOCKED)
    }

    /// Whether the request is longer than the model can hold.
    pub(super) fn is_too_long(&self) -> bool {
        self.has_code(&["context_length_exceeded"]) || self.says(&["maximum context length"])
    }

    /// Whether the server says that its model takes in no such input.
    pub(super) fn is_unsupported_input(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        ["image input", "audio input", "video input"].iter().any(|input| message.contains(input)) && message.contains("not supported")
    }

    /// Whether a model that is known is offered by nobody for such media (OpenRouter).
    pub(super) fn has_no_endpoint_for_media(&self) -> bool {
        self.says(&["no endpoints found that support"]) && (self.refuses_pictures() || self.refuses_sound())
    }

    /// Whether a model is offered by nobody who takes the parameters of the request (OpenRouter, where settings demand that all are heeded).
    pub(super) fn has_no_endpoint_for_parameters(&self) -> bool {
        self.says(&["handle the requested parameters"])
    }

    /// The same without what its words quote of the request, as that is `recorded`: what an item's text says is no word of the server's.
    pub(super) fn unquoted(self, recorded: &str) -> Self {
        let plain = |text: &str| text.to_ascii_lowercase().replace(['\n', '\t', '\r'], " ");
        let mut texts = String::new();
        gather(&serde_json::from_str(recorded).unwrap_or_else(|_| recorded.into()), &mut texts);
        let (texts, said) = (plain(&texts), plain(&self.message));
        let starts: Vec<usize> = said.char_indices().map(|(at, _)| at).chain([said.len()]).collect();
        // Both have the same characters, and the same bytes.
        let mut message = self.message.clone();
        for run in starts.windows(QUOTE + 1).filter(|run| texts.contains(&said[run[0]..run[QUOTE]])) {
            message.replace_range(run[0]..run[QUOTE], &"\u{1}".repeat(run[QUOTE] - run[0]));
        }
        Self { message, ..self }
    }

    /// Whether a server of Ollama could not read the shape of the reply that was asked for: nothing was generated.
    pub(super) fn has_no_grammar(&self) -> bool {
        self.says(&NO_GRAMMAR)
    }

    /// Whether a chat template has no place for the system's words: nothing was generated.
    pub(super) fn has_no_system_role(&self) -> bool {
        self.says(&["system role not supported", "system role is not supported"])
    }

    /// Whether the server says that it does not take the way in which the shape of the reply is asked for, of which `words` speak.
    pub(super) fn refuses_format(&self, words: &[&str]) -> bool {
        self.names(words) || self.param.is_none() && self.mentions(words) && self.says(&NO_FORMAT)
    }

    /// Whether the server says that it does not know or support the parameter that `words` name, in words or by a code. A complaint about its value says nothing of the
    /// kind: what a user asked for would be replaced by the server's default in silence.
    pub(super) fn does_not_know(&self, words: &[&str]) -> bool {
        let of_value = |code: &String| OF_VALUE_PARTS.iter().any(|part| code.contains(part));
        (self.names(words) || self.mentions(words) && self.takes_one_value())
            && (self.says(&UNKNOWN) || self.has_code(&UNKNOWN_CODES) || self.takes_one_value())
            && !self.says(&OF_VALUE)
            && !self.codes.iter().any(of_value)
    }

    /// Whether it says that one number alone is taken, which is then the default (Moonshot).
    fn takes_one_value(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        let number = |(at, only): (usize, &str)| message[at + only.len()..].split_once(" is allowed")?.0.trim().parse::<f64>().ok();
        message.match_indices("only ").any(|found| number(found).is_some())
    }

    /// Whether the server objects to one of `parameters`. Its `param` decides where it gives one; else its words say that it does not know it.
    pub(super) fn names(&self, parameters: &[&str]) -> bool {
        if let Some(param) = &self.param {
            return parameters.iter().any(|name| param.starts_with(name) || param.ends_with(&format!(".{name}")));
        }
        self.mentions(parameters) && self.says(&UNKNOWN)
    }

    fn mentions(&self, words: &[&str]) -> bool {
        let message = self.message.to_ascii_lowercase();
        words.iter().any(|word| has_word(&message, &word.to_ascii_lowercase()))
    }
}

/// Every text in a request that is long enough to be quoted.
fn gather(value: &Value, texts: &mut String) {
    match value {
        Value::String(text) if text.len() >= QUOTE => {
            texts.push_str(text);
            texts.push('\n');
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, texts)),
        _ => {}
    }
}

/// Whether `word`, or more of it, stands in `text` by itself: a file that is "restored" says nothing of `store`.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let after = &text[at + word.len()..];
        let goes_on = |text: &str| text.starts_with(|c: char| c.is_alphanumeric());
        !text[..at].ends_with(|c: char| c.is_alphanumeric())
            && (!goes_on(after) || after.strip_prefix('s').is_some_and(|after| !goes_on(after)))
    })
}

/// Why, in Gemini's details.
fn reason(fields: &Value) -> Option<String> {
    let details = fields.get("details")?.as_array()?;
    details.iter().find_map(|detail| detail.get("reason")?.as_str()).map(str::to_owned)
}

fn delay(fields: &Value) -> Option<String> {
    let details = fields.get("details")?.as_array()?;
    details.iter().find_map(|detail| detail.get("retryDelay")?.as_str()).map(str::to_owned)
}

/// The beginning of outside text, for a message.
pub(super) fn short(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MESSAGE_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
