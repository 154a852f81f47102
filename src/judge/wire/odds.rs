//! Token log-probabilities -> how sure the judge was of its level.

use serde::Deserialize;

/// One token of a reply, in OpenAI's form.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TokenOdds {
    token: String,
    #[serde(default)]
    top_logprobs: Option<Vec<Alternative>>,
}

/// A token that could have stood there.
#[derive(Debug, Clone, Deserialize)]
struct Alternative {
    token: String,
    logprob: f64,
}

/// The five levels must have at least this much of the probability, else the token is not the level's.
const LEAST_MASS: f64 = 0.5;

/// Probabilities of safety 1 to 5, normalised over the levels that the server lists, at the token after the last `"safety":`.
/// `None` when there is no such token or the levels have less than half of its probability.
pub(super) fn safety_odds(tokens: &[TokenOdds]) -> Option<[f64; 5]> {
    let content: String = tokens.iter().map(|token| token.token.as_str()).collect();
    let key = content.rfind("\"safety\"")? + "\"safety\"".len();
    let digit = key + content[key..].find(|c: char| c.is_ascii_digit())?;
    let mut end = 0;
    let token = tokens.iter().find(|token| {
        end += token.token.len();
        digit < end
    })?;
    let mut odds = [0.0; 5];
    for alternative in token.top_logprobs.iter().flatten() {
        if let Some(level) = level(&alternative.token) {
            odds[level - 1] += alternative.logprob.exp();
        }
    }
    let mass: f64 = odds.iter().sum();
    (mass.is_finite() && mass >= LEAST_MASS).then(|| odds.map(|odds| odds / mass))
}

/// The level that a token spells, whatever else of JSON is glued to it.
fn level(token: &str) -> Option<usize> {
    match token.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | '}')) {
        "1" => Some(1),
        "2" => Some(2),
        "3" => Some(3),
        "4" => Some(4),
        "5" => Some(5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{TokenOdds, safety_odds};

    fn tokens(last: &[(&str, f64)]) -> Vec<TokenOdds> {
        let plain = |token: &str| TokenOdds { token: token.to_owned(), top_logprobs: None };
        let top = last.iter().map(|&(token, p)| super::Alternative { token: token.to_owned(), logprob: p.ln() }).collect();
        let mut tokens: Vec<_> = ["{\"rationale\":\"the \\\"safety\\\": 1 sign\",\"", "safety", "\":"].map(plain).into();
        tokens.push(TokenOdds { token: " 4".to_owned(), top_logprobs: Some(top) });
        tokens.push(plain("}"));
        tokens
    }

    #[test]
    fn the_levels_share_the_probability_of_the_last_safety() {
        let odds = safety_odds(&tokens(&[(" 4", 0.6), ("5", 0.2), (" three", 0.1)])).unwrap();
        assert!((odds[3] - 0.75).abs() < 1e-12 && (odds[4] - 0.25).abs() < 1e-12, "{odds:?}");
        assert_eq!(safety_odds(&tokens(&[("x", 0.6), ("5", 0.2)])), None, "not the level's token");
        assert_eq!(safety_odds(&tokens(&[])), None);
        assert_eq!(safety_odds(&[]), None);
    }
}
