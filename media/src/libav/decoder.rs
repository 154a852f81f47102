//! A decoder: packets in, frames out.

#![expect(unsafe_code, reason = "owns an AVCodecContext")]

use ffmpeg_next::ffi;

use super::allow::VIDEO_WITH_ALPHA;
use super::{Frame, Packet, failure};
use crate::Error;

/// An open decoder with one thread.
pub(crate) struct Decoder {
    context: *mut ffi::AVCodecContext,
    name: &'static str,
}

/// What came out of a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A frame.
    Frame,
    /// Nothing until the next packet.
    Hungry,
    /// Nothing more: it was drained.
    End,
    /// A packet could not be decoded; there may be more.
    Damaged,
}

/// What a decoder is told beside the stream's parameters.
#[derive(Clone, Copy)]
pub(super) struct Setup {
    /// Seconds per tick of the packets.
    pub time_base: ffi::AVRational,
    /// Frames that it must hold back at least to put them in order. A stream need not say, and a decoder that finds out on
    /// the way drops frames.
    pub delay: usize,
    /// The largest picture in pixels.
    pub pixels: u64,
}

/// What a stream says of how its colours are coded, where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Signal {
    /// Whether samples use the full range.
    pub full_range: Option<bool>,
    /// Primaries, transfer and matrix by ITU-T H.273.
    pub codes: Option<[u8; 3]>,
}

/// What a stream says of the pictures that its decoder holds; nothing, where it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Held {
    /// The codec's own number: ten times the level of H.264, thirty times that of HEVC.
    pub level: Option<u32>,
    /// Pictures of H.264 that are kept because others refer to them.
    pub references: u32,
}

/// The decoder whose grey is that of screens when nothing is said of its range: what wrote it knew no other.
const RAW: &str = "rawvideo";

/// H.264 and HEVC reorder at most this many frames.
const MOST_DELAY: usize = 16;

impl Decoder {
    /// Opens the decoder called `name` for a stream with these parameters.
    ///
    /// # Safety
    /// `parameters` must be valid for the call.
    pub(super) unsafe fn open(
        codec: *const ffi::AVCodec,
        name: &'static str,
        parameters: *const ffi::AVCodecParameters,
        setup: Setup,
    ) -> Result<Self, Error> {
        // SAFETY: the context is checked for null and freed on drop; the caller vouches for the rest.
        unsafe {
            let context = ffi::avcodec_alloc_context3(codec);
            if context.is_null() {
                return Err(Error::OutOfMemory);
            }
            let decoder = Self { context, name };
            let code = ffi::avcodec_parameters_to_context(context, parameters);
            if code < 0 {
                return Err(failure(code, "reading the codec's parameters"));
            }
            (*context).thread_count = 1;
            (*context).pkt_timebase = setup.time_base;
            (*context).max_pixels = i64::try_from(setup.pixels).unwrap_or(i64::MAX);
            (*context).has_b_frames = (*context).has_b_frames.max(setup.delay.min(MOST_DELAY) as libc::c_int);
            let code = ffi::avcodec_open2(context, codec, std::ptr::null_mut());
            if code < 0 { Err(failure(code, "opening the decoder")) } else { Ok(decoder) }
        }
    }

    /// libav's name of the decoder.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it reads the transparency that WebM keeps beside the picture.
    pub(crate) fn reads_alpha(&self) -> bool {
        VIDEO_WITH_ALPHA.contains(&self.name)
    }

    /// How many frames it holds back to put them in order, as far as it knows: once open, what the stream's parameter sets say.
    pub(crate) fn delay(&self) -> usize {
        // SAFETY: the context is open.
        usize::try_from(unsafe { (*self.context).has_b_frames }).unwrap_or(0)
    }

    /// What the parameter sets of the last picture say of how many it holds.
    pub(crate) fn held(&self) -> Held {
        // SAFETY: the context is open.
        let (level, references) = unsafe { ((*self.context).level, (*self.context).refs) };
        Held { level: u32::try_from(level).ok(), references: u32::try_from(references).unwrap_or(0) }
    }

    /// Hands over a packet; `None` asks for everything that is held back. `false`: it was refused as damaged.
    ///
    /// Take out all frames before the next call.
    pub(crate) fn send(&mut self, packet: Option<&Packet>) -> Result<bool, Error> {
        let packet = packet.map_or(std::ptr::null(), Packet::as_ptr);
        // SAFETY: both are valid; libav takes its own reference to the packet's bytes.
        match unsafe { ffi::avcodec_send_packet(self.context, packet) } {
            0.. | ffi::AVERROR_EOF => Ok(true),
            code if code == ffi::AVERROR(libc::ENOMEM) => Err(Error::OutOfMemory),
            _ => Ok(false),
        }
    }

    /// Takes out the next frame.
    pub(crate) fn receive(&mut self, frame: &mut Frame) -> Result<Step, Error> {
        // SAFETY: both are valid; the frame is emptied first by libav.
        match unsafe { ffi::avcodec_receive_frame(self.context, frame.as_mut_ptr()) } {
            0.. => {
                if self.name == RAW {
                    frame.take_grey_for_full();
                }
                Ok(Step::Frame)
            }
            ffi::AVERROR_EOF => Ok(Step::End),
            code if code == ffi::AVERROR(libc::EAGAIN) => Ok(Step::Hungry),
            code if code == ffi::AVERROR(libc::ENOMEM) => Err(Error::OutOfMemory),
            _ => Ok(Step::Damaged),
        }
    }

    /// Forgets everything, to start again at a keyframe; also needed after `send(None)`.
    pub(crate) fn flush(&mut self) {
        // SAFETY: the context is open.
        unsafe { ffi::avcodec_flush_buffers(self.context) }
    }

    /// Takes the colours of what comes for coded like that, until the stream says otherwise.
    pub(crate) const fn assume(&mut self, signal: Signal) {
        // SAFETY: the context is open; enums are written as numbers that libav has names for or takes from files itself.
        unsafe {
            let context = self.context;
            if let Some(full) = signal.full_range {
                (&raw mut (*context).color_range).cast::<libc::c_int>().write(if full { 2 } else { 1 });
            }
            if let Some([primaries, transfer, matrix]) = signal.codes {
                (&raw mut (*context).color_primaries).cast::<libc::c_int>().write(primaries as libc::c_int);
                (&raw mut (*context).color_trc).cast::<libc::c_int>().write(transfer as libc::c_int);
                (&raw mut (*context).colorspace).cast::<libc::c_int>().write(matrix as libc::c_int);
            }
        }
    }

    /// Whether frames that no other frame refers to may be skipped, from the next packet on.
    pub(crate) const fn skip_unreferenced(&mut self, skip: bool) {
        let discard = if skip { ffi::AVDiscard::AVDISCARD_NONREF } else { ffi::AVDiscard::AVDISCARD_DEFAULT };
        // SAFETY: the context is open; libav reads the field per packet.
        unsafe { (*self.context).skip_frame = discard }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: allocated in `open`, freed once.
        unsafe { ffi::avcodec_free_context(&raw mut self.context) }
    }
}
