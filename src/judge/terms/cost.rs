//! What an attempt may cost at most, and what it did cost.

use serde::{Deserialize, Serialize};

use super::Terms;
use super::tokens::{Counted, counted};
use crate::judge::Usage;
use crate::prepare::Payload;

/// Tokens of one picture at most where no profile says more: the dearest published rule for pictures within 2048 x 768 pixels,
/// 2833 + 8 tiles x 5667 (OpenAI, gpt-4o-mini at high detail).
const PICTURE_TOKENS: f64 = 48_169.0;
/// Tokens of one second of sound at most where no profile says more: speech encoders give 25 to 50 per second.
const SOUND_TOKENS_PER_SECOND: f64 = 50.0;
/// What a server's chat template may add.
const TEMPLATE_TOKENS: f64 = 1_000.0;
/// How far bills have been seen above the published rules (1.2, OpenAI's patch models), and some room.
const RULE_MARGIN: f64 = 1.5;

/// Dollars per million tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input.
    pub input_per_mtok: f64,
    /// Input that the server had in its cache; left out: as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input_per_mtok: Option<f64>,
    /// Sound in, where it has a price of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound_per_mtok: Option<f64>,
    /// Output.
    pub output_per_mtok: f64,
    /// When the price was read, `YYYY-MM-DD`.
    pub date: String,
}

impl Price {
    pub(in crate::judge) fn check(&self) -> Result<(), String> {
        let Self { input_per_mtok, cached_input_per_mtok, sound_per_mtok, output_per_mtok, .. } = self;
        let all = [Some(*input_per_mtok), *cached_input_per_mtok, *sound_per_mtok, Some(*output_per_mtok)];
        if all.into_iter().flatten().all(|dollars| dollars.is_finite() && dollars >= 0.0) {
            return Ok(());
        }
        Err("price: dollars per million tokens must be 0 or more".to_owned())
    }
}

/// Upper bound of an attempt's cost in micro-dollars; `None` when no price is known. A token is at least one byte of text. `worst` is the highest
/// ratio of counted to expected tokens seen so far.
pub(in crate::judge) fn bound(terms: &Terms, max_tokens: u32, recorded: &str, payload: &Payload, worst: f64) -> Option<u64> {
    let price = terms.price.as_ref()?;
    let most = |sound: bool| -> f64 {
        let parts = payload.parts.iter().map(counted).filter(|counted| matches!(counted, Counted::Sound { .. }) == sound);
        parts.map(|counted| most_tokens(terms, &counted, worst)).sum()
    };
    let audio = most(true).ceil() as u64;
    let input = (recorded.len() as f64 + most(false) + TEMPLATE_TOKENS).ceil() as u64 + audio;
    Some(cost(price, Usage { input, output: u64::from(max_tokens), audio: Some(audio), ..Usage::default() }))
}

/// Texts are counted already: they stand in the recorded body.
fn most_tokens(terms: &Terms, counted: &Counted, worst: f64) -> f64 {
    let margin = RULE_MARGIN.max(worst * 1.1);
    match *counted {
        Counted::Text { .. } => 0.0,
        Counted::Picture { width, height } => match (terms.limits.picture_tokens, &terms.profile) {
            (Some(most), _) => f64::from(most),
            (None, Some(_)) => terms.tokens.picture.count(width, height) * margin,
            (None, None) => PICTURE_TOKENS,
        },
        Counted::Sound { seconds } => {
            seconds * if terms.profile.is_some() { terms.tokens.sound_per_second * margin } else { SOUND_TOKENS_PER_SECOND }
        }
    }
}

/// Dollars per million tokens are micro-dollars per token. Rounded up: a sum of costs is never below the bill.
pub(in crate::judge) fn cost(price: &Price, usage: Usage) -> u64 {
    cost_at(price, usage, 1.0)
}

/// As [`cost`], at `factor` of the single price.
pub(in crate::judge) fn cost_at(price: &Price, usage: Usage, factor: f64) -> u64 {
    // A server that does not count sound apart may have been sent nothing else: all is billed at the dearer rate.
    let sound = price.sound_per_mtok.map_or(0, |_| usage.audio.unwrap_or(usage.input).min(usage.input));
    let cached = price.cached_input_per_mtok.map_or(0, |_| usage.cached.unwrap_or(0).min(usage.input - sound));
    let input = (usage.input - sound - cached) as f64 * price.input_per_mtok
        + cached as f64 * price.cached_input_per_mtok.unwrap_or(0.0)
        + sound as f64 * price.sound_per_mtok.unwrap_or(0.0);
    ((input + usage.output as f64 * price.output_per_mtok) * factor).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, Takes, TokenRules};
    use super::{Payload, Price, Terms, Usage, bound, cost};

    #[test]
    fn costs_are_rounded_up_and_bounded() {
        let mut price = Price {
            input_per_mtok: 0.25,
            cached_input_per_mtok: None,
            sound_per_mtok: None,
            output_per_mtok: 2.0,
            date: "2026-11-01".into(),
        };
        let usage = Usage { input: 1_001, output: 10, cached: Some(1_000), ..Usage::default() };
        assert_eq!(cost(&price, usage), 271);
        let mut terms = Terms {
            profile: None,
            takes: Takes::default(),
            limits: Limits::default(),
            tokens: TokenRules::default(),
            price: Some(price.clone()),
            batch: None,
        };
        let payload = Payload { parts_id: tribunal_media::Digest::of(b""), parts: vec![] };
        assert_eq!(bound(&terms, 800, "x".repeat(1000).as_str(), &payload, 1.0), Some(500 + 1600));
        terms.price = None;
        assert_eq!(bound(&terms, 800, "x", &payload, 1.0), None);
        price.cached_input_per_mtok = Some(0.025);
        assert_eq!(cost(&price, usage), 46);
        price.sound_per_mtok = Some(1.0);
        assert_eq!(cost(&price, Usage { audio: Some(101), ..usage }), 144);
        assert_eq!(cost(&price, usage), 1_021, "what is not counted apart may be sound");
    }
}
