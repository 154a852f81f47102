//! Sound decoded by libavcodec: where it is the faster one, what symphonia refuses, and soundtracks of videos (on the same clock as their frames).

use super::decode::{Block, Decoder, Facts, Step, check_channels, check_rate};
use super::edit::{self, Trim};
use super::mixdown::Mixdown;
use super::symphonia::id3v2_len;
use crate::ending::is_endless_wav;
use crate::libav::{self, Frame, Input, Kind, Packet};
use crate::movie::false_duration;
use crate::{Error, Limits, Modality, Source, encrypted};

/// Demuxers whose duration is written in the file (for MP3 in the Xing header), and is that of the sound to a sample or a frame.
const EXACT: [&str; 7] = ["aiff", "flac", "mov", "mp3", "ogg", "w64", "wav"];

/// Samples of silence that encoders put after the last one of MP3, at most: what is left of a frame.
const MP3_PADDING: f64 = 1152.0;

/// One open stream.
pub(super) struct Libav<'s> {
    input: Input<'s>,
    decoder: libav::Decoder,
    limits: Limits,
    stream: usize,
    /// Seconds per tick.
    tick: f64,
    facts: Facts,
    packet: Packet,
    frame: Frame,
    planes: Vec<Vec<f32>>,
    /// The way to mix down, and the layout and number of channels that it is for.
    mixdown: ((Option<u64>, usize), Mixdown),
    trim: Trim,
    ended: bool,
    /// Whether what follows the last clear packet is encrypted.
    scrambled: bool,
    held: Option<Block>,
    /// Seconds at which the first sample is presented.
    pub(super) start: f64,
}

