//! Upright RGB8 pixels: fitting, resizing, turning.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::Error;

/// A decoded picture: interleaved RGB8, sRGB, already composited on its background.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Rgb {
    /// Pixels in a row, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
    /// `width * height * 3` bytes, rows from the top.
    pub pixels: Vec<u8>,
}

/// `width` x `height` scaled so that the longest edge is at most `long_edge`; never larger than it was, never below 1.
/// The short edge is rounded half up.
pub(crate) fn fit(width: u32, height: u32, long_edge: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height)).max(1);
    let wanted = u64::from(long_edge.max(1));
    if longest <= wanted {
        return (width.max(1), height.max(1));
    }
    let scaled = |edge: u32| ((2 * u64::from(edge) * wanted + longest) / (2 * longest)).max(1) as u32;
    (scaled(width), scaled(height))
}

impl Rgb {
    /// The picture at `width` x `height` pixels, aspect not kept: Lanczos (a = 3) when no edge grows, else Catmull-Rom, which rings less.
    pub(crate) fn resized(&self, width: u32, height: u32) -> Result<Self, Error> {
        self.resized_from((self.width.into(), self.height.into()), width, height)
    }

    /// As [`Rgb::resized`], of the upper left `content` pixels only: a decoder that scales rounds its last row and column up.
    pub(crate) fn resized_from(&self, content: (f64, f64), width: u32, height: u32) -> Result<Self, Error> {
        if (width, height) == (self.width, self.height) {
            return Ok(self.clone());
        }
        let grows = width > self.width || height > self.height;
        let filter = if grows { FilterType::CatmullRom } else { FilterType::Lanczos3 };
        let failed = |error: &dyn std::fmt::Display| Error::Malformed(format!("resizing {}x{}: {error}", self.width, self.height));
        let (width, height) = (width.max(1), height.max(1));
        let mut pixels = vec![0; 3 * width as usize * height as usize];
        // Typed: the dynamic interface would compile the kernels of every pixel type, minutes of them.
        let from = TypedImageRef::<U8x3>::from_buffer(self.width, self.height, &self.pixels).map_err(|error| failed(&error))?;
        let mut to = TypedImage::<U8x3>::from_buffer(width, height, &mut pixels).map_err(|error| failed(&error))?;
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(0.0, 0.0, content.0, content.1);
        Resizer::new().resize_typed(&from, &mut to, &options).map_err(|error| failed(&error))?;
        Ok(Self { width, height, pixels })
    }

    /// The picture turned clockwise by quarter turns (modulo 4), and then mirrored left to right when `flip_h`.
    pub(crate) fn rotated(self, quarter_turns_cw: u8, flip_h: bool) -> Self {
        let turns = quarter_turns_cw % 4;
        if turns == 0 && !flip_h {
            return self;
        }
        let (width, height) = if turns.is_multiple_of(2) { (self.width, self.height) } else { (self.height, self.width) };
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..height {
            for column in 0..width {
                let x = if flip_h { width - 1 - column } else { column };
                let (from_x, from_y) = match turns {
                    0 => (x, y),
                    1 => (y, self.height - 1 - x),
                    2 => (self.width - 1 - x, self.height - 1 - y),
                    _ => (self.width - 1 - y, x),
                };
                let at = (from_y as usize * self.width as usize + from_x as usize) * 3;
                pixels.extend_from_slice(&self.pixels[at..at + 3]);
            }
        }
        Self { width, height, pixels }
    }
}

impl std::fmt::Debug for Rgb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rgb({}x{})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Rgb, fit};

    /// Each pixel is its own letter.
    fn picture(width: u32, letters: &str) -> Rgb {
        let pixels: Vec<u8> = letters.bytes().flat_map(|letter| [letter, 0, 255]).collect();
        Rgb { width, height: letters.len() as u32 / width, pixels }
    }

    #[test]
    fn turns_are_clockwise_and_come_before_the_mirror() {
        let upright = || picture(3, "abcdef");
        assert_eq!(upright().rotated(0, false), upright());
        assert_eq!(upright().rotated(1, false), picture(2, "daebfc"));
        assert_eq!(upright().rotated(2, false), picture(3, "fedcba"));
        assert_eq!(upright().rotated(3, false), picture(2, "cfbead"));
        assert_eq!(upright().rotated(0, true), picture(3, "cbafed"));
        assert_eq!(upright().rotated(1, true), picture(2, "adbecf"), "EXIF 5: transposed");
        assert_eq!(upright().rotated(3, true), picture(2, "fcebda"), "EXIF 7: transversed");
    }

    #[test]
    fn fit_keeps_the_aspect_and_rounds_half_up() {
        assert_eq!(fit(4000, 3000, 768), (768, 576));
        assert_eq!(fit(3000, 4000, 768), (576, 768));
        assert_eq!(fit(4, 1, 2), (2, 1), "half a pixel rounds up");
        assert_eq!(fit(100_000, 1, 768), (768, 1));
        assert_eq!(fit(20, 10, 768), (20, 10), "never upscaled");
    }

    #[test]
    fn a_flat_picture_stays_flat_at_every_size() {
        let flat = Rgb { width: 9, height: 7, pixels: [10, 200, 30].repeat(63) };
        for (width, height) in [(3, 3), (1, 1), (20, 30), (9, 7)] {
            let resized = flat.resized(width, height).unwrap();
            assert_eq!((resized.width, resized.height), (width, height));
            assert_eq!(resized.pixels, [10, 200, 30].repeat((width * height) as usize));
        }
    }

    proptest! {
        #[test]
        fn fitting_twice_changes_nothing(width in 1u32..70_000, height in 1u32..70_000, edge in 1u32..5000) {
            let once = fit(width, height, edge);
            prop_assert!(once.0.max(once.1) <= edge.max(1) && once.0 <= width && once.1 <= height);
            prop_assert_eq!(fit(once.0, once.1, edge), once);
        }
    }
}
