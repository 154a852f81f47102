//! The `[recipe]` table of tribunal.toml: what judges are sent.

use serde::Deserialize;
use tribunal_media::{FrameView, SoundEncoding, SoundSpec};

/// What judges are sent, as far as a user decides it. A change makes another experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `wav`, which every judge that hears takes, or `flac`, about half the bytes.
    pub sound: SoundEncoding,
    /// Longest edge of pictures in pixels; smaller ones stay as they are.
    pub long_edge: u32,
    /// JPEG quality, 1..=100.
    pub quality: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sound: SoundEncoding::Wav, long_edge: 768, quality: 85 }
    }
}

impl Settings {
    /// What is out of range, in words.
    pub fn check(self) -> Result<Self, String> {
        match self {
            Self { long_edge: 0 | 16_385.., .. } => Err("recipe.long_edge must be 1..=16384 pixels".to_owned()),
            Self { quality: 0 | 101.., .. } => Err("recipe.quality must be 1..=100".to_owned()),
            settings => Ok(settings),
        }
    }

    /// Pictures as judges see them.
    pub const fn frames(self) -> FrameView {
        FrameView::Jpeg { long_edge: self.long_edge, quality: self.quality, background: [255, 255, 255] }
    }

    /// Sound as judges hear it.
    pub fn sound(self) -> SoundSpec {
        SoundSpec { encoding: self.sound, ..SoundSpec::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn out_of_range_is_refused_by_name() {
        let check = |text: &str| toml::from_str::<Settings>(text).unwrap().check().map(|_| ());
        assert_eq!(check("sound = \"flac\"\nlong_edge = 512\nquality = 70"), Ok(()));
        assert!(check("long_edge = 0").unwrap_err().contains("recipe.long_edge"));
        assert!(check("quality = 101").unwrap_err().contains("recipe.quality"));
        assert!(toml::from_str::<Settings>("sound = \"mp3\"").is_err());
    }
}