impl<'s> Libav<'s> {
    /// Opens `source` with the one demuxer that fits its magic bytes and decodes up to the first samples. That of a soundtrack may go on
    /// after its edit list ends.
    pub(super) fn open(source: &'s Source, limits: &Limits, soundtrack: bool) -> Result<Self, Error> {
        let name = super::symphonia::recognise(source)?.0;
        let demuxer = demuxer(name);
        let mut input = Input::open_sound(source, limits, demuxer)?;
        let pictures = input.best(Kind::Video).is_some();
        // What is not decoded here has neither rate nor channels, and libav would not choose it; its decoder is asked for by name.
        let stream = input.best_sound().or_else(|| input.best(Kind::Audio)).ok_or_else(|| no_sound(pictures))?;
        let scrambled = encrypted::admit(source, &input, &stream, limits)?;
        input.select(stream.index);
        let decoder = input.decoder(&stream, 0, limits)?;
        let tick = f64::from(stream.time_base.0) / f64::from(stream.time_base.1);
        // A header of MP3 counts whole frames, with the priming before the sound, at which it starts, and the padding after it.
        let silent = if demuxer == "mp3" {
            stream.start.unwrap_or(0).max(0) as f64 * tick + MP3_PADDING / f64::from(stream.sample_rate.max(1))
        } else {
            0.0
        };
        let trim = match input.number(&stream) {
            Some(track) if demuxer == "mov" && !soundtrack => end(source, track, stream.sample_rate)?,
            _ => Trim::default(),
        };
        let encrypted = scrambled.remark().map(|remark| ("encrypted", remark));
        let stated = input.number(&stream).filter(|_| demuxer == "mov").map(|track| false_duration(source, track)).transpose()?.flatten();
        let what = |stated: f64| format!("the header of the track says {stated:.3} s, its table of times something else");
        let remarks = encrypted.into_iter().chain(stated.map(|stated| ("header_duration_differs", what(stated)))).collect();
        let endless = demuxer == "wav" && is_endless_wav(source)?;
        let facts = Facts {
            format: name.to_owned(),
            codec: decoder.name().to_owned(),
            decoder: format!("libav:{}", decoder.name()),
            rate: stream.sample_rate,
            channels: stream.channels as usize,
            mixdown: String::new(),
            promised: input.written_duration(&stream).filter(|_| EXACT.contains(&demuxer) && !endless).map(|seconds| seconds - silent),
            pictures,
            counted_from: None,
            remarks,
        };
        let mut this = Self {
            input,
            decoder,
            limits: *limits,
            stream: stream.index,
            tick,
            facts,
            packet: Packet::new()?,
            frame: Frame::new()?,
            planes: Vec::new(),
            mixdown: ((None, 1), Mixdown::mean(1)),
            trim,
            ended: false,
            scrambled: scrambled.to_the_end(),
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
        while !self.trim.is_over() {
            match self.decoder.receive(&mut self.frame)? {
                libav::Step::Frame => {
                    self.convert(block)?;
                    if !block.samples.is_empty() {
                        return Ok(Step::Samples);
                    }
                }
                libav::Step::Damaged => return Ok(Step::Damaged),
                libav::Step::Hungry if !self.ended => {
                    if !self.feed()? {
                        return Ok(Step::Damaged);
                    }
                }
                libav::Step::End if self.input.is_broken() => return Ok(Step::Cut("the container breaks off".to_owned())),
                libav::Step::End if self.scrambled => return Ok(Step::Cut("what follows is encrypted".to_owned())),
                libav::Step::Hungry | libav::Step::End => break,
            }
        }
        Ok(Step::End)
    }

    /// Gives the decoder the next packet, or asks for what it holds back. `false`: it refused the packet as damaged.
    fn feed(&mut self) -> Result<bool, Error> {
        if !self.input.read(&mut self.packet, &self.limits)? {
            self.ended = true;
            self.decoder.send(None)?;
        } else if self.packet.stream() == self.stream && !self.is_tag() {
            return self.decoder.send(Some(&self.packet));
        }
        Ok(true) // looking at the streams may have read packets of others
    }

    /// Whether the packet is a tag between frames of MP3: files that were joined by their bytes have some.
    fn is_tag(&self) -> bool {
        demuxer(&self.facts.format) == "mp3" && id3v2_len(self.packet.bytes()).is_some()
    }

    fn convert(&mut self, block: &mut Block) -> Result<(), Error> {
        let (frames, channels) = (self.frame.samples(), self.frame.channels());
        block.rate = self.frame.rate();
        check_rate(block.rate)?;
        check_channels(channels)?;
        let layout = (self.frame.channel_mask(), channels);
        if self.mixdown.0 != layout {
            let known = layout.0.filter(|mask| mask.count_ones() as usize == channels);
            self.mixdown = (layout, known.map_or_else(|| Mixdown::mean(channels), Mixdown::of_mask));
        }
        block.samples.clear();
        block.at = self.frame.best_pts().map(|pts| pts as f64 * self.tick);
        block.lasting = frames as f64 / f64::from(block.rate);
        let kept = self.trim.take(frames);
        block.mixed = (kept.len() * channels) as u64;
        let (frame, mixdown) = (&self.frame, &self.mixdown.1);
        let mixed = if frame.float_plane(0).is_some() {
            let plane = |channel: usize| frame.float_plane(channel)?.get(kept.clone());
            mixdown.mix(|channel| plane(channel).unwrap_or_default(), &mut block.samples)
        } else {
            frame.split(&mut self.planes)?;
            mixdown.mix(|channel| self.planes[channel].get(kept.clone()).unwrap_or_default(), &mut block.samples)
        };
        (block.loud, block.loudest) = (mixed.loud, mixed.loudest);
        Ok(())
    }
}

impl Decoder for Libav<'_> {
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
        self.input.packets_read()
    }
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

/// Where the edit list of a track ends; libav follows one that starts late or has several stretches by itself.
fn end(source: &Source, track: u32, rate: u32) -> Result<Trim, Error> {
    match edit::trim(source, track, rate) {
        Err(Error::Unsupported(_) | Error::Limit { .. }) => Ok(Trim::default()),
        trim => trim.map(Trim::end_only),
    }
}

fn no_sound(pictures: bool) -> Error {
    if pictures {
        Error::Contradiction { expected: Modality::Audio, found: "pictures without sound".to_owned() }
    } else {
        Error::Empty("no stream of sound".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Source, Trim, end};

    #[test]
    fn an_edit_list_that_cannot_be_read_is_not_taken_for_none() {
        let file = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov".to_vec();
        assert_eq!(end(&Source::memory(file.clone()), 1, 8000), Ok(Trim::default()));
        assert!(matches!(end(&Source::failing(file, 8), 1, 8000), Err(Error::Io(_))));
    }
}
