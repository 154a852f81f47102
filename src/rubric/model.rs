//! A rubric: its loading, its name and digest, and what it can judge.

use serde::Deserialize as _;
use tribunal_media::{Digest, Modality};

use super::data::{Data, Templates};
use super::{Probe, Shape};
use crate::taxonomy::{Factor, Lang, PromptType};

/// The rubrics that ship inside the program: name and text.
pub(super) const BUILTIN: [(&str, &str); 5] = [
    ("text", include_str!("data/text.toml")),
    ("image", include_str!("data/image.toml")),
    ("audio", include_str!("data/audio.toml")),
    ("single-frame", include_str!("data/single-frame.toml")),
    ("temporal", include_str!("data/temporal.toml")),
];

/// The words around the evidence that rubrics share.
const SHARED: &str = include_str!("data/templates.toml");

/// Rises when rendering or fencing changes in a way that the files do not show.
const FORMAT: &str = "tribunal-rubric-1";

/// The judge's instructions and scale for one kind of evidence.
#[derive(Debug, Clone)]
pub struct Rubric {
    pub(super) data: Data,
    pub(super) templates: Templates,
    pub(super) digest: Digest,
    pub(super) probe: Option<Probe>,
}

/// What one prompt to a judge is about.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// Language of the instructions.
    pub lang: Lang,
    /// The risk factor, when the manifest names one.
    pub factor: Option<&'a Factor>,
    /// The prompt type, when the manifest names one.
    pub prompt_type: Option<&'a PromptType>,
    /// What the model was asked; untrusted.
    pub prompt: &'a str,
    /// One per part, in order.
    pub evidence: &'a [Evidence],
    /// 16 hex digits that fence the evidence and that the verdict must echo.
    pub nonce: &'a str,
}

/// What one part shows, for its label.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// A text.
    Text,
    /// A picture; `t` in seconds for video frames.
    Frame {
        /// Seconds from the first displayed frame.
        t: Option<f64>,
    },
    /// Several numbered frames in one picture.
    Sheet {
        /// Frames beside each other.
        columns: u32,
        /// Seconds of each frame in reading order.
        times: Vec<f64>,
    },
    /// A stretch of sound.
    Sound {
        /// Seconds.
        start: f64,
        /// Seconds.
        end: f64,
    },
}

impl Evidence {
    /// Frames that it shows.
    pub(super) fn frames(&self) -> usize {
        match self {
            Self::Frame { .. } => 1,
            Self::Sheet { times, .. } => times.len(),
            Self::Text | Self::Sound { .. } => 0,
        }
    }
}

/// The texts around the evidence. Everything from outside in it is fenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Instructions and scale: identical for all cases with one factor, so that servers can cache it.
    pub system: String,
    /// Before the evidence: the case and the opening fence.
    pub before: String,
    /// One label per part.
    pub labels: Vec<String>,
    /// After the evidence: the closing fence and what to answer.
    pub after: String,
}

/// A rubric that cannot be used, or a case that it cannot put.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rubric {name}: {problem}")]
pub struct Error {
    /// Its name or file.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

impl Rubric {
    /// Names of the rubrics that ship inside the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// The rubric of that name, if one ships inside the program.
    pub fn builtin(name: &str) -> Option<Self> {
        let (_, text) = BUILTIN.iter().find(|(known, _)| *known == name)?;
        Self::from_toml(text, name).ok()
    }

    /// Reads a rubric file and tries its templates in both languages; `origin` is how the user named it.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, Error> {
        let error = |problem: String| Error { name: origin.to_owned(), problem };
        let mut data: Data = toml::from_str(text).map_err(|fault| error(fault.to_string().trim_end().to_owned()))?;
        if let Some(problem) = data.problem() {
            return Err(error(problem));
        }
        data.levels.sort_by_key(|level| std::cmp::Reverse(level.safety));
        let shared = toml::Deserializer::parse(SHARED).and_then(Templates::deserialize).map_err(|fault| error(fault.to_string()))?;
        let templates = shared.with(std::mem::take(&mut data.templates));
        let fields = [FORMAT.to_owned(), serde_json::json!(data).to_string(), serde_json::json!(templates).to_string()];
        let digest = Digest::of_fields(fields.iter().map(String::as_bytes));
        let rubric = Self { data, templates, digest, probe: None };
        rubric.rehearse().map_err(|fault| error(fault.problem))?;
        Ok(rubric)
    }

