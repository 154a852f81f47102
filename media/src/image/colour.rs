//! Colour profiles: from what a file was made in to sRGB.

use std::sync::Arc;

use image::RgbaImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformExecutor, TransformOptions};

use crate::Error;
use crate::frame::Rgb;

/// Pixels converted at a time; bounds the scratch memory.
const STRIDE: usize = 4096;

/// A difference of this many levels is rounding: such a profile describes sRGB.
const SAME: u8 = 2;

/// A conversion of 8-bit pixels to sRGB that changes something.
pub(super) enum Conversion {
    /// For grey pictures: the new level of each level.
    Gray(Box<[u8; 256]>),
    /// For colour, with or without an alpha channel as the picture has it.
    Colour(Arc<dyn TransformExecutor<u8> + Send + Sync>),
}

impl Conversion {
    /// The conversion that a profile asks for, for RGB8 or RGBA8 pixels (`rgba`) of a picture in colour or in grey (`has_colour`);
    /// `None` when the profile describes sRGB. `Err` says why it cannot be applied.
    pub(super) fn to_srgb(icc: &[u8], has_colour: bool, rgba: bool) -> Result<Option<Self>, String> {
        let profile = ColorProfile::new_from_slice(icc).map_err(|error| format!("the colour profile is broken: {error}"))?;
        match profile.color_space {
            DataColorSpace::Gray if !has_colour => gray(&profile, Layout::Gray),
            DataColorSpace::Rgb => colour(&profile, if rgba { Layout::Rgba } else { Layout::Rgb }),
            other => Err(format!("the colour profile describes {other:?}; the plain conversion was used")),
        }
    }

    /// As [`Conversion::to_srgb`], from a colour space of RGB, which a grey picture may have, too.
    pub(super) fn from_space(space: &ColorProfile, has_colour: bool, rgba: bool) -> Result<Option<Self>, String> {
        if has_colour { colour(space, if rgba { Layout::Rgba } else { Layout::Rgb }) } else { gray(space, Layout::Rgb) }
    }

    /// Converts opaque pixels in place.
    pub(super) fn apply_rgb(&self, rgb: &mut Rgb) -> Result<(), Error> {
        self.apply(&mut rgb.pixels, 3)
    }

    /// Converts pixels in place; alpha stays as it is.
    pub(super) fn apply_rgba(&self, image: &mut RgbaImage) -> Result<(), Error> {
        self.apply(image, 4)
    }

    fn apply(&self, pixels: &mut [u8], channels: usize) -> Result<(), Error> {
        match self {
            Self::Gray(levels) => {
                for pixel in pixels.chunks_exact_mut(channels) {
                    pixel[..3].iter_mut().for_each(|level| *level = levels[usize::from(*level)]);
                }
            }
            Self::Colour(transform) => {
                let mut scratch = Vec::with_capacity(STRIDE * channels);
                for chunk in pixels.chunks_mut(STRIDE * channels) {
                    scratch.clear();
                    scratch.extend_from_slice(chunk);
                    transform.transform(&scratch, chunk).map_err(|error| Error::Malformed(format!("converting colours: {error}")))?;
                }
            }
        }
        Ok(())
    }
}

/// `from`: whether the profile is one of grey or of RGB.
fn gray(profile: &ColorProfile, from: Layout) -> Result<Option<Conversion>, String> {
    let transform = transform(profile, from, Layout::Rgb)?;
    let levels: Vec<u8> = (0..=255).collect();
    let stored: Vec<u8> = levels.iter().flat_map(|level| [*level; 3].into_iter().take(from.channels())).collect();
    let mut converted = vec![0; levels.len() * 3];
    transform.transform(&stored, &mut converted).map_err(|error| error.to_string())?;
    let mut table = Box::new([0; 256]);
    table.iter_mut().zip(converted.chunks_exact(3)).for_each(|(level, pixel)| *level = pixel[1]);
    let same = levels.iter().zip(table.iter()).all(|(before, after)| before.abs_diff(*after) <= SAME);
    Ok((!same).then_some(Conversion::Gray(table)))
}

fn colour(profile: &ColorProfile, layout: Layout) -> Result<Option<Conversion>, String> {
    let transform = transform(profile, layout, layout)?;
    // Whether it describes sRGB is seen by what it does to a grid of colours, not by what it calls itself.
    let step = |i: usize| (i % 9 * 255 / 8) as u8;
    let channels = if matches!(layout, Layout::Rgba) { 4 } else { 3 };
    let grid: Vec<u8> = (0..9 * 9 * 9).flat_map(|i| [step(i), step(i / 9), step(i / 81), 255].into_iter().take(channels)).collect();
    let mut converted = vec![0; grid.len()];
    transform.transform(&grid, &mut converted).map_err(|error| error.to_string())?;
    let same = grid.iter().zip(&converted).all(|(before, after)| before.abs_diff(*after) <= SAME);
    Ok((!same).then_some(Conversion::Colour(transform)))
}

fn transform(profile: &ColorProfile, from: Layout, to: Layout) -> Result<Arc<dyn TransformExecutor<u8> + Send + Sync>, String> {
    let problem = |error| format!("the colour profile cannot be used: {error}");
    profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default()).map_err(problem)
}

#[cfg(test)]
mod tests {
    use moxcms::ColorProfile;

    use super::Conversion;
    use crate::frame::Rgb;

    #[test]
    fn srgb_needs_nothing_and_a_wider_gamut_is_brought_in() {
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        assert!(Conversion::to_srgb(&srgb, true, false).unwrap().is_none());
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        let conversion = Conversion::to_srgb(&p3, true, false).unwrap().expect("Display P3 differs");
        let mut rgb = Rgb { width: 2, height: 1, pixels: vec![0, 200, 0, 128, 128, 128] };
        conversion.apply_rgb(&mut rgb).unwrap();
        assert!(rgb.pixels[1] > 200 && rgb.pixels[0] == 0, "this green is more vivid than sRGB's: {:?}", rgb.pixels);
        assert!(rgb.pixels[3..].iter().all(|level| level.abs_diff(128) <= 1), "grey stays grey: {:?}", rgb.pixels);
    }

    #[test]
    fn a_broken_or_foreign_profile_is_a_reason_and_no_failure() {
        assert!(Conversion::to_srgb(b"not a profile", true, false).is_err());
        let gray = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
        assert!(Conversion::to_srgb(&gray, true, false).is_err());
        assert!(matches!(Conversion::to_srgb(&gray, false, false), Ok(Some(Conversion::Gray(levels))) if levels[128] > 180));
    }
}
