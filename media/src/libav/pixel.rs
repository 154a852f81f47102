//! Pixel formats as numbers: a loaded libav may know more of them than the headers we were built with.

#![expect(unsafe_code, reason = "reads libav's table of pixel formats")]

use ffmpeg_next::ffi::{self, AVPixelFormat};
use libc::c_int;

/// The format behind a number, when the headers know it.
pub(super) fn known(format: c_int) -> Option<AVPixelFormat> {
    let in_range = (0..AVPixelFormat::AV_PIX_FMT_NB as c_int).contains(&format);
    // SAFETY: the enum is `repr(i32)` and numbered without gaps from -1 to AV_PIX_FMT_NB.
    in_range.then(|| unsafe { std::mem::transmute::<c_int, AVPixelFormat>(format) })
}

/// The format without the range in its name, and whether the name said full range.
pub(super) const fn without_range(format: AVPixelFormat) -> (AVPixelFormat, bool) {
    match format {
        AVPixelFormat::AV_PIX_FMT_YUVJ420P => (AVPixelFormat::AV_PIX_FMT_YUV420P, true),
        AVPixelFormat::AV_PIX_FMT_YUVJ422P => (AVPixelFormat::AV_PIX_FMT_YUV422P, true),
        AVPixelFormat::AV_PIX_FMT_YUVJ444P => (AVPixelFormat::AV_PIX_FMT_YUV444P, true),
        AVPixelFormat::AV_PIX_FMT_YUVJ440P => (AVPixelFormat::AV_PIX_FMT_YUV440P, true),
        AVPixelFormat::AV_PIX_FMT_YUVJ411P => (AVPixelFormat::AV_PIX_FMT_YUV411P, true),
        format => (format, false),
    }
}

/// What is known about a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether pixels can be transparent.
    pub alpha: bool,
    /// Memory per two pixels in bytes (4:2:0 in 8 bits is 3).
    pub bytes_per_two_pixels: u64,
}

/// The layout of a format; `None` when it is unknown or lives on a graphics card.
pub(super) fn layout(format: c_int) -> Option<Layout> {
    let format = known(format)?;
    // SAFETY: a table lookup; the result is null or static.
    let found = unsafe { ffi::av_pix_fmt_desc_get(format).as_ref() }?;
    if found.flags & ffi::AV_PIX_FMT_FLAG_HWACCEL as u64 != 0 {
        return None;
    }
    let alpha = found.flags & ffi::AV_PIX_FMT_FLAG_ALPHA as u64 != 0 || format == AVPixelFormat::AV_PIX_FMT_PAL8;
    let components = u64::from(found.nb_components);
    let bytes = if found.comp[0].depth > 8 { 2 } else { 1 };
    let chroma = if components >= 3 { (2 * 2) >> (found.log2_chroma_w + found.log2_chroma_h).min(2) } else { 0 };
    let full = 2 * (components - components.min(3).saturating_sub(1));
    Some(Layout { alpha, bytes_per_two_pixels: bytes * (full + chroma) })
}

/// Bits of a luma sample where the first plane holds nothing but luma, in one byte or in two of the low end first; `None` also where pixels can be
/// transparent, since such luma is not what shows.
pub(super) fn luma_depth(format: c_int) -> Option<u32> {
    let format = known(format)?;
    // SAFETY: a table lookup; the result is null or static.
    let found = unsafe { ffi::av_pix_fmt_desc_get(format).as_ref() }?;
    let odd = ffi::AV_PIX_FMT_FLAG_HWACCEL | ffi::AV_PIX_FMT_FLAG_BE | ffi::AV_PIX_FMT_FLAG_RGB | ffi::AV_PIX_FMT_FLAG_PAL;
    let odd = odd | ffi::AV_PIX_FMT_FLAG_BITSTREAM | ffi::AV_PIX_FMT_FLAG_FLOAT | ffi::AV_PIX_FMT_FLAG_ALPHA;
    let luma = found.comp[0];
    let plain = found.flags & odd as u64 == 0 && luma.plane == 0 && luma.offset == 0 && luma.shift == 0 && found.nb_components > 0;
    let depth = u32::try_from(luma.depth).ok()?;
    match luma.step {
        1 if plain && depth == 8 => Some(8),
        2 if plain && (9..=16).contains(&depth) => Some(depth),
        _ => None,
    }
}

