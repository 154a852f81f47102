//! Sound decoded by symphonia, which is memory-safe.

use std::io;

use symphonia::core::audio::{Audio as _, Channels, GenericAudioBufferRef};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as Failure;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Time, TimeBase, Timestamp};
use symphonia::default::formats::{AdtsReader, AiffReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader};

use super::decode::{Block, Decoder, Facts, Step, check_channels, check_rate};
use super::edit::{self, Trim};
use super::mixdown::Mixdown;
use crate::ending::is_endless_wav;
use crate::sniff::look;
use crate::source::Reader;
use crate::{Error, Limits, Source};

/// So many unreadable packets in a row mean that the container cannot be followed any further.
const LOST: u32 = 16;

/// One open stream.
pub(super) struct Symphonia<'a> {
    format: Box<dyn FormatReader + 'a>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    tick: Option<TimeBase>,
    facts: Facts,
    mixer: Mixer,
    source: &'a Source,
    /// When the last packet of FLAC began, in ticks.
    began: Option<Timestamp>,
    /// Where the frames of FLAC begin in the file, and what is behind them.
    frames: Option<(u64, u64)>,
    /// The last packet of FLAC that was decoded.
    last: Box<[u8]>,
    packets: u64,
    packet_limit: u64,
    lost: u32,
    /// The file does not know where it ends, and so does its reader.
    endless: bool,
    ready: Option<Block>,
    started: bool,
}

impl<'a> Symphonia<'a> {
    /// Opens the one reader that fits the magic bytes (never one found by searching: that is how noise gets decoded), and decodes up to the
    /// first samples. An error means that nothing came out.
    pub(super) fn open(source: &'a Source, limits: &Limits) -> Result<Self, Error> {
        let (name, start) = recognise(source)?;
        let behind = tag_behind(source, name)?;
        let format = reader(name, Window::stream(source, start, behind)).map_err(|failure| refused(&failure))?;
        let track = sound_track(&*format)?;
        let (decoder, mut facts) = decoder_for(track, name)?;
        facts.pictures = format.first_track(TrackType::Video).is_some();
        let trim = if reads_as_mp4(name) { edit::trim(source, track.id, facts.rate)? } else { Trim::default() };
        let endless = name == "wav" && is_endless_wav(source)?;
        facts.promised = promised(track, name, &trim, facts.rate).filter(|_| !endless);
        let (tick, track) = (track.time_base, track.id);
        let mut this = Self {
            format,
            decoder,
            track,
            tick,
            facts,
            mixer: Mixer { mixdown: (Channels::None, Mixdown::mean(1)), planes: Vec::new(), trim },
            source,
            began: None,
            frames: if name == "flac" { Some((frames_of_flac(source, start)?, behind)) } else { None },
            last: Box::default(),
            packets: 0,
            packet_limit: limits.packets,
            lost: 0,
            endless,
            ready: None,
            started: false,
        };
        this.prime()?;
        Ok(this)
    }

    fn prime(&mut self) -> Result<(), Error> {
        let mut block = Block::default();
        loop {
            match self.decode_packet(&mut block)? {
                Step::Samples => break,
                Step::Damaged => {}
                Step::End => return Err(Error::Empty("the stream holds no samples".to_owned())),
                Step::Cut(reason) => return Err(Error::Truncated(format!("no sample before the end: {reason}"))),
            }
        }
        self.facts.rate = block.rate;
        self.facts.channels = self.mixer.mixdown.1.channels();
        self.facts.mixdown = self.mixer.mixdown.1.name();
        self.ready = Some(block);
        self.started = true; // from here on, what a packet does wrong is the file's fault
        Ok(())
    }

