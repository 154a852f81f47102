//! The one list of modalities. A new one must break every `match`.

use serde::{Deserialize, Serialize};

/// What kind of evidence an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Written language.
    Text,
    /// A still picture, or an animation without sound (GIF, APNG, animated WebP).
    Image,
    /// Moving pictures, perhaps with a soundtrack.
    Video,
    /// Sound alone.
    Audio,
}

impl Modality {
    /// Every modality, in the order reports use.
    pub const ALL: [Self; 4] = [Self::Text, Self::Image, Self::Video, Self::Audio];

    /// The name used in manifests and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

impl std::fmt::Display for Modality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
