//! How servers count tokens: published rules, which bills have been seen to break. Estimates calibrate themselves on replies.

use serde::{Deserialize, Serialize};
use tribunal_media::Detail;

use crate::judge::PictureDetail;
use crate::prepare::Part;

/// How a server counts tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRules {
    /// Bytes of UTF-8 text per token: about 4, for English (a character a byte) as for Korean (three, at some 1.4 characters a token).
    pub text_bytes_per_token: f64,
    /// Tokens of one picture.
    pub picture: PictureTokens,
    /// Tokens of one second of sound.
    pub sound_per_second: f64,
    /// Tokens of a usual verdict, hidden reasoning included.
    pub verdict: f64,
}

/// What settings say of it, each over the profile's, or the rule where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnTokens {
    /// As [`TokenRules::text_bytes_per_token`].
    pub text_bytes_per_token: Option<f64>,
    /// As [`TokenRules::picture`].
    pub picture: Option<PictureTokens>,
    /// As [`TokenRules::sound_per_second`].
    pub sound_per_second: Option<f64>,
    /// As [`TokenRules::verdict`].
    pub verdict: Option<f64>,
}

/// Tokens of one picture by its size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum PictureTokens {
    /// Always the same.
    Fixed {
        /// Tokens.
        tokens: f64,
    },
    /// `base` + `tile` for each 512-pixel tile, after fitting into 2048 x 2048 and then the short side into 768 (OpenAI, gpt-4o and before).
    Tiles {
        /// Tokens of any picture.
        base: f64,
        /// Tokens of a tile.
        tile: f64,
    },
    /// `multiplier` for each 32-pixel patch, at most `most` patches (OpenAI, gpt-4.1-mini and later; larger pictures are shrunk to that).
    Patches {
        /// Tokens of a patch.
        multiplier: f64,
        /// The most patches of one picture.
        #[serde(default = "usual_patches")]
        most: f64,
    },
    /// Pixels / `divisor`, at most `most` (Anthropic: w * h / 750).
    Area {
        /// Pixels of a token.
        divisor: f64,
        /// The most that one picture counts.
        most: f64,
    },
}

const fn usual_patches() -> f64 {
    1536.0
}

impl Default for TokenRules {
    /// Where nothing is known: OpenAI's rules for tiles, and 25 tokens a second as speech encoders give.
    fn default() -> Self {
        Self {
            text_bytes_per_token: 4.0,
            picture: PictureTokens::Tiles { base: 85.0, tile: 170.0 },
            sound_per_second: 25.0,
            verdict: 120.0,
        }
    }
}

impl TokenRules {
    /// These rules for pictures sent at `detail`: a low one is one small view, which tiles count as their base alone.
    pub(in crate::judge) fn at(self, detail: PictureDetail) -> Self {
        match (detail, self.picture) {
            (PictureDetail::Low, PictureTokens::Tiles { base, .. }) => Self { picture: PictureTokens::Fixed { tokens: base }, ..self },
            _ => self,
        }
    }

    /// Whether every number can be counted with.
    pub(crate) fn check(&self) -> Result<(), String> {
        let numbers = [self.text_bytes_per_token, self.sound_per_second, self.verdict];
        let picture = match self.picture {
            PictureTokens::Fixed { tokens } => [tokens, 1.0],
            PictureTokens::Tiles { base, tile } => [base, tile],
            PictureTokens::Patches { multiplier, most } => [multiplier, most],
            PictureTokens::Area { divisor, most } => [divisor, most],
        };
        if numbers.into_iter().chain(picture).all(|number| number.is_finite() && number > 0.0) {
            Ok(())
        } else {
            Err("tokens: every rule's numbers must be above 0".to_owned())
        }
    }
}

impl OwnTokens {
    /// These rules, and `under`'s where they say nothing.
    pub(in crate::judge) fn over(self, under: TokenRules) -> TokenRules {
        let Self { text_bytes_per_token, picture, sound_per_second, verdict } = self;
        TokenRules {
            text_bytes_per_token: text_bytes_per_token.unwrap_or(under.text_bytes_per_token),
            picture: picture.unwrap_or(under.picture),
            sound_per_second: sound_per_second.unwrap_or(under.sound_per_second),
            verdict: verdict.unwrap_or(under.verdict),
        }
    }
}

impl PictureTokens {
    /// Tokens of a picture of `width` x `height` pixels.
    pub fn count(self, width: u32, height: u32) -> f64 {
        let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
        match self {
            Self::Fixed { tokens } => tokens,
            Self::Tiles { base, tile } => {
                let fit = (2048.0 / width.max(height)).min(1.0);
                let fit = fit * (768.0 / (width.min(height) * fit)).min(1.0);
                base + tile * (width * fit / 512.0).ceil() * (height * fit / 512.0).ceil()
            }
            Self::Patches { multiplier, most } => {
                let patches = (width / 32.0).ceil() * (height / 32.0).ceil();
                patches.min(most) * multiplier
            }
            Self::Area { divisor, most } => (width * height / divisor).min(most),
        }
    }
}

/// What a part counts as.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Counted {
    Text { bytes: u64 },
    Picture { width: u32, height: u32 },
    Sound { seconds: f64 },
}

/// What `part` counts as.
pub(super) fn counted(part: &Part) -> Counted {
    match &part.header.detail {
        Detail::Text { .. } => Counted::Text { bytes: part.len },
        Detail::Frame(frame) => Counted::Picture { width: frame.width, height: frame.height },
        Detail::Sheet(sheet) => Counted::Picture { width: sheet.width, height: sheet.height },
        Detail::Sound { start, end } => Counted::Sound { seconds: (end - start).max(0.0) },
    }
}

/// Tokens of `part` by the published rules.
pub(in crate::judge) fn part_tokens(rules: &TokenRules, part: &Part) -> f64 {
    match counted(part) {
        Counted::Text { bytes } => bytes as f64 / rules.text_bytes_per_token,
        Counted::Picture { width, height } => rules.picture.count(width, height),
        Counted::Sound { seconds } => seconds * rules.sound_per_second,
    }
}

#[cfg(test)]
mod tests {
    use super::PictureTokens;

    /// The examples that OpenAI and Anthropic publish beside their rules.
    #[test]
    fn published_examples_come_out() {
        let tiles = PictureTokens::Tiles { base: 85.0, tile: 170.0 };
        let patches = PictureTokens::Patches { multiplier: 1.0, most: 1536.0 };
        let area = PictureTokens::Area { divisor: 750.0, most: 1600.0 };
        for (rule, width, height, tokens) in [
            (tiles, 1024, 1024, 765),
            (tiles, 2048, 4096, 1105),
            (tiles, 512, 512, 255),
            (patches, 1024, 1024, 1024),
            (patches, 4000, 4000, 1536),
            (area, 200, 200, 53),
            (area, 4000, 4000, 1600),
        ] {
            assert_eq!(rule.count(width, height).round() as u64, tokens, "{rule:?} {width} x {height}");
        }
    }
}
