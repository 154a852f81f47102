//! The chat-completions body of one task, in one fixed order of fields.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tribunal_media::{Digest, Encoding};

use super::dialect::{Dialect, ReplyFormat, TokenLimit};
use super::request::{Request, Splice};
use super::{Settings, Why, Work};
use crate::prepare::Part;
use crate::rubric::fence_text;

/// As much of a faulty reply as a re-ask quotes, in characters.
const QUOTED: usize = 2000;
/// Where the ready content of the user's message goes. Inside a JSON string its quotes would be escaped, so no text can look like it.
const SLOT: &str = r#""content":[]"#;

/// Parts as they are sent, encoded once per task and shared by every attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Encoded(Vec<Element>);

/// One part.
#[derive(Debug, Clone)]
enum Element {
    Text(String),
    Media { before: &'static str, after: String, mark: String, base64: Bytes },
}

/// What a re-ask adds: the reply that was not accepted, and why.
#[derive(Debug, Clone)]
pub(super) struct Correction {
    pub(super) reply: String,
    pub(super) fault: String,
}

#[derive(Serialize)]
struct Chat<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Slot([(); 0]),
}

/// The settings that decide a chat's verdicts, in words.
pub(super) fn parameters(settings: &Settings, model: &str) -> String {
    let seed = settings.sent_seed().map_or_else(|| "none".to_owned(), |seed| seed.to_string());
    let Settings { max_tokens, temperature, detail, .. } = settings;
    format!("model={model} max_tokens={max_tokens} temperature={temperature} seed={seed} detail={}", detail.as_str())
}

impl Encoded {
    /// Encodes every part of `work` for a chat; the error is a part that no chat can carry.
    pub(super) fn new(settings: &Settings, work: &Work) -> Result<Self, Why> {
        if work.prompt.labels.len() != work.payload.parts.len() {
            let (labels, parts) = (work.prompt.labels.len(), work.payload.parts.len());
            return Err(Why::new("unsendable_part", format!("{labels} labels for {parts} parts")));
        }
        work.payload.parts.iter().map(|part| element(settings, part, &work.nonce)).collect::<Result<_, _>>().map(Self)
    }
}

fn element(settings: &Settings, part: &Part, nonce: &str) -> Result<Element, Why> {
    match part.header.encoding {
        Encoding::Utf8 => {
            let text = std::str::from_utf8(&part.bytes).map_err(|error| Why::new("unsendable_part", format!("a text part: {error}")))?;
            Ok(Element::Text(fence_text(text, nonce)))
        }
        Encoding::Jpeg => {
            let before = r#"{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,"#;
            Ok(media(part, before, format!(r#"","detail":"{}"}}}}"#, settings.detail.as_str())))
        }
        Encoding::Wav | Encoding::Flac => {
            let before = r#"{"type":"input_audio","input_audio":{"data":""#;
            Ok(media(part, before, format!(r#"","format":"{}"}}}}"#, part.header.encoding.extension())))
        }
        Encoding::Rgb8 | Encoding::Gray8 => Err(Why::new("unsendable_part", format!("a chat carries no {:?} parts", part.header.encoding))),
    }
}

fn media(part: &Part, before: &'static str, after: String) -> Element {
    Element::Media { before, after, mark: format!("blake3:{}", part.blake3), base64: STANDARD.encode(&part.bytes).into() }
}

/// Builds the `turn`-th request of a task.
pub(super) fn request(
    settings: &Settings,
    model: &str,
    work: &Work,
    encoded: &Encoded,
    dialect: Dialect,
    correction: Option<&Correction>,
    turn: usize,
) -> Result<Request, Why> {
    let envelope = envelope(settings, model, work, dialect, correction).map_err(|error| Why::new("unsendable_part", error.to_string()))?;
    let (head, tail) = envelope.split_once(SLOT).ok_or_else(|| Why::new("unsendable_part", "the envelope has no slot"))?;
    let mut splice = Splice::default();
    splice.text(head);
    splice.text(r#""content":["#);
    content(&mut splice, work, encoded);
    splice.text("]");
    splice.text(tail);
    let (recorded, body) = splice.finish();
    let digest = Digest::of(recorded.as_bytes());
    Ok(Request { task: work.task.clone(), nonce: work.nonce.clone(), turn, body, recorded, digest, payload: Arc::clone(&work.payload) })
}

fn content(splice: &mut Splice, work: &Work, encoded: &Encoded) {
    text(splice, &work.prompt.before);
    for (label, element) in work.prompt.labels.iter().zip(&encoded.0) {
        splice.text(",");
        text(splice, label);
        splice.text(",");
        match element {
            Element::Text(outside) => text(splice, outside),
            Element::Media { before, after, mark, base64 } => {
                splice.text(before);
                splice.media(mark, base64.clone());
                splice.text(after);
            }
        }
    }
    splice.text(",");
    text(splice, &work.prompt.after);
}

fn text(splice: &mut Splice, text: &str) {
    splice.text(&json!({"type": "text", "text": text}).to_string());
}

fn envelope(
    settings: &Settings,
    model: &str,
    work: &Work,
    dialect: Dialect,
    correction: Option<&Correction>,
) -> Result<String, serde_json::Error> {
    let complaint = correction.map(complaint);
    let mut messages =
        vec![Message { role: "system", content: Content::Text(&work.prompt.system) }, Message { role: "user", content: Content::Slot([]) }];
    if let Some((quote, complaint)) = &complaint {
        // Many chat templates want roles to alternate: the faulty reply stands between.
        messages.push(Message { role: "assistant", content: Content::Text(quote) });
        messages.push(Message { role: "user", content: Content::Text(complaint) });
    }
    let (max_tokens, max_completion_tokens) = match dialect.limit {
        TokenLimit::MaxTokens => (Some(settings.max_tokens), None),
        TokenLimit::MaxCompletionTokens => (None, Some(settings.max_tokens)),
    };
    serde_json::to_string(&Chat {
        model,
        messages,
        response_format: response_format(work, dialect.format),
        seed: settings.sent_seed().filter(|_| dialect.seed),
        temperature: Some(settings.temperature).filter(|_| dialect.temperature),
        max_tokens,
        max_completion_tokens,
        store: keeps_replies(settings).then_some(false),
    })
}

fn complaint(correction: &Correction) -> (String, String) {
    let quote: String = correction.reply.chars().take(QUOTED).collect();
    let quote = if quote.trim().is_empty() { "(empty)".to_owned() } else { quote };
    let fault = &correction.fault;
    let ask =
        format!("That reply was not accepted: {fault}. Answer again with exactly one JSON object of the required shape and nothing else.");
    (quote, ask)
}

fn response_format(work: &Work, format: ReplyFormat) -> Option<Value> {
    match format {
        ReplyFormat::Schema => {
            let schema = json!({"name": "verdict", "strict": true, "schema": work.shape.schema()});
            Some(json!({"type": "json_schema", "json_schema": schema}))
        }
        ReplyFormat::Object => Some(json!({"type": "json_object"})),
        ReplyFormat::None => None,
    }
}

/// OpenAI's own hosts keep what they are sent unless told not to; other servers may refuse the field.
fn keeps_replies(settings: &Settings) -> bool {
    let base: Option<reqwest::Url> = settings.base_url.as_deref().and_then(|base| base.parse().ok());
    base.and_then(|url| url.host_str().map(|host| host == "api.openai.com" || host.ends_with(".api.openai.com"))).unwrap_or(false)
}
