//! A decoded frame, of pictures or of sound.

#![expect(unsafe_code, reason = "owns an AVFrame")]

use ffmpeg_next::ffi;
use libc::c_int;

use super::packet::stamp;
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

    /// Whether samples use the full range.
    pub(super) const fn is_full_range(&self) -> bool {
        // SAFETY: as above; 2 is AVCOL_RANGE_JPEG.
        unsafe { (&raw const (*self.0).color_range).cast::<c_int>().read() == 2 }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`, freed once.
        unsafe { ffi::av_frame_free(&raw mut self.0) }
    }
}
