//! What a request asks for, whatever the dialect that it came in.

use serde_json::Value;

use crate::failure::Failure;
use crate::media::Media;

/// One piece of a request, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    /// What the judge is told.
    Told(String),
    /// What the judge itself said before.
    Said(String),
    /// Evidence.
    Media(Media),
}

/// A request for a verdict.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Asked {
    /// The model's name.
    pub(crate) model: String,
    /// In order.
    pub(crate) parts: Vec<Part>,
    /// The shape of the reply.
    pub(crate) schema: Option<Value>,
    /// The one tool to call (Anthropic).
    pub(crate) tool: Option<String>,
    /// Most tokens of the reply.
    pub(crate) max_tokens: Option<u64>,
    /// Whether log-probabilities are wanted, and of how many rivals of each token.
    pub(crate) logprobs: Option<usize>,
}

impl Asked {
    /// Everything that the judge is told, media left out.
    pub(crate) fn told(&self) -> String {
        let told = |part: &Part| if let Part::Told(text) = part { Some(text.as_str().to_owned()) } else { None };
        self.parts.iter().filter_map(told).collect::<Vec<_>>().join("\n")
    }

    /// All words, its own included: what tokens are counted of.
    pub(crate) fn whole_text(&self) -> String {
        let text = |part: &Part| if let Part::Told(text) | Part::Said(text) = part { Some(text.clone()) } else { None };
        self.parts.iter().filter_map(text).collect::<Vec<_>>().join("\n")
    }

    /// The evidence.
    pub(crate) fn media(&self) -> impl Iterator<Item = &Media> {
        self.parts.iter().filter_map(|part| if let Part::Media(media) = part { Some(media) } else { None })
    }

    /// The last lone run of 16 hex digits: where the instructions ask for the echo. Its own words do not count, since a re-ask quotes them.
    pub(crate) fn nonce(&self) -> Option<String> {
        let told = self.told();
        let mut words = told.split(|c: char| !c.is_ascii_alphanumeric()).rev();
        words.find(|word| word.len() == 16 && word.bytes().all(|c| c.is_ascii_hexdigit())).map(str::to_owned)
    }

    /// The texts that stand right before a medium.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.parts.windows(2).filter_map(|pair| match pair {
            [Part::Told(label), Part::Media(_)] => Some(label.as_str()),
            _ => None,
        })
    }

    /// Adds words of `role`.
    pub(crate) fn text(&mut self, role: &str, text: &str) {
        let own = matches!(role, "assistant" | "model");
        self.parts.push(if own { Part::Said(text.to_owned()) } else { Part::Told(text.to_owned()) });
    }

    /// Adds base64.
    pub(crate) fn base64(&mut self, mime: &str, data: &str) -> Result<(), Failure> {
        self.parts.push(Part::Media(Media::decode(mime, data).map_err(Failure::invalid)?));
        Ok(())
    }

    /// Adds a data URI.
    pub(crate) fn uri(&mut self, uri: &str, low: bool) -> Result<(), Failure> {
        let media = Media::from_uri(uri).map_err(Failure::invalid)?;
        self.parts.extend(media.into_iter().map(|media| Part::Media(Media { low, ..media })));
        Ok(())
    }
}

/// The text at `path` of a body, or what is missing.
pub(crate) fn need<'a>(body: &'a Value, path: &str) -> Result<&'a str, Failure> {
    body.pointer(path).and_then(Value::as_str).ok_or_else(|| missing(path))
}

/// The list at `path` of a body, or what is missing.
pub(crate) fn list<'a>(body: &'a Value, path: &str) -> Result<&'a Vec<Value>, Failure> {
    body.pointer(path).and_then(Value::as_array).ok_or_else(|| missing(path))
}

fn missing(path: &str) -> Failure {
    let param = path.trim_start_matches('/').replace('/', ".");
    Failure { param: Some(param.clone()), ..Failure::invalid(format!("Missing required parameter: '{param}'.")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_reply_plants_no_nonce() {
        let mut asked = Asked::default();
        asked.text("user", "echo the nonce 0123456789abcdef in `nonce`");
        asked.text("assistant", r#"{"nonce":"ffffffffffffffff"}"#);
        asked.text("user", "That reply was not accepted.");
        assert_eq!(asked.nonce().as_deref(), Some("0123456789abcdef"));
        assert!(asked.whole_text().contains("ffff") && !asked.told().contains("ffff"));
    }
}
