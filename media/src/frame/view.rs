//! Views: what a recipe makes of a decoded picture.

use super::jpeg::jpeg;
use super::plant::plant;
use super::{Rgb, fit};
use crate::{Encoding, Error, FrameView};

/// The size in pixels at which a view wants its picture; `width` x `height` is the upright display size of the source.
pub(crate) fn target_size(view: &FrameView, width: u32, height: u32) -> (u32, u32) {
    match *view {
        FrameView::Jpeg { long_edge, .. } | FrameView::Planted { long_edge, .. } => fit(width, height, long_edge),
        FrameView::Tensor { resize, .. } => (resize, resize),
        FrameView::Gray { edge } => (edge, edge),
    }
}

/// The RGB colour under transparent pixels. A view without one of its own stands on white.
pub(crate) const fn background(view: &FrameView) -> [u8; 3] {
    match *view {
        FrameView::Jpeg { background, .. } | FrameView::Planted { background, .. } => background,
        FrameView::Tensor { .. } | FrameView::Gray { .. } => [255, 255, 255],
    }
}

/// Each distinct view among `wanted` with the positions of the recipes that share it, in the order in which they came.
pub(crate) fn shared_views<'a>(wanted: impl IntoIterator<Item = (usize, &'a FrameView)>) -> Vec<(&'a FrameView, Vec<usize>)> {
    let mut shared: Vec<(&FrameView, Vec<usize>)> = Vec::new();
    for (recipe, view) in wanted {
        match shared.iter_mut().find(|(known, _)| *known == view) {
            Some((_, recipes)) => recipes.push(recipe),
            None => shared.push((view, vec![recipe])),
        }
    }
    shared
}

/// Makes `view` of `rgb`: the encoding, width and height of the result, and its bytes.
///
/// `rgb` may have any size: it is resized only when it has not the view's size yet, so a decoder's scaler may have done that already.
pub(crate) fn encode(view: &FrameView, rgb: &Rgb) -> Result<(Encoding, u32, u32, Vec<u8>), Error> {
    let (width, height) = target_size(view, rgb.width, rgb.height);
    let resized;
    let rgb = if (rgb.width, rgb.height) == (width, height) {
        rgb
    } else {
        resized = rgb.resized(width, height)?;
        &resized
    };
    match view {
        FrameView::Jpeg { quality, .. } => Ok((Encoding::Jpeg, width, height, jpeg(rgb, *quality)?)),
        FrameView::Planted { quality, text, .. } => {
            let mut planted = rgb.clone();
            plant(&mut planted, text);
            Ok((Encoding::Jpeg, width, height, jpeg(&planted, *quality)?))
        }
        FrameView::Tensor { crop, .. } => {
            let cropped = centre(rgb, *crop);
            Ok((Encoding::Rgb8, cropped.width, cropped.height, cropped.pixels))
        }
        FrameView::Gray { .. } => Ok((Encoding::Gray8, width, height, luma(rgb))),
    }
}

/// The middle `edge` x `edge` pixels; a picture smaller than that is left as it is.
fn centre(rgb: &Rgb, edge: u32) -> Rgb {
    let (width, height) = (rgb.width.min(edge), rgb.height.min(edge));
    let (left, top) = ((rgb.width - width) / 2, (rgb.height - height) / 2);
    let row = rgb.width as usize * 3;
    let rows = rgb.pixels.chunks_exact(row).skip(top as usize).take(height as usize);
    let (from, to) = (left as usize * 3, (left + width) as usize * 3);
    Rgb { width, height, pixels: rows.flat_map(|row| &row[from..to]).copied().collect() }
}

/// BT.601 luma of gamma-encoded RGB (ITU-R BT.601-7, section 2.5.1), rounded.
fn luma(rgb: &Rgb) -> Vec<u8> {
    let weigh = |pixel: &[u8]| ((299 * u32::from(pixel[0]) + 587 * u32::from(pixel[1]) + 114 * u32::from(pixel[2]) + 500) / 1000) as u8;
    rgb.pixels.chunks_exact(3).map(weigh).collect()
}

#[cfg(test)]
mod tests {
    use super::{Rgb, encode, shared_views, target_size};
    use crate::{Encoding, FrameView};

    /// Red grows to the right, green downwards.
    fn ramp(width: u32, height: u32) -> Rgb {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 7])).collect();
        Rgb { width, height, pixels }
    }

    #[test]
    fn a_jpeg_view_is_420_and_never_upscaled() {
        let view = FrameView::Jpeg { long_edge: 64, quality: 95, background: [0; 3] };
        for ((width, height), expected) in [((128, 96), (64, 48)), ((40, 20), (40, 20))] {
            let (encoding, w, h, bytes) = encode(&view, &ramp(width, height)).unwrap();
            assert_eq!((encoding, (w, h)), (Encoding::Jpeg, expected));
            let frame_header = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("baseline");
            assert_eq!(bytes[frame_header + 11], 0x22, "luma is sampled twice in both directions");
            let decoded = image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg).unwrap();
            assert_eq!((decoded.width(), decoded.height()), expected);
        }
    }

    #[test]
    fn a_tensor_is_resized_and_cropped_in_the_middle() {
        let (encoding, width, height, bytes) = encode(&FrameView::Tensor { resize: 10, crop: 4 }, &ramp(10, 10)).unwrap();
        assert_eq!((encoding, width, height, bytes.len()), (Encoding::Rgb8, 4, 4, 48));
        assert_eq!((&bytes[..3], &bytes[45..]), (&[3, 3, 7][..], &[6, 6, 7][..]));
        let (_, width, height, bytes) = encode(&FrameView::Tensor { resize: 8, crop: 8 }, &ramp(3, 50)).unwrap();
        assert_eq!((width, height, bytes.len()), (8, 8, 192), "a tensor has a fixed size");
    }

    #[test]
    fn gray_weighs_the_channels() {
        let rgb = Rgb { width: 2, height: 2, pixels: vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255] };
        let (encoding, _, _, bytes) = encode(&FrameView::Gray { edge: 2 }, &rgb).unwrap();
        assert_eq!((encoding, bytes), (Encoding::Gray8, vec![76, 150, 29, 255]));
    }

    #[test]
    fn recipes_with_one_view_share_it() {
        let (jpeg, gray) = (FrameView::default(), FrameView::Gray { edge: 8 });
        assert_eq!(shared_views([(0, &jpeg), (2, &gray), (5, &jpeg)]), vec![(&jpeg, vec![0, 5]), (&gray, vec![2])]);
        assert_eq!(target_size(&gray, 640, 480), (8, 8));
    }
}
