//! Gemini generateContent.

use serde::Deserialize;
use serde_json::{Value, json};

use super::seam::{Block, Draft, Said, Wire, count, envelope, filtered, final_message, foreign, said_by_user, set};
use crate::judge::body::{Body, Places};
use crate::judge::dialect::ReplyFormat;
use crate::judge::terms::Takes;
use crate::judge::verdict::{self, Flaw};
use crate::judge::{Served, Usage, Verdict, Why, Work};

/// Reasons to stop that mean a filter, not the judge, ended the reply.
const FILTERS: [&str; 5] = ["SAFETY", "PROHIBITED_CONTENT", "RECITATION", "BLOCKLIST", "SPII"];

/// generateContent.
#[derive(Debug)]
pub(in crate::judge) struct Gemini;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    #[serde(default)]
    candidates: Vec<Candidate>,
    #[serde(default)]
    prompt_feedback: Option<Feedback>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    #[serde(default)]
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    content: Parts,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize, Default)]
struct Parts {
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<String>,
    /// Whether it is a thought, which is not the answer.
    #[serde(default)]
    thought: bool,
}

impl Wire for Gemini {
    fn carries(&self) -> Takes {
        Takes { pictures: true, sound: true }
    }

    fn body(&self, draft: &Draft<'_>) -> Result<Body, Why> {
        let Draft { work, dialect, .. } = draft;
        let mut places = Places::default();
        let mut parts = draft.blocks(|block| match block {
            Block::Text(text) => json!({"text": text}),
            Block::Picture(part) | Block::Sound(part) => {
                json!({"inlineData": {"mimeType": part.header.encoding.mime(), "data": places.media("", part)}})
            }
        })?;
        let turn = |role: &str, text: String| json!({"role": role, "parts": [{"text": text}]});
        let system = json!({"text": work.prompt.system});
        let apart = dialect.sends_system();
        if !apart {
            parts.insert(0, system.clone());
        }
        let mut contents = vec![said_by_user("parts", parts)];
        if let Some((quote, complaint)) = draft.complaint() {
            contents.extend([turn("model", quote), turn("user", complaint)]);
        }
        let mut generation = json!({});
        match dialect.format {
            ReplyFormat::Schema => {
                set(&mut generation, "responseMimeType", Some("application/json"));
                set(&mut generation, "responseJsonSchema", Some(work.shape.schema()));
            }
            ReplyFormat::Object => set(&mut generation, "responseMimeType", Some("application/json")),
            ReplyFormat::Tool | ReplyFormat::Prompt => {}
        }
        set(&mut generation, "seed", draft.seed());
        set(&mut generation, "temperature", draft.temperature());
        set(&mut generation, "maxOutputTokens", Some(draft.max_tokens()));
        let mut body = json!({});
        set(&mut body, "systemInstruction", apart.then(|| json!({"parts": [system]})));
        set(&mut body, "contents", Some(contents));
        set(&mut body, "generationConfig", Some(generation));
        Ok(draft.finish(body, places))
    }

    fn format_words(&self) -> &'static [&'static str] {
        &["responseJsonSchema", "response_json_schema", "responseMimeType", "response_mime_type", "JSON mode"]
    }

    fn verdict(&self, body: &str, work: &Work) -> Result<Verdict, Flaw> {
        verdict::check(said(body)?, work)
    }

    /// The only format that splits its input by modality. Thoughts are billed as output.
    fn usage(&self, body: &Value) -> Option<Usage> {
        let usage = body.get("usageMetadata")?;
        let reasoning = count(usage, &["thoughtsTokenCount"]);
        let details = usage.get("promptTokensDetails").and_then(Value::as_array);
        let of = |modality: &str| {
            let is = |detail: &&Value| detail.get("modality").and_then(Value::as_str) == Some(modality);
            // A split that leaves a modality out counted nothing of it.
            details.map(|details| details.iter().filter(is).filter_map(|detail| count(detail, &["tokenCount"])).sum())
        };
        Some(Usage {
            input: count(usage, &["promptTokenCount"])?,
            output: count(usage, &["candidatesTokenCount"]).unwrap_or(0) + reasoning.unwrap_or(0),
            image: of("IMAGE"),
            audio: of("AUDIO"),
            cached: count(usage, &["cachedContentTokenCount"]),
            written: None,
            reasoning,
        })
    }

    fn served(&self, body: &Value) -> Served {
        Served { model: body.get("modelVersion").and_then(Value::as_str).map(str::to_owned), fingerprint: None, format: None }
    }
}

fn said(body: &str) -> Result<Said, Flaw> {
    let generated: Generated = envelope(body, "generated content")?;
    if generated.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some()) {
        return Err(filtered());
    }
    let candidates = generated.candidates.len();
    let [candidate] =
        <[Candidate; 1]>::try_from(generated.candidates).map_err(|_| foreign(format!("{candidates} candidates instead of one")))?;
    let reason = candidate.finish_reason.as_deref();
    // Pictures have reasons of their own, named after those of texts.
    if reason.is_some_and(|reason| FILTERS.contains(&reason.trim_start_matches("IMAGE_"))) {
        return Err(filtered());
    }
    if let Some(reason) = reason.filter(|reason| !matches!(*reason, "STOP" | "MAX_TOKENS" | "FINISH_REASON_UNSPECIFIED")) {
        return Err(foreign(format!("a candidate that ended with {reason}")));
    }
    let cut_off = reason == Some("MAX_TOKENS");
    let content: String = candidate.content.parts.into_iter().filter(|part| !part.thought).filter_map(|part| part.text).collect();
    Ok(Said { content: final_message(content, cut_off)?, odds: None })
}