    fn decode_packet(&mut self, block: &mut Block) -> Result<Step, Error> {
        block.samples.clear();
        while !self.mixer.trim.is_over() {
            let packet = match self.read()? {
                Ok(packet) => packet,
                Err(step) => return Ok(step),
            };
            match self.decoder.decode(&packet) {
                Ok(decoded) => self.mixer.mix(&decoded, block)?,
                Err(Failure::Unsupported(what)) if !self.started => return Err(Error::Unsupported(what.to_owned())),
                Err(Failure::ResetRequired) => {
                    self.decoder.reset();
                    return Ok(Step::Damaged);
                }
                Err(_) => return Ok(Step::Damaged),
            }
            if !block.samples.is_empty() {
                let seconds = |time: Time| time.as_secs_f64();
                let stated = self.tick.and_then(|tick| tick.calc_duration(packet.dur)).map_or(0.0, seconds);
                block.at = self.tick.and_then(|tick| tick.calc_time(packet.pts)).map(seconds);
                block.lasting = block.lasting.max(stated);
                if let Some((begin, _)) = self.frames {
                    if !self.started {
                        // Frames carry the number of their first sample; what stands before the first one that is whole is missing.
                        let is_first = self.source.read(begin, packet.data.len())? == *packet.data;
                        self.facts.counted_from = if is_first { block.at } else { Some(0.0) };
                    }
                    self.last = packet.data;
                }
                return Ok(Step::Samples);
            }
        }
        Ok(Step::End)
    }

    /// The next packet of the track, or what there is instead.
    fn read(&mut self) -> Result<Result<Packet, Step>, Error> {
        loop {
            let packet = match self.format.next_packet() {
                // Frames are counted from 0 on, and packets after that are no longer in order.
                Ok(Some(packet)) if self.began.is_some_and(|began| packet.pts < began) => {
                    self.last = Box::default(); // it may be the same once more, and end like this one
                    return Ok(Err(Step::Cut("another stream follows the end of this one, and is left out".to_owned())));
                }
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(Err(Step::End)),
                Err(Failure::ResetRequired) => {
                    self.restart()?;
                    continue;
                }
                Err(Failure::DecodeError(_)) if self.lost < LOST => {
                    self.lost += 1;
                    return Ok(Err(Step::Damaged));
                }
                Err(Failure::IoError(error)) if error.raw_os_error().is_some() => return Err(error.into()),
                Err(Failure::IoError(error)) if self.endless && error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Err(Step::End)),
                Err(failure) => return Ok(Err(Step::Cut(failure.to_string()))),
            };
            self.packets += 1;
            Limits::check("packets", self.packets, self.packet_limit)?;
            if packet.track_id == self.track {
                self.lost = 0;
                self.began = (self.facts.format == "flac").then_some(packet.pts);
                return Ok(Ok(packet));
            }
        }
    }

    /// A chained stream begins anew, perhaps with another codec.
    fn restart(&mut self) -> Result<(), Error> {
        let track = sound_track(&*self.format)?;
        self.decoder = decoder_for(track, "ogg")?.0;
        (self.tick, self.track) = (track.time_base, track.id);
        Ok(())
    }
}

impl Decoder for Symphonia<'_> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn next(&mut self, block: &mut Block) -> Result<Step, Error> {
        if let Some(ready) = self.ready.take() {
            *block = ready;
            return Ok(Step::Samples);
        }
        self.decode_packet(block)
    }

    fn packets(&self) -> u64 {
        self.packets
    }

    fn ends_with_packet(&self) -> Result<bool, Error> {
        let Some((_, behind)) = self.frames else { return Ok(false) };
        let end = self.source.len().saturating_sub(behind);
        let Some(at) = end.checked_sub(self.last.len() as u64) else { return Ok(false) };
        Ok(!self.last.is_empty() && self.source.read(at, self.last.len())? == *self.last)
    }
}

/// Makes one channel of what was decoded, without what does not belong to the sound.
struct Mixer {
    /// The way to mix down, and the layout that it is for.
    mixdown: (Channels, Mixdown),
    planes: Vec<Vec<f32>>,
    trim: Trim,
}

