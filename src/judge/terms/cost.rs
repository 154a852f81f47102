//! What an attempt may cost at most, and what it did cost.

use super::tokens::{Counted, counted};
use super::{Estimate, Price, Terms, TokenRules};
use crate::judge::Usage;
use crate::prepare::Payload;

/// Tokens of one picture at most where no profile says more: the dearest published rule for pictures within 2048 x 768 pixels,
/// 2833 + 8 tiles x 5667 (OpenAI, gpt-4o-mini at high detail).
const PICTURE_TOKENS: f64 = 48_169.0;
/// Tokens of one second of sound at most where no profile says more: speech encoders give 25 to 50 per second.
const SOUND_TOKENS_PER_SECOND: f64 = 50.0;
/// What a server's chat template may add.
const TEMPLATE_TOKENS: u64 = 1_000;
/// How far bills have been seen above the published rules (1.2, OpenAI's patch models), and some room.
const RULE_MARGIN: f64 = 1.5;

/// Upper bound of an attempt's cost in micro-dollars at `factor` of the single price; `None` when no price is known. A token is at least one byte of
/// text. `worst` is the highest ratio of counted to expected tokens seen so far.
pub(in crate::judge) fn bound(terms: &Terms, max_tokens: u32, recorded: &str, payload: &Payload, worst: f64, factor: f64) -> Option<u64> {
    let price = terms.price.as_ref()?;
    let sound = most(terms, payload, worst, true);
    let input =
        (recorded.len() as u64).saturating_add(TEMPLATE_TOKENS).saturating_add(most(terms, payload, worst, false)).saturating_add(sound);
    // Steps need not rise: each that the request may come to stand on is looked at.
    let most = price.rates_up_to(input).map(|rates| {
        let [input, sound, output] = [input - sound, sound, u64::from(max_tokens)].map(u128::from);
        let of = |tokens: u128, rate: u128| tokens.saturating_mul(rate);
        of(input, rates.most()).saturating_add(of(sound, rates.most().max(rates.sound))).saturating_add(of(output, rates.output))
    });
    most.max().map(|pico| micro(pico, factor))
}

/// The most tokens of a payload's sound, for what a server does not count apart. Never more than [`bound`] took.
pub(in crate::judge) fn most_sound(terms: &Terms, payload: &Payload) -> u64 {
    most(terms, payload, 1.0, true)
}

/// The most tokens of a payload's sound, or of all that is none.
fn most(terms: &Terms, payload: &Payload, worst: f64, sound: bool) -> u64 {
    let parts = payload.parts.iter().map(counted).filter(|counted| matches!(counted, Counted::Sound { .. }) == sound);
    parts.map(|counted| most_tokens(terms, &counted, worst)).sum::<f64>().ceil() as u64
}

/// Texts are counted already: they stand in the recorded body.
fn most_tokens(terms: &Terms, counted: &Counted, worst: f64) -> f64 {
    let margin = RULE_MARGIN.max(worst * 1.1);
    // Settings say what to expect, which may be too little of it.
    let most = |of: &dyn Fn(&TokenRules) -> f64, unknown: f64| {
        terms.published.as_ref().map_or(unknown, |published| of(published) * margin).max(of(&terms.tokens) * margin)
    };
    match *counted {
        Counted::Text { .. } => 0.0,
        Counted::Picture { width, height } => {
            terms.limits.picture_tokens.map_or_else(|| most(&|rules| rules.picture.count(width, height), PICTURE_TOKENS), f64::from)
        }
        Counted::Sound { seconds } => seconds * most(&|rules| rules.sound_per_second, SOUND_TOKENS_PER_SECOND),
    }
}

/// Micro-dollars of what a server counted, at `factor` of the single price. Rounded up: a sum of costs is never below the bill. What is not counted
/// apart is taken to be the dearer kind: up to `most_sound` tokens of it sound, and the rest written to the cache.
pub(in crate::judge) fn cost(price: &Price, usage: Usage, most_sound: u64, factor: f64) -> u64 {
    let rates = price.rates(usage.input);
    let guess = |rate: u128, tokens: u64| if rate > rates.input { tokens } else { 0 };
    let sound = usage.audio.unwrap_or_else(|| guess(rates.sound, most_sound)).min(usage.input);
    let cached = usage.cached.unwrap_or(0).min(usage.input - sound);
    let rest = usage.input - sound - cached;
    let written = usage.written.unwrap_or_else(|| guess(rates.written, rest)).min(rest);
    let kinds = [
        (sound, rates.sound),
        (cached, rates.cached),
        (written, rates.written),
        (rest - written, rates.input),
        (usage.output, rates.output),
    ];
    micro(kinds.into_iter().fold(0, |sum, (tokens, rate)| u128::from(tokens).saturating_mul(rate).saturating_add(sum)), factor)
}

