//! Reads a verdict from the final message of a reply, and from nowhere else.

use tribunal_media::Detail;

use super::wire::Said;
use super::{Odds, Scale, Verdict, Why, Work, json, receipt};
use crate::prepare::Part;
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

/// Reads the verdict on `work` from a final message, and from nothing else.
pub(super) fn check(said: Said, work: &Work) -> Result<Verdict, Flaw> {
    let span = span(work.evidence());
    let (verdict, code) = parse(&said, &work.shape, &work.nonce, span).map_err(|why| Flaw::Faulty(why, said.content))?;
    match &work.receipt {
        // Told that the code is wrong, a judge that saw nothing would guess again.
        Some(planted) if code.as_deref().map(str::trim) != Some(planted.as_str()) => Err(Flaw::Foreign(receipt::unread())),
        _ => Ok(verdict),
    }
}

fn parse(said: &Said, shape: &Shape, nonce: &str, span: Option<(f64, f64)>) -> Result<(Verdict, Option<String>), Why> {
    let value =
        json::parse(unfenced(&said.content)).map_err(|error| Why::new("unparseable", format!("not exactly one JSON object: {error}")))?;
    let reply = shape.check(&value).map_err(|fault| Why::new(fault.code(), fault.to_string()))?;
    if reply.nonce != nonce {
        return Err(Why::new("nonce_mismatch", "the nonce is not the one that was asked for"));
    }
    if let Some(second) = reply.evidence.iter().find(|&&second| !within(second, span)) {
        return Err(Why::new("evidence_outside", format!("evidence at {second} s lies outside what was sent")));
    }
    let verdict = Verdict {
        dimensions: reply.dimensions,
        rationale: reply.rationale,
        evidence: reply.evidence,
        odds: said.odds.map(Odds::new),
        ..Verdict::new(reply.safety, Scale::Rubric5)
    };
    Ok((verdict, reply.receipt))
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
fn span(parts: &[Part]) -> Option<(f64, f64)> {
    let times = parts.iter().filter_map(|part| match &part.header.detail {
        Detail::Frame(frame) => frame.t.map(|t| (t, t)),
        Detail::Sheet(sheet) => Some((sheet.frames.first()?.t?, sheet.frames.last()?.t?)),
        Detail::Sound { start, end } => Some((*start, *end)),
        Detail::Text { .. } => None,
    });
    times.reduce(|(from, to), (start, end)| (from.min(start), to.max(end)))
}
