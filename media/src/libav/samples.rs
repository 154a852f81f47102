//! What a decoded frame of sound holds.

#![expect(unsafe_code, reason = "reads an AVFrame's samples")]

use ffmpeg_next::ffi::AVChannelOrder::AV_CHANNEL_ORDER_NATIVE;
use ffmpeg_next::ffi::{AVFrame, AVSampleFormat};
use libc::c_int;

use super::Frame;
use super::packet::stamp;
use crate::Error;

/// libav's numbers of a sample format: with the samples of all channels side by side, and with each channel in a plane of its own.
type Formats = [c_int; 2];

const U8: Formats = [AVSampleFormat::AV_SAMPLE_FMT_U8 as c_int, AVSampleFormat::AV_SAMPLE_FMT_U8P as c_int];
const I16: Formats = [AVSampleFormat::AV_SAMPLE_FMT_S16 as c_int, AVSampleFormat::AV_SAMPLE_FMT_S16P as c_int];
const I32: Formats = [AVSampleFormat::AV_SAMPLE_FMT_S32 as c_int, AVSampleFormat::AV_SAMPLE_FMT_S32P as c_int];
const F32: Formats = [AVSampleFormat::AV_SAMPLE_FMT_FLT as c_int, AVSampleFormat::AV_SAMPLE_FMT_FLTP as c_int];
const F64: Formats = [AVSampleFormat::AV_SAMPLE_FMT_DBL as c_int, AVSampleFormat::AV_SAMPLE_FMT_DBLP as c_int];

impl Frame {
    const fn sound(&self) -> &AVFrame {
        // SAFETY: valid from `new` to `drop`; enums in it are read as numbers below.
        unsafe { &*self.as_ptr() }
    }

    /// Samples per second; 0 when unknown.
    pub(crate) fn rate(&self) -> u32 {
        u32::try_from(self.sound().sample_rate).unwrap_or(0)
    }

    /// Channels.
    pub(crate) fn channels(&self) -> usize {
        usize::try_from(self.sound().ch_layout.nb_channels).unwrap_or(0)
    }

    /// Samples of each channel.
    pub(crate) fn samples(&self) -> usize {
        usize::try_from(self.sound().nb_samples).unwrap_or(0)
    }

    /// The loudspeakers of the channels in their order, as bits that libav numbers like WAVE; `None` when the stream does not say.
    pub(crate) fn channel_mask(&self) -> Option<u64> {
        let layout = &raw const self.sound().ch_layout;
        // SAFETY: as above; the mask is what is there in the native order alone.
        let (order, mask) = unsafe { ((&raw const (*layout).order).cast::<c_int>().read(), (*layout).u.mask) };
        (order == AV_CHANNEL_ORDER_NATIVE as c_int).then_some(mask)
    }

    /// The timestamp in ticks, by libav's guess where the packet's own make no sense.
    pub(crate) fn best_pts(&self) -> Option<i64> {
        stamp(self.sound().best_effort_timestamp)
    }

    /// The samples of a channel where they lie, when they are floats in a plane of their own.
    pub(crate) fn float_plane(&self, channel: usize) -> Option<&[f32]> {
        (self.format() == F32[1] && channel < self.channels()).then(|| self.cells(channel, self.samples()))
    }

    /// Copies the samples of each channel, in -1..=1, from any format.
    pub(crate) fn split(&self, planes: &mut Vec<Vec<f32>>) -> Result<(), Error> {
        planes.resize_with(self.channels(), Vec::new);
        match self.format() {
            format if U8.contains(&format) => self.gather(U8, planes, |value: u8| (f32::from(value) - 128.0) / 128.0),
            format if I16.contains(&format) => self.gather(I16, planes, |value: i16| f32::from(value) / 32_768.0),
            format if I32.contains(&format) => self.gather(I32, planes, |value: i32| value as f32 / 2_147_483_648.0),
            format if F32.contains(&format) => self.gather(F32, planes, |value: f32| value),
            format if F64.contains(&format) => self.gather(F64, planes, |value: f64| value as f32),
            other => return Err(Error::Unsupported(format!("sample format {other}"))),
        }
        Ok(())
    }

    fn gather<T: Copy>(&self, [packed, _]: Formats, planes: &mut [Vec<f32>], value: impl Fn(T) -> f32) {
        let channels = planes.len();
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.clear();
            if self.format() == packed {
                let all = self.cells::<T>(0, self.samples() * channels);
                plane.extend(all.iter().skip(channel).step_by(channels).map(|sample| value(*sample)));
            } else {
                plane.extend(self.cells::<T>(channel, self.samples()).iter().map(|sample| value(*sample)));
            }
        }
    }

    /// `count` samples of a plane, whose type the format must be that of.
    fn cells<T>(&self, plane: usize, count: usize) -> &[T] {
        // SAFETY: libav vouches for a pointer per plane and `nb_samples` of the format in each, aligned for SIMD; an empty frame has none.
        unsafe {
            let data = if count == 0 { std::ptr::null() } else { *self.sound().extended_data.add(plane) };
            if data.is_null() { &[] } else { std::slice::from_raw_parts(data.cast(), count) }
        }
    }
}
