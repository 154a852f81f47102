//! Ollama's own chat.

use serde::Deserialize;
use serde_json::{Value, json};

use super::seam::{Block, Draft, Said, Wire, count, envelope, final_message, foreign, set};
use crate::judge::body::{Body, Places};
use crate::judge::dialect::ReplyFormat;
use crate::judge::terms::Takes;
use crate::judge::verdict::{self, Flaw};
use crate::judge::{Usage, Verdict, Why, Work};

/// `/api/chat`.
#[derive(Debug)]
pub(in crate::judge) struct Ollama;

#[derive(Deserialize)]
struct Chat {
    message: Message,
    #[serde(default)]
    done: Option<bool>,
    #[serde(default)]
    done_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: String,
}

impl Wire for Ollama {
    fn carries(&self) -> Takes {
        Takes { pictures: true, sound: false }
    }

    /// Pictures stand beside the text, in order; their labels say which is which.
    fn body(&self, draft: &Draft<'_>) -> Result<Body, Why> {
        let Draft { settings, model, work, dialect, .. } = draft;
        let (mut places, mut images) = (Places::default(), Vec::new());
        let texts = draft.blocks(|block| match block {
            Block::Text(text) => Value::from(text),
            Block::Picture(part) | Block::Sound(part) => {
                images.push(places.media("", part));
                Value::from(format!("[picture {}]", images.len()))
            }
        })?;
        let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
        let mut user = json!({"role": "user", "content": texts.join("\n")});
        set(&mut user, "images", Some(images).filter(|images| !images.is_empty()));
        let mut messages = vec![json!({"role": "system", "content": work.prompt.system}), user];
        if let Some((quote, complaint)) = draft.complaint() {
            messages.extend([json!({"role": "assistant", "content": quote}), json!({"role": "user", "content": complaint})]);
        }
        // Rather an error than a prompt without its beginning; servers before 0.12 do not know the two fields and pass over them.
        let mut body = json!({"model": model});
        set(&mut body, "messages", Some(messages));
        ["stream", "truncate", "shift"].iter().for_each(|name| set(&mut body, name, Some(false)));
        let format = match dialect.format {
            ReplyFormat::Schema => Some(work.shape.schema()),
            ReplyFormat::Object => Some(json!("json")),
            ReplyFormat::Tool | ReplyFormat::Prompt => None,
        };
        set(&mut body, "format", format);
        let mut options = json!({"num_predict": draft.max_tokens()});
        set(&mut options, "num_ctx", settings.limits.context_tokens.or(settings.provider.usual_context()));
        set(&mut options, "seed", draft.seed());
        set(&mut options, "temperature", draft.temperature());
        set(&mut body, "options", Some(options));
        Ok(draft.finish(body, places))
    }

    fn format_words(&self) -> &'static [&'static str] {
        &["'format'", "\"format\"", "invalid format", "in format", "json schema", "grammar"]
    }

    fn verdict(&self, body: &str, work: &Work) -> Result<Verdict, Flaw> {
        verdict::check(said(body)?, work)
    }

    fn usage(&self, body: &Value) -> Option<Usage> {
        let (input, output) = (count(body, &["prompt_eval_count"])?, count(body, &["eval_count"])?);
        Some(Usage { input, output, ..Usage::default() })
    }
}

fn said(body: &str) -> Result<Said, Flaw> {
    let chat: Chat = envelope(body, "chat reply")?;
    if chat.done == Some(false) {
        return Err(foreign("a reply that is not done"));
    }
    let content = final_message(chat.message.content, chat.done_reason.as_deref() == Some("length"))?;
    Ok(Said { content, odds: None })
}
