//! What tokens cost, and from which length of a request on they cost more.

use serde::{Deserialize, Serialize};

/// Dollars per million tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input.
    pub input_per_mtok: f64,
    /// Input that the server had in its cache; left out: as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input_per_mtok: Option<f64>,
    /// Input that the server wrote to its cache of its own accord (OpenAI since GPT-5.6); left out: as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_per_mtok: Option<f64>,
    /// Sound in, where it has a price of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound_per_mtok: Option<f64>,
    /// Output.
    pub output_per_mtok: f64,
    /// When the price was read, `YYYY-MM-DD`.
    pub date: String,
    /// Prices of longer requests, the shortest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<PriceStep>,
}

/// What a whole request costs, its reply and its first tokens included, that has more than so many tokens in. As in [`Price`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceStep {
    /// The most tokens in of a request that still costs less, those of the cache among them.
    pub input_tokens: u64,
    /// Input.
    pub input_per_mtok: f64,
    /// Input that the server had in its cache; left out: as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input_per_mtok: Option<f64>,
    /// Input that the server wrote to its cache; left out: as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_per_mtok: Option<f64>,
    /// Sound in; named here where it is named of shorter requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound_per_mtok: Option<f64>,
    /// Output.
    pub output_per_mtok: f64,
}

/// Pico-dollars per token: whole numbers, so that the parts of a request cost what all of it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) input: u128,
    pub(super) cached: u128,
    pub(super) written: u128,
    pub(super) sound: u128,
    pub(super) output: u128,
}

impl Price {
    pub(in crate::judge) fn check(&self) -> Result<(), String> {
        let Self { input_per_mtok, cached_input_per_mtok, cache_write_per_mtok, sound_per_mtok, output_per_mtok, date, above } = self;
        let own = [Some(*input_per_mtok), *cached_input_per_mtok, *cache_write_per_mtok, *sound_per_mtok, Some(*output_per_mtok)];
        if !own.into_iter().chain(above.iter().flat_map(PriceStep::all)).flatten().all(|dollars| dollars.is_finite() && dollars >= 0.0) {
            return Err("price: dollars per million tokens must be 0 or more".to_owned());
        }
        // What a price is worth is known by its day.
        if date.len() != 10 || date.parse::<jiff::civil::Date>().is_err() {
            return Err(format!("price.date is `{date}`, and must be a day, YYYY-MM-DD"));
        }
        let starts = || above.iter().map(|step| step.input_tokens);
        if !std::iter::once(0).chain(starts()).zip(starts()).all(|(before, start)| before < start) {
            return Err("price.above: input_tokens must be at least 1 and rise from step to step".to_owned());
        }
        // Left out it would be as cheap as text, which no sound is.
        if above.iter().any(|step| step.sound_per_mtok.is_some() != sound_per_mtok.is_some()) {
            return Err("price.above: sound_per_mtok must be named in every step, or nowhere".to_owned());
        }
        Ok(())
    }

    /// Of a request with so many tokens in.
    pub(super) fn rates(&self, input: u64) -> Rates {
        self.above.iter().rfind(|step| step.input_tokens < input).map_or_else(|| self.base(), PriceStep::rates)
    }

    /// Of all requests with at most so many tokens in.
    pub(super) fn rates_up_to(&self, input: u64) -> impl Iterator<Item = Rates> + '_ {
        let steps = self.above.iter().filter(move |step| step.input_tokens < input);
        std::iter::once(self.base()).chain(steps.map(PriceStep::rates))
    }

    fn base(&self) -> Rates {
        let Self { input_per_mtok, cached_input_per_mtok, cache_write_per_mtok, sound_per_mtok, output_per_mtok, .. } = self;
        rates(*input_per_mtok, [*cached_input_per_mtok, *cache_write_per_mtok, *sound_per_mtok], *output_per_mtok)
    }
}

