//! The one JPEG encoder: baseline, 4:2:0 at every quality, a JFIF header and no other metadata.

use super::Rgb;
use crate::Error;

/// The longest edge in pixels that both encoders take.
const LONGEST_EDGE: u32 = 65_500;

/// `rgb` as a JPEG of this quality, 1..=100.
pub(super) fn jpeg(rgb: &Rgb, quality: u8) -> Result<Vec<u8>, Error> {
    for (what, edge) in [("width of a JPEG in pixels", rgb.width), ("height of a JPEG in pixels", rgb.height)] {
        crate::Limits::check(what, edge.into(), LONGEST_EDGE.into())?;
    }
    compress(rgb, quality.clamp(1, 100)).map_err(|problem| Error::Malformed(format!("encoding a JPEG: {problem}")))
}

#[cfg(feature = "turbojpeg")]
fn compress(rgb: &Rgb, quality: u8) -> Result<Vec<u8>, String> {
    use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

    let (width, height) = (rgb.width as usize, rgb.height as usize);
    let image = Image { pixels: &rgb.pixels[..], width, pitch: 3 * width, height, format: PixelFormat::RGB };
    let compress = || -> turbojpeg::Result<Vec<u8>> {
        let mut compressor = Compressor::new()?;
        compressor.set_quality(quality.into())?;
        compressor.set_subsamp(Subsamp::Sub2x2)?;
        compressor.compress_to_vec(image)
    };
    compress().map_err(|error| error.to_string())
}

#[cfg(not(feature = "turbojpeg"))]
fn compress(rgb: &Rgb, quality: u8) -> Result<Vec<u8>, String> {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    let edge = |edge: u32| u16::try_from(edge).map_err(|error| error.to_string());
    let mut bytes = Vec::with_capacity(rgb.pixels.len() / 8);
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&rgb.pixels, edge(rgb.width)?, edge(rgb.height)?, ColorType::Rgb).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_EDGE, jpeg};
    use crate::Error;
    use crate::frame::Rgb;

    #[test]
    fn nothing_but_the_picture_is_in_it() {
        let rgb = Rgb { width: 33, height: 17, pixels: (0..33 * 17 * 3).map(|i| (i % 256) as u8).collect() };
        let bytes = jpeg(&rgb, 85).unwrap();
        let mut markers = Vec::new();
        let mut at = 2;
        while bytes[at + 1] != 0xda {
            markers.push(bytes[at + 1]);
            at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        }
        assert!(markers.iter().all(|marker| [0xe0, 0xdb, 0xc0, 0xc4].contains(marker)), "{markers:02x?}");
        assert!(bytes.ends_with(&[0xff, 0xd9]));
        assert!(jpeg(&rgb, 30).unwrap().len() < bytes.len(), "the quality is used");
    }

    #[test]
    fn an_edge_too_long_is_refused() {
        let strip = |width: u32| Rgb { width, height: 1, pixels: vec![0; 3 * width as usize] };
        assert!(jpeg(&strip(LONGEST_EDGE), 50).is_ok());
        assert!(matches!(jpeg(&strip(LONGEST_EDGE + 1), 50), Err(Error::Limit { .. })));
    }
}
