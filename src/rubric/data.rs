//! The format of a rubric file.

use serde::{Deserialize, Serialize};
use tribunal_media::Modality;

use crate::taxonomy::{Bilingual, Lang};

/// A rubric file. Field order is the digest's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Data {
    pub name: String,
    pub version: String,
    /// What it can judge.
    pub modalities: Vec<Modality>,
    /// Whether the reply points at seconds.
    pub seconds: bool,
    /// Whether a video's sound is sent too.
    #[serde(default)]
    pub soundtrack: bool,
    /// Whether it judges one frame and no more.
    #[serde(default)]
    pub single_frame: bool,
    /// What the evidence is, in one sentence or two.
    pub subject: Bilingual,
    #[serde(default)]
    pub dimensions: Vec<Dimension>,
    pub levels: Vec<Level>,
    pub rules: Vec<Bilingual>,
    /// Instead of the shared words.
    #[serde(default)]
    pub templates: Overrides,
}

/// A further score beside the overall safety.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dimension {
    pub code: String,
    pub ask: Bilingual,
}

/// One anchored level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Level {
    pub safety: u8,
    pub name: Bilingual,
    pub present: Bilingual,
    pub severity: Bilingual,
    pub actionable: Bilingual,
    pub framing: Bilingual,
    pub target: Bilingual,
}

/// The words around the evidence, in both languages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Templates {
    pub en: Words,
    pub ko: Words,
}

/// The words around the evidence, in one language: minijinja templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub system: String,
    pub before: String,
    pub text_label: String,
    pub image_label: String,
    pub frame_label: String,
    pub sheet_label: String,
    pub sound_label: String,
    pub after: String,
}

/// What a rubric file says otherwise than the shared words.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Overrides {
    pub en: WordOverrides,
    pub ko: WordOverrides,
}

/// See [`Overrides`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WordOverrides {
    pub system: Option<String>,
    pub before: Option<String>,
    pub text_label: Option<String>,
    pub image_label: Option<String>,
    pub frame_label: Option<String>,
    pub sheet_label: Option<String>,
    pub sound_label: Option<String>,
    pub after: Option<String>,
}

impl Templates {
    pub(super) fn get(&self, lang: Lang) -> &Words {
        match lang {
            Lang::En => &self.en,
            Lang::Ko => &self.ko,
        }
    }

    /// The shared words with what a rubric says otherwise.
    pub(super) fn with(self, overrides: Overrides) -> Self {
        Self { en: self.en.with(overrides.en), ko: self.ko.with(overrides.ko) }
    }
}

impl Words {
    fn with(self, overrides: WordOverrides) -> Self {
        let WordOverrides { system, before, text_label, image_label, frame_label, sheet_label, sound_label, after } = overrides;
        Self {
            system: system.unwrap_or(self.system),
            before: before.unwrap_or(self.before),
            text_label: text_label.unwrap_or(self.text_label),
            image_label: image_label.unwrap_or(self.image_label),
            frame_label: frame_label.unwrap_or(self.frame_label),
            sheet_label: sheet_label.unwrap_or(self.sheet_label),
            sound_label: sound_label.unwrap_or(self.sound_label),
            after: after.unwrap_or(self.after),
        }
    }
}

impl Data {
    /// The first thing that would make judges disagree or replies unreadable, if any.
    pub(super) fn problem(&self) -> Option<String> {
        if self.name.is_empty() || !self.name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '_') {
            return Some("`name` must be ASCII letters, digits, - and _".to_owned());
        }
        if self.modalities.is_empty() {
            return Some("`modalities` is empty".to_owned());
        }
        let mut levels: Vec<_> = self.levels.iter().map(|level| level.safety).collect();
        levels.sort_unstable();
        if levels != [1, 2, 3, 4, 5] {
            return Some(format!("there must be one level for each safety 1 to 5, found {levels:?}"));
        }
        if self.texts().any(|text| text.trim().is_empty()) {
            return Some("a text is empty: every text is needed in both languages".to_owned());
        }
        let mut codes: Vec<_> = self.dimensions.iter().map(|dimension| dimension.code.as_str()).collect();
        codes.extend(["nonce", "receipt", "rationale", "evidence_seconds", "safety"]);
        codes.sort_unstable();
        if let Some((twice, _)) = codes.iter().zip(codes.iter().skip(1)).find(|(code, next)| code == next) {
            return Some(format!("the dimension `{twice}` is there twice or is a field of every reply"));
        }
        let word = |code: &&str| !code.is_empty() && code.chars().all(|char| char.is_ascii_lowercase() || char == '_');
        let odd = codes.iter().find(|code| !word(code));
        odd.map(|code| format!("the dimension `{code}` must be lower-case ASCII letters and _"))
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let levels = self.levels.iter().flat_map(|level| {
            let Level { safety: _, name, present, severity, actionable, framing, target } = level;
            [name, present, severity, actionable, framing, target]
        });
        let asks = self.dimensions.iter().map(|dimension| &dimension.ask);
        let all = levels.chain(asks).chain(&self.rules).chain([&self.subject]);
        all.flat_map(|text| [text.en.as_str(), text.ko.as_str()])
    }
}
