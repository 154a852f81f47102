//! Profiles: limits, token rules and prices of known models, as versioned data in `profiles.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Price, TokenRules};
use crate::judge::Usage;

const DATA: &str = include_str!("profiles.toml");

static FILE: LazyLock<Result<File, String>> = LazyLock::new(|| toml::from_str(DATA).map_err(|error| error.to_string()));

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The day the data were last gone through.
    version: String,
    profiles: BTreeMap<String, Profile>,
}

/// What is known of one model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::judge) struct Profile {
    #[serde(default)]
    pub(in crate::judge) takes: Takes,
    #[serde(default)]
    pub(in crate::judge) limits: Limits,
    #[serde(default)]
    pub(in crate::judge) tokens: TokenRules,
    #[serde(default)]
    pub(in crate::judge) price: Option<Price>,
    #[serde(default)]
    pub(in crate::judge) batch: Option<BatchTerms>,
}

/// What else than text a model, or a wire format, takes in. What is not known is taken for taken: the server says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Takes {
    /// Pictures, frames among them.
    pub pictures: bool,
    /// Sound.
    pub sound: bool,
}

impl Default for Takes {
    fn default() -> Self {
        Self { pictures: true, sound: true }
    }
}

impl Takes {
    /// What both take in.
    pub(in crate::judge) const fn and(self, other: Self) -> Self {
        Self { pictures: self.pictures && other.pictures, sound: self.sound && other.sound }
    }
}

/// What a server allows. `None` is "unknown", never "unlimited by us": then only the server can refuse.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests per minute.
    pub rpm: Option<u32>,
    /// Tokens per minute.
    pub tpm: Option<u32>,
    /// Bytes of bodies in flight at once; the default is 64 MiB.
    pub bytes_in_flight: Option<u64>,
    /// Most tokens that the server counts for one picture, for reservations under a budget. `None` takes the profile's rule with room, else
    /// the dearest published rule.
    pub picture_tokens: Option<u32>,
    /// Pictures in one request.
    pub pictures: Option<u32>,
    /// Bytes of one picture as sent, in base64.
    pub picture_bytes: Option<u64>,
    /// Pixels of a picture's long edge.
    pub long_edge: Option<u32>,
    /// Seconds of sound in one request.
    pub sound_seconds: Option<u32>,
    /// Bytes of one request.
    pub request_bytes: Option<u64>,
    /// Tokens of request and reply together.
    pub context_tokens: Option<u64>,
}

/// What a batch may hold and costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchTerms {
    /// Requests in one batch.
    pub requests: u64,
    /// Bytes of one batch.
    pub bytes: u64,
    /// Its price over that of single requests, 0 to 1.
    pub price_factor: f64,
    /// Whether cached input costs less there, too; else it costs what other input does.
    #[serde(default)]
    pub cached: bool,
}

impl BatchTerms {
    /// What was counted, by the kinds that have prices of their own in a batch.
    pub(in crate::judge) const fn priced(self, usage: Usage) -> Usage {
        if self.cached { usage } else { Usage { cached: None, ..usage } }
    }

    /// What is taken for a server of which nothing is known: OpenAI's documented limits, with room, at the single price.
    pub(in crate::judge) const UNKNOWN: Self = Self { requests: 50_000, bytes: 100_000_000, price_factor: 1.0, cached: false };

    pub(in crate::judge) fn check(&self) -> Result<(), String> {
        if self.requests == 0 || self.bytes == 0 || !(0.0..=1.0).contains(&self.price_factor) {
            return Err("batch_terms: requests and bytes must be at least 1, price_factor 0 to 1".to_owned());
        }
        Ok(())
    }
}

