//! Custom I/O: libav reads a [`Source`](crate::Source) through callbacks and can open nothing else.

#![expect(unsafe_code, reason = "C callbacks and the C allocations behind them")]

use std::marker::PhantomData;
use std::ptr::null_mut;

use ffmpeg_next::ffi;
use libc::{c_char, c_int, c_void};

use crate::{Error, Source};

const BUFFER: usize = 64 << 10;

/// An `AVIOContext` over a source, with everything that it owns.
pub(super) struct Io<'s> {
    context: *mut ffi::AVIOContext,
    state: *mut State,
    source: PhantomData<&'s Source>,
}

/// What the callbacks see. The pointer outlives them: `Io` borrows the source for `'s` and frees this last.
struct State {
    source: *const Source,
    position: u64,
    failed: Option<std::io::Error>,
    nested_opens: u32,
}

impl<'s> Io<'s> {
    /// Makes the context; it reads from offset 0.
    pub(super) fn new(source: &'s Source) -> Result<Self, Error> {
        let state = Box::into_raw(Box::new(State { source, position: 0, failed: None, nested_opens: 0 }));
        let mut io = Self { context: null_mut(), state, source: PhantomData };
        // SAFETY: the buffer comes from libav's allocator, as it must, and `state` lives until `io` is dropped.
        unsafe {
            let buffer = ffi::av_malloc(BUFFER);
            if buffer.is_null() {
                return Err(Error::OutOfMemory);
            }
            io.context = ffi::avio_alloc_context(buffer.cast(), BUFFER as c_int, 0, state.cast(), Some(read), None, Some(seek));
            if io.context.is_null() {
                ffi::av_free(buffer);
                return Err(Error::OutOfMemory);
            }
        }
        Ok(io)
    }

    /// Makes `format` read from here and nowhere else.
    ///
    /// # Safety
    /// `format` must be a valid context that is closed before `self` is dropped.
    pub(super) unsafe fn attach(&self, format: *mut ffi::AVFormatContext) {
        // SAFETY: the caller vouches for `format`; `state` and `context` live as long as `self`.
        unsafe {
            (*format).pb = self.context;
            (*format).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
            (*format).opaque = self.state.cast();
            (*format).io_open = Some(refuse_open);
        }
    }

    /// What went wrong in the callbacks so far, most telling first.
    pub(super) fn failure(&self) -> Option<Error> {
        // SAFETY: libav is not running, so nothing else refers to the state.
        let state = unsafe { &*self.state };
        match &state.failed {
            _ if state.nested_opens > 0 => Some(Error::NestedOpen),
            Some(error) => Some(Error::Io(error.to_string())),
            None => None,
        }
    }
}

impl Drop for Io<'_> {
    fn drop(&mut self) {
        // SAFETY: libav may have replaced the buffer, so the current one is freed; then the context, then the state, each once.
        unsafe {
            if !self.context.is_null() {
                ffi::av_freep((&raw mut (*self.context).buffer).cast());
                ffi::avio_context_free(&raw mut self.context);
            }
            drop(Box::from_raw(self.state));
        }
    }
}

extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    let Ok(len) = usize::try_from(size) else { return ffi::AVERROR(libc::EINVAL) };
    // SAFETY: libav passes back our state and a buffer of `size` writable bytes; the source outlives both.
    let (state, buffer) = unsafe { (&mut *opaque.cast::<State>(), std::slice::from_raw_parts_mut(buffer, len)) };
    // SAFETY: as above.
    let source = unsafe { &*state.source };
    match source.read_at(buffer, state.position) {
        Ok(0) => ffi::AVERROR_EOF,
        Ok(read) => {
            state.position += read as u64;
            read as c_int
        }
        Err(error) => {
            state.failed = Some(error);
            ffi::AVERROR(libc::EIO)
        }
    }
}

extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: libav passes back our state; the source outlives it.
    let state = unsafe { &mut *opaque.cast::<State>() };
    // SAFETY: as above.
    let source = unsafe { &*state.source };
    let target = match whence & !ffi::AVSEEK_FORCE {
        ffi::AVSEEK_SIZE => return i64::try_from(source.len()).unwrap_or(i64::MAX),
        libc::SEEK_SET => u64::try_from(offset).ok(),
        libc::SEEK_CUR => state.position.checked_add_signed(offset),
        libc::SEEK_END => source.len().checked_add_signed(offset),
        _ => None,
    };
    let Some((target, result)) = target.and_then(|target| Some((target, i64::try_from(target).ok()?))) else {
        return i64::from(ffi::AVERROR(libc::EINVAL));
    };
    state.position = target;
    result
}

/// Counts and refuses: a medium that names another file or address gets nothing.
extern "C" fn refuse_open(
    format: *mut ffi::AVFormatContext,
    _: *mut *mut ffi::AVIOContext,
    _: *const c_char,
    _: c_int,
    _: *mut *mut ffi::AVDictionary,
) -> c_int {
    // SAFETY: `attach` put the state there. Demuxers may open inner contexts of their own, which have none.
    if let Some(state) = unsafe { (*format).opaque.cast::<State>().as_mut() } {
        state.nested_opens += 1;
    }
    ffi::AVERROR(libc::EPERM)
}
