//! OpenAI chat completions, as OpenAI, Azure, vLLM, SGLang, llama.cpp and most other servers speak them.

use serde::Deserialize;
use serde_json::{Value, json};
use tribunal_media::{Detail, Encoding};

use super::odds::{TokenOdds, safety_odds};
use super::seam::{Block, Draft, Said, Wire, count, envelope, filtered, final_message, foreign, refused, said_by_user, set};
use crate::judge::body::{Body, Places};
use crate::judge::dialect::{ReplyFormat, TokenLimit};
use crate::judge::server_error::short;
use crate::judge::terms::Takes;
use crate::judge::verdict::{self, Flaw};
use crate::judge::{ProviderKind, Settings, Usage, Verdict, Why, Work};
use crate::prepare::Part;

/// Ends of a reply after which its text is the final message, in any case: OpenAI's, and those of servers that pass their engine's own on.
const FINAL: [&str; 6] = ["stop", "eos", "eos_token", "stop_sequence", "end_turn", "complete"];
/// Ends by a filter: OpenAI, Gemini behind a gateway, Zhipu.
const FILTERED: [&str; 3] = ["content_filter", "safety", "sensitive"];
/// Ends at the most tokens.
const CUT_OFF: [&str; 2] = ["length", "max_tokens"];
/// Alternatives asked for beside each token: the five levels.
const ALTERNATIVES: u32 = 5;

/// Chat completions.
#[derive(Debug)]
pub(in crate::judge) struct Chat;

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
    /// Read leniently: odds are beside the verdict, never in its way.
    #[serde(default)]
    logprobs: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    refusal: Option<String>,
}

/// Mistral's reasoning models say it in blocks, of which those of type `text` are the message.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Whole(String),
    Blocks(Vec<Piece>),
}

#[derive(Deserialize)]
struct Piece {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

impl Content {
    fn text(self) -> String {
        match self {
            Self::Whole(text) => text,
            Self::Blocks(blocks) => blocks.into_iter().filter(|block| block.kind == "text").filter_map(|block| block.text).collect(),
        }
    }
}

#[derive(Deserialize)]
struct Logprobs {
    #[serde(default)]
    content: Option<Vec<TokenOdds>>,
}

impl Wire for Chat {
    fn carries(&self) -> Takes {
        Takes { pictures: true, sound: true }
    }

    fn body(&self, draft: &Draft<'_>) -> Result<Body, Why> {
        let Draft { settings, model, work, dialect, .. } = draft;
        let mut places = Places::default();
        let mut content = if settings.frames_as_video && is_clip(work) { clip(draft, &mut places) } else { blocks(draft, &mut places)? };
        let mut messages = Vec::new();
        if dialect.sends_system() {
            messages.push(json!({"role": "system", "content": work.prompt.system}));
        } else {
            content.insert(0, json!({"type": "text", "text": work.prompt.system}));
        }
        messages.push(said_by_user("content", content));
        if let Some((quote, complaint)) = draft.complaint() {
            // Many chat templates want roles to alternate: the faulty reply stands between.
            messages.extend([json!({"role": "assistant", "content": quote}), json!({"role": "user", "content": complaint})]);
        }
        let mut body = json!({"model": model});
        set(&mut body, "messages", Some(messages));
        set(&mut body, "response_format", response_format(work, dialect.format));
        set(&mut body, "seed", draft.seed());
        set(&mut body, "temperature", draft.temperature());
        let limit = match dialect.limit {
            TokenLimit::MaxTokens => "max_tokens",
            TokenLimit::MaxCompletionTokens => "max_completion_tokens",
        };
        set(&mut body, limit, Some(draft.max_tokens()));
        if settings.logprobs && dialect.sends_logprobs() {
            set(&mut body, "logprobs", Some(true));
            set(&mut body, "top_logprobs", Some(ALTERNATIVES));
        }
        set(&mut body, "store", (keeps_replies(settings) && dialect.sends_store()).then_some(false));
        Ok(draft.finish(body, places))
    }

    fn format_words(&self) -> &'static [&'static str] {
        &["response_format", "response format", "json_schema", "json schema in format", "structured output", "grammar"]
    }

    fn verdict(&self, body: &str, work: &Work) -> Result<Verdict, Flaw> {
        verdict::check(said(body)?, work)
    }

    fn usage(&self, body: &Value) -> Option<Usage> {
        Some(Usage {
            input: count(body, &["usage", "prompt_tokens"])?,
            output: output(body)?,
            image: count(body, &["usage", "prompt_tokens_details", "image_tokens"]),
            audio: count(body, &["usage", "prompt_tokens_details", "audio_tokens"]),
            cached: count(body, &["usage", "prompt_tokens_details", "cached_tokens"]),
            written: count(body, &["usage", "prompt_tokens_details", "cache_write_tokens"]),
            reasoning: count(body, &["usage", "completion_tokens_details", "reasoning_tokens"]),
        })
    }
}