impl Mixer {
    /// Fills `block` but for its time.
    fn mix(&mut self, decoded: &GenericAudioBufferRef<'_>, block: &mut Block) -> Result<(), Error> {
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels());
        check_rate(rate)?;
        check_channels(channels.count())?;
        if self.mixdown.0 != *channels {
            self.mixdown = (channels.clone(), mixdown(channels));
        }
        let (kept, mixdown) = (self.trim.take(decoded.frames()), &self.mixdown.1);
        block.rate = rate;
        block.lasting = decoded.frames() as f64 / f64::from(rate);
        block.mixed = (kept.len() * mixdown.channels()) as u64;
        let mixed = if let GenericAudioBufferRef::F32(buffer) = decoded {
            mixdown.mix(|channel| buffer.plane(channel).map_or(&[][..], |plane| &plane[kept.clone()]), &mut block.samples)
        } else {
            decoded.copy_to_vecs_planar(&mut self.planes);
            mixdown.mix(|channel| &self.planes[channel][kept.clone()], &mut block.samples)
        };
        (block.loud, block.loudest) = (mixed.loud, mixed.loudest);
        Ok(())
    }
}

/// Bytes of a tag behind the sound (ID3v1): a reader of FLAC takes it for a part of the last frame.
fn tag_behind(source: &Source, name: &str) -> io::Result<u64> {
    const LENGTH: u64 = 128;
    let at = source.len().checked_sub(LENGTH).filter(|_| name == "flac");
    Ok(if at.map(|at| source.read(at, 3)).transpose()?.is_some_and(|head| head == b"TAG") { LENGTH } else { 0 })
}

/// Where the frames of a FLAC file begin, whose first bytes are at `start`: behind the blocks of metadata (RFC 9639, 8.1).
fn frames_of_flac(source: &Source, start: u64) -> io::Result<u64> {
    let mut at = start + 4;
    loop {
        let [kind, high, middle, low] = source.read(at, 4)?[..] else { return Ok(at) };
        at += 4 + u64::from(u32::from_be_bytes([0, high, middle, low]));
        if kind & 0x80 != 0 {
            return Ok(at);
        }
    }
}

/// The format by its first bytes, and where it starts: after an ID3v2 tag, whatever carries it.
pub(super) fn recognise(source: &Source) -> Result<(&'static str, u64), Error> {
    let mut start = 0;
    loop {
        let head = source.read(start, 4096)?;
        if let Some(len) = id3v2_len(&head) {
            start += len;
        } else {
            let found = if start == 0 { look(source)? } else { crate::sniff(&head) }.map(|format| format.name);
            let name = found.or((start > 0).then_some("mp3")); // a tag in front, then padding: players take it for MPEG audio
            return name.map(|name| (name, start)).ok_or_else(|| Error::NotMedia("no known sound format".to_owned()));
        }
    }
}

/// Length of the ID3v2 tag that `head` begins with (ID3v2.4 section 3.1: 28-bit size, optional footer).
pub(super) fn id3v2_len(head: &[u8]) -> Option<u64> {
    let &[b'I', b'D', b'3', major, _, flags, a, b, c, d, ..] = head else { return None };
    if major == 0xff || [a, b, c, d].iter().any(|byte| *byte > 0x7f) {
        return None;
    }
    let size = [a, b, c, d].iter().fold(0_u64, |size, byte| size << 7 | u64::from(*byte));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    Some(10 + size + footer)
}

fn reader<'a>(name: &str, stream: MediaSourceStream<'a>) -> Result<Box<dyn FormatReader + 'a>, Failure> {
    let options = FormatOptions::default();
    Ok(match name {
        "wav" => Box::new(WavReader::try_new(stream, options)?),
        "aiff" => Box::new(AiffReader::try_new(stream, options)?),
        "flac" => Box::new(FlacReader::try_new(stream, options)?),
        "mp3" => Box::new(MpaReader::try_new(stream, options)?),
        "aac" => Box::new(AdtsReader::try_new(stream, options)?),
        "ogg" => Box::new(OggReader::try_new(stream, options)?),
        name if reads_as_mp4(name) => Box::new(IsoMp4Reader::try_new(stream, options)?),
        "mkv" | "webm" => Box::new(MkvReader::try_new(stream, options)?),
        _ => return Err(Failure::Unsupported("no reader for this container")),
    })
}

