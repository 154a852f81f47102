//! An open container: its streams and packets.

#![expect(unsafe_code, reason = "owns an AVFormatContext")]

use std::ffi::CString;
use std::ptr::{null, null_mut};

use ffmpeg_next::{Dictionary, ffi, format::context};
use libc::c_int;

use super::decoder::Setup;
use super::io::Io;
use super::packet::stamp;
use super::{Decoder, Packet, allow, failure, pixel};
use crate::encrypted::refusal;
use crate::{Error, Limits, Source};

const MAX_STREAMS: u64 = 32;
/// Bytes and microseconds that may be read to find out what the streams are.
const PROBE: [(&str, &str); 2] = [("probesize", "5000000"), ("analyzeduration", "5000000")];
/// A demuxer that wants to be asked again this often in a row has got stuck.
const MAX_AGAIN: u32 = 1000;

/// A container read through custom I/O; nothing but its own source can be opened.
pub(crate) struct Input<'s> {
    pub(super) format: context::Input, // closed before `io` goes
    io: Io<'s>,
    packets_read: u64,
    broken: bool,
}

/// How far to look into a container before its streams count as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probing {
    /// The header alone, where the container states all that decoding needs: looking further decodes frames, which costs
    /// as much as a keyframe or two.
    Header,
    /// Its first packets, too: everything that can be known.
    Packets,
    /// No further than to the first packet of a stream: for reading all of them once more, as they come.
    Start,
}

/// The fewest bytes that libav lets a look at the streams have.
const LEAST_PROBE: i64 = 32;

/// Containers whose header holds what their decoders need.
const TELLING: [&str; 2] = ["mov", "matroska"];

/// Codecs that need nothing but what such a header holds; the first need their parameter sets there.
const TOLD_BY_EXTRADATA: [&str; 5] = ["h264", "hevc", "av1", "mpeg4", "theora"];
const TOLD_BY_SIZE: [&str; 4] = ["vp8", "vp9", "prores", "mjpeg"];

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
    /// A cover picture, subtitles, data.
    Other,
}

/// Facts about one stream, by the container's header and a short look at its packets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stream {
    /// Position in the container.
    pub index: usize,
    /// What it carries.
    pub kind: Kind,
    /// Codec name, e.g. `h264`.
    pub codec: String,
    /// Seconds per tick as numerator and denominator, both above 0.
    pub time_base: (i32, i32),
    /// Whether the container prefers it.
    pub default: bool,
    /// First timestamp in ticks.
    pub start: Option<i64>,
    /// Seconds, by the header.
    pub duration: Option<f64>,
    /// Pixels as stored.
    pub size: (u32, u32),
    /// Name of the pixel format.
    pub pixels: String,
    /// Bytes per two pixels in memory; 4:2:0 in 8 bits when unknown.
    pub bytes_per_two_pixels: u64,
    /// Width of a pixel over its height, by the container; `None` when it does not say.
    pub sample_aspect: Option<(i32, i32)>,
    /// The rows of `[a b u; c d v; x y w]` that say how to turn the picture for display.
    pub display_matrix: Option<[i32; 9]>,
    /// Frames, by the header; `None` when it does not say.
    pub frames: Option<u64>,
    /// Frames per second, guessed.
    pub frame_rate: Option<f64>,
    /// Whether the fields of a frame were taken at different times.
    pub interlaced: bool,
    /// The decoder's parameter sets, where the header or the first packets hold them.
    pub extradata: Vec<u8>,
    /// Whether transparency is kept beside the picture (WebM).
    pub side_alpha: bool,
    /// Samples per second.
    pub sample_rate: u32,
    /// Sound channels.
    pub channels: u32,
}

impl<'s> Input<'s> {
    /// Opens the container and looks at its streams, no further than `probing` says where that will do.
    pub(crate) fn open(source: &'s Source, limits: &Limits, probing: Probing) -> Result<Self, Error> {
        let mut input = Self::open_as(source, allow::FORMATS, &allow::decoders())?;
        if probing == Probing::Start {
            // SAFETY: the context is open; libav reads the field when it looks for streams.
            unsafe { (*input.format.as_mut_ptr()).probesize = LEAST_PROBE }
        }
        if probing == Probing::Packets || !input.header_tells_all() {
            input.find_streams(limits)?;
        }
        Limits::check("number of streams", input.format.nb_streams().into(), MAX_STREAMS)?;
        Ok(input)
    }

