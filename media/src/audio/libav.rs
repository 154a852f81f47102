//! Sound decoded by libavcodec: where it is the faster one, what symphonia refuses, and soundtracks of videos (on the same clock as their frames).

#![expect(unsafe_code, reason = "how libavformat knows a length is only in its C structure")]

use ffmpeg_next as av;

use super::decode::{Block, Decoder, Facts, Step, check_channels, check_rate};
use super::edit::{self, Trim};
use super::mixdown::Mixdown;
use crate::source::OwnedReader;
use crate::{Error, Limits, Modality, Source};

/// The only decoders that may open.
const CODECS: &str = "aac,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,dca,eac3,flac,g722,gsm,gsm_ms,mp1,mp1float,mp2,mp2float,\
mp3,mp3float,opus,pcm_alaw,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,\
truehd,vorbis,wavpack,wmapro,wmav1,wmav2";

/// Demuxers whose duration is written in the file, not guessed from the bit rate.
const EXACT: [&str; 6] = ["aiff", "flac", "mov", "ogg", "w64", "wav"];

/// Samples of silence that encoders put after the last one of MP3, at most: what is left of a frame.
const MP3_PADDING: f64 = 1152.0;

/// One open stream.
pub(super) struct Libav {
    input: av::format::context::Input,
    decoder: av::codec::decoder::Audio,
    stream: usize,
    tick: f64,
    facts: Facts,
    frame: av::frame::Audio,
    planes: Vec<Vec<f32>>,
    mixdown: ((u64, usize), Mixdown),
    trim: Trim,
    packets: u64,
    packet_limit: u64,
    ended: bool,
    cut: Option<String>,
    held: Option<Block>,
    /// Seconds at which the first sample is presented.
    pub(super) start: f64,
}

impl Libav {
    /// Opens `source` with the one demuxer that fits its magic bytes and decodes up to the first samples. That of a soundtrack may go on
    /// after its edit list ends.
    pub(super) fn open(source: &Source, limits: &Limits, soundtrack: bool) -> Result<Self, Error> {
        let name = super::symphonia::recognise(source)?.0;
        let demuxer = demuxer(name);
        let io = av::format::context::StreamIo::from_read_seek(OwnedReader::new(source)).map_err(failed)?;
        let mut options = av::Dictionary::new();
        options.set("format_whitelist", demuxer);
        options.set("codec_whitelist", CODECS);
        options.set("protocol_whitelist", "none"); // the bytes come through our own reader; nothing else may be opened
        let input = av::format::input_from_stream(io, None, Some(options)).map_err(failed)?;
        let stream = input.streams().best(av::media::Type::Audio).ok_or_else(|| no_sound(&input))?;
        allowed(stream.parameters().id())?;
        let context = av::codec::Context::from_parameters(stream.parameters()).map_err(failed)?;
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(stream.time_base());
        let decoder = decoder.audio().map_err(failed)?;
        let codec = decoder.codec().map_or_else(|| "unknown".to_owned(), |codec| codec.name().to_owned());
        let tick = f64::from(stream.time_base());
        let exact = EXACT.contains(&demuxer) || demuxer == "mp3" && is_written(&input);
        // A header of MP3 counts whole frames, with the priming before the sound, at which it starts, and the padding after it.
        let silent =
            if demuxer == "mp3" { stream.start_time().max(0) as f64 * tick + MP3_PADDING / f64::from(decoder.rate().max(1)) } else { 0.0 };
        let promised = (exact && stream.duration() > 0).then(|| stream.duration() as f64 * tick - silent);
        let trim = match u32::try_from(stream.id()) {
            // It follows several stretches by itself.
            Ok(track) if demuxer == "mov" && !soundtrack => edit::trim(source, track, decoder.rate()).unwrap_or_default().end_only(),
            _ => Trim::default(),
        };
        let facts = Facts {
            format: name.to_owned(),
            decoder: format!("libav:{codec}"),
            codec,
            rate: decoder.rate(),
            channels: usize::from(decoder.channels()),
            mixdown: String::new(),
            promised,
            pictures: has_pictures(&input),
        };
        let stream = stream.index();
        let mut this = Self {
            input,
            decoder,
            stream,
            tick,
            facts,
            frame: av::frame::Audio::empty(),
            planes: Vec::new(),
            mixdown: ((0, 1), Mixdown::mean(1)),
            trim,
            packets: 0,
            packet_limit: limits.packets,
            ended: false,
            cut: None,
            held: None,
            start: 0.0,
        };
        this.prime()?;
        Ok(this)
    }

