//! What an attempt may cost at most, and what it did cost.

use tribunal_media::Detail;

use super::{Price, Settings, Usage};
use crate::prepare::Payload;

/// Tokens of one picture at most: the dearest published rule for pictures within 2048 x 768 pixels, 2833 + 8 tiles x 5667
/// (OpenAI, gpt-4o-mini at high detail).
const PICTURE_TOKENS: u64 = 48_169;
/// Tokens of one second of sound at most: speech encoders give 25 to 50 per second.
const SOUND_TOKENS_PER_SECOND: f64 = 50.0;
/// What a server's chat template may add.
const TEMPLATE_TOKENS: u64 = 1_000;

/// Upper bound of an attempt's cost in micro-dollars; `None` when no price is known. A token is at least one byte of text.
pub(super) fn bound(settings: &Settings, recorded: &str, payload: &Payload) -> Option<u64> {
    let price = settings.price.as_ref()?;
    let picture = settings.limits.picture_tokens.map_or(PICTURE_TOKENS, u64::from);
    let media: u64 = payload.parts.iter().map(|part| part_tokens(&part.header.detail, picture)).sum();
    let input = recorded.len() as u64 + media + TEMPLATE_TOKENS;
    Some(cost(price, Usage { input, output: u64::from(settings.max_tokens) }))
}

fn part_tokens(detail: &Detail, picture: u64) -> u64 {
    match detail {
        // Already counted: texts stand in the recorded body.
        Detail::Text { .. } => 0,
        Detail::Frame(_) | Detail::Sheet(_) => picture,
        Detail::Sound { start, end } => ((end - start).max(0.0) * SOUND_TOKENS_PER_SECOND).ceil() as u64,
    }
}

/// Dollars per million tokens are micro-dollars per token. Rounded up: a sum of costs is never below the bill.
pub(super) fn cost(price: &Price, usage: Usage) -> u64 {
    (usage.input as f64 * price.input_per_mtok + usage.output as f64 * price.output_per_mtok).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::{Payload, Price, Settings, Usage, bound, cost};
    use crate::judge::ProviderKind;

    #[test]
    fn costs_are_rounded_up_and_bounded() {
        let price = Price { input_per_mtok: 0.25, output_per_mtok: 2.0, date: "2026-11-01".into() };
        assert_eq!(cost(&price, Usage { input: 1_001, output: 10 }), 271);
        let settings = Settings { price: Some(price), ..Settings::new(ProviderKind::OpenAi) };
        let payload = Payload { parts_id: tribunal_media::Digest::of(b""), parts: vec![] };
        assert_eq!(bound(&settings, "x".repeat(1000).as_str(), &payload), Some(500 + 1600));
        assert_eq!(bound(&Settings::new(ProviderKind::OpenAi), "x", &payload), None);
    }
}
