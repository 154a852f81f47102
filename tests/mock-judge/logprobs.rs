//! Log-probabilities that a model could have had.

use serde_json::{Value, json};

use crate::text;

/// A token with its rivals, likeliest first; it is one of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    /// As written.
    pub(crate) text: String,
    /// Natural logarithm.
    pub(crate) logprob: f64,
    /// (token, logarithm)
    pub(crate) rivals: Vec<(String, f64)>,
}

/// Splits `content` and gives each piece its odds: a digit that is a level is spread over 1..=5, anything else is all but certain.
pub(crate) fn of(content: &str) -> Vec<Token> {
    let pieces = split(content);
    let is_level = |at: usize| at > 0 && pieces[at - 1].ends_with(':') && matches!(pieces[at], "1" | "2" | "3" | "4" | "5");
    (0..pieces.len()).map(|at| if is_level(at) { level(content, at, pieces[at]) } else { certain(pieces[at]) }).collect()
}

fn certain(text: &str) -> Token {
    Token { text: text.to_owned(), logprob: -0.001, rivals: vec![(text.to_owned(), -0.001), (format!(" {text}"), -7.0)] }
}

/// A softmax that falls with the distance from the level, some replies being surer than others.
fn level(content: &str, at: usize, digit: &str) -> Token {
    let sure = 0.8 + text::share(&[content.as_bytes(), &at.to_le_bytes()]);
    let mean: f64 = digit.parse().unwrap_or(3.0);
    let weights: Vec<(String, f64)> = (1..=5).map(|level| (level.to_string(), -sure * (f64::from(level) - mean).abs())).collect();
    let total = weights.iter().map(|(_, weight)| weight.exp()).sum::<f64>().ln();
    let mut rivals: Vec<(String, f64)> = weights.into_iter().map(|(level, weight)| (level, weight - total)).collect();
    rivals.sort_by(|a, b| b.1.total_cmp(&a.1));
    Token { text: digit.to_owned(), logprob: -total, rivals }
}

/// Pieces that join to `content`: runs of letters and blanks, each digit and each run of marks on its own.
fn split(content: &str) -> Vec<&str> {
    let kind = |c: char| if c.is_ascii_digit() { 0 } else { 1 + u8::from(c.is_ascii_punctuation()) };
    let (mut pieces, mut start, mut last) = (Vec::new(), 0, None);
    for (at, c) in content.char_indices() {
        let now = kind(c);
        if last.is_some_and(|last| last != now || now == 0) {
            pieces.push(&content[start..at]);
            start = at;
        }
        last = Some(now);
    }
    if start < content.len() {
        pieces.push(&content[start..]);
    }
    pieces
}

/// As chat completions and responses write them, with `top` rivals each.
pub(crate) fn openai(tokens: &[Token], top: usize) -> Value {
    let one = |text: &str, logprob: f64| json!({"token": text, "logprob": logprob, "bytes": text.as_bytes()});
    let list = tokens.iter().map(|token| {
        let mut entry = one(&token.text, token.logprob);
        entry["top_logprobs"] = token.rivals.iter().take(top).map(|(text, logprob)| one(text, *logprob)).collect();
        entry
    });
    list.collect()
}

/// As Gemini writes them.
pub(crate) fn gemini(tokens: &[Token], top: usize) -> Value {
    let one = |text: &str, logprob: f64| json!({"token": text, "logProbability": logprob});
    let chosen: Vec<Value> = tokens.iter().map(|token| one(&token.text, token.logprob)).collect();
    let rivals = |token: &Token| token.rivals.iter().take(top).map(|(text, logprob)| one(text, *logprob)).collect::<Vec<_>>();
    let top: Vec<Value> = tokens.iter().map(|token| json!({"candidates": rivals(token)})).collect();
    json!({"chosenCandidates": chosen, "topCandidates": top})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_and_levels_are_spread() {
        let content = r#"{"nonce":"0123456789abcdef","rationale":"평온 in 2 frames","safety":4}"#;
        let tokens = of(content);
        assert_eq!(tokens.iter().map(|token| token.text.as_str()).collect::<String>(), content);
        let spread: Vec<&Token> = tokens.iter().filter(|token| token.rivals.len() == 5).collect();
        assert_eq!(spread.len(), 1);
        let sum: f64 = spread[0].rivals.iter().map(|(_, logprob)| logprob.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        assert_eq!((spread[0].text.as_str(), spread[0].rivals[0].0.as_str()), ("4", "4"));
        assert_eq!(openai(&tokens, 3)[tokens.len() - 2]["top_logprobs"].as_array().unwrap().len(), 3);
    }
}
