//! The count of tokens and the bill.

use crate::asked::Asked;
use crate::config::{Config, ImageRule, Price, UsageForm};
use crate::media::Media;

/// Input tokens by modality.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Words.
    pub(crate) text: u64,
    /// Pictures and frames.
    pub(crate) image: u64,
    /// Sound.
    pub(crate) audio: u64,
}

impl Count {
    /// What `asked` counts; a blind judge never saw its media.
    pub(crate) fn of(asked: &Asked, config: &Config) -> Self {
        let text = text(&asked.whole_text(), config);
        if config.usage == UsageForm::Blind {
            return Self { text, ..Self::default() };
        }
        let image = asked.media().map(|media| picture(media, config.tokens.image)).sum();
        let seconds: f64 = asked.media().filter_map(|media| media.seconds).sum();
        Self { text, image, audio: (seconds * config.tokens.audio_per_second).ceil() as u64 }
    }

    /// All input tokens.
    pub(crate) const fn sum(self) -> u64 {
        self.text + self.image + self.audio
    }
}

/// Tokens of a text.
pub(crate) fn text(text: &str, config: &Config) -> u64 {
    (text.chars().count() as f64 / config.tokens.text_chars_per_token).ceil() as u64
}

/// Micro-dollars, rounded up. Dollars per million tokens are micro-dollars per token.
pub(crate) fn cost(price: Price, input: u64, output: u64, factor: f64) -> u64 {
    let above = price.above.filter(|above| input > above.input_tokens);
    let (input_price, output_price) =
        above.map_or((price.input_per_mtok, price.output_per_mtok), |above| (above.input_per_mtok, above.output_per_mtok));
    ((input as f64 * input_price + output as f64 * output_price) * factor).ceil() as u64
}

fn picture(media: &Media, rule: ImageRule) -> u64 {
    if !matches!(media.kind, "image" | "frame") {
        return 0;
    }
    let (width, height) = (f64::from(media.width.unwrap_or(0)), f64::from(media.height.unwrap_or(0)));
    match rule {
        ImageRule::Fixed { tokens } => tokens,
        ImageRule::Tiles { base, .. } if media.low => base,
        ImageRule::Tiles { base, tile } => base + tile * tiles(width, height),
        ImageRule::Patches { multiplier } => {
            let patches = ((width / 32.0).ceil() * (height / 32.0).ceil()).min(1536.0);
            (patches * multiplier).ceil() as u64
        }
        ImageRule::Area { divisor, max } => ((width * height / divisor).ceil() as u64).min(max),
    }
}

/// Fit into 2048 x 2048, short side down to 768, tiles of 512.
fn tiles(width: f64, height: f64) -> u64 {
    let fit = (2048.0 / width.max(height)).min(1.0);
    let short = (768.0 / (width.min(height) * fit)).min(1.0);
    let across = |edge: f64| (edge * fit * short / 512.0).ceil();
    (across(width) * across(height)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Above;

    fn of(width: u32, height: u32, rule: ImageRule) -> u64 {
        picture(&Media { kind: "image", width: Some(width), height: Some(height), ..Media::default() }, rule)
    }

    #[test]
    fn pictures_count_as_the_vendors_publish() {
        let tiles = ImageRule::Tiles { base: 85, tile: 170 };
        assert_eq!((of(1024, 1024, tiles), of(2048, 4096, tiles), of(512, 512, tiles)), (765, 1105, 255));
        let patches = ImageRule::Patches { multiplier: 1.0 };
        assert_eq!((of(1024, 1024, patches), of(1800, 2400, patches)), (1024, 1536));
        let area = ImageRule::Area { divisor: 750.0, max: 1600 };
        assert_eq!((of(200, 200, area), of(4000, 4000, area)), (54, 1600));
        assert_eq!(of(9, 9, ImageRule::Fixed { tokens: 258 }), 258);
    }

    #[test]
    fn costs_are_rounded_up() {
        let mut price = Price { input_per_mtok: 0.25, output_per_mtok: 2.0, above: None };
        assert_eq!(cost(price, 1001, 10, 1.0), 271);
        assert_eq!(cost(price, 1001, 10, 0.5), 136);
        price.above = Some(Above { input_tokens: 1000, input_per_mtok: 1.0, output_per_mtok: 4.0 });
        assert_eq!((cost(price, 1000, 10, 1.0), cost(price, 1001, 10, 1.0)), (270, 1041));
        assert_eq!(cost(Price::default(), 1001, 10, 1.0), 0);
    }
}