impl PriceStep {
    const fn all(&self) -> [Option<f64>; 5] {
        let Self { input_tokens: _, input_per_mtok, cached_input_per_mtok, cache_write_per_mtok, sound_per_mtok, output_per_mtok } = self;
        [Some(*input_per_mtok), *cached_input_per_mtok, *cache_write_per_mtok, *sound_per_mtok, Some(*output_per_mtok)]
    }

    fn rates(&self) -> Rates {
        rates(self.input_per_mtok, [self.cached_input_per_mtok, self.cache_write_per_mtok, self.sound_per_mtok], self.output_per_mtok)
    }
}

/// Dollars per million tokens are micro-dollars per token.
fn rates(input: f64, [cached, written, sound]: [Option<f64>; 3], output: f64) -> Rates {
    let pico = |dollars: f64| (dollars * 1e6).round() as u128;
    let or_input = |dollars: Option<f64>| pico(dollars.unwrap_or(input));
    Rates { input: pico(input), cached: or_input(cached), written: or_input(written), sound: or_input(sound), output: pico(output) }
}

impl Rates {
    /// The dearest that a token in may be which is no sound.
    pub(super) fn most(&self) -> u128 {
        self.input.max(self.cached).max(self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::Price;

    fn read(above: &str) -> Result<Price, String> {
        let text = format!("input_per_mtok = 2.0\ncached_input_per_mtok = 0.2\noutput_per_mtok = 12.0\ndate = '2026-10-14'\n{above}");
        let price: Price = toml::from_str(&text).map_err(|error| error.to_string())?;
        price.check().map(|()| price)
    }

    #[test]
    fn a_request_costs_what_its_length_says() {
        let step =
            |start: u64, input: f64| format!("[[above]]\ninput_tokens = {start}\ninput_per_mtok = {input}\noutput_per_mtok = 18.0\n");
        let price = read(&(step(200_000, 4.0) + &step(500_000, 8.0))).unwrap();
        for (tokens, input, cached) in
            [(0, 2, 200_000), (200_000, 2, 200_000), (200_001, 4, 4_000_000), (500_001, 8, 8_000_000), (u64::MAX, 8, 8_000_000)]
        {
            let rates = price.rates(tokens);
            assert_eq!(
                (rates.input, rates.cached),
                (input * 1_000_000, cached),
                "{tokens}: cached is as other input where a step says nothing"
            );
        }
        assert_eq!([1, 200_001, 600_000].map(|most| price.rates_up_to(most).count()), [1, 2, 3]);
        assert_eq!(toml::from_str(&toml::to_string(&price).unwrap()), Ok(price));
    }

    #[test]
    fn a_price_has_a_day() {
        let price = read("").unwrap();
        for (date, fine) in [("2026-11-30", true), ("gestern", false), ("2026-02-30", false), ("20261130", false), ("", false)] {
            assert_eq!(Price { date: date.to_owned(), ..price.clone() }.check().is_ok(), fine, "{date}");
        }
    }

    #[test]
    fn steps_that_mean_nothing_are_refused() {
        let step = "[[above]]\ninput_tokens = 9\ninput_per_mtok = 4.0\noutput_per_mtok = 18.0\n";
        for (above, word) in [
            (step.replace("= 9", "= 0"), "at least 1"),
            (step.repeat(2), "rise"),
            (step.replace("4.0", "-4.0"), "0 or more"),
            (step.replace("4.0", "inf"), "0 or more"),
            (format!("sound_per_mtok = 3.0\n{step}"), "sound_per_mtok"),
            (format!("{step}sound_per_mtok = 3.0\n"), "sound_per_mtok"),
            (step.replace("input_tokens", "tokens"), "tokens"),
            (format!("{step}until = 7\n"), "until"),
            (step.replace("output_per_mtok = 18.0\n", ""), "output_per_mtok"),
        ] {
            assert!(read(&above).unwrap_err().contains(word), "{above}");
        }
    }
}
