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

    /// The longest edge, 64 pixels or more, at which every picture takes at most so many bytes.
    pub fn edge_within(self, bytes: u64) -> u32 {
        let pixels = bytes.saturating_sub(JPEG_HEADER) / bytes_per_pixel(self.quality);
        u32::try_from(pixels.isqrt()).unwrap_or(u32::MAX).max(SMALLEST)
    }

    /// Sound as judges hear it.
    pub fn sound(self) -> SoundSpec {
        SoundSpec { encoding: self.sound, ..SoundSpec::default() }
    }
}

/// Tables and headers of a small JPEG.
const JPEG_HEADER: u64 = 4096;
/// Smaller pictures show nothing.
const SMALLEST: u32 = 64;

/// Bytes that a picture may take as a JPEG: a baseline 4:2:0 one stays below one byte a pixel even for noise up to about quality 90, and below three
/// at 100; originals are passed through only up to one.
pub fn most_jpeg_bytes(long_edge: u32, quality: u8) -> u64 {
    u64::from(long_edge).pow(2) * bytes_per_pixel(quality) + JPEG_HEADER
}

const fn bytes_per_pixel(quality: u8) -> u64 {
    if quality > 90 { 3 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::{SMALLEST, Settings, most_jpeg_bytes};

    #[test]
    fn out_of_range_is_refused_by_name() {
        let check = |text: &str| toml::from_str::<Settings>(text).unwrap().check().map(|_| ());
        assert_eq!(check("sound = \"flac\"\nlong_edge = 512\nquality = 70"), Ok(()));
        assert!(check("long_edge = 0").unwrap_err().contains("recipe.long_edge"));
        assert!(check("quality = 101").unwrap_err().contains("recipe.quality"));
        assert!(toml::from_str::<Settings>("sound = \"mp3\"").is_err());
    }

    #[test]
    fn the_edge_is_the_longest_whose_pictures_take_no_more_bytes() {
        for quality in [85, 95] {
            let settings = Settings { quality, ..Settings::default() };
            for bytes in [40_000, 3_750_000, 7_500_000] {
                let edge = settings.edge_within(bytes);
                assert!(most_jpeg_bytes(edge, quality) <= bytes && bytes < most_jpeg_bytes(edge + 1, quality), "{edge} for {bytes}");
            }
            assert_eq!(
                (settings.edge_within(0), settings.edge_within(u64::MAX)),
                (SMALLEST, if quality > 90 { 2_479_700_524 } else { u32::MAX })
            );
        }
    }
}
