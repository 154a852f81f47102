//! A decoded frame, of pictures or of sound.

#![expect(unsafe_code, reason = "owns an AVFrame")]

use std::mem::ManuallyDrop;

use ffmpeg_next::ffi;
use libc::c_int;

use super::packet::stamp;
use super::pixel;
use crate::Error;

/// One decoded frame; reused from one to the next.
pub(crate) struct Frame(*mut ffi::AVFrame);

impl Frame {
    /// An empty frame.
    pub(crate) fn new() -> Result<Self, Error> {
        // SAFETY: plain allocation, checked.
        let frame = unsafe { ffi::av_frame_alloc() };
        if frame.is_null() { Err(Error::OutOfMemory) } else { Ok(Self(frame)) }
    }

    pub(crate) const fn as_ptr(&self) -> *const ffi::AVFrame {
        self.0
    }

    pub(crate) const fn as_mut_ptr(&mut self) -> *mut ffi::AVFrame {
        self.0
    }

    /// The timestamp of the packet that it came from.
    pub(crate) fn pts(&self) -> Option<i64> {
        // SAFETY: valid from `new` to `drop`.
        stamp(unsafe { (*self.0).pts })
    }

    /// Width and height of the picture in pixels as stored, or zeros.
    pub(crate) fn size(&self) -> (u32, u32) {
        // SAFETY: as above.
        let (width, height) = unsafe { ((*self.0).width, (*self.0).height) };
        (u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0))
    }

    /// The pixel or sample format as a number.
    pub(crate) const fn format(&self) -> c_int {
        // SAFETY: as above.
        unsafe { (*self.0).format }
    }

    /// Whether the decoder had to make up parts of it.
    pub(crate) const fn is_damaged(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.0).flags & ffi::AV_FRAME_FLAG_CORRUPT != 0 || (*self.0).decode_error_flags != 0 }
    }

    /// Whether it was coded without reference to another: a decoder that does not tell takes every frame for one.
    pub(crate) const fn is_intra(&self) -> bool {
        // SAFETY: as above; read as a number, 1 is AV_PICTURE_TYPE_I.
        unsafe { (*self.0).key_frame != 0 || (&raw const (*self.0).pict_type).cast::<c_int>().read() == 1 }
    }

    /// Whether its brightness is coded for HDR screens: PQ (16) or HLG (18) of ITU-T H.273.
    pub(crate) const fn is_hdr(&self) -> bool {
        // SAFETY: as above; read as a number, since a file can hold any.
        let transfer = unsafe { (&raw const (*self.0).color_trc).cast::<c_int>().read() };
        matches!(transfer, 16 | 18)
    }

    /// Matrix coefficients of ITU-T H.273; 2 is unspecified.
    pub(super) const fn matrix(&self) -> c_int {
        // SAFETY: as above.
        unsafe { (&raw const (*self.0).colorspace).cast::<c_int>().read() }
    }

    /// Width of a pixel over its height as the stream itself says, `None` when it does not.
    pub(crate) const fn sample_aspect(&self) -> Option<(i32, i32)> {
        // SAFETY: as above.
        let ratio = unsafe { (*self.0).sample_aspect_ratio };
        if ratio.num > 0 && ratio.den > 0 { Some((ratio.num, ratio.den)) } else { None }
    }

    /// Whether its fields were taken at different times, and if so, whether the upper one comes first.
    pub(crate) fn upper_field_first(&self) -> Option<bool> {
        // SAFETY: as above. The wrapper knows where each libav keeps this; it must not free what is ours.
        let frame = ManuallyDrop::new(unsafe { ffmpeg_next::frame::Video::wrap(self.0) });
        frame.is_interlaced().then(|| frame.is_top_first())
    }

    /// Memory per two pixels in bytes; 4:2:0 in 8 bits when the format is unknown.
    pub(crate) fn bytes_per_two_pixels(&self) -> u64 {
        pixel::layout(self.format()).map_or(3, |layout| layout.bytes_per_two_pixels)
    }

    /// Takes samples without colour for those of the full range where nothing is said.
    pub(super) fn take_grey_for_full(&mut self) {
        let is_grey = pixel::known(self.format()).is_some_and(pixel::is_grey);
        // SAFETY: valid from `new` to `drop`; 0 is AVCOL_RANGE_UNSPECIFIED, 2 AVCOL_RANGE_JPEG.
        unsafe {
            let range = (&raw mut (*self.0).color_range).cast::<c_int>();
            if is_grey && range.read() == 0 {
                range.write(2);
            }
        }
    }

    /// Whether samples use the full range, by the tag, else by the format's name: decoders keep the name when the tag changes on the way.
    pub(super) fn has_full_range(&self) -> bool {
        // SAFETY: as above; 1 is AVCOL_RANGE_MPEG, 2 AVCOL_RANGE_JPEG.
        match unsafe { (&raw const (*self.0).color_range).cast::<c_int>().read() } {
            1 => false,
            2 => true,
            _ => pixel::known(self.format()).is_some_and(|format| pixel::without_range(format).1),
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`, freed once.
        unsafe { ffi::av_frame_free(&raw mut self.0) }
    }
}