fn reads_as_mp4(name: &str) -> bool {
    matches!(name, "mp4" | "m4a" | "mov" | "3gp")
}

fn sound_track<'f>(format: &'f (dyn FormatReader + '_)) -> Result<&'f Track, Error> {
    format.default_track(TrackType::Audio).ok_or_else(|| match format.first_track(TrackType::Video) {
        Some(_) => Error::Contradiction { expected: crate::Modality::Audio, found: "pictures without sound".to_owned() },
        None => Error::Unsupported("no track with a known sound codec".to_owned()),
    })
}

fn decoder_for(track: &Track, format: &str) -> Result<(Box<dyn AudioDecoder>, Facts), Error> {
    let Some(CodecParameters::Audio(params)) = &track.codec_params else {
        return Err(Error::Unsupported("no track with a known sound codec".to_owned()));
    };
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(|failure| refused(&failure))?;
    let codec = decoder.codec_info().short_name.to_owned();
    let channels = params.channels.as_ref().map_or(0, Channels::count);
    if codec == "vorbis" && channels > 2 {
        // Four, five, seven and eight channels come out as noise, without a word.
        return Err(Error::Unsupported(format!("Vorbis with {channels} channels")));
    }
    let facts = Facts {
        format: format.to_owned(),
        decoder: format!("symphonia:{codec}"),
        codec,
        rate: params.sample_rate.unwrap_or(0),
        channels,
        mixdown: String::new(),
        promised: None,
        pictures: false,
        counted_from: None,
        remarks: Vec::new(),
    };
    Ok((decoder, facts))
}

fn promised(track: &Track, format: &str, trim: &Trim, rate: u32) -> Option<f64> {
    if format == "aac" || format == "mp3" && track.delay.is_none() {
        return None; // guessed from the bit rate
    }
    let frames = track.num_frames.filter(|_| rate > 0).map(|frames| trim.of(frames) as f64 / f64::from(rate));
    let ticks = || Some(track.time_base?.calc_duration_saturating(track.duration?).as_secs_f64());
    frames.or_else(ticks).filter(|seconds| *seconds > 0.0)
}

fn mixdown(channels: &Channels) -> Mixdown {
    match channels {
        Channels::Positioned(positions) => Mixdown::of_mask(positions.bits()),
        other => Mixdown::mean(other.count()),
    }
}

fn refused(failure: &Failure) -> Error {
    match failure {
        Failure::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => Error::Truncated(error.to_string()),
        Failure::IoError(error) if error.raw_os_error().is_some() => Error::Io(error.to_string()),
        Failure::IoError(error) => Error::Malformed(error.to_string()), // symphonia's own bit readers complain this way
        Failure::DecodeError(what) => Error::Malformed((*what).to_owned()),
        other => Error::Unsupported(other.to_string()),
    }
}

/// A stretch of a source.
struct Window<'a> {
    reader: Reader<'a>,
    start: u64,
    len: u64,
}

impl<'a> Window<'a> {
    fn stream(source: &'a Source, start: u64, behind: u64) -> MediaSourceStream<'a> {
        let end = source.len().saturating_sub(behind);
        let start = start.min(end);
        let mut reader = source.reader();
        reader.set_position(start);
        MediaSourceStream::new(Box::new(Self { reader, start, len: end - start }), symphonia::core::io::MediaSourceStreamOptions::default())
    }
}

impl io::Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = (self.start + self.len).saturating_sub(self.reader.position());
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.reader.read(&mut buffer[..most])
    }
}

impl io::Seek for Window<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let to = match to {
            io::SeekFrom::Start(offset) => io::SeekFrom::Start(self.start.saturating_add(offset)),
            io::SeekFrom::End(delta) => {
                let target = (self.start + self.len).checked_add_signed(delta).ok_or(io::ErrorKind::InvalidInput)?;
                io::SeekFrom::Start(target)
            }
            io::SeekFrom::Current(delta) => io::SeekFrom::Current(delta),
        };
        self.reader.seek(to)?.checked_sub(self.start).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

impl MediaSource for Window<'_> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}
