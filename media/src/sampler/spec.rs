//! How a sampler is written: `uniform:8`, `fps:1,max=32`, `random:8,seed=7`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A sampling strategy as the user wrote it: which frames, which of them to leave out, how to lay them out.
/// `Display` gives the canonical spelling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplerSpec {
    /// Which frames.
    pub pick: Pick,
    /// Leave out a picked frame when the share of its perceptual hash bits that differ from the one kept before it is at most this, 0..=1.
    pub distinct: Option<f64>,
    /// One picture per frame, or several frames in one.
    pub layout: Layout,
}

/// Which frames a sampler picks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pick {
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
    /// One frame of each of the N scenes that differ most; every frame is decoded to find them.
    Scene(u32),
    /// N frames spread evenly over all that moves; every frame is decoded to find them.
    Motion(u32),
    /// N moments at which packets are largest for their kind, by the index alone.
    Packets(u32),
    /// N distinct frames drawn without replacement by a seeded generator.
    Random {
        /// How many.
        count: u32,
        /// The seed.
        seed: u64,
    },
}

/// How the frames of one sampler become parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One picture per frame.
    #[default]
    Single,
    /// Numbered frames in rows, read left to right and top to bottom, in as many pictures as it takes.
    Sheet {
        /// Cells below each other.
        rows: u32,
        /// Cells beside each other.
        columns: u32,
    },
}

/// A sampler that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "sampler `{spec}`: {problem}; known: first, middle, last, uniform:N, linspace:N, fps:R[,max=N], keyframes[:N], scene:N, motion:N, \
     packets:N, random:N,seed=S; each may end in ,distinct=D (0 to 1) and ,layout=sheet:RxC"
)]
pub struct SpecError {
    spec: String,
    problem: String,
}

/// No sampler may ask for more frames than this; a judge takes far fewer.
const MAX_COUNT: u32 = 10_000;

/// Samplers that look at every frame hold pictures of four times as many as they pick.
const MAX_LOOKED_FOR: u32 = 256;

/// No sheet has more rows or columns than this: nobody could see what is in its cells.
const MAX_CELLS: u32 = 16;

impl fmt::Display for SamplerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pick.fmt(f)?;
        if let Some(distance) = self.distinct {
            write!(f, ",distinct={distance}")?;
        }
        match self.layout {
            Layout::Single => Ok(()),
            Layout::Sheet { rows, columns } => write!(f, ",layout=sheet:{rows}x{columns}"),
        }
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first"),
            Self::Middle => f.write_str("middle"),
            Self::Last => f.write_str("last"),
            Self::Uniform(count) => write!(f, "uniform:{count}"),
            Self::Linspace(count) => write!(f, "linspace:{count}"),
            Self::Fps { rate, max: None } => write!(f, "fps:{rate}"),
            Self::Fps { rate, max: Some(max) } => write!(f, "fps:{rate},max={max}"),
            Self::Keyframes(None) => f.write_str("keyframes"),
            Self::Keyframes(Some(count)) => write!(f, "keyframes:{count}"),
            Self::Scene(count) => write!(f, "scene:{count}"),
            Self::Motion(count) => write!(f, "motion:{count}"),
            Self::Packets(count) => write!(f, "packets:{count}"),
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
    let mut fields = text.split(',');
    let head = fields.next().unwrap_or_default();
    let (name, value) = head.split_once(':').map_or((head, None), |(name, value)| (name, Some(value)));
    let mut options = Options::read(fields)?;
    let spec = SamplerSpec {
        pick: pick(name, value, &mut options)?,
        distinct: options.take("distinct").map(distance).transpose()?,
        layout: options.take("layout").map_or(Ok(Layout::Single), layout)?,
    };
    options.finish(name).map(|()| spec)
}

fn pick(name: &str, value: Option<&str>, options: &mut Options<'_>) -> Result<Pick, String> {
    Ok(match (name, value) {
        ("first", None) => Pick::First,
        ("middle", None) => Pick::Middle,
        ("last", None) => Pick::Last,
        ("uniform", Some(count)) => Pick::Uniform(self::count(count)?),
        ("linspace", Some(count)) => Pick::Linspace(self::count(count)?),
        ("fps", Some(rate)) => {
            let rate = rate.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0 && *rate <= 1000.0);
            let rate = rate.ok_or("the rate must be a number above 0 and at most 1000")?;
            Pick::Fps { rate, max: options.take("max").map(self::count).transpose()? }
        }
        ("keyframes", None) => Pick::Keyframes(None),
        ("keyframes", Some(count)) => Pick::Keyframes(Some(self::count(count)?)),
        ("scene", Some(count)) => Pick::Scene(count_up_to(count, MAX_LOOKED_FOR)?),
        ("motion", Some(count)) => Pick::Motion(count_up_to(count, MAX_LOOKED_FOR)?),
        ("packets", Some(count)) => Pick::Packets(self::count(count)?),
        ("random", Some(count)) => {
            let seed = options.take("seed").ok_or("needs a seed: random:N,seed=S")?;
            Pick::Random { count: self::count(count)?, seed: seed.parse().map_err(|_| "the seed must be a whole number")? }
        }
        ("first" | "middle" | "last", Some(_)) => return Err(format!("`{name}` takes no number")),
        ("uniform" | "linspace" | "random" | "scene" | "motion" | "packets", None) => return Err(format!("`{name}` needs a number")),
        ("fps", None) => return Err("`fps` needs a rate".to_owned()),
        _ => return Err("unknown strategy".to_owned()),
    })
}

