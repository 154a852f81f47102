//! The decoders that libheif is given: libav's, with one thread.

#![expect(unsafe_code, reason = "is called by a C library, and fills its pictures")]

use std::ffi::{c_char, c_int, c_void};

use super::api::{self, Api, Object, Status};
use crate::libav::{StillPicture, decode_still};

/// Coded bytes of one picture or tile that are taken at most.
const MOST_BYTES: usize = 256 << 20;

/// `struct heif_decoder_plugin`, version 3 (libheif 1.15).
#[repr(C)]
pub(super) struct Plugin {
    version: c_int,
    name: extern "C" fn() -> *const c_char,
    start: Option<extern "C" fn()>,
    stop: Option<extern "C" fn()>,
    priority: extern "C" fn(c_int) -> c_int,
    create: unsafe extern "C" fn(*mut *mut c_void) -> Status,
    free: unsafe extern "C" fn(*mut c_void),
    push: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> Status,
    decode: unsafe extern "C" fn(*mut c_void, *mut Object) -> Status,
    set_strict: extern "C" fn(*mut c_void, c_int),
    id: Id,
}

#[repr(transparent)]
struct Id(*const c_char);

// SAFETY: points to a static string.
unsafe impl Sync for Id {}

/// `heif_compression_HEVC` and `heif_compression_AV1`.
const HEVC: c_int = 1;
const AV1: c_int = 4;

/// The tables, which libheif keeps.
pub(super) const fn plugins() -> [&'static Plugin; 2] {
    static PLUGINS: [Plugin; 2] = [plugin::<HEVC>(), plugin::<AV1>()];
    [&PLUGINS[0], &PLUGINS[1]]
}

const fn plugin<const FORMAT: c_int>() -> Plugin {
    Plugin {
        version: 3,
        name,
        start: None,
        stop: None,
        priority: priority::<FORMAT>,
        create: create::<FORMAT>,
        free,
        push,
        decode,
        set_strict,
        id: Id(if FORMAT == HEVC { c"tribunal-hevc".as_ptr() } else { c"tribunal-av1".as_ptr() }),
    }
}

/// One picture's coded bytes.
struct Coded {
    format: c_int,
    bytes: Vec<u8>,
}

extern "C" fn name() -> *const c_char {
    c"libav with one thread".as_ptr()
}

extern "C" fn priority<const FORMAT: c_int>(format: c_int) -> c_int {
    if format == FORMAT { 1000 } else { 0 }
}

extern "C" fn set_strict(_: *mut c_void, _: c_int) {}

unsafe extern "C" fn create<const FORMAT: c_int>(coded: *mut *mut c_void) -> Status {
    let new = Box::into_raw(Box::new(Coded { format: FORMAT, bytes: Vec::new() }));
    // SAFETY: libheif passes a place for the pointer.
    unsafe { *coded = new.cast() };
    Status::OK
}

unsafe extern "C" fn free(coded: *mut c_void) {
    // SAFETY: made by `create`, freed once.
    drop(unsafe { Box::from_raw(coded.cast::<Coded>()) });
}

unsafe extern "C" fn push(coded: *mut c_void, data: *const c_void, length: usize) -> Status {
    if length == 0 {
        return Status::OK;
    }
    // SAFETY: made by `create`, used by one call at a time; libheif passes `length` bytes.
    let (coded, data) = unsafe { (&mut *coded.cast::<Coded>(), std::slice::from_raw_parts(data.cast::<u8>(), length)) };
    if coded.bytes.len().saturating_add(length) > MOST_BYTES {
        return Status::DECODER;
    }
    coded.bytes.extend_from_slice(data);
    Status::OK
}

unsafe extern "C" fn decode(coded: *mut c_void, image: *mut Object) -> Status {
    // SAFETY: as in `push`.
    let coded = unsafe { &mut *coded.cast::<Coded>() };
    let mut bytes = std::mem::take(&mut coded.bytes);
    let name = if coded.format == HEVC { "hevc" } else { "libdav1d" };
    if coded.format == HEVC && !with_start_codes(&mut bytes) {
        return Status::DECODER;
    }
    let (Ok(api), Ok(Some(picture))) = (api::loaded(), decode_still(name, &bytes)) else { return Status::DECODER };
    // SAFETY: libheif passes a place for the pointer.
    unsafe { hand_over(api, &picture, image) }
}

/// Replaces the four-byte length before each unit of HEVC by a start code; false when the lengths do not add up.
fn with_start_codes(bytes: &mut [u8]) -> bool {
    let mut at = 0;
    while let Some(prefix) = bytes.get_mut(at..at + 4) {
        let length = prefix.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        prefix.copy_from_slice(&[0, 0, 0, 1]);
        at += 4 + length;
    }
    at == bytes.len()
}

/// Copies the planes into a picture of libheif's.
unsafe fn hand_over(api: &Api, picture: &StillPicture, out: *mut Object) -> Status {
    let (colorspace, chroma) = match picture.planes.len() {
        1 => (2, 0), // monochrome
        _ => (
            0,
            if picture.chroma_shift == (1, 1) {
                1
            } else if picture.chroma_shift == (1, 0) {
                2
            } else {
                3
            },
        ),
    };
    let mut image: Object = std::ptr::null_mut();
    // SAFETY: plain calls of the interface; planes are written row by row within the size that was asked for and the stride that came back.
    unsafe {
        let status = (api.heif_image_create)(picture.width as c_int, picture.height as c_int, colorspace, chroma, &raw mut image);
        if status.code != 0 {
            return status;
        }
        for (channel, plane) in picture.planes.iter().enumerate() {
            let status = (api.heif_image_add_plane)(image, channel as c_int, plane.width as c_int, plane.height as c_int, picture.bits);
            let mut stride = 0;
            let to = (api.heif_image_get_plane)(image, channel as c_int, &raw mut stride);
            let row = plane.width as usize * if picture.bits > 8 { 2 } else { 1 };
            if status.code != 0 || to.is_null() || (stride as usize) < row {
                (api.heif_image_release)(image);
                return if status.code == 0 { Status::DECODER } else { status };
            }
            for (y, from) in plane.rows.chunks_exact(row).enumerate() {
                std::ptr::copy_nonoverlapping(from.as_ptr(), to.add(y * stride as usize), row);
            }
        }
        *out = image;
    }
    Status::OK
}

#[cfg(test)]
mod tests {
    use super::with_start_codes;

    #[test]
    fn lengths_become_start_codes_and_must_add_up() {
        let mut units = *b"\0\0\0\x02ab\0\0\0\x01c";
        assert!(with_start_codes(&mut units));
        assert_eq!(&units, b"\0\0\0\x01ab\0\0\0\x01c");
        assert!(!with_start_codes(&mut *b"\0\0\0\x09ab".to_owned().as_mut_slice()));
        assert!(!with_start_codes(&mut *b"\0\0\0\x01abc".to_owned().as_mut_slice()));
    }
}
