//! What a server accepts of a request: learnt from its refusals, remembered per endpoint.

use serde::{Deserialize, Serialize};

use super::server_error::ServerError;

/// How the shape of the reply is asked for. Whatever the way, the reply is checked all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyFormat {
    /// A strict JSON schema.
    #[default]
    #[serde(rename = "json_schema")]
    Schema,
    /// A tool that must be called.
    Tool,
    /// Any JSON object.
    #[serde(rename = "json_object")]
    Object,
    /// The prompt alone.
    Prompt,
}

/// How the length of the reply is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum TokenLimit {
    /// `max_tokens`.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`, which reasoning models want.
    MaxCompletionTokens,
}

/// A parameter that a server may not know and that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parameter {
    Temperature,
    Seed,
    Logprobs,
    Store,
    /// The system's instruction: where there is none (Gemma), its words go before the user's.
    System,
    /// How closely pictures are to be looked at, which servers that are no more than compatible may not know.
    Detail,
}

/// Every such parameter with its name, its field as it stands in a body, and the words that name it.
const PARAMETERS: [(Parameter, &str, &str, &[&str]); 7] = [
    (Parameter::Temperature, "temperature", "\"temperature\":", &["temperature"]),
    (Parameter::Seed, "seed", "\"seed\":", &["seed"]),
    (Parameter::Logprobs, "logprobs", "\"logprobs\":", &["logprobs", "top_logprobs"]),
    (Parameter::Store, "store", "\"store\":", &["store"]),
    // The last word alone is that of many an error's own field.
    (Parameter::Detail, "image_url.detail", "\"detail\":", &["image_url.detail"]),
    (
        Parameter::System,
        "systemInstruction",
        "\"systemInstruction\":",
        &["developer instruction", "systemInstruction", "system_instruction"],
    ),
    // The first message's: vLLM and llama.cpp (words of chat templates), OpenAI, Bedrock.
    (
        Parameter::System,
        "role: system",
        "\"role\":\"system\"",
        &["system role", "system message", "system prompt", "messages[0].role", "messages.0.role"],
    ),
];

/// What is sent to one endpoint. Every change is a step forward, so that learning ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Dialect {
    pub(super) format: ReplyFormat,
    pub(super) limit: TokenLimit,
    /// One bit per parameter left out.
    without: u8,
    /// How often the most tokens of a reply were raised.
    #[serde(default)]
    raised: u8,
}

/// A raised limit over the one before it: hidden reasoning takes hundreds to thousands of tokens, a verdict some hundred.
const RAISE: u32 = 4;
/// From 800 to 12,800 tokens.
const MOST_RAISES: u8 = 2;

impl Dialect {
    /// Whether the server is sent a temperature.
    pub(super) const fn sends_temperature(self) -> bool {
        self.sends(Parameter::Temperature)
    }

    /// Whether the server is sent a sampling seed.
    pub(super) const fn sends_seed(self) -> bool {
        self.sends(Parameter::Seed)
    }

    /// Whether the server is asked for log-probabilities.
    pub(super) const fn sends_logprobs(self) -> bool {
        self.sends(Parameter::Logprobs)
    }

    /// Whether the server is told not to keep the reply.
    pub(super) const fn sends_store(self) -> bool {
        self.sends(Parameter::Store)
    }

    /// Whether the server is sent instructions apart from what the user says.
    pub(super) const fn sends_system(self) -> bool {
        self.sends(Parameter::System)
    }

    /// Whether the server is told how closely to look at pictures.
    pub(super) const fn sends_detail(self) -> bool {
        self.sends(Parameter::Detail)
    }

    /// Most tokens that a reply may have, of a judge that begins with `first`.
    pub(super) const fn max_tokens(self, first: u32) -> u32 {
        first.saturating_mul(RAISE.pow(self.raised as u32))
    }

    /// The dialect to ask in after a reply that was cut off at its most tokens; `None` when that was raised far enough.
    pub(super) fn raised(self) -> Option<Self> {
        (self.raised < MOST_RAISES).then(|| Self { raised: self.raised + 1, ..self })
    }

    #[cfg(test)]
    pub(super) fn asking_by(format: ReplyFormat) -> Self {
        Self { format, ..Self::default() }
    }

