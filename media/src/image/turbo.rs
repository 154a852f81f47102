//! JPEG by libjpeg-turbo: decoded at an eighth, a quarter, half or all of its size, since its transform can leave out detail.

use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

use crate::frame::Rgb;

/// A progressive JPEG has some ten scans; thousands only take time.
const MOST_SCANS: u32 = 500;

/// The scales that libjpeg-turbo has vector code for, as divisors, the smallest picture first.
const DIVISORS: [u32; 4] = [8, 4, 2, 1];

/// The picture at the smallest scale that still has every size of `needed`, and by how much that divides its edges. `Ok(None)`: not for this decoder (ink, lossless).
///
/// `Err` is what the decoder says of damaged data. It would fill the holes and go on, but then nobody knows what is missing.
pub(super) fn decode(jpeg: &[u8], stored: (u32, u32), needed: impl Iterator<Item = (u32, u32)>) -> Result<Option<(Rgb, u32)>, String> {
    let mut decoder = Decompressor::new().map_err(|error| error.to_string())?;
    let Ok(header) = decoder.read_header(jpeg) else { return Ok(None) };
    let is_colour = matches!(header.colorspace, Colorspace::RGB | Colorspace::YCbCr | Colorspace::Gray);
    if !is_colour || header.is_lossless || (header.width, header.height) != (stored.0 as usize, stored.1 as usize) {
        return Ok(None);
    }
    decoder.set_scan_limit(MOST_SCANS).map_err(|error| error.to_string())?;
    let divisor = divisor(stored, needed);
    decoder.set_scaling_factor(ScalingFactor::new(1, divisor as usize)).map_err(|error| error.to_string())?;
    let (width, height) = (stored.0.div_ceil(divisor), stored.1.div_ceil(divisor));
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    let image = Image {
        pixels: &mut pixels[..],
        width: width as usize,
        pitch: 3 * width as usize,
        height: height as usize,
        format: PixelFormat::RGB,
    };
    decoder.decompress(jpeg, image).map_err(|error| error.to_string())?;
    Ok(Some((Rgb { width, height, pixels }, divisor)))
}

/// By how much both edges may be divided: what is left is at least every size of `needed`.
fn divisor((width, height): (u32, u32), needed: impl Iterator<Item = (u32, u32)>) -> u32 {
    let (wide, high) = needed.fold((1, 1), |most, size| (most.0.max(size.0), most.1.max(size.1)));
    let enough = |divisor: &u32| width.div_ceil(*divisor) >= wide && height.div_ceil(*divisor) >= high;
    DIVISORS.into_iter().find(enough).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::{decode, divisor};
    use crate::FrameView;
    use crate::frame::{Rgb, encode};

    #[test]
    fn the_smallest_scale_that_still_has_every_view() {
        let scale = |stored, needed: &[(u32, u32)]| divisor(stored, needed.iter().copied());
        assert_eq!(scale((4000, 3000), &[(768, 576)]), 4);
        assert_eq!(scale((3072, 2304), &[(768, 576)]), 4, "exactly enough");
        assert_eq!(scale((3068, 2304), &[(768, 576)]), 2, "a pixel short");
        assert_eq!(scale((4000, 3000), &[(224, 224)]), 8);
        assert_eq!(scale((4000, 3000), &[(224, 224), (768, 576), (64, 64)]), 4, "the largest view decides");
        assert_eq!(scale((4000, 3000), &[(3000, 2250)]), 1);
        assert_eq!(scale((20, 10), &[(224, 224)]), 1, "never enlarged");
        assert_eq!(scale((4001, 9), &[(500, 1)]), 8, "edges round up");
    }

    /// A picture with fine and coarse detail.
    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let wave = |x: u32, y: u32, period: f64| f64::midpoint(1.0, (f64::from(x * 3 + y * 2) / period).sin()) * 200.0 + 20.0;
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [40.0, 11.0, 90.0].map(|period| wave(x, y, period) as u8)));
        let rgb = Rgb { width, height, pixels: pixels.collect() };
        encode(&FrameView::Jpeg { long_edge: u32::MAX, quality: 95, background: [0; 3] }, &rgb).unwrap().3
    }

    #[test]
    fn the_scaled_picture_is_the_picture() {
        let file = jpeg(803, 601);
        let (full, one) = decode(&file, (803, 601), [(803, 601)].into_iter()).unwrap().unwrap();
        let (small, four) = decode(&file, (803, 601), [(160, 120)].into_iter()).unwrap().unwrap();
        assert_eq!((full.width, full.height, one, small.width, small.height, four), (803, 601, 1, 201, 151, 4));
        let (full, small) = (full.resized(160, 120).unwrap(), small.resized_from((803.0 / 4.0, 601.0 / 4.0), 160, 120).unwrap());
        let error: f64 = full.pixels.iter().zip(&small.pixels).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
        let psnr = 10.0 * (255.0 * 255.0 * full.pixels.len() as f64 / error).log10();
        assert!(psnr > 38.0, "{psnr:.1} dB");
    }

    #[test]
    fn what_is_coded_by_arithmetic_is_decoded_too() {
        let wave: Vec<u8> = (0..96 * 64 * 3).map(|at| (at * 7 / 50 % 256) as u8).collect();
        let image = turbojpeg::Image { pixels: &wave[..], width: 96, pitch: 288, height: 64, format: turbojpeg::PixelFormat::RGB };
        let file = |arithmetic, progressive| {
            let mut compressor = turbojpeg::Compressor::new().unwrap();
            compressor.set_quality(95).unwrap();
            compressor.set_progressive(progressive).unwrap();
            compressor.set_arithmetic(arithmetic).unwrap();
            compressor.compress_to_vec(image).unwrap()
        };
        let recipe = || {
            let view = FrameView::Tensor { resize: 64, crop: 64 };
            [crate::Recipe::Image { sampler: "first".parse().unwrap(), view }]
        };
        let shown = |bytes: Vec<u8>| {
            let mut parts: Vec<(crate::PartHeader, Vec<u8>)> = Vec::new();
            let done = crate::normalise(&crate::Source::memory(bytes), &recipe(), &crate::Limits::default(), &mut parts);
            done.map(|report| (report, parts.remove(0).1))
        };
        let plain = shown(file(false, false)).unwrap();
        for progressive in [false, true] {
            let coded = file(true, progressive);
            let (report, pixels) = shown(coded.clone()).unwrap();
            assert!(pixels == plain.1 && report.notes.is_empty() && !report.passed_through, "{report:?}");
            let cut = shown(coded[..coded.len() / 2].to_vec());
            assert!(matches!(cut, Err(crate::Error::Truncated(_))), "{cut:?}");
        }
    }

    #[test]
    fn damage_is_told() {
        let file = jpeg(64, 64);
        let cut = [&file[..file.len() * 3 / 4], &[0xff, 0xd9]].concat();
        for needed in [(1, 1), (64, 64)] {
            assert!(decode(&cut, (64, 64), [needed].into_iter()).is_err(), "{needed:?}");
            assert!(decode(&file, (64, 64), [needed].into_iter()).is_ok(), "{needed:?}");
        }
        assert!(decode(b"\xff\xd8\xff\xd9", (1, 1), std::iter::empty()).unwrap().is_none(), "no header");
    }
}
