//! How a sampler is written: `uniform:8`, `fps:1,max=32`, `random:8,seed=7`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A sampling strategy as the user wrote it. `Display` gives the canonical spelling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SamplerSpec {
    /// The first displayed frame.
    First,
    /// The frame on screen at half the duration (the same frame as `uniform:1`).
    Middle,
    /// The last displayed frame.
    Last,
    /// The frames on screen at (i + 0.5) / N of the duration.
    Uniform(u32),
    /// N frames evenly spread from the first to the last, both included.
    Linspace(u32),
    /// The frames on screen at i / rate seconds, while that is before the end.
    Fps {
        /// Frames per second.
        rate: f64,
        /// Keep at most this many, evenly.
        max: Option<u32>,
    },
    /// All keyframes, or at most N of them, evenly.
    Keyframes(Option<u32>),
    /// N distinct frames drawn without replacement by a seeded generator.
    Random {
        /// How many.
        count: u32,
        /// The seed.
        seed: u64,
    },
}

/// A sampler that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sampler `{spec}`: {problem}; known: first, middle, last, uniform:N, linspace:N, fps:R[,max=N], keyframes[:N], random:N,seed=S")]
pub struct SpecError {
    spec: String,
    problem: String,
}

/// No sampler may ask for more frames than this; a judge takes far fewer.
const MAX_COUNT: u32 = 10_000;

impl fmt::Display for SamplerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.pad("first"),
            Self::Middle => f.pad("middle"),
            Self::Last => f.pad("last"),
            Self::Uniform(count) => write!(f, "uniform:{count}"),
            Self::Linspace(count) => write!(f, "linspace:{count}"),
            Self::Fps { rate, max: None } => write!(f, "fps:{rate}"),
            Self::Fps { rate, max: Some(max) } => write!(f, "fps:{rate},max={max}"),
            Self::Keyframes(None) => f.pad("keyframes"),
            Self::Keyframes(Some(count)) => write!(f, "keyframes:{count}"),
            Self::Random { count, seed } => write!(f, "random:{count},seed={seed}"),
        }
    }
}

impl FromStr for SamplerSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        parse(text).map_err(|problem| SpecError { spec: text.to_owned(), problem })
    }
}

fn parse(text: &str) -> Result<SamplerSpec, String> {
    let (name, rest) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let mut fields = rest.into_iter().flat_map(|rest| rest.split(','));
    let value = fields.next();
    let mut option = fields.next().map(|field| field.split_once('=').ok_or_else(|| format!("`{field}` is no option"))).transpose()?;
    if let Some(extra) = fields.next() {
        return Err(format!("`{extra}` is one too many"));
    }
    let spec = match (name, value) {
        ("first", None) => SamplerSpec::First,
        ("middle", None) => SamplerSpec::Middle,
        ("last", None) => SamplerSpec::Last,
        ("uniform", Some(count)) => SamplerSpec::Uniform(self::count(count)?),
        ("linspace", Some(count)) => SamplerSpec::Linspace(self::count(count)?),
        ("fps", Some(rate)) => {
            let rate = rate.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0 && *rate <= 1000.0);
            let rate = rate.ok_or("the rate must be a number above 0 and at most 1000")?;
            SamplerSpec::Fps { rate, max: take(&mut option, "max").map(self::count).transpose()? }
        }
        ("keyframes", None) => SamplerSpec::Keyframes(None),
        ("keyframes", Some(count)) => SamplerSpec::Keyframes(Some(self::count(count)?)),
        ("random", Some(count)) => {
            let seed = take(&mut option, "seed").ok_or("needs a seed: random:N,seed=S")?;
            SamplerSpec::Random { count: self::count(count)?, seed: seed.parse().map_err(|_| "the seed must be a whole number")? }
        }
        ("first" | "middle" | "last", Some(_)) => return Err(format!("`{name}` takes no number")),
        ("uniform" | "linspace" | "random", None) => return Err(format!("`{name}` needs a number")),
        ("fps", None) => return Err("`fps` needs a rate".to_owned()),
        _ => return Err("unknown strategy".to_owned()),
    };
    match option {
        Some((key, _)) => Err(format!("`{name}` has no option `{key}`")),
        None => Ok(spec),
    }
}

fn take<'a>(option: &mut Option<(&'a str, &'a str)>, key: &str) -> Option<&'a str> {
    option.take_if(|(name, _)| *name == key).map(|(_, value)| value)
}

fn count(text: &str) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count| (1..=MAX_COUNT).contains(count));
    count.ok_or_else(|| format!("`{text}` must be a whole number from 1 to {MAX_COUNT}"))
}

impl SamplerSpec {
    /// The most frames it can yield; `None` when the clip decides.
    pub const fn most(&self) -> Option<u32> {
        match self {
            Self::First | Self::Middle | Self::Last => Some(1),
            Self::Uniform(count) | Self::Linspace(count) | Self::Random { count, .. } => Some(*count),
            Self::Fps { max, .. } | Self::Keyframes(max) => *max,
        }
    }

    /// Whether it can only ever yield one frame.
    pub const fn is_single(&self) -> bool {
        matches!(self.most(), Some(1))
    }
}

impl Serialize for SamplerSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SamplerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::SamplerSpec;

    #[test]
    fn canonical_spellings_round_trip() {
        for spec in
            ["first", "middle", "last", "uniform:8", "linspace:3", "fps:0.5", "fps:2,max=32", "keyframes", "keyframes:4", "random:8,seed=7"]
        {
            assert_eq!(spec.parse::<SamplerSpec>().unwrap().to_string(), spec);
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (spec, problem) in [
            ("uniform", "needs a number"),
            ("uniform:0", "whole number"),
            ("uniform:8,seed=1", "no option `seed`"),
            ("random:4", "needs a seed"),
            ("fps:-1", "above 0"),
            ("first:1", "takes no number"),
            ("sometimes", "unknown strategy"),
            ("fps:1,max=2,max=3", "one too many"),
        ] {
            let message = spec.parse::<SamplerSpec>().unwrap_err().to_string();
            assert!(message.contains(problem), "{spec}: {message}");
        }
    }
}
