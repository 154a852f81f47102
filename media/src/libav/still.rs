//! One coded picture without a container: for HEIC and AVIF.

#![expect(unsafe_code, reason = "fills an AVPacket and reads an AVFrame's planes")]

use ffmpeg_next::ffi;
use libc::c_int;

use super::decoder::Setup;
use super::{Decoder, Frame, Packet, Step, pixel};
use crate::Error;

/// One picture or tile: no time, no order, and no more pixels than this.
const SETUP: Setup = Setup { time_base: ffi::AVRational { num: 1, den: 1 }, delay: 0, pixels: 64_000_000 };

/// A decoded picture, its planes copied: Y, Cb and Cr, or Y alone.
pub(crate) struct StillPicture {
    /// Pixels.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bits a sample; over 8 they are two bytes, little endian.
    pub bits: c_int,
    /// By how many bits the width and height of chroma planes are smaller.
    pub chroma_shift: (u8, u8),
    /// One or three.
    pub planes: Vec<Plane>,
}

/// One plane without padding.
pub(crate) struct Plane {
    /// Samples in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The rows, one after the other.
    pub rows: Vec<u8>,
}

/// Decodes the first picture in `data` with the decoder called `name`, one thread. `None`: no picture came out whole.
pub(crate) fn decode_still(name: &'static str, data: &[u8]) -> Result<Option<StillPicture>, Error> {
    let mut decoder = open(name)?;
    let packet = packet(data)?;
    let mut frame = Frame::new()?;
    if !decoder.send(Some(&packet))? {
        return Ok(None);
    }
    let mut step = decoder.receive(&mut frame)?;
    if step == Step::Hungry {
        decoder.send(None)?;
        step = decoder.receive(&mut frame)?;
    }
    Ok(if step == Step::Frame && !frame.is_damaged() { copy(&frame) } else { None })
}

fn open(name: &'static str) -> Result<Decoder, Error> {
    let c_name = std::ffi::CString::new(name).map_err(|_| Error::Unsupported(name.to_owned()))?;
    // SAFETY: the name is a C string; the parameters are allocated, checked, and freed after the decoder took its copy.
    unsafe {
        let codec = ffi::avcodec_find_decoder_by_name(c_name.as_ptr());
        let mut parameters = ffi::avcodec_parameters_alloc();
        if codec.is_null() || parameters.is_null() {
            ffi::avcodec_parameters_free(&raw mut parameters);
            return Err(Error::Unsupported(format!("libav has no decoder {name}")));
        }
        (*parameters).codec_type = ffi::AVMediaType::AVMEDIA_TYPE_VIDEO;
        (*parameters).codec_id = (*codec).id;
        let decoder = Decoder::open(codec, name, parameters, SETUP);
        ffi::avcodec_parameters_free(&raw mut parameters);
        decoder
    }
}

fn packet(data: &[u8]) -> Result<Packet, Error> {
    let mut packet = Packet::new()?;
    let length = c_int::try_from(data.len()).map_err(|_| Error::Malformed("a picture too long".to_owned()))?;
    // SAFETY: libav allocates `length` bytes and the padding that decoders want.
    unsafe {
        if ffi::av_new_packet(packet.as_mut_ptr(), length) < 0 {
            return Err(Error::OutOfMemory);
        }
        std::ptr::copy_nonoverlapping(data.as_ptr(), (*packet.as_mut_ptr()).data, data.len());
    }
    Ok(packet)
}

/// The planes of a frame whose samples are 8 to 16 bits in planes of their own; `None` for others.
fn copy(frame: &Frame) -> Option<StillPicture> {
    let (format, _) = pixel::without_range(pixel::known(frame.format())?);
    let (width, height) = frame.size();
    // SAFETY: table lookup, null or static; the frame's planes have the size that its format gives them, rows `linesize` apart.
    unsafe {
        let found = ffi::av_pix_fmt_desc_get(format).as_ref()?;
        let planar = found.flags & ffi::AV_PIX_FMT_FLAG_PLANAR as u64 != 0 || found.nb_components == 1;
        let (count, bits) = (usize::from(found.nb_components), found.comp[0].depth);
        let big_endian = found.flags & ffi::AV_PIX_FMT_FLAG_BE as u64 != 0;
        if !planar || big_endian || !matches!(count, 1 | 3) || !(8..=16).contains(&bits) || found.comp[0].shift != 0 {
            return None;
        }
        let chroma_shift = (found.log2_chroma_w, found.log2_chroma_h);
        let raw = &*frame.as_ptr();
        let mut planes = Vec::with_capacity(count);
        for index in 0..count {
            let (right, down) = if index == 0 { (0, 0) } else { chroma_shift };
            let (columns, lines) = (width.div_ceil(1 << right), height.div_ceil(1 << down));
            let row = columns as usize * if bits > 8 { 2 } else { 1 };
            let (data, stride) = (raw.data[index], raw.linesize[index]);
            if data.is_null() || usize::try_from(stride).ok()? < row {
                return None;
            }
            let mut rows = Vec::with_capacity(row * lines as usize);
            for y in 0..lines as usize {
                rows.extend_from_slice(std::slice::from_raw_parts(data.add(y * stride as usize), row));
            }
            planes.push(Plane { width: columns, height: lines, rows });
        }
        Some(StillPicture { width, height, bits, chroma_shift, planes })
    }
}
