//! OpenAI Responses.

use serde::Deserialize;
use serde_json::{Value, json};

use super::seam::{Block, Draft, Said, Wire, count, envelope, filtered, final_message, foreign, refused, said_by_user, set};
use crate::judge::body::{Body, Places};
use crate::judge::dialect::ReplyFormat;
use crate::judge::server_error::{ServerError, short};
use crate::judge::terms::Takes;
use crate::judge::verdict::{self, Flaw};
use crate::judge::{Usage, Verdict, Why, Work};

/// Responses.
#[derive(Debug)]
pub(in crate::judge) struct Responses;

#[derive(Deserialize)]
struct Response {
    output: Vec<Item>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: String,
}

/// Only messages are read; reasoning and whatever else a server adds are not the answer.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    Message {
        content: Vec<Content>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content {
    OutputText {
        text: String,
    },
    Refusal {
        refusal: String,
    },
    #[serde(other)]
    Other,
}

impl Wire for Responses {
    fn carries(&self) -> Takes {
        Takes { pictures: true, sound: false }
    }

    fn body(&self, draft: &Draft<'_>) -> Result<Body, Why> {
        let Draft { settings, model, work, dialect, .. } = draft;
        let mut places = Places::default();
        let detail = settings.detail.as_str();
        let content = draft.blocks(|block| match block {
            Block::Text(text) => json!({"type": "input_text", "text": text}),
            Block::Picture(part) | Block::Sound(part) => {
                json!({"type": "input_image", "image_url": places.media("data:image/jpeg;base64,", part), "detail": detail})
            }
        })?;
        let mut input = vec![said_by_user("content", content)];
        if let Some((quote, complaint)) = draft.complaint() {
            input.extend([json!({"role": "assistant", "content": quote}), json!({"role": "user", "content": complaint})]);
        }
        let mut body = json!({"model": model, "instructions": work.prompt.system});
        set(&mut body, "input", Some(input));
        let format = match dialect.format {
            ReplyFormat::Schema => Some(json!({"type": "json_schema", "name": "verdict", "strict": true, "schema": work.shape.schema()})),
            ReplyFormat::Object => Some(json!({"type": "json_object"})),
            ReplyFormat::Tool | ReplyFormat::Prompt => None,
        };
        set(&mut body, "text", format.map(|format| json!({"format": format})));
        set(&mut body, "temperature", draft.temperature());
        set(&mut body, "max_output_tokens", Some(draft.max_tokens()));
        // Kept by the server unless told not to.
        set(&mut body, "store", dialect.sends_store().then_some(false));
        Ok(draft.finish(body, places))
    }

    fn format_words(&self) -> &'static [&'static str] {
        &["text.format", "json_schema", "structured output"]
    }

    fn verdict(&self, body: &str, work: &Work) -> Result<Verdict, Flaw> {
        verdict::check(said(body)?, work)
    }

    fn usage(&self, body: &Value) -> Option<Usage> {
        Some(Usage {
            input: count(body, &["usage", "input_tokens"])?,
            output: count(body, &["usage", "output_tokens"])?,
            image: count(body, &["usage", "input_tokens_details", "image_tokens"]),
            audio: count(body, &["usage", "input_tokens_details", "audio_tokens"]),
            cached: count(body, &["usage", "input_tokens_details", "cached_tokens"]),
            written: count(body, &["usage", "input_tokens_details", "cache_write_tokens"]),
            reasoning: count(body, &["usage", "output_tokens_details", "reasoning_tokens"]),
        })
    }
}

fn said(body: &str) -> Result<Said, Flaw> {
    let response: Response = envelope(body, "response")?;
    // A reply that is still being made, or failed, has no final message; servers that name no state give whole replies.
    if let Some(state) = response.status.as_deref().filter(|state| !matches!(*state, "completed" | "incomplete")) {
        // A filter that looks at what is being written has no other place for its code.
        if response.error.is_some_and(|error| ServerError::read(&error.to_string()).is_filter()) {
            return Err(filtered());
        }
        return Err(foreign(format!("a response that is {}", short(state))));
    }
    let reason = response.incomplete_details.map(|details| details.reason);
    if reason.as_deref() == Some("content_filter") {
        return Err(filtered());
    }
    let contents = response.output.into_iter().flat_map(|item| match item {
        Item::Message { content } => content,
        Item::Other => Vec::new(),
    });
    let mut texts = Vec::new();
    for content in contents {
        match content {
            Content::OutputText { text } => texts.push(text),
            Content::Refusal { refusal } => return Err(refused(&refusal)),
            Content::Other => {}
        }
    }
    if texts.len() > 1 {
        return Err(foreign(format!("{} texts instead of one", texts.len())));
    }
    let cut_off = reason.is_some() || response.status.as_deref() == Some("incomplete");
    let content = final_message(texts.pop().unwrap_or_default(), cut_off)?;
    Ok(Said { content, odds: None })
}