/// Whether pixels are luma alone.
pub(super) fn is_grey(format: AVPixelFormat) -> bool {
    // SAFETY: a table lookup; the result is null or static.
    let found = unsafe { ffi::av_pix_fmt_desc_get(format).as_ref() };
    let odd = ffi::AV_PIX_FMT_FLAG_HWACCEL | ffi::AV_PIX_FMT_FLAG_RGB | ffi::AV_PIX_FMT_FLAG_PAL | ffi::AV_PIX_FMT_FLAG_BITSTREAM;
    found.is_some_and(|found| found.nb_components == 1 && found.flags & odd as u64 == 0)
}

/// The name of a format, for people.
pub(super) fn name(format: c_int) -> String {
    // SAFETY: a table lookup; the result is null or a static C string.
    let name = known(format).and_then(|format| unsafe { ffi::av_get_pix_fmt_name(format).as_ref() });
    // SAFETY: as above.
    name.map_or_else(|| "unknown".to_owned(), |name| unsafe { std::ffi::CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::{AVPixelFormat, Layout, known, layout, name};

    #[test]
    fn formats_are_known_by_number_and_strangers_are_not() {
        assert_eq!((name(0), name(-1), name(70_000)), ("yuv420p".to_owned(), "unknown".to_owned(), "unknown".to_owned()));
        assert_eq!(known(-1), None);
        assert_eq!(known(i32::MAX), None);
    }

    #[test]
    fn memory_per_pixel_follows_chroma_depth_and_alpha() {
        for (format, bytes_per_two_pixels, alpha) in [
            (AVPixelFormat::AV_PIX_FMT_YUV420P, 3, false),
            (AVPixelFormat::AV_PIX_FMT_YUV420P10LE, 6, false),
            (AVPixelFormat::AV_PIX_FMT_YUV422P, 4, false),
            (AVPixelFormat::AV_PIX_FMT_YUV444P, 6, false),
            (AVPixelFormat::AV_PIX_FMT_YUVA420P, 5, true),
            (AVPixelFormat::AV_PIX_FMT_GRAY8, 2, false),
            (AVPixelFormat::AV_PIX_FMT_RGBA, 8, true),
        ] {
            assert_eq!(layout(format as i32), Some(Layout { alpha, bytes_per_two_pixels }), "{format:?}");
        }
        assert_eq!(layout(AVPixelFormat::AV_PIX_FMT_VAAPI as i32), None);
        let grey = [AVPixelFormat::AV_PIX_FMT_GRAY8, AVPixelFormat::AV_PIX_FMT_GRAY10LE].map(super::is_grey);
        let other = [AVPixelFormat::AV_PIX_FMT_PAL8, AVPixelFormat::AV_PIX_FMT_YUV420P, AVPixelFormat::AV_PIX_FMT_MONOWHITE];
        assert_eq!((grey, other.map(super::is_grey)), ([true; 2], [false; 3]));
        let depth = |format: AVPixelFormat| super::luma_depth(format as i32);
        assert_eq!((depth(AVPixelFormat::AV_PIX_FMT_NV12), depth(AVPixelFormat::AV_PIX_FMT_YUV422P10LE)), (Some(8), Some(10)));
        assert_eq!(
            [AVPixelFormat::AV_PIX_FMT_RGB24, AVPixelFormat::AV_PIX_FMT_YUYV422, AVPixelFormat::AV_PIX_FMT_YUVA420P].map(depth),
            [None; 3],
            "no plane of luma alone, or not what shows"
        );
    }
}
