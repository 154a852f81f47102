//! Reads a verdict from the final message of a chat, and from nowhere else.

use serde::Deserialize;
use serde_json::Value;
use tribunal_media::Detail;

use super::{Scale, Usage, Verdict, Why, Work, json};
use crate::prepare::Payload;
use crate::rubric::Shape;

/// Seconds that evidence may lie outside what was sent: judges round.
const SLACK: f64 = 0.5;

/// What is wrong with a paid reply.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Flaw {
    /// The judge, or a filter on it, would not answer: final.
    Refused(Why),
    /// The server does not speak the protocol: asking again is no use.
    Foreign(Why),
    /// The judge may do better when told; with what it said.
    Faulty(Why, String),
}

#[derive(Deserialize)]
struct Envelope {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

/// Reads the verdict on `work` from the body of a 2xx reply.
pub(super) fn read(body: &str, work: &Work) -> Result<Verdict, Flaw> {
    let content = final_message(body)?;
    verdict(&content, &work.shape, &work.nonce, span(&work.payload)).map_err(|why| Flaw::Faulty(why, content))
}

/// Tokens that the server says it counted, if it does.
pub(super) fn usage(body: &str) -> Option<Usage> {
    let reply: Value = serde_json::from_str(body).ok()?;
    let count = |name: &str| reply.get("usage")?.get(name)?.as_u64();
    Some(Usage { input: count("prompt_tokens")?, output: count("completion_tokens")? })
}

fn final_message(body: &str) -> Result<String, Flaw> {
    let foreign = |message: String| Flaw::Foreign(Why::new("bad_envelope", message));
    let envelope: Envelope = serde_json::from_str(body).map_err(|error| foreign(format!("no chat completion: {error}")))?;
    let choices = envelope.choices.len();
    let [choice] = <[Choice; 1]>::try_from(envelope.choices).map_err(|_| foreign(format!("{choices} choices instead of one")))?;
    let Choice { message: Message { content, refusal }, finish_reason } = choice;
    if let Some(refusal) = refusal.filter(|refusal| !refusal.trim().is_empty()) {
        return Err(Flaw::Refused(Why::new("refusal", super::server_error::short(&refusal))));
    }
    let content = content.unwrap_or_default();
    match finish_reason.as_deref() {
        Some("content_filter") => Err(Flaw::Refused(Why::new("content_filter", "a content filter stopped the judge"))),
        Some("length") => Err(Flaw::Faulty(Why::new("truncated", "the reply was cut off at the token limit; be brief"), content)),
        _ if content.trim().is_empty() => Err(Flaw::Faulty(Why::new("empty_reply", "the reply was empty"), content)),
        _ => Ok(content),
    }
}

fn verdict(content: &str, shape: &Shape, nonce: &str, span: Option<(f64, f64)>) -> Result<Verdict, Why> {
    let value = json::parse(unfenced(content)).map_err(|error| Why::new("unparseable", format!("not exactly one JSON object: {error}")))?;
    let reply = shape.check(&value).map_err(|fault| Why::new(fault.code(), fault.to_string()))?;
    if reply.nonce != nonce {
        return Err(Why::new("nonce_mismatch", "the nonce is not the one that was asked for"));
    }
    if let Some(second) = reply.evidence.iter().find(|&&second| !within(second, span)) {
        return Err(Why::new("evidence_outside", format!("evidence at {second} s lies outside what was sent")));
    }
    Ok(Verdict {
        safety: reply.safety,
        scale: Scale::Rubric5,
        dimensions: reply.dimensions,
        rationale: reply.rationale,
        evidence: reply.evidence,
        triage: None,
    })
}

/// The inside of one code fence that is the whole message; many local servers add it. Anything else stays as it is.
fn unfenced(content: &str) -> &str {
    let content = content.trim();
    let inside = content.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inside = inside.map(|inside| inside.strip_prefix("json").unwrap_or(inside));
    inside.filter(|inside| inside.starts_with(['\n', '\r'])).map_or(content, str::trim)
}

fn within(second: f64, span: Option<(f64, f64)>) -> bool {
    span.is_some_and(|(from, to)| second >= from - SLACK && second <= to + SLACK)
}

/// First and last second that was sent; `None` when nothing has a time.
fn span(payload: &Payload) -> Option<(f64, f64)> {
    let times = payload.parts.iter().filter_map(|part| match &part.header.detail {
        Detail::Frame(frame) => frame.t.map(|t| (t, t)),
        Detail::Sheet(sheet) => Some((sheet.frames.first()?.t?, sheet.frames.last()?.t?)),
        Detail::Sound { start, end } => Some((*start, *end)),
        Detail::Text { .. } => None,
    });
    times.reduce(|(from, to), (start, end)| (from.min(start), to.max(end)))
}
