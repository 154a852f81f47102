//! A decoded picture on its way to a view: composited, resized, in sRGB, upright.

use std::borrow::Cow;

use image::{DynamicImage, RgbaImage};

use super::colour::Conversion;
use crate::frame::{Rgb, background, encode, target_size};
use crate::{Encoding, Error, FrameView};

/// What the file says about its pixels beside the pixels.
pub(super) struct Tags {
    pub(super) orientation: Orientation,
    /// `None`: sRGB already, or unknown and taken as such.
    pub(super) conversion: Option<Conversion>,
}

impl Tags {
    /// Whether the pixels are upright and in sRGB as they are.
    pub(super) const fn change_nothing(&self) -> bool {
        matches!(self, Self { orientation: Orientation { quarter_turns_cw: 0, flip_h: false }, conversion: None })
    }
}

/// How the stored picture is turned to stand upright: clockwise quarter turns, and then a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orientation {
    quarter_turns_cw: u8,
    flip_h: bool,
}

impl From<image::metadata::Orientation> for Orientation {
    fn from(exif: image::metadata::Orientation) -> Self {
        use image::metadata::Orientation as Exif;
        let (quarter_turns_cw, flip_h) = match exif {
            Exif::NoTransforms => (0, false),
            Exif::Rotate90 => (1, false),
            Exif::Rotate180 => (2, false),
            Exif::Rotate270 => (3, false),
            Exif::FlipHorizontal => (0, true),
            Exif::FlipVertical => (2, true),
            Exif::Rotate90FlipH => (1, true),
            Exif::Rotate270FlipH => (3, true),
        };
        Self { quarter_turns_cw, flip_h }
    }
}

impl Orientation {
    /// A width and height after turning; from upright to stored it is the same exchange.
    pub(super) const fn turned(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.quarter_turns_cw % 2 == 1 { (height, width) } else { (width, height) }
    }
}

/// Decoded pixels as stored, 8 bits a channel.
pub(super) enum Picture {
    /// In the file's own colours: converting is cheaper once it is small.
    Opaque {
        /// May be smaller than the file says, but not smaller than any view.
        rgb: Rgb,
        /// Width and height that the file says, in pixels.
        size: (u32, u32),
        /// By how much the decoder divided both; what is left is rounded up.
        divisor: u32,
    },
    /// In sRGB already, since compositing comes before resizing: else a hidden colour would bleed into the edges.
    Transparent(RgbaImage),
}

impl Picture {
    /// Takes over a decoded picture of any depth.
    pub(super) fn new(image: DynamicImage, tags: &Tags) -> Result<Self, Error> {
        if image.color().has_alpha() {
            return Self::transparent(image.into_rgba8(), tags);
        }
        let rgb = image.into_rgb8();
        let size = rgb.dimensions();
        Ok(Self::Opaque { rgb: Rgb { width: size.0, height: size.1, pixels: rgb.into_raw() }, size, divisor: 1 })
    }

    /// Takes over RGBA8 pixels.
    pub(super) fn transparent(mut image: RgbaImage, tags: &Tags) -> Result<Self, Error> {
        if let Some(conversion) = &tags.conversion {
            conversion.apply_rgba(&mut image)?;
        }
        Ok(Self::Transparent(image))
    }

    /// Width and height as stored, in pixels.
    pub(super) fn size(&self) -> (u32, u32) {
        match self {
            Self::Opaque { size, .. } => *size,
            Self::Transparent(image) => image.dimensions(),
        }
    }

    /// How many of the decoded columns and rows the picture covers: the last ones perhaps in part only.
    fn content(&self) -> (f64, f64) {
        let (width, height) = self.size();
        let divisor = if let Self::Opaque { divisor, .. } = self { f64::from(*divisor) } else { 1.0 };
        (f64::from(width) / divisor, f64::from(height) / divisor)
    }

    /// Makes one view: encoding, width, height, bytes.
    pub(super) fn view(&self, view: &FrameView, tags: &Tags) -> Result<(Encoding, u32, u32, Vec<u8>), Error> {
        let rgb = match self {
            Self::Opaque { rgb, .. } => Cow::Borrowed(rgb),
            Self::Transparent(image) => Cow::Owned(composite(image, background(view))),
        };
        let (width, height) = tags.orientation.turned(self.size());
        let (width, height) = tags.orientation.turned(target_size(view, width, height));
        let mut small =
            if (width, height) == (rgb.width, rgb.height) { rgb.into_owned() } else { rgb.resized_from(self.content(), width, height)? };
        if let (Self::Opaque { .. }, Some(conversion)) = (self, &tags.conversion) {
            conversion.apply_rgb(&mut small)?;
        }
        encode(view, &small.rotated(tags.orientation.quarter_turns_cw, tags.orientation.flip_h))
    }
}

/// `image` on `background`, in gamma-encoded sRGB as browsers do it.
fn composite(image: &RgbaImage, background: [u8; 3]) -> Rgb {
    let mut pixels = Vec::with_capacity(image.len() / 4 * 3);
    for pixel in image.pixels() {
        let alpha = u32::from(pixel.0[3]);
        let on = |i: usize| ((u32::from(pixel.0[i]) * alpha + u32::from(background[i]) * (255 - alpha) + 127) / 255) as u8;
        pixels.extend_from_slice(&[on(0), on(1), on(2)]);
    }
    Rgb { width: image.width(), height: image.height(), pixels }
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::{Orientation, Picture, Tags, composite};
    use crate::FrameView;

    const UPRIGHT: Tags = Tags { orientation: Orientation { quarter_turns_cw: 0, flip_h: false }, conversion: None };

    #[test]
    fn hidden_pixels_stay_hidden_and_bleed_nowhere() {
        // Left half opaque green, right half transparent over a hidden red.
        let image = RgbaImage::from_fn(64, 8, |x, _| if x < 32 { Rgba([0, 128, 0, 255]) } else { Rgba([255, 0, 0, 0]) });
        assert!(composite(&image, [0, 0, 0]).pixels.iter().skip(32 * 3).step_by(3).take(32).all(|red| *red == 0));
        let view = FrameView::Tensor { resize: 8, crop: 8 };
        let (.., bytes) = Picture::transparent(image, &UPRIGHT).unwrap().view(&view, &UPRIGHT).unwrap();
        // Between green and white no pixel is redder than it is blue.
        assert!(bytes.chunks(3).all(|pixel| pixel[0] == pixel[2]), "{bytes:?}");
        assert_eq!(&bytes[7 * 3..8 * 3], [255, 255, 255]);
    }

    #[test]
    fn half_transparent_is_half_way() {
        let image = RgbaImage::from_pixel(1, 1, Rgba([200, 0, 100, 128]));
        assert_eq!(composite(&image, [0, 200, 100]).pixels, [100, 100, 100]);
    }
}