impl Limits {
    /// These limits, and `under`'s where they say nothing.
    pub(in crate::judge) fn over(&self, under: &Self) -> Self {
        let Self {
            rpm,
            tpm,
            bytes_in_flight,
            picture_tokens,
            pictures,
            picture_bytes,
            long_edge,
            sound_seconds,
            request_bytes,
            context_tokens,
        } = self.clone();
        Self {
            rpm: rpm.or(under.rpm),
            tpm: tpm.or(under.tpm),
            bytes_in_flight: bytes_in_flight.or(under.bytes_in_flight),
            picture_tokens: picture_tokens.or(under.picture_tokens),
            pictures: pictures.or(under.pictures),
            picture_bytes: picture_bytes.or(under.picture_bytes),
            long_edge: long_edge.or(under.long_edge),
            sound_seconds: sound_seconds.or(under.sound_seconds),
            request_bytes: request_bytes.or(under.request_bytes),
            context_tokens: context_tokens.or(under.context_tokens),
        }
    }

    /// What would never send anything.
    pub(in crate::judge) fn check(&self) -> Result<(), String> {
        let counts = [self.rpm, self.tpm, self.pictures, self.long_edge, self.sound_seconds].map(|limit| limit.map(u64::from));
        let sizes = [self.bytes_in_flight, self.picture_bytes, self.request_bytes, self.context_tokens];
        if counts.into_iter().chain(sizes).any(|limit| limit == Some(0)) {
            return Err("limits: 0 would never send anything; remove the line or give at least 1".to_owned());
        }
        Ok(())
    }
}

/// The profile of that name, which may end in the day of a snapshot: `gpt-5-mini-2025-08-07`, `claude-haiku-4-5-20251001`.
pub(in crate::judge) fn find(name: &str) -> Result<&'static Profile, String> {
    let file = FILE.as_ref().map_err(|problem| format!("the built-in profiles cannot be read: {problem}"))?;
    let known = || file.profiles.keys().cloned().collect::<Vec<_>>().join(", ");
    file.profiles
        .get(name)
        .or_else(|| file.profiles.get(undated(name)?))
        .ok_or_else(|| format!("profile `{name}` is not built in; known: {}. Or write limits, tokens and price out", known()))
}

/// `name` without the day at its end, if there is one: eight digits, perhaps in three groups.
fn undated(name: &str) -> Option<&str> {
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = name.rsplitn(4, '-');
    let (last, third, second, rest) = (parts.next()?, parts.next()?, parts.next(), parts.next());
    if digits(last, 8) {
        return name.strip_suffix(last)?.strip_suffix('-');
    }
    (digits(last, 2) && digits(third, 2)).then_some(())?;
    second.filter(|year| digits(year, 4)).and(rest)
}

/// The day the built-in profiles were last gone through.
pub fn profiles_version() -> &'static str {
    FILE.as_ref().map_or("unreadable", |file| file.version.as_str())
}

/// Names of the built-in profiles.
pub fn profile_names() -> impl Iterator<Item = &'static str> {
    FILE.iter().flat_map(|file| file.profiles.keys().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::{FILE, Limits, find};

    #[test]
    fn the_data_are_sound() {
        let file = FILE.as_ref().unwrap();
        assert!(file.profiles.len() >= 8);
        for (name, profile) in &file.profiles {
            profile.limits.check().and(profile.tokens.check()).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            assert!(profile.price.as_ref().is_none_or(|price| price.check().is_ok() && price.date.len() == 10), "{name}");
            assert!(profile.batch.is_none_or(|batch| batch.price_factor > 0.0 && batch.price_factor <= 1.0), "{name}");
        }
        assert!(find("no-such").unwrap_err().contains("gpt-5-mini"));
        for (dated, plain) in [("gpt-5-mini-2025-08-07", "gpt-5-mini"), ("claude-haiku-4-5-20251001", "claude-haiku-4-5")] {
            assert_eq!(find(dated), find(plain));
        }
        assert!(find("gpt-5-mini-08-07").is_err() && find("gpt-5-mini-x").is_err());
    }

    #[test]
    fn settings_go_before_the_profile() {
        let profile = Limits { rpm: Some(500), pictures: Some(6), ..Limits::default() };
        let own = Limits { rpm: Some(5), ..Limits::default() };
        let over = own.over(&profile);
        assert_eq!((over.rpm, over.pictures, over.tpm), (Some(5), Some(6), None));
        assert!(Limits { rpm: Some(0), ..Limits::default() }.check().is_err());
    }
}