/// Tokens that were generated. Some servers leave their thoughts out of `completion_tokens` and bill them all the same: what the total says beyond the prompt
/// counts, and thoughts that are more than the completion are beside it.
fn output(body: &Value) -> Option<u64> {
    let [prompt, completion] = ["prompt_tokens", "completion_tokens"].map(|name| count(body, &["usage", name]));
    let (prompt, completion) = (prompt?, completion?);
    let total = count(body, &["usage", "total_tokens"]).unwrap_or(0);
    let beside = count(body, &["usage", "completion_tokens_details", "reasoning_tokens"]).filter(|thoughts| *thoughts > completion);
    Some(total.saturating_sub(prompt).max(completion.saturating_add(beside.unwrap_or(0))))
}

fn said(body: &str) -> Result<Said, Flaw> {
    let completion: Completion = envelope(body, "chat completion")?;
    if let Some(error) = completion.error.filter(|error| !error.is_null()) {
        return Err(foreign(format!("an error beside the choices: {error}")));
    }
    let choices = completion.choices.len();
    let [choice] = <[Choice; 1]>::try_from(completion.choices).map_err(|_| foreign(format!("{choices} choices instead of one")))?;
    let Choice { message: Message { content, refusal }, finish_reason, logprobs } = choice;
    if let Some(refusal) = refusal.filter(|refusal| !refusal.trim().is_empty()) {
        return Err(refused(&refusal));
    }
    let reason = finish_reason.unwrap_or_else(|| FINAL[0].to_owned()).to_ascii_lowercase();
    let is = |ends: &[&str]| ends.contains(&reason.as_str());
    if is(&FILTERED) {
        return Err(filtered());
    }
    let cut_off = is(&CUT_OFF);
    if !cut_off && !is(&FINAL) {
        return Err(foreign(format!("a reply that ended with {}", short(&reason))));
    }
    let content = final_message(content.map(Content::text).unwrap_or_default(), cut_off)?;
    let logprobs: Option<Logprobs> = logprobs.and_then(|logprobs| serde_json::from_value(logprobs).ok());
    let odds = logprobs.and_then(|logprobs| safety_odds(&logprobs.content?));
    Ok(Said { content, odds })
}

fn blocks(draft: &Draft<'_>, places: &mut Places) -> Result<Vec<Value>, Why> {
    draft.blocks(|block| match block {
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Picture(part) => picture(draft, places, part),
        Block::Sound(part) => {
            json!({"type": "input_audio", "input_audio": {"data": places.media("", part), "format": part.header.encoding.extension()}})
        }
    })
}

/// Whether the evidence is nothing but frames with times: what vLLM takes as one video of ready frames.
fn is_clip(work: &Work) -> bool {
    let timed = |part: &Part| matches!(&part.header.detail, Detail::Frame(frame) if frame.t.is_some());
    let parts = work.evidence();
    parts.len() > 1 && parts.iter().all(|part| part.header.encoding == Encoding::Jpeg && timed(part))
}

/// The frames as one video of comma-joined JPEGs, which keeps our choice of frames under a model's video prompt. A canary is a picture beside it.
fn clip(draft: &Draft<'_>, places: &mut Places) -> Vec<Value> {
    let (prompt, frames) = (&draft.work.prompt, draft.work.evidence());
    let (labels, rest) = prompt.labels.split_at(frames.len().min(prompt.labels.len()));
    let url = places.joined("data:video/jpeg;base64,", frames);
    let mut content = vec![
        json!({"type": "text", "text": prompt.before}),
        json!({"type": "text", "text": labels.join("\n")}),
        json!({"type": "video_url", "video_url": {"url": url}}),
    ];
    for (label, part) in rest.iter().zip(&draft.work.payload.parts[frames.len()..]) {
        content.push(json!({"type": "text", "text": label}));
        content.push(picture(draft, places, part));
    }
    content.push(json!({"type": "text", "text": prompt.after}));
    content
}

fn picture(draft: &Draft<'_>, places: &mut Places, part: &Part) -> Value {
    let url = places.media("data:image/jpeg;base64,", part);
    let mut image = json!({"url": url});
    set(&mut image, "detail", draft.dialect.sends_detail().then(|| draft.settings.detail.as_str()));
    json!({"type": "image_url", "image_url": image})
}

fn response_format(work: &Work, format: ReplyFormat) -> Option<Value> {
    match format {
        ReplyFormat::Schema => {
            let schema = json!({"name": "verdict", "strict": true, "schema": work.shape.schema()});
            Some(json!({"type": "json_schema", "json_schema": schema}))
        }
        ReplyFormat::Object => Some(json!({"type": "json_object"})),
        ReplyFormat::Tool | ReplyFormat::Prompt => None,
    }
}

/// OpenAI's own hosts keep what they are sent unless told not to; other servers may refuse the field.
fn keeps_replies(settings: &Settings) -> bool {
    let base = settings.base_url.as_deref().or(settings.provider.usual_base());
    let base: Option<reqwest::Url> = base.filter(|_| settings.provider == ProviderKind::OpenAi).and_then(|base| base.parse().ok());
    base.and_then(|url| url.host_str().map(|host| host == "api.openai.com" || host.ends_with(".api.openai.com"))).unwrap_or(false)
}