    /// Opens the container with one of these demuxers; what looks at its streams may open these decoders.
    pub(super) fn open_as(source: &'s Source, demuxers: &str, decoders: &str) -> Result<Self, Error> {
        let io = Io::new(source)?;
        let opened = open_format(&io, demuxers, decoders);
        let format = opened.map_err(|error| io.failure().unwrap_or(error))?;
        Ok(Self { format, io, packets_read: 0, broken: false })
    }

    /// Whether decoding its pictures needs nothing that the header does not say.
    fn header_tells_all(&self) -> bool {
        let pictures = || self.streams().into_iter().filter(|stream| stream.kind == Kind::Video);
        let told = |stream: &Stream| {
            let codec = stream.codec.as_str();
            let known = TOLD_BY_SIZE.contains(&codec) || TOLD_BY_EXTRADATA.contains(&codec) && !stream.extradata.is_empty();
            known && stream.size.0 > 0 && stream.size.1 > 0
        };
        TELLING.contains(&self.format().as_str()) && pictures().next().is_some() && pictures().all(|stream| told(&stream))
    }

    pub(super) fn find_streams(&mut self, limits: &Limits) -> Result<(), Error> {
        Limits::check("number of streams", self.format.nb_streams().into(), MAX_STREAMS)?;
        let pixels = limits.pixels.to_string();
        let mut options: Vec<*mut ffi::AVDictionary> = Vec::new();
        for _ in 0..self.format.nb_streams() {
            let mut dictionary = Dictionary::new();
            dictionary.set("max_pixels", &pixels);
            // SAFETY: `disown` hands the dictionary over; it is freed below.
            options.push(unsafe { dictionary.disown() });
        }
        // SAFETY: one dictionary for each stream there is now, freed afterwards; libav copies what it needs.
        let code = unsafe {
            let options_for = if options.is_empty() { null_mut() } else { options.as_mut_ptr() };
            let code = ffi::avformat_find_stream_info(self.format.as_mut_ptr(), options_for);
            options.iter_mut().for_each(|dictionary| ffi::av_dict_free(dictionary));
            code
        };
        match self.io.failure() {
            Some(error) => Err(error),
            None if code < 0 => Err(failure(code, "reading the streams")),
            None => Limits::check("number of streams", self.format.nb_streams().into(), MAX_STREAMS),
        }
    }

    /// libav's first name of the container, e.g. `mov`, `matroska`, `mpegts`.
    pub(crate) fn format(&self) -> String {
        self.format.format().name().split(',').next().unwrap_or_default().to_owned()
    }

    /// Every stream in the container's order.
    pub(crate) fn streams(&self) -> Vec<Stream> {
        (0..self.format.nb_streams() as usize).filter_map(|index| self.stream(index)).collect()
    }

    /// The stream of a kind to decode: the one that the container prefers, else its first, of those that hold something.
    pub(crate) fn best(&self, kind: Kind) -> Option<Stream> {
        let mut streams: Vec<Stream> = self.streams().into_iter().filter(|stream| stream.kind == kind).collect();
        // MP4 lists tracks that hold no sample, too; where it has fragments, it counts none of any track.
        let counts = self.format() == "mov";
        streams.sort_by_key(|stream| (counts && stream.frames.is_none(), !stream.default));
        streams.into_iter().next()
    }

