//! What libav tells nobody but its log: counted on each thread, never printed, since it can hold text of the file.

#![expect(unsafe_code, reason = "a C callback")]

use std::cell::Cell;
use std::ffi::CStr;

use ffmpeg_next::ffi;
use libc::{c_char, c_int, c_void};

/// How often this thread has heard each kind of remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    /// A picture refers to one that is not there, and the decoder made one up.
    pub missing: u64,
    /// What a picture is coded with makes no sense, and the decoder makes of it what it can.
    pub torn: u64,
    /// A demuxer met bytes that make no sense, and looked for the next that do.
    pub rubbish: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remark {
    Missing,
    Torn,
    Rubbish,
}

/// How format strings begin in FFmpeg 5.1. Where a version words one otherwise, less is heard of its files, and nothing wrong.
const REMARKS: [(&[u8], Remark); 19] = [
    (b"Could not find ref with POC", Remark::Missing),              // hevc
    (b"reference picture missing during reorder", Remark::Missing), // h264
    (b"Missing reference picture", Remark::Missing),                // h264
    (b"overread %d", Remark::Torn),                                 // mjpeg, and all below
    (b"error y=", Remark::Torn),
    (b"error count: ", Remark::Torn),
    (b"mjpeg_decode_dc: bad vlc", Remark::Torn),
    (b"ac tex damaged", Remark::Torn),           // dnxhd
    (b"CRC mismatch!", Remark::Rubbish),         // ogg
    (b"cannot find sync word", Remark::Rubbish), // ogg
    (b"Packet mismatch", Remark::Rubbish),       // flv
    (b"ff asf bad header", Remark::Rubbish),     // asf
    (b"0x00 at pos", Remark::Rubbish),           // matroska, and all below
    (b"Length %d indicated by an EBML number", Remark::Rubbish),
    (b"Read error at pos.", Remark::Rubbish),
    (b"Element at 0x", Remark::Rubbish),
    (b"Element with ID 0x", Remark::Rubbish),
    (b"Unknown element", Remark::Rubbish),
    (b"Found unknown-length element", Remark::Rubbish),
];

thread_local! {
    static HEARD: Cell<Heard> = const { Cell::new(Heard { missing: 0, torn: 0, rubbish: 0 }) };
}

/// What this thread has heard so far.
pub(crate) fn heard() -> Heard {
    HEARD.get()
}

/// Listens to libav from now on, instead of letting it print.
pub(super) fn listen() {
    // SAFETY: the callback reads its format string and nothing else; it is there as long as the program.
    unsafe { ffi::av_log_set_callback(Some(hear)) }
}

/// libav calls this at any level, and from the thread that it runs on: decoders here have one.
///
/// `A` is whatever the platform hands variadic arguments over as; they are left alone.
unsafe extern "C" fn hear<A>(_: *mut c_void, _: c_int, format: *const c_char, _: A) {
    if format.is_null() {
        return;
    }
    // SAFETY: libav's format strings are C strings, mostly literals.
    let Some(remark) = told(unsafe { CStr::from_ptr(format) }.to_bytes()) else { return };
    let mut heard = HEARD.get();
    match remark {
        Remark::Missing => heard.missing += 1,
        Remark::Torn => heard.torn += 1,
        Remark::Rubbish => heard.rubbish += 1,
    }
    HEARD.set(heard);
}

fn told(format: &[u8]) -> Option<Remark> {
    REMARKS.iter().find(|(start, _)| format.starts_with(start)).map(|(_, remark)| *remark)
}

#[cfg(test)]
mod tests {
    use super::{Heard, Remark, hear, heard, told};

    #[test]
    fn only_what_is_listed_is_counted() {
        assert_eq!(told(b"Could not find ref with POC %d\n"), Some(Remark::Missing));
        assert_eq!(told(b"Output frame with POC %d.\n"), None);
        let before = heard();
        for format in [c"CRC mismatch!\n", c"nal_unit_type: %d(%s), nal_ref_idc: %d\n", c""] {
            // SAFETY: a C string, and no arguments are read.
            unsafe { hear(std::ptr::null_mut(), 48, format.as_ptr(), ()) }
        }
        assert_eq!(heard(), Heard { rubbish: before.rubbish + 1, ..before });
    }
}
