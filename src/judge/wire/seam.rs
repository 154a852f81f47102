//! The seam between the judge's rules and a wire format, and what formats have in common.

use serde_json::{Map, Value, json};
use tribunal_media::{Encoding, Modality};

use crate::judge::body::{Body, Places};
use crate::judge::dialect::{Dialect, ReplyFormat};
use crate::judge::terms::Takes;
use crate::judge::verdict::Flaw;
use crate::judge::{Served, Settings, Usage, Verdict, View, Why, Work};
use crate::prepare::Part;
use crate::rubric::fence_text;

/// As much of a faulty reply as a re-ask quotes, in characters.
const QUOTED: usize = 2000;

/// A wire format. One value of each is enough: none has state.
pub(in crate::judge) trait Wire: Send + Sync + std::fmt::Debug {
    /// The view of media that it carries.
    fn view(&self) -> View {
        View::Parts
    }

    /// What else than text it can carry.
    fn carries(&self) -> Takes;

    /// Why such an instance is not for this judge at all, if so.
    fn abstains(&self, _risk: Option<&str>, _modality: Modality) -> Option<Why> {
        None
    }

    /// The body of one attempt, in one fixed order of fields. The error is a part that it cannot carry.
    fn body(&self, draft: &Draft<'_>) -> Result<Body, Why>;

    /// The ways to ask for the shape of the reply, best first.
    fn ladder(&self) -> &'static [ReplyFormat] {
        &[ReplyFormat::Schema, ReplyFormat::Object, ReplyFormat::Prompt]
    }

    /// Words by which a refusal names the first of those ways.
    fn format_words(&self) -> &'static [&'static str];

    /// Reads the verdict on `work` from the body of a 2xx reply.
    fn verdict(&self, body: &str, work: &Work) -> Result<Verdict, Flaw>;

    /// Tokens that the server says it counted, if it does.
    fn usage(&self, body: &Value) -> Option<Usage>;

    /// What the server says of the model that answered.
    fn served(&self, body: &Value) -> Served {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        Served { model: text("model"), fingerprint: text("system_fingerprint"), format: None }
    }
}

/// Everything that one attempt's body is made of.
#[derive(Debug)]
pub(in crate::judge) struct Draft<'a> {
    pub(in crate::judge) settings: &'a Settings,
    pub(in crate::judge) model: &'a str,
    pub(in crate::judge) work: &'a Work,
    pub(in crate::judge) dialect: Dialect,
    pub(in crate::judge) correction: Option<&'a Correction>,
}

/// What a re-ask adds: the reply that was not accepted, and why.
#[derive(Debug, Clone)]
pub(in crate::judge) struct Correction {
    pub(in crate::judge) reply: String,
    pub(in crate::judge) fault: String,
    /// 1 for the first re-ask of a task: no two re-asks are the same bytes, however alike the replies.
    pub(in crate::judge) number: u32,
}

/// The final message of a reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::judge) struct Said {
    pub(in crate::judge) content: String,
    /// Probabilities of safety 1 to 5, where the server gives them.
    pub(in crate::judge) odds: Option<[f64; 5]>,
}