    pub(super) fn stream(&self, index: usize) -> Option<Stream> {
        let stream = self.format.stream(index)?;
        // SAFETY: stream and parameters are valid while the container is open; enums are read as numbers, since a file can hold any.
        let (raw, par) = unsafe { (&*stream.as_ptr(), (*stream.as_ptr()).codecpar) };
        let number = |field: *const c_int| unsafe { field.read() };
        // SAFETY: as above.
        let (codec, media, field_order, par) = unsafe {
            let codec = number((&raw const (*par).codec_id).cast());
            (codec, number((&raw const (*par).codec_type).cast()), number((&raw const (*par).field_order).cast()), &*par)
        };
        let extradata = match usize::try_from(par.extradata_size) {
            // SAFETY: libav vouches for so many bytes while the container is open.
            Ok(size) if !par.extradata.is_null() => unsafe { std::slice::from_raw_parts(par.extradata, size) }.to_vec(),
            _ => Vec::new(),
        };
        let attached = raw.disposition & ffi::AV_DISPOSITION_ATTACHED_PIC as c_int != 0;
        let kind = match media {
            0 if !attached => Kind::Video,
            1 => Kind::Audio,
            _ => Kind::Other,
        };
        let time_base = if raw.time_base.num > 0 && raw.time_base.den > 0 { (raw.time_base.num, raw.time_base.den) } else { (1, 90_000) };
        let seconds = |ticks: i64| ticks as f64 * f64::from(time_base.0) / f64::from(time_base.1);
        let container = self.format.duration();
        let container = (container > 0).then(|| container as f64 / f64::from(ffi::AV_TIME_BASE));
        let size = (u32::try_from(par.width).unwrap_or(0), u32::try_from(par.height).unwrap_or(0));
        // SAFETY: both pointers are valid; the frame may be null.
        let rate = unsafe { ffi::av_guess_frame_rate(self.format.as_ptr().cast_mut(), stream.as_ptr().cast_mut(), null_mut()) };
        let aspect = raw.sample_aspect_ratio;
        Some(Stream {
            index,
            kind,
            codec: codec_name(codec),
            time_base,
            default: raw.disposition & ffi::AV_DISPOSITION_DEFAULT as c_int != 0,
            start: stamp(raw.start_time),
            duration: stamp(raw.duration).filter(|ticks| *ticks > 0).map(seconds).or(container),
            size,
            pixels: if kind == Kind::Video { pixel::name(par.format) } else { String::new() },
            bytes_per_two_pixels: pixel::layout(par.format).map_or(3, |layout| layout.bytes_per_two_pixels),
            sample_aspect: (aspect.num > 0 && aspect.den > 0).then_some((aspect.num, aspect.den)),
            display_matrix: display_matrix(&stream),
            frames: u64::try_from(raw.nb_frames).ok().filter(|frames| *frames > 0),
            frame_rate: (rate.num > 0 && rate.den > 0).then(|| f64::from(rate.num) / f64::from(rate.den)),
            interlaced: field_order > 1, // 0 unknown, 1 progressive
            extradata,
            side_alpha: stream.metadata().get("alpha_mode") == Some("1"),
            sample_rate: u32::try_from(par.sample_rate).unwrap_or(0),
            channels: u32::try_from(par.ch_layout.nb_channels).unwrap_or(0),
        })
    }

    /// Drops the packets of every other stream while reading.
    pub(crate) fn select(&mut self, index: usize) {
        (0..self.format.nb_streams() as usize).filter(|other| *other != index).for_each(|other| self.discard(other));
    }

    /// Drops the packets of a stream from now on.
    pub(crate) fn discard(&mut self, index: usize) {
        if let Some(mut stream) = self.format.stream_mut(index) {
            // SAFETY: the stream is valid; libav reads the field per packet.
            unsafe { (*stream.as_mut_ptr()).discard = ffi::AVDiscard::AVDISCARD_ALL }
        }
    }

    /// Reads the next packet; `false` at the end, or where the container breaks off (see [`Input::is_broken`]).
    pub(crate) fn read(&mut self, packet: &mut Packet, limits: &Limits) -> Result<bool, Error> {
        for _ in 0..MAX_AGAIN {
            // SAFETY: both are valid; a packet that still holds bytes is emptied first.
            let code = unsafe {
                ffi::av_packet_unref(packet.as_mut_ptr());
                ffi::av_read_frame(self.format.as_mut_ptr(), packet.as_mut_ptr())
            };
            if let Some(error) = self.io.failure() {
                return Err(error);
            }
            if code >= 0 {
                self.packets_read += 1;
                Limits::check("number of packets", self.packets_read, limits.packets)?;
                if packet.is_encrypted() {
                    return Err(refusal("by Common Encryption"));
                }
                return Ok(true);
            }
            match failure(code, "reading a packet") {
                Error::OutOfMemory => return Err(Error::OutOfMemory),
                _ if code == ffi::AVERROR(libc::EAGAIN) => {}
                _ => {
                    self.broken = code != ffi::AVERROR_EOF;
                    return Ok(false);
                }
            }
        }
        self.broken = true;
        Ok(false)
    }

    /// Whether reading ended with an error instead of the end of the file.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Packets read so far.
    pub(crate) const fn packets_read(&self) -> u64 {
        self.packets_read
    }

    /// Jumps to the last keyframe of a stream at or before `ticks`, as far as the container knows. `false`: it could not.
    pub(crate) fn seek(&mut self, index: usize, ticks: i64) -> bool {
        let Ok(index) = c_int::try_from(index) else { return false };
        self.broken = false;
        // SAFETY: the container is open.
        unsafe { ffi::av_seek_frame(self.format.as_mut_ptr(), index, ticks, ffi::AVSEEK_FLAG_BACKWARD) >= 0 }
    }