/// Micro-dollars that a request with these tokens is likely to cost. A server that writes to its cache of its own accord writes nearly all.
pub(in crate::judge) fn expected(price: &Price, estimate: &Estimate) -> f64 {
    let rates = price.rates(estimate.input().ceil() as u64);
    let kinds = [(estimate.text + estimate.image, rates.written), (estimate.audio, rates.sound), (estimate.output, rates.output)];
    kinds.into_iter().map(|(tokens, rate)| tokens * rate as f64 / 1e6).sum()
}

/// Rounded up.
fn micro(pico: u128, factor: f64) -> u64 {
    let millionths = (factor * 1e6).round() as u128;
    u64::try_from(pico.saturating_mul(millionths).div_ceil(1_000_000_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tribunal_media::{Detail, Digest, Encoding, FrameDetail, PartHeader};

    use super::super::{Limits, PictureTokens, PriceStep, Takes, TokenRules};
    use super::{Payload, Price, Terms, Usage, bound, cost, expected, most, most_sound};
    use crate::judge::Estimate;
    use crate::prepare::Part;

    fn price(text: &str) -> Price {
        toml::from_str(&format!("date = '2026-11-01'\n{text}")).unwrap()
    }

    fn terms(price: Price) -> Terms {
        Terms {
            profile: None,
            takes: Takes::default(),
            limits: Limits::default(),
            tokens: TokenRules::default(),
            published: None,
            price: Some(price),
            batch: None,
        }
    }

    fn payload(pictures: usize, chunks: usize) -> Payload {
        let part = |encoding, detail| Part::new(PartHeader { recipes: vec![0], encoding, detail }, Vec::new());
        let picture = part(Encoding::Jpeg, Detail::Frame(FrameDetail::still(768, 432)));
        let chunk = part(Encoding::Wav, Detail::Sound { start: 0.0, end: 29.5 });
        let parts = std::iter::repeat_n(picture, pictures).chain(std::iter::repeat_n(chunk, chunks));
        Payload { parts_id: Digest::of(b""), parts: parts.collect() }
    }

    #[test]
    fn costs_are_rounded_up_and_bounded() {
        let plain = price("input_per_mtok = 0.25\noutput_per_mtok = 2.0");
        let usage = Usage { input: 1_001, output: 10, cached: Some(1_000), ..Usage::default() };
        assert_eq!((cost(&plain, usage, 0, 1.0), cost(&plain, usage, 0, 0.5)), (271, 136));
        let recorded = "x".repeat(1000);
        assert_eq!(bound(&terms(plain), 800, &recorded, &payload(0, 0), 1.0, 1.0), Some(500 + 1600));
        let unknown = Terms { price: None, ..terms(price("input_per_mtok = 1.0\noutput_per_mtok = 1.0")) };
        assert_eq!(bound(&unknown, 800, "x", &payload(0, 0), 1.0, 1.0), None);
        let apart = price("input_per_mtok = 0.25\ncached_input_per_mtok = 0.025\nsound_per_mtok = 1.0\noutput_per_mtok = 2.0");
        assert_eq!(cost(&apart, Usage { audio: Some(101), ..usage }, 0, 1.0), 144);
        assert_eq!(cost(&apart, usage, 5_000, 1.0), 1_021, "what is not counted apart may be sound");
        assert_eq!(cost(&apart, usage, 0, 1.0), 46, "but where none was sent it is none");
        let writes = price("input_per_mtok = 1.0\ncached_input_per_mtok = 0.1\ncache_write_per_mtok = 1.25\noutput_per_mtok = 0.0");
        assert_eq!(cost(&writes, Usage { written: Some(1), ..usage }, 0, 1.0), 102, "100 for the cached ones");
        assert_eq!(cost(&writes, Usage { cached: Some(1), ..usage }, 0, 1.0), 1_251, "what is not counted apart may be written");
    }

    #[test]
    fn what_settings_expect_lowers_no_reservation() {
        let of = |tokens: TokenRules, published| {
            let terms = Terms { tokens, published, ..terms(price("input_per_mtok = 1.0\noutput_per_mtok = 1.0")) };
            [payload(1, 0), payload(0, 1)].map(|payload| bound(&terms, 0, "", &payload, 1.0, 1.0).unwrap() - 1_000)
        };
        let cheap = TokenRules { picture: PictureTokens::Fixed { tokens: 1.0 }, sound_per_second: 1.0, ..TokenRules::default() };
        let dear = TokenRules { picture: PictureTokens::Fixed { tokens: 60_000.0 }, sound_per_second: 200.0, ..cheap };
        let published = TokenRules { picture: PictureTokens::Fixed { tokens: 100.0 }, sound_per_second: 30.0, ..cheap };
        assert_eq!(of(cheap, Some(published)), [150, 1_328]);
        assert_eq!(of(cheap, None), [48_169, 1_475], "a profile without rules of its own, or none");
        for published in [None, Some(published)] {
            assert_eq!(of(dear, published), [90_000, 8_850], "what is dearer is believed");
        }
    }

    #[test]
    fn a_step_is_of_the_whole_request() {
        let text = "input_per_mtok = 2.0\noutput_per_mtok = 12.0\nabove = [{ input_tokens = 200_000, input_per_mtok = 4.0, output_per_mtok = 18.0 }]";
        let price = price(text);
        let of = |input: u64| cost(&price, Usage { input, output: 100, ..Usage::default() }, 0, 1.0);
        assert_eq!((of(200_000), of(200_001)), (401_200, 800_004 + 1_800));
        let likely = |text: f64| expected(&price, &Estimate { text, output: 100.0, ..Estimate::default() });
        assert!((likely(200_000.0) - 401_200.0).abs() < 1e-6 && (likely(200_001.0) - 801_804.0).abs() < 1e-6);
        // 4 pictures of the dearest rule are below the step, 5 may be above it.
        let most = |pictures| bound(&terms(price.clone()), 100, "", &payload(pictures, 0), 1.0, 1.0).unwrap();
        assert_eq!((most(4), most(5)), ((4 * 48_169 + 1_000) * 2 + 1_200, (5 * 48_169 + 1_000) * 4 + 1_800));
        let falling = Price { input_per_mtok: 9.0, ..price.clone() };
        let most = bound(&terms(falling), 100, "", &payload(5, 0), 1.0, 1.0);
        assert_eq!(most, Some((5 * 48_169 + 1_000) * 9 + 1_200), "what is longer may be cheaper");
    }

    prop_compose! {
        fn some_rate()(millionths in 0..20_000_000u64) -> f64 {
            millionths as f64 / 1e6
        }
    }

    prop_compose! {
        /// Any prices, which need not rise, nor be cheaper for what is cached.
        fn some_price()(
            rates in prop::collection::vec((some_rate(), some_rate(), some_rate(), some_rate(), some_rate()), 1..4),
            starts in prop::collection::btree_set(1..400_000u64, 3),
            (cached, written, sound) in any::<(bool, bool, bool)>(),
        ) -> Price {
            let step = |(&(input, c, w, s, output), input_tokens): (&_, u64)| PriceStep {
                input_tokens,
                input_per_mtok: input,
                cached_input_per_mtok: cached.then_some(c),
                cache_write_per_mtok: written.then_some(w),
                sound_per_mtok: sound.then_some(s),
                output_per_mtok: output,
            };
            let base = step((&rates[0], 0));
            let price = Price {
                input_per_mtok: base.input_per_mtok,
                cached_input_per_mtok: base.cached_input_per_mtok,
                cache_write_per_mtok: base.cache_write_per_mtok,
                sound_per_mtok: base.sound_per_mtok,
                output_per_mtok: base.output_per_mtok,
                date: "2026-11-01".to_owned(),
                above: rates[1..].iter().zip(starts).map(step).collect(),
            };
            price.check().unwrap();
            price
        }
    }

    proptest! {
        /// The wall: whatever a server counts within what was reserved for, nothing settles above its reservation.
        #[test]
        fn no_reply_costs_more_than_was_reserved(
            price in some_price(),
            (pictures, chunks, words, max_tokens) in (0..9usize, 0..4usize, 0..20_000usize, 0..4_000u32),
            (worst, factor) in (1.0..4.0f64, prop_oneof![Just(1.0), Just(0.5), 0.0..1.0f64]),
            at_step in 0..4usize,
            shares in prop::array::uniform5(prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64]),
            (known, told) in any::<(bool, (bool, bool, bool))>(),
        ) {
            let terms = Terms { published: known.then(TokenRules::default), ..terms(price.clone()) };
            let payload = payload(pictures, chunks);
            let recorded = "x".repeat(words);
            let reserved = bound(&terms, max_tokens, &recorded, &payload, worst, factor).unwrap();
            let sound = most(&terms, &payload, worst, true);
            let input = words as u64 + 1_000 + most(&terms, &payload, worst, false) + sound;
            let of = |share: f64, most: u64| ((most as f64 * share).round() as u64).min(most);
            let [in_share, out_share, sound_share, cached_share, written_share] = shares;
            let counted = price.above.get(at_step).map_or_else(|| of(in_share, input), |step| step.input_tokens.min(input));
            let usage = Usage {
                input: counted,
                output: of(out_share, max_tokens.into()),
                audio: told.0.then(|| of(sound_share, sound.min(counted))),
                cached: told.1.then(|| of(cached_share, counted)),
                written: told.2.then(|| of(written_share, counted)),
                ..Usage::default()
            };
            let settled = cost(&price, usage, most_sound(&terms, &payload), factor);
            prop_assert!(settled <= reserved, "{usage:?}: {settled} of {reserved}");
        }
    }
}