    fn prime(&mut self) -> Result<(), Error> {
        let mut block = Block::default();
        let mut damaged = 0_u64;
        loop {
            match self.decode(&mut block)? {
                Step::Samples => break,
                Step::Damaged => damaged += 1,
                Step::End if damaged > 0 => return Err(Error::Malformed(format!("none of {damaged} packets could be decoded"))),
                Step::End => return Err(Error::Empty("the stream holds no samples".to_owned())),
                Step::Cut(reason) => return Err(Error::Truncated(format!("no sample before the end: {reason}"))),
            }
        }
        self.start = block.at.unwrap_or(0.0);
        self.facts.rate = block.rate;
        self.facts.channels = self.mixdown.1.channels();
        self.facts.mixdown = self.mixdown.1.name();
        self.held = Some(block);
        Ok(())
    }

    /// The next frame's samples, wherever they belong in time.
    fn decode(&mut self, block: &mut Block) -> Result<Step, Error> {
        loop {
            if self.trim.is_over() {
                return Ok(Step::End);
            }
            match self.decoder.receive_frame(&mut self.frame) {
                Ok(()) => {
                    self.convert(block)?;
                    if !block.samples.is_empty() {
                        return Ok(Step::Samples);
                    }
                }
                Err(av::Error::Eof) => return Ok(self.cut.take().map_or(Step::End, Step::Cut)),
                Err(error) if is_hungry(error) => {
                    if let Some(step) = self.feed()? {
                        return Ok(step);
                    }
                }
                Err(error) => return damaged(error),
            }
        }
    }

    fn feed(&mut self) -> Result<Option<Step>, Error> {
        if self.ended {
            return Ok(Some(Step::End)); // the decoder asks for more after its end
        }
        let mut packet = av::Packet::empty();
        match packet.read(&mut self.input) {
            Ok(()) => {}
            Err(error) => {
                self.ended = true;
                if error != av::Error::Eof {
                    self.cut = Some(error.to_string());
                }
                return Ok(self.decoder.send_eof().is_err().then_some(Step::End));
            }
        }
        self.packets += 1;
        Limits::check("packets", self.packets, self.packet_limit)?;
        if packet.stream() != self.stream {
            return Ok(None);
        }
        self.decoder.send_packet(&packet).map_or_else(|error| damaged(error).map(Some), |()| Ok(None))
    }

    fn convert(&mut self, block: &mut Block) -> Result<(), Error> {
        let channels = usize::from(self.frame.channels());
        block.rate = self.frame.rate();
        check_rate(block.rate)?;
        check_channels(channels)?;
        let key = (self.frame.channel_layout().bits(), channels);
        if self.mixdown.0 != key {
            let known = key.0.count_ones() as usize == channels;
            self.mixdown = (key, if known { Mixdown::of_mask(key.0) } else { Mixdown::mean(channels) });
        }
        block.samples.clear();
        block.at = self.frame.timestamp().map(|pts| pts as f64 * self.tick);
        block.lasting = self.frame.samples() as f64 / f64::from(block.rate);
        let kept = self.trim.take(self.frame.samples());
        block.mixed = (kept.len() * channels) as u64;
        block.loud = 0;
        if self.frame.samples() == 0 || self.frame.planes() == 0 {
            return Ok(());
        }
        block.loud = if self.frame.format() == av::format::Sample::F32(av::format::sample::Type::Planar) {
            let frame = &self.frame;
            self.mixdown.1.mix(|channel| &frame.plane(channel)[kept.clone()], &mut block.samples)
        } else {
            split(&self.frame, channels, &mut self.planes)?;
            self.mixdown.1.mix(|channel| &self.planes[channel][kept.clone()], &mut block.samples)
        };
        Ok(())
    }
}