    /// How often the most tokens of a reply were raised.
    pub(super) const fn times_raised(self) -> usize {
        self.raised as usize
    }

    /// The same with the most tokens raised so often.
    pub(super) const fn with_raised(self, times: usize) -> Self {
        Self { raised: times as u8, ..self }
    }

    /// This dialect, and then as it is with every other limit: a run that was recorded raised it at some moment.
    pub(super) fn at_any_length(self) -> impl Iterator<Item = Self> {
        std::iter::once(self)
            .chain((0..=MOST_RAISES).filter(move |raised| *raised != self.raised).map(move |raised| Self { raised, ..self }))
    }

    const fn sends(self, parameter: Parameter) -> bool {
        self.without & (1 << parameter as u8) == 0
    }

    /// The dialect to try after a refusal of a request in this one, and what was learnt in words; `None` when the refusal names nothing that
    /// could be left out, or dislikes no more than its value. `ladder` and `format_words` are the wire format's, `sent` the recorded body where it is at
    /// hand.
    pub(super) fn after(
        self,
        error: &ServerError,
        ladder: &[ReplyFormat],
        format_words: &[&str],
        sent: Option<&str>,
    ) -> Option<(Self, String)> {
        // Quotes inside a JSON string are escaped, so only a field can look like this.
        let was_sent = |field: &str| sent.is_none_or(|body| body.contains(field));
        if error.refuses_format(format_words) {
            let rung = ladder.iter().position(|&format| format == self.format)?;
            let format = *ladder.get(rung + 1)?;
            return Some((Self { format, ..self }, format!("it does not take {}; asked by {} instead", self.format.name(), format.name())));
        }
        let refused = |(_, _, field, words): &&(Parameter, &str, &str, &[&str])| was_sent(field) && error.does_not_know(words);
        if let Some(&(parameter, name, ..)) = PARAMETERS.iter().find(refused) {
            let next = Self { without: self.without | 1 << parameter as u8, ..self };
            let instead = if parameter == Parameter::System { "said by the user" } else { "left out" };
            return self.sends(parameter).then(|| (next, format!("it does not know `{name}`; {instead}")));
        }
        if error.does_not_know(&["max_tokens"]) && self.limit == TokenLimit::MaxTokens {
            let next = Self { limit: TokenLimit::MaxCompletionTokens, ..self };
            return Some((next, "it wants `max_completion_tokens` instead of `max_tokens`".to_owned()));
        }
        None
    }
}

impl ReplyFormat {
    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schema => "json_schema",
            Self::Tool => "tool",
            Self::Object => "json_object",
            Self::Prompt => "prompt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, ReplyFormat, ServerError, TokenLimit};
    use crate::judge::wire::Wire;

    fn after(dialect: Dialect, body: &str) -> Option<Dialect> {
        let ladder = [ReplyFormat::Schema, ReplyFormat::Object, ReplyFormat::Prompt];
        dialect.after(&ServerError::read(body), &ladder, &["response_format", "json_schema"], None).map(|(next, _)| next)
    }

    #[test]
    fn a_named_parameter_is_dropped_or_replaced_once() {
        let start = Dialect::default();
        let tokens = r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens"}}"#;
        let next = after(start, tokens).unwrap();
        assert_eq!(next.limit, TokenLimit::MaxCompletionTokens);
        assert_eq!(after(next, tokens), None);
        let schema = r#"{"error":{"message":"response_format json_schema is not supported","code":400}}"#;
        let object = after(start, schema).unwrap();
        assert_eq!(object.format, ReplyFormat::Object);
        let prompt = after(object, schema).unwrap();
        assert_eq!((prompt.format, after(prompt, schema)), (ReplyFormat::Prompt, None));
        let fastapi = r#"{"detail":[{"loc":["body","seed"],"msg":"extra fields not permitted"}]}"#;
        assert!(!after(start, fastapi).unwrap().sends_seed());
    }