/// What follows the first comma.
struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    fn read(fields: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut options: Vec<(&str, &str)> = Vec::new();
        for field in fields {
            let (key, value) = field.split_once('=').ok_or_else(|| format!("`{field}` is no option"))?;
            if options.iter().any(|(known, _)| *known == key) {
                return Err(format!("`{field}` is one too many"));
            }
            options.push((key, value));
        }
        Ok(Self(options))
    }

    fn take(&mut self, key: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(name, _)| *name == key)?;
        Some(self.0.remove(at).1)
    }

    fn finish(self, name: &str) -> Result<(), String> {
        self.0.first().map_or(Ok(()), |(key, _)| Err(format!("`{name}` has no option `{key}`")))
    }
}

fn count(text: &str) -> Result<u32, String> {
    count_up_to(text, MAX_COUNT)
}

fn count_up_to(text: &str, most: u32) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| format!("`{text}` must be a whole number from 1 to {most}"))
}

fn distance(text: &str) -> Result<f64, String> {
    let distance = text.parse().ok().filter(|distance: &f64| (0.0..=1.0).contains(distance));
    distance.ok_or_else(|| format!("distinct `{text}` must be a number from 0 to 1"))
}

fn layout(text: &str) -> Result<Layout, String> {
    let cells = |text: &str| text.parse().ok().filter(|cells: &u32| (1..=MAX_CELLS).contains(cells));
    let sheet = text.strip_prefix("sheet:").and_then(|size| size.split_once('x'));
    let sheet = sheet.and_then(|(rows, columns)| Some(Layout::Sheet { rows: cells(rows)?, columns: cells(columns)? }));
    sheet.ok_or_else(|| format!("layout `{text}` must be sheet:RxC with 1 to {MAX_CELLS} rows and columns"))
}

impl From<Pick> for SamplerSpec {
    fn from(pick: Pick) -> Self {
        Self::of(pick)
    }
}

impl SamplerSpec {
    /// A picture for every frame of `pick`.
    pub const fn of(pick: Pick) -> Self {
        Self { pick, distinct: None, layout: Layout::Single }
    }

    /// The most frames it can yield; `None` when the clip decides.
    pub const fn most(&self) -> Option<u32> {
        match self.pick {
            Pick::First | Pick::Middle | Pick::Last => Some(1),
            Pick::Uniform(count)
            | Pick::Linspace(count)
            | Pick::Scene(count)
            | Pick::Motion(count)
            | Pick::Packets(count)
            | Pick::Random { count, .. } => Some(count),
            Pick::Fps { max, .. } | Pick::Keyframes(max) => max,
        }
    }

    /// Whether every frame must be decoded to pick some.
    pub const fn looks_at_all(&self) -> bool {
        matches!(self.pick, Pick::Scene(_) | Pick::Motion(_))
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
        for spec in [
            "first",
            "middle",
            "last",
            "uniform:8",
            "linspace:3",
            "fps:0.5",
            "fps:2,max=32",
            "keyframes",
            "keyframes:4",
            "random:8,seed=7",
            "scene:4",
            "motion:6,distinct=0.1",
            "packets:3,layout=sheet:1x3",
            "random:8,seed=7,distinct=0.25,layout=sheet:2x4",
        ] {
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
            ("scene", "needs a number"),
            ("motion:257", "1 to 256"),
            ("scene:4,max=2", "no option `max`"),
            ("uniform:4,distinct=2", "from 0 to 1"),
            ("uniform:4,layout=sheet:0x4", "sheet:RxC"),
            ("uniform:4,layout=grid", "sheet:RxC"),
        ] {
            let message = spec.parse::<SamplerSpec>().unwrap_err().to_string();
            assert!(message.contains(problem), "{spec}: {message}");
        }
    }
}