impl Decoder for Libav {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn next(&mut self, block: &mut Block) -> Result<Step, Error> {
        if let Some(held) = self.held.take() {
            *block = held;
            return Ok(Step::Samples);
        }
        self.decode(block)
    }

    fn packets(&self) -> u64 {
        self.packets
    }
}

/// The format's own list binds only the decoders that libavformat opens to look around; this one binds ours.
fn allowed(codec: av::codec::Id) -> Result<(), Error> {
    let decoder = av::codec::decoder::find(codec).ok_or_else(|| Error::Unsupported(format!("no decoder for {codec:?}")))?;
    let listed = CODECS.split(',').any(|name| name == decoder.name());
    if listed { Ok(()) } else { Err(Error::Unsupported(format!("sound as {}", decoder.name()))) }
}

/// libavformat's name for a format by its magic bytes.
fn demuxer(name: &str) -> &str {
    match name {
        "mp4" | "m4a" | "mov" | "3gp" => "mov",
        "mkv" | "webm" => "matroska",
        "mpeg-ts" => "mpegts",
        "mpeg-ps" => "mpeg",
        "mp1" | "mp2" => "mp3",
        other => other,
    }
}

/// Whether the file's length is written in it (the Xing header of MP3), not guessed from its bit rate.
fn is_written(input: &av::format::context::Input) -> bool {
    // SAFETY: valid while the input is open; the field is one of libavformat's own three values.
    unsafe { (*input.as_ptr()).duration_estimation_method != av::ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE }
}

fn has_pictures(input: &av::format::context::Input) -> bool {
    input.streams().any(|stream| {
        stream.parameters().medium() == av::media::Type::Video
            && !stream.disposition().contains(av::format::stream::Disposition::ATTACHED_PIC)
    })
}

fn no_sound(input: &av::format::context::Input) -> Error {
    if has_pictures(input) {
        Error::Contradiction { expected: Modality::Audio, found: "pictures without sound".to_owned() }
    } else {
        Error::Empty("no stream of sound".to_owned())
    }
}

/// The channels of a frame in any sample format, each as samples in -1..=1.
fn split(frame: &av::frame::Audio, channels: usize, planes: &mut Vec<Vec<f32>>) -> Result<(), Error> {
    use av::format::Sample;
    planes.resize_with(channels, Vec::new);
    match frame.format() {
        Sample::U8(_) => gather(frame, planes, |value: u8| (f32::from(value) - 128.0) / 128.0),
        Sample::I16(_) => gather(frame, planes, |value: i16| f32::from(value) / 32_768.0),
        Sample::I32(_) => gather(frame, planes, |value: i32| value as f32 / 2_147_483_648.0),
        Sample::F32(_) => gather(frame, planes, |value: f32| value),
        Sample::F64(_) => gather(frame, planes, |value: f64| value as f32),
        other => return Err(Error::Unsupported(format!("samples as {other:?}"))),
    }
    Ok(())
}

fn gather<T: av::frame::audio::Sample + Copy>(frame: &av::frame::Audio, planes: &mut [Vec<f32>], value: impl Fn(T) -> f32) {
    let channels = planes.len();
    for (channel, plane) in planes.iter_mut().enumerate() {
        plane.clear();
        if frame.is_packed() {
            plane.extend(frame.plane::<T>(0).iter().skip(channel).step_by(channels).map(|sample| value(*sample)));
        } else {
            plane.extend(frame.plane::<T>(channel).iter().map(|sample| value(*sample)));
        }
    }
}

fn is_hungry(error: av::Error) -> bool {
    matches!(error, av::Error::Other { errno: av::util::error::EAGAIN })
}

fn damaged(error: av::Error) -> Result<Step, Error> {
    match failed(error) {
        Error::OutOfMemory => Err(Error::OutOfMemory),
        _ => Ok(Step::Damaged),
    }
}

fn failed(error: av::Error) -> Error {
    match error {
        av::Error::Other { errno: av::util::error::ENOMEM } => Error::OutOfMemory,
        av::Error::DecoderNotFound | av::Error::DemuxerNotFound | av::Error::PatchWelcome => Error::Unsupported(error.to_string()),
        other => Error::Malformed(other.to_string()),
    }
}