/// One block of the user's message.
pub(super) enum Block<'p> {
    Text(&'p str),
    Picture(&'p Part),
    Sound(&'p Part),
}

impl Draft<'_> {
    /// Most tokens that the reply may have.
    pub(super) fn max_tokens(&self) -> u32 {
        self.dialect.max_tokens(self.settings.first_max_tokens())
    }

    /// The blocks of the user's message in order: what stands before the evidence, each part after its label, what stands after it.
    pub(super) fn blocks(&self, mut block: impl FnMut(Block<'_>) -> Value) -> Result<Vec<Value>, Why> {
        let (prompt, parts) = (&self.work.prompt, &self.work.payload.parts);
        if prompt.labels.len() != parts.len() {
            return Err(Why::new("unsendable_part", format!("{} labels for {} parts", prompt.labels.len(), parts.len())));
        }
        let mut blocks = vec![block(Block::Text(&prompt.before))];
        for (label, part) in prompt.labels.iter().zip(parts) {
            blocks.push(block(Block::Text(label)));
            blocks.push(match part.header.encoding {
                Encoding::Utf8 => block(Block::Text(&fence_text(text(part)?, &self.work.nonce))),
                Encoding::Jpeg => block(Block::Picture(part)),
                Encoding::Wav | Encoding::Flac => block(Block::Sound(part)),
                Encoding::Rgb8 | Encoding::Gray8 => {
                    return Err(Why::new("unsendable_part", format!("no message carries {:?} parts", part.header.encoding)));
                }
            });
        }
        blocks.push(block(Block::Text(&prompt.after)));
        Ok(blocks)
    }

    /// What the judge said and what it is told, in a re-ask.
    pub(super) fn complaint(&self) -> Option<(String, String)> {
        let Correction { reply, fault, number } = self.correction?;
        let quote: String = reply.chars().take(QUOTED).collect();
        let quote = if quote.trim().is_empty() { "(empty)".to_owned() } else { quote };
        let last = if *number > 1 { " It is the last time that you are asked." } else { "" };
        let ask = format!(
            "That reply was not accepted: {fault}. Answer again with exactly one JSON object of the required shape and nothing else.{last}"
        );
        Some((quote, ask))
    }

    /// The temperature, unless the server does not know it.
    pub(super) fn temperature(&self) -> Option<f64> {
        Some(self.settings.temperature).filter(|_| self.dialect.sends_temperature())
    }

    /// The sampling seed, if any, unless the server does not know it.
    pub(super) fn seed(&self) -> Option<u64> {
        self.settings.sent_seed().filter(|_| self.dialect.sends_seed())
    }

    /// Adds the settings' own fields and fills the places.
    pub(super) fn finish(&self, mut body: Value, places: Places) -> Body {
        if let (Some(fields), Some(extra)) = (body.as_object_mut(), &self.settings.extra_body) {
            merge(fields, extra);
        }
        places.fill(&body)
    }
}

/// Adds `extra` to `fields`, object by object.
fn merge(fields: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (fields.get_mut(name).and_then(Value::as_object_mut), value) {
            (Some(inner), Value::Object(more)) => merge(inner, more),
            _ => _ = fields.insert(name.clone(), value.clone()),
        }
    }
}

/// The text of a text part.
pub(super) fn text(part: &Part) -> Result<&str, Why> {
    std::str::from_utf8(&part.bytes).map_err(|error| Why::new("unsendable_part", format!("a text part: {error}")))
}

/// Puts a field last, unless it has no value. Moves it: `json!` copies what it is given, which for a whole conversation takes as long as all the rest.
pub(super) fn set(body: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Some(fields), Some(value)) = (body.as_object_mut(), value) {
        fields.insert(name.to_owned(), value.into());
    }
}

/// More tokens than any request has. A count above it is no count.
const MOST_TOKENS: u64 = 1 << 40;

/// The user's message, first of the conversation or after the system's.
pub(super) fn said_by_user(name: &str, content: Vec<Value>) -> Value {
    let mut message = json!({"role": "user"});
    set(&mut message, name, Some(content));
    message
}

/// A count at a path of fields, be it written `1500.0`.
pub(super) fn count(body: &Value, path: &[&str]) -> Option<u64> {
    let value = path.iter().try_fold(body, |value, name| value.get(name))?;
    let whole =
        || value.as_f64().filter(|count| count.fract() == 0.0 && (0.0..=MOST_TOKENS as f64).contains(count)).map(|count| count as u64);
    value.as_u64().or_else(whole).filter(|&count| count <= MOST_TOKENS)
}

/// A server that does not speak the format.
pub(super) fn foreign(message: impl Into<String>) -> Flaw {
    Flaw::Foreign(Why::new("bad_envelope", message))
}

/// A judge that would not answer.
pub(super) fn refused(words: &str) -> Flaw {
    Flaw::Refused(Why::new("refusal", crate::judge::server_error::short(words)))
}

/// A filter that stopped the judge.
pub(super) fn filtered() -> Flaw {
    Flaw::Refused(Why::new("content_filter", "a content filter stopped the judge"))
}

/// A final message, unless it is cut off or empty. `what` stands for what a re-ask quotes.
pub(super) fn final_message(content: String, cut_off: bool) -> Result<String, Flaw> {
    if cut_off {
        return Err(Flaw::Faulty(Why::new("truncated", "the reply was cut off at its most tokens (`max_tokens`); be brief"), content));
    }
    if content.trim().is_empty() {
        return Err(Flaw::Faulty(Why::new("empty_reply", "the reply was empty"), content));
    }
    Ok(content)
}

/// Reads a reply's envelope.
pub(super) fn envelope<T: serde::de::DeserializeOwned>(body: &str, name: &str) -> Result<T, Flaw> {
    serde_json::from_str(body).map_err(|error| foreign(format!("no {name}: {error}")))
}