    /// Opens the decoder of a stream, if it is on the list of what is decoded here. `delay` is how many frames it must hold back to
    /// put them in order, when known.
    pub(crate) fn decoder(&self, stream: &Stream, delay: usize, limits: &Limits) -> Result<Decoder, Error> {
        let candidates: Vec<&'static str> = match stream.kind {
            Kind::Video if stream.side_alpha => allow::VIDEO_WITH_ALPHA.iter().chain(allow::VIDEO).copied().collect(),
            Kind::Video => allow::VIDEO.to_vec(),
            Kind::Audio => allow::AUDIO.to_vec(),
            Kind::Other => Vec::new(),
        };
        let raw = self.format.stream(stream.index).ok_or_else(|| Error::Unsupported(format!("no stream {}", stream.index)))?;
        // SAFETY: parameters are valid while the container is open; the id is read as a number.
        let (par, id, time_base) = unsafe {
            let par = (*raw.as_ptr()).codecpar;
            (par, (&raw const (*par).codec_id).cast::<c_int>().read(), (*raw.as_ptr()).time_base)
        };
        let unsupported = || Error::Unsupported(format!("codec {} is not decoded here", stream.codec));
        let (name, codec) = candidates.into_iter().find_map(|name| find_decoder(name, id)).ok_or_else(unsupported)?;
        // SAFETY: as above.
        unsafe { Decoder::open(codec, name, par, Setup { time_base, delay, pixels: limits.pixels }) }
    }
}

fn open_format(io: &Io<'_>, demuxers: &str, decoders: &str) -> Result<context::Input, Error> {
    let mut options = Dictionary::new();
    options.set("protocol_whitelist", "");
    options.set("format_whitelist", demuxers);
    options.set("codec_whitelist", decoders);
    PROBE.iter().for_each(|(key, value)| options.set(key, value));
    // SAFETY: the context is checked for null; on failure `avformat_open_input` frees it, on success the wrapper does.
    unsafe {
        let mut options = options.disown();
        let mut format = ffi::avformat_alloc_context();
        if format.is_null() {
            ffi::av_dict_free(&raw mut options);
            return Err(Error::OutOfMemory);
        }
        io.attach(format);
        let code = ffi::avformat_open_input(&raw mut format, c"".as_ptr(), null(), &raw mut options);
        ffi::av_dict_free(&raw mut options);
        if code < 0 { Err(failure(code, "opening the container")) } else { Ok(context::Input::wrap(format)) }
    }
}

/// The decoder called `name`, if this libav has it and it decodes the codec with this number.
fn find_decoder(name: &'static str, id: c_int) -> Option<(&'static str, *const ffi::AVCodec)> {
    let c_name = CString::new(name).ok()?;
    // SAFETY: a table lookup; the result is null or static, and its id is read as a number.
    unsafe {
        let codec = ffi::avcodec_find_decoder_by_name(c_name.as_ptr());
        (!codec.is_null() && (&raw const (*codec).id).cast::<c_int>().read() == id).then_some((name, codec))
    }
}

/// The name of the codec with this number, for people.
fn codec_name(id: c_int) -> String {
    let mut descriptor = null();
    loop {
        // SAFETY: walks libav's static table from its start to its null end; ids are read as numbers, names are static C strings.
        unsafe {
            descriptor = ffi::avcodec_descriptor_next(descriptor);
            if descriptor.is_null() {
                return "unknown".to_owned();
            }
            if (&raw const (*descriptor).id).cast::<c_int>().read() == id {
                return std::ffi::CStr::from_ptr((*descriptor).name).to_string_lossy().into_owned();
            }
        }
    }
}

fn display_matrix(stream: &ffmpeg_next::Stream<'_>) -> Option<[i32; 9]> {
    let data = stream.side_data().find(|data| data.kind() == ffmpeg_next::packet::side_data::Type::DisplayMatrix)?;
    let (cells, _) = data.data().as_chunks::<4>();
    let cells: Vec<i32> = cells.iter().map(|cell| i32::from_ne_bytes(*cell)).collect();
    cells.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{Input, Limits, Probing, Source};

    #[test]
    fn a_format_that_is_not_listed_is_not_opened() {
        // YUV4MPEG: nothing in it refers elsewhere, so that no other barrier stands in for the list.
        let picture = [b"YUV4MPEG2 W16 H16 F25:1 Ip A1:1 C420jpeg\nFRAME\n".to_vec(), vec![128; 384]].concat();
        let refused = Input::open(&Source::memory(picture), &Limits::default(), Probing::Packets).err();
        assert!(refused.is_some_and(|error| error.to_string().contains("opening the container")));
    }
}
