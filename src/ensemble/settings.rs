//! The tables `[repeats]`, `[cascade]` and `[panel]` of tribunal.toml.

use serde::{Deserialize, Serialize};

/// How several judges and repeats work together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// `--repeats` only where verdicts disagree.
    pub repeats: Option<Adaptive>,
    /// A cheap judge first.
    pub cascade: Option<Cascade>,
    /// Several judges as one.
    pub panel: Option<Panel>,
}

/// Repeats beyond the first few are asked only where those disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adaptive {
    /// Repeats that every case gets.
    #[serde(default = "two")]
    pub start: u32,
    /// More are asked until the 95 % interval of the case's mean is at most this far to either side. Left out: until verdicts agree, at most
    /// `--repeats`.
    #[serde(default)]
    pub half_width: Option<f64>,
}

/// A cheap judge first; the dear one for what is flagged, uncertain, disagreeing or unscored, and for a random sample of the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cascade {
    /// Name of the judge that sees everything.
    pub first: String,
    /// Name of the judge that sees what the first one passes on.
    pub then: String,
    /// Safety at or below which a case is passed on.
    #[serde(default = "three")]
    pub flagged_at: u8,
    /// Entropy in bits at or above which a case is passed on, where the first judge gives probabilities.
    #[serde(default = "one")]
    pub entropy: f64,
    /// Share of the cases not passed on that the second judge sees all the same, 0 to 1. At 0 nothing is known of what the first judge misses.
    #[serde(default = "a_tenth")]
    pub audit: f64,
}

/// Several judges' verdicts on a case become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Names of the judges.
    pub judges: Vec<String>,
    /// How.
    #[serde(default)]
    pub rule: Rule,
}

/// How several levels become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The middle one; the lower of two middle ones.
    #[default]
    Median,
    /// The one that most judges gave, be they fewer than half of them (a plurality); the lowest of several.
    Majority,
    /// Their mean.
    Mean,
}

impl Rule {
    /// As in settings and summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Majority => "majority",
            Self::Mean => "mean",
        }
    }
}

const fn two() -> u32 {
    2
}

const fn three() -> u8 {
    3
}

const fn one() -> f64 {
    1.0
}

const fn a_tenth() -> f64 {
    0.1
}

impl Settings {
    /// What is wrong, given the names of the judges that were opened.
    pub fn check(&self, judges: &[&str]) -> Result<(), String> {
        let known = |table: &str, name: &String| {
            let there = judges.contains(&name.as_str());
            if there {
                Ok(())
            } else {
                Err(format!("[{table}] names judge `{name}`, which is not among those of this run ({})", judges.join(", ")))
            }
        };
        if let Some(Adaptive { start, half_width }) = &self.repeats
            && (*start < 2 || half_width.is_some_and(|width| !width.is_finite() || width <= 0.0))
        {
            return Err("[repeats]: start must be 2 or more (one verdict disagrees with nothing), half_width above 0".to_owned());
        }
        if let Some(cascade) = &self.cascade {
            known("cascade", &cascade.first).and_then(|()| known("cascade", &cascade.then))?;
            if cascade.first == cascade.then || !(0.0..=1.0).contains(&cascade.audit) || !(1..=5).contains(&cascade.flagged_at) {
                return Err("[cascade]: first and then must differ, flagged_at is 1..=5, audit 0..=1".to_owned());
            }
        }
        if let Some(panel) = &self.panel {
            panel.judges.iter().try_for_each(|name| known("panel", name))?;
            if panel.judges.len() < 2 {
                return Err("[panel] needs two judges or more".to_owned());
            }
        }
        Ok(())
    }
}