    /// Its name, as in `--rubric` and reports.
    pub fn name(&self) -> &str {
        &self.data.name
    }

    /// Digest of the data, both languages, the templates and the format's version.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether it can judge outputs of this modality.
    pub fn modality_ok(&self, modality: Modality) -> bool {
        self.data.modalities.contains(&modality)
    }

    /// Whether a video's sound is to be sent too.
    pub const fn soundtrack(&self) -> bool {
        self.data.soundtrack
    }

    /// Whether it judges one frame and no more.
    pub const fn is_single_frame(&self) -> bool {
        self.data.single_frame
    }

    /// The one shape of reply it asks for.
    pub fn shape(&self) -> Shape {
        let dimensions = self.data.dimensions.iter().map(|dimension| dimension.code.clone()).collect();
        Shape { dimensions, evidence: self.data.seconds, receipt: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        BUILTIN[0].1.to_owned()
    }

    #[test]
    fn every_builtin_loads_and_knows_what_it_judges() {
        let judges = |name: &str, modality| {
            Rubric::from_toml(BUILTIN.iter().find(|(known, _)| *known == name).unwrap().1, name).unwrap().modality_ok(modality)
        };
        for (name, modality) in [
            ("text", Modality::Text),
            ("image", Modality::Image),
            ("audio", Modality::Audio),
            ("single-frame", Modality::Video),
            ("temporal", Modality::Video),
        ] {
            assert_eq!(Rubric::builtin(name).unwrap().name(), name);
            assert_eq!(Modality::ALL.map(|other| judges(name, other)), Modality::ALL.map(|other| other == modality), "{name}");
            assert!(!Rubric::builtin(name).unwrap().soundtrack());
        }
        let shape = Rubric::builtin("temporal").unwrap().shape();
        assert_eq!(shape.dimensions, ["identity", "motion", "transition", "escalation"]);
        assert!(shape.evidence);
        assert!(Rubric::builtin("other").is_none());
    }

    #[test]
    fn the_digest_covers_both_languages_and_the_templates() {
        let digest = |text: &str| Rubric::from_toml(text, "mine").unwrap().digest();
        let original = digest(&text());
        assert_eq!(original, digest(&text()));
        assert_ne!(original, digest(&text().replace("글입니다", "글이다")));
        assert_ne!(original, digest(&text().replace("is a text that", "is text that")));
        assert_ne!(original, digest(&format!("{}\n[templates.ko]\ntext_label = \"글\"\n", text())));
    }

    #[test]
    fn a_faulty_rubric_is_refused_with_its_reason() {
        for (from, to, problem) in [
            ("safety = 3", "safety = 4", "one level for each safety"),
            ("modalities = [\"text\"]", "modalities = []", "`modalities` is empty"),
            ("\"Safe\"", "\" \"", "a text is empty"),
            ("seconds = false", "secs = false", "secs"),
            ("dimensions = []", "dimensions = [{ code = \"safety\", ask = { en = \"a\", ko = \"가\" } }]", "field of every reply"),
            ("dimensions = []", "dimensions = []\ntemplates = { en = { after = \"{{ nonce }} {{ nonsense }}\" } }", "undefined"),
            ("dimensions = []", "dimensions = []\ntemplates = { en = { after = \"{% if %}\" } }", "syntax error"),
            ("dimensions = []", "dimensions = []\ntemplates = { ko = { after = \"끝\" } }", "the nonce belongs"),
        ] {
            let changed = text().replacen(from, to, 1);
            assert_ne!(changed, text(), "{from}");
            let message = Rubric::from_toml(&changed, "mine.toml").unwrap_err().to_string();
            assert!(message.starts_with("rubric mine.toml: ") && message.contains(problem), "{message}");
        }
    }
}
