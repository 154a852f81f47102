//! What a server accepts of a request: learnt from its refusals, remembered per endpoint.

use super::server_error::ServerError;

/// How the shape of the reply is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ReplyFormat {
    /// A strict JSON schema.
    #[default]
    Schema,
    /// Any JSON object.
    Object,
    /// The prompt alone; the reply is checked all the same.
    None,
}

/// How the length of the reply is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum TokenLimit {
    /// `max_tokens`.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`, which reasoning models want.
    MaxCompletionTokens,
}

/// What is sent to one endpoint. Every change is a step forward, so that learning ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) format: ReplyFormat,
    pub(super) limit: TokenLimit,
    pub(super) temperature: bool,
    pub(super) seed: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { format: ReplyFormat::default(), limit: TokenLimit::default(), temperature: true, seed: true }
    }
}

impl Dialect {
    /// The dialect to try after a refusal of a request in this one; `None` when the refusal names nothing that could be left out.
    pub(super) fn after(self, error: &ServerError) -> Option<Self> {
        if error.names(&["response_format", "json_schema", "structured output"]) {
            let format = match self.format {
                ReplyFormat::Schema => ReplyFormat::Object,
                ReplyFormat::Object => ReplyFormat::None,
                ReplyFormat::None => return None,
            };
            return Some(Self { format, ..self });
        }
        if error.names(&["temperature"]) {
            return self.temperature.then_some(Self { temperature: false, ..self });
        }
        if error.names(&["seed"]) {
            return self.seed.then_some(Self { seed: false, ..self });
        }
        if error.names(&["max_tokens"]) {
            return (self.limit == TokenLimit::MaxTokens).then_some(Self { limit: TokenLimit::MaxCompletionTokens, ..self });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, ReplyFormat, ServerError, TokenLimit};

    fn after(dialect: Dialect, body: &str) -> Option<Dialect> {
        dialect.after(&ServerError::read(body))
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
        assert_eq!(after(object, schema).unwrap().format, ReplyFormat::None);
        let fastapi = r#"{"detail":[{"loc":["body","seed"],"msg":"extra fields not permitted"}]}"#;
        assert!(!after(start, fastapi).unwrap().seed);
    }

    #[test]
    fn other_refusals_change_nothing() {
        for body in [
            r#"{"error":{"message":"At most 6 image(s) may be provided","code":400}}"#,
            r#"{"error":{"message":"context too long: max_tokens 800 plus prompt exceeds 4096"}}"#,
            r#"{"error":{"message":"unsupported image","param":"messages"}}"#,
            "<html>Bad Request</html>",
        ] {
            assert_eq!(after(Dialect::default(), body), None, "{body}");
        }
    }
}