    /// Words of DeepSeek, Azure's older versions, Moonshot, Groq, llama.cpp and vLLM.
    #[test]
    fn a_format_is_refused_in_many_words() {
        for message in [
            "This response_format type is unavailable now",
            "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",
            "Invalid request: response_format.type json_schema is invalid",
            "This model does not support response format `json_schema`.",
            "Failed to initialize samplers: failed to parse grammar",
            "Structured outputs are not supported by this model",
            "invalid json_schema in response_format",
        ] {
            let body = serde_json::json!({"error": {"message": message, "param": null}}).to_string();
            let words = crate::judge::wire::Chat.format_words();
            let ladder = [ReplyFormat::Schema, ReplyFormat::Object];
            let next = Dialect::default().after(&ServerError::read(&body), &ladder, words, None);
            assert_eq!(next.map(|(next, _)| next.format), Some(ReplyFormat::Object), "{message}");
        }
    }

    /// Word for word as its servers say it, of `format` itself and through its chat completions.
    #[test]
    fn a_shape_that_ollama_cannot_read_is_asked_for_otherwise() {
        let ladder = [ReplyFormat::Schema, ReplyFormat::Object, ReplyFormat::Prompt];
        let (own, chat): (&dyn Wire, &dyn Wire) = (&crate::judge::wire::Ollama, &crate::judge::wire::Chat);
        for (wire, body) in [
            (own, r#"{"error":"invalid JSON schema in format"}"#),
            (own, r#"{"error":"invalid format: \"[]\"; expected \"json\" or a valid JSON Schema object"}"#),
            (own, r#"{"error":"invalid format: expected \"json\" or a JSON schema"}"#),
            (chat, r#"{"error":{"message":"invalid JSON schema in format","type":"api_error","param":null,"code":null}}"#),
        ] {
            let after = |dialect: Dialect| dialect.after(&ServerError::read(body), &ladder, wire.format_words(), None);
            assert_eq!(after(Dialect::default()).map(|(next, _)| next.format), Some(ReplyFormat::Object), "{body}");
        }
        assert!(!ServerError::read(r#"{"error":"model runner has unexpectedly stopped"}"#).has_no_grammar());
    }

    #[test]
    fn a_parameter_is_dropped_where_the_model_takes_its_default_alone() {
        for body in [
            r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.","param":"temperature","code":"unsupported_value"}}"#,
            r#"{"error":{"message":"m","param":"temperature","code":"unsupported_parameter"}}"#,
            r#"{"error":{"message":"Unsupported parameter: 'temperature' is not supported with this model.","param":"temperature","code":null}}"#,
            r#"{"error":{"message":"`temperature` is deprecated for this model."}}"#,
            r#"{"error":{"message":"invalid temperature: only 1 is allowed for this model","type":"invalid_request_error"}}"#,
        ] {
            assert!(!after(Dialect::default(), body).unwrap().sends_temperature(), "{body}");
        }
    }

    #[test]
    fn a_complaint_about_a_value_drops_nothing() {
        for (param, code, message) in [
            (
                "temperature",
                "decimal_above_max_value",
                "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3.",
            ),
            ("temperature", "decimal_above_max_value", "Unsupported 'temperature'"),
            ("seed", "integer_below_min_value", "Invalid 'seed': integer below minimum value."),
            ("temperature", "invalid_value", "Invalid 'temperature'"),
            ("temperature", "", "temperature 3 is not supported: it must be between 0 and 2"),
            ("temperature", "", "invalid temperature: only a number is allowed"),
            ("temperature", "unsupported_value", "Unsupported value: 'temperature' must be at most 1"),
            ("logprobs", "invalid_type", "Invalid type for 'logprobs': unexpected string"),
            ("max_tokens", "invalid_value", "max_tokens is too large: 800. This model supports at most 512 completion tokens"),
        ] {
            for param in [Some(param), None] {
                let body = serde_json::json!({"error": {"message": message, "param": param, "code": code}}).to_string();
                assert_eq!(after(Dialect::default(), &body), None, "{body}");
            }
        }
    }

    #[test]
    fn other_refusals_change_nothing() {
        for body in [
            r#"{"error":{"message":"At most 6 image(s) may be provided","code":400}}"#,
            r#"{"error":{"message":"context too long: max_tokens 800 plus prompt exceeds 4096"}}"#,
            r#"{"error":{"message":"unsupported image","param":"messages"}}"#,
            r#"{"error":{"message":"Unsupported image: the file could not be restored"}}"#,
            r#"{"error":{"message":"unknown image, perhaps stored elsewhere","param":null}}"#,
            "<html>Bad Request</html>",
        ] {
            assert_eq!(after(Dialect::default(), body), None, "{body}");
        }
    }
}
