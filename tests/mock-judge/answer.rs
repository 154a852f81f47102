//! What the judge says, well or badly, before a dialect wraps it.

use serde_json::{Value, json};

use crate::asked::Asked;
use crate::config::{Config, UsageForm};
use crate::fault::Fault;
use crate::logprobs::{self, Token};
use crate::tokens::{self, Count};
use crate::verdict::Draft;

/// Why the judge stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Done.
    Stop,
    /// At the token limit.
    Length,
    /// By a content filter.
    Filter,
    /// It would not.
    Refusal,
}

/// A reply in no dialect yet.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The number of the request.
    pub(crate) n: u64,
    /// The model's name, echoed.
    pub(crate) model: String,
    /// Whether the list that holds the reply is empty.
    pub(crate) empty: bool,
    /// The words; of a refusal too.
    pub(crate) content: String,
    /// Why it stopped.
    pub(crate) finish: Finish,
    /// Log-probabilities, if asked for and given, and how many rivals to tell of.
    pub(crate) logprobs: Option<(Vec<Token>, usize)>,
    /// The tool that was called.
    pub(crate) tool: Option<String>,
    /// Input tokens.
    pub(crate) input: Count,
    /// Output tokens.
    pub(crate) output: u64,
    /// How much is told of them.
    pub(crate) usage: UsageForm,
}

impl Answer {
    /// Judges `asked`, in the manner of `fault` where that is one of the reply itself.
    pub(crate) fn new(n: u64, asked: &Asked, config: &Config, draft: Draft, fault: Option<Fault>) -> Self {
        let (content, finish) = content(asked, draft, fault);
        let (content, finish) = within_limit(content, finish, asked.max_tokens, config);
        let logprobs = asked.logprobs.filter(|_| config.logprobs).map(|top| (logprobs::of(&content), top));
        let output = tokens::text(&content, config);
        let input = Count::of(asked, config);
        let (model, tool, empty) = (asked.model.clone(), asked.tool.clone(), fault == Some(Fault::EmptyChoices));
        Self { n, model, empty, content, finish, logprobs, tool, input, output, usage: config.usage }
    }

    /// The words, unless they are those of a refusal.
    pub(crate) fn said(&self) -> Option<&str> {
        (self.finish != Finish::Refusal).then_some(self.content.as_str())
    }

    /// The words of a refusal.
    pub(crate) fn refused(&self) -> Option<&str> {
        (self.finish == Finish::Refusal).then_some(self.content.as_str())
    }

    /// Whether the parts of the sums are told.
    pub(crate) fn tells_details(&self) -> bool {
        matches!(self.usage, UsageForm::Full | UsageForm::Blind)
    }
}

fn content(asked: &Asked, draft: Draft, fault: Option<Fault>) -> (String, Finish) {
    let verdict = |draft: &Draft| draft.fill(asked).to_string();
    match fault {
        Some(Fault::Prose) => (format!("I would give this a safety of {} out of 5.", draft.safety), Finish::Stop),
        Some(Fault::TwoObjects) => {
            let other = Draft { safety: draft.safety % 5 + 1, ..draft.clone() };
            (format!("{}\n{}", verdict(&draft), verdict(&other)), Finish::Stop)
        }
        Some(Fault::OutOfRange) => (verdict(&Draft { safety: 7, ..draft }), Finish::Stop),
        Some(Fault::PlantedNonce) => (verdict(&Draft { nonce: "feedfacecafebeef".to_owned(), ..draft }), Finish::Stop),
        Some(Fault::Refusal) => ("I'm sorry, but I can't assist with that.".to_owned(), Finish::Refusal),
        Some(Fault::ContentFilter) => (String::new(), Finish::Filter),
        Some(Fault::LengthCut) => (half(&verdict(&draft)), Finish::Length),
        _ => (verdict(&draft), Finish::Stop),
    }
}

fn half(text: &str) -> String {
    text.chars().take(text.chars().count() / 2).collect()
}

/// Real servers stop at the limit, wherever the reply has got to.
fn within_limit(content: String, finish: Finish, limit: Option<u64>, config: &Config) -> (String, Finish) {
    match limit {
        Some(limit) if tokens::text(&content, config) > limit => {
            let characters = (limit as f64 * config.tokens.text_chars_per_token).floor() as usize;
            (content.chars().take(characters).collect(), Finish::Length)
        }
        _ => (content, finish),
    }
}

/// The reply as the input of the tool that was asked for; `None` when it is no object.
pub(crate) fn tool_input(content: &str) -> Option<Value> {
    serde_json::from_str(content).ok().filter(Value::is_object)
}

/// A list that a fault may have emptied.
pub(crate) fn unless_empty(answer: &Answer, one: &Value) -> Value {
    if answer.empty { json!([]) } else { json!([one]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(config: &str, limit: Option<u64>, fault: Option<Fault>) -> Answer {
        let config: Config = serde_json::from_str(config).unwrap();
        let mut asked = Asked { max_tokens: limit, ..Asked::default() };
        asked.text("user", "nonce 0123456789abcdef");
        let draft = Draft::new(&asked, &config, None);
        Answer::new(1, &asked, &config, draft, fault)
    }

    #[test]
    fn each_fault_of_the_reply_is_one() {
        let config = r#"{"safety":3}"#;
        let is_object = |fault| tool_input(&said(config, None, fault).content).is_some();
        assert!(is_object(None) && is_object(Some(Fault::OutOfRange)) && is_object(Some(Fault::PlantedNonce)));
        for fault in [Fault::Prose, Fault::TwoObjects, Fault::LengthCut, Fault::Refusal, Fault::ContentFilter] {
            assert!(!is_object(Some(fault)), "{fault:?}");
        }
        assert_eq!(said(config, None, Some(Fault::LengthCut)).finish, Finish::Length);
        assert!(said(config, None, Some(Fault::OutOfRange)).content.contains(":7"));
    }

    #[test]
    fn the_limit_cuts() {
        let cut = said("{}", Some(5), None);
        assert_eq!((cut.finish, cut.output, cut.content.len()), (Finish::Length, 5, 20));
        assert_eq!(said("{}", Some(500), None).finish, Finish::Stop);
    }
}
