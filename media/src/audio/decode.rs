//! What every sound decoder gives, and the choice between them.

use super::header::check_header;
use super::libav::Libav;
use super::symphonia::Symphonia;
use crate::{Error, Limits, Report, Source, encrypted};

/// Highest sample rate and most channels that are taken for real: DXD is 768 kHz, third-order ambisonics 16 channels.
const MAX_RATE: u32 = 768_000;
pub(super) const MAX_CHANNELS: usize = 64;

/// What a decoder has to say after each packet.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// The block holds samples.
    Samples,
    /// A packet could not be decoded and was left out.
    Damaged,
    /// No more packets.
    End,
    /// The bytes end, or stop making sense, before the stream does.
    Cut(String),
}

/// Decoded mono samples.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Mono samples, nominal range -1..=1.
    pub(super) samples: Vec<f32>,
    /// Samples per second.
    pub(super) rate: u32,
    /// Samples of the source that these were mixed from.
    pub(super) mixed: u64,
    /// How many of them were at or beyond full scale.
    pub(super) loud: u64,
    /// Sum of squares of the source's channel where it is highest; 0 where it has one alone.
    pub(super) loudest: f64,
    /// Seconds on the file's clock at which they begin, where the container tells.
    pub(super) at: Option<f64>,
    /// Seconds on that clock to what follows them.
    pub(super) lasting: f64,
}

impl Block {
    /// How long the samples take.
    pub(super) fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.max(1))
    }
}

/// What the headers say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    /// The file format.
    pub(super) format: String,
    /// The codec's short name.
    pub(super) codec: String,
    /// Library and codec, e.g. `symphonia:mp3`.
    pub(super) decoder: String,
    /// Samples per second.
    pub(super) rate: u32,
    /// Channels.
    pub(super) channels: usize,
    /// How they become one, for people.
    pub(super) mixdown: String,
    /// Seconds that the header promises.
    pub(super) promised: Option<f64>,
    /// Whether there are moving pictures beside the sound (cover art does not count).
    pub(super) pictures: bool,
    /// Seconds on the file's clock at which the sound begins, where that clock counts samples (FLAC): any jump of it is a loss.
    pub(super) counted_from: Option<f64>,
    /// Codes and messages for the report.
    pub(super) remarks: Vec<(&'static str, String)>,
}

/// A decoder that is open on its first samples.
///
/// # For implementations
/// Remove priming and padding where the container tells; count packets and refuse over `Limits::packets`.
pub(super) trait Decoder {
    /// What the headers say.
    fn facts(&self) -> &Facts;
    /// Replaces the block's samples by the next ones.
    fn next(&mut self, block: &mut Block) -> Result<Step, Error>;
    /// Packets read so far.
    fn packets(&self) -> u64;
    /// After the end: whether the last packet was decoded and the file ends with it, whatever its header promises.
    fn ends_with_packet(&self) -> Result<bool, Error> {
        Ok(false)
    }
}

/// Formats that libav is asked first; every other is symphonia's. By measurement (600 s of 48 kHz stereo to chunks of 16 kHz mono, CPU of the
/// whole process, release build, FFmpeg 5.1 and symphonia 0.6.1 on one x86-64 machine with AVX-512):
///
/// | ms | symphonia | libav |
/// |---|---|---|
/// | MP3 | 831 | **705** |
/// | AAC in MP4 | 579 | **506** |
/// | FLAC, 24 bits | **605** | 686 |
/// | WAV, 24 bits | **347** | 394 |
/// | Opus | - | **1151** |
///
/// Both give the same number of samples for all of them. Neither Vorbis, AIFF nor raw AAC was long enough to tell; AAC follows its sister. Of a
/// damaged Matroska file libav finds more.
const LIBAV_FIRST: [&str; 8] = ["mp3", "aac", "m4a", "mp4", "mov", "3gp", "mkv", "webm"];

/// Opens the decoder that is faster, or the other one when that gives no sample at all. Once samples have come, nothing falls back: the rest is
/// the file's doing.
pub(super) fn open<'a>(source: &'a Source, limits: &Limits) -> Result<Box<dyn Decoder + 'a>, Error> {
    let libav = || Libav::open(source, limits, false).map(|decoder| Box::new(decoder) as Box<dyn Decoder + 'a>);
    let symphonia = || Symphonia::open(source, limits).map(|decoder| Box::new(decoder) as Box<dyn Decoder + 'a>);
    let (name, start) = super::symphonia::recognise(source)?;
    check_header(source, name, start)?;
    let libav_first = LIBAV_FIRST.contains(&name);
    let refusal = match if libav_first { libav() } else { symphonia() } {
        Err(error) if !is_final(&error) => error,
        opened => return opened,
    };
    match (if libav_first { symphonia() } else { libav() }, refusal) {
        (_, refusal) if encrypted::is_refusal(&refusal) => Err(refusal),
        (Ok(decoder), _) => Ok(decoder),
        (Err(error), _) if is_final(&error) => Err(error),
        (Err(Error::Unsupported(_)), refusal @ Error::Unsupported(_)) if libav_first => Err(refusal), // it names the codec
        (Err(error), Error::Unsupported(_)) | (Err(error @ Error::Unsupported(_)), Error::Truncated(_)) => Err(error),
        (Err(_), refusal) => Err(refusal),
    }
}

/// Whether no other decoder could do better: the error is none of the bytes as this one understands them.
const fn is_final(error: &Error) -> bool {
    matches!(error, Error::Limit { .. } | Error::Io(_) | Error::NotMedia(_) | Error::OutOfMemory | Error::NestedOpen)
}

/// Refuses rates that no real sound has.
pub(super) fn check_rate(rate: u32) -> Result<(), Error> {
    if rate == 0 {
        return Err(Error::Malformed("a sample rate of zero".to_owned()));
    }
    Limits::check("samples per second", u64::from(rate), u64::from(MAX_RATE))
}

/// Refuses channel counts that no real sound has.
pub(super) fn check_channels(channels: usize) -> Result<(), Error> {
    if channels == 0 {
        return Err(Error::Malformed("sound without channels".to_owned()));
    }
    Limits::check("channels", channels as u64, MAX_CHANNELS as u64)
}

impl Facts {
    /// One line for people, e.g. `audio mp3 48000 Hz stereo`.
    pub(super) fn line(&self) -> String {
        let layout = match self.channels {
            1 => "mono".to_owned(),
            2 => "stereo".to_owned(),
            channels => format!("{channels} channels"),
        };
        format!("audio {} {} Hz {layout}", self.codec, self.rate)
    }

    /// Copies what a report keeps.
    pub(super) fn describe(&self, report: &mut Report) {
        report.format.clone_from(&self.format);
        report.decoder.clone_from(&self.decoder);
    }
}
