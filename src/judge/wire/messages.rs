//! Anthropic Messages.

use serde::Deserialize;
use serde_json::{Value, json};

use super::seam::{Block, Draft, Said, Wire, count, envelope, final_message, foreign, refused, said_by_user, set};
use crate::judge::body::{Body, Places};
use crate::judge::dialect::ReplyFormat;
use crate::judge::server_error::short;
use crate::judge::terms::Takes;
use crate::judge::verdict::{self, Flaw};
use crate::judge::{Usage, Verdict, Why, Work};

/// The tool that a judge is made to call where the server knows no schema for texts.
const TOOL: &str = "verdict";

/// Ends of a reply after which it is final.
const FINAL: [&str; 3] = ["end_turn", "stop_sequence", "tool_use"];

/// Messages.
#[derive(Debug)]
pub(in crate::judge) struct Messages;

#[derive(Deserialize)]
struct Message {
    content: Vec<Content>,
    #[serde(default)]
    stop_reason: Option<String>,
}

/// One block of a reply. Kept raw where it is the answer, so that a key that stands twice is still seen.
#[derive(Deserialize)]
struct Content {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    input: Option<Box<serde_json::value::RawValue>>,
}

impl Wire for Messages {
    fn carries(&self) -> Takes {
        Takes { pictures: true, sound: false }
    }

    fn body(&self, draft: &Draft<'_>) -> Result<Body, Why> {
        let Draft { model, work, dialect, .. } = draft;
        let mut places = Places::default();
        let content = draft.blocks(|block| match block {
            Block::Text(text) => json!({"type": "text", "text": text}),
            Block::Picture(part) | Block::Sound(part) => json!({
                "type": "image",
                "source": {"type": "base64", "media_type": part.header.encoding.mime(), "data": places.media("", part)},
            }),
        })?;
        let mut messages = vec![said_by_user("content", content)];
        if let Some((quote, complaint)) = draft.complaint() {
            messages.extend([json!({"role": "assistant", "content": quote}), json!({"role": "user", "content": complaint})]);
        }
        let mut body = json!({"model": model, "max_tokens": draft.max_tokens(), "system": work.prompt.system});
        set(&mut body, "messages", Some(messages));
        // The newest API knows no temperature, and its own client refuses one: 0 is not sent, which leaves older models at their default of 1. What else
        // is asked for and refused is learnt.
        set(&mut body, "temperature", draft.temperature().filter(|&temperature| temperature > 0.0));
        match dialect.format {
            ReplyFormat::Schema => {
                set(&mut body, "output_config", Some(json!({"format": {"type": "json_schema", "schema": work.shape.schema()}})));
            }
            ReplyFormat::Tool => {
                let tool = json!({"name": TOOL, "description": "Gives the verdict.", "input_schema": work.shape.schema()});
                set(&mut body, "tools", Some(json!([tool])));
                set(&mut body, "tool_choice", Some(json!({"type": "tool", "name": TOOL})));
            }
            ReplyFormat::Object | ReplyFormat::Prompt => {}
        }
        Ok(draft.finish(body, places))
    }

    fn ladder(&self) -> &'static [ReplyFormat] {
        &[ReplyFormat::Schema, ReplyFormat::Tool, ReplyFormat::Prompt]
    }

    fn format_words(&self) -> &'static [&'static str] {
        &["output_config", "output_format", "output format", "tool_choice", "tools", "structured output"]
    }

    fn verdict(&self, body: &str, work: &Work) -> Result<Verdict, Flaw> {
        verdict::check(said(body)?, work)
    }

    /// What was written to and read from the cache is input too.
    fn usage(&self, body: &Value) -> Option<Usage> {
        let cached = count(body, &["usage", "cache_read_input_tokens"]);
        let written = count(body, &["usage", "cache_creation_input_tokens"]);
        Some(Usage {
            input: count(body, &["usage", "input_tokens"])? + written.unwrap_or(0) + cached.unwrap_or(0),
            output: count(body, &["usage", "output_tokens"])?,
            cached,
            written,
            ..Usage::default()
        })
    }
}

fn said(body: &str) -> Result<Said, Flaw> {
    let message: Message = envelope(body, "message")?;
    let mut answers = Vec::new();
    for Content { kind, text, name, input } in message.content {
        match kind.as_str() {
            "text" if !text.trim().is_empty() => answers.push(text),
            "tool_use" if name != TOOL => return Err(foreign(format!("a call of the tool `{name}`, which was not offered"))),
            "tool_use" => answers.extend(input.map(|input| input.get().to_owned())),
            // Thinking and whatever else a server adds are not the answer.
            _ => {}
        }
    }
    if message.stop_reason.as_deref() == Some("refusal") {
        return Err(refused(answers.first().map_or("the judge refused", String::as_str)));
    }
    let cut_off = matches!(message.stop_reason.as_deref(), Some("max_tokens" | "model_context_window_exceeded"));
    if let Some(reason) = message.stop_reason.filter(|reason| !cut_off && !FINAL.contains(&reason.as_str())) {
        return Err(foreign(format!("a reply that ended with {}", short(&reason))));
    }
    // Of a text and a call, or of two texts, neither is the answer.
    let content = final_message(answers.join("\n"), cut_off)?;
    Ok(Said { content, odds: None })
}
