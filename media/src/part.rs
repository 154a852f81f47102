//! Finished parts and who receives them.

use serde::{Deserialize, Serialize};

use crate::PerceptualHash;

/// What is known of one finished part, without its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartHeader {
    /// Positions, in the list given to `normalise`, of the recipes that share this part. Ascending, never empty.
    pub recipes: Vec<usize>,
    /// How the bytes are encoded.
    pub encoding: Encoding,
    /// What the bytes show.
    pub detail: Detail,
}

/// How a part's bytes are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// UTF-8 text in NFC.
    Utf8,
    /// JPEG, sRGB: baseline when made here; a file that is passed through may be progressive.
    Jpeg,
    /// RIFF WAVE, 16-bit mono PCM.
    Wav,
    /// FLAC, 16-bit mono.
    Flac,
    /// Interleaved RGB8 rows, no header.
    Rgb8,
    /// Luma rows, no header.
    Gray8,
}

impl Encoding {
    /// The media type a judge is told.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Utf8 => "text/plain; charset=utf-8",
            Self::Jpeg => "image/jpeg",
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
            Self::Rgb8 | Self::Gray8 => "application/octet-stream",
        }
    }

    /// The usual file extension, without a dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Utf8 => "txt",
            Self::Jpeg => "jpg",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Rgb8 => "rgb",
            Self::Gray8 => "gray",
        }
    }
}

/// What a part shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// A whole text.
    Text {
        /// Unicode scalar values after NFC.
        characters: u64,
    },
    /// One picture.
    Frame(FrameDetail),
    /// Several frames in one picture.
    Sheet(SheetDetail),
    /// A stretch of sound.
    Sound {
        /// Seconds from the first displayed video frame, or from the first sample of a sound file; may be negative.
        start: f64,
        /// End of the stretch, same origin.
        end: f64,
    },
}

/// A contact sheet: numbered frames in rows, read left to right and top to bottom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SheetDetail {
    /// Pixels of the encoded part.
    pub width: u32,
    /// Pixels of the encoded part.
    pub height: u32,
    /// Cells below each other.
    pub rows: u32,
    /// Cells beside each other.
    pub columns: u32,
    /// The frames in reading order, at most `rows` x `columns`, never empty; sizes are those of their pictures in the sheet.
    pub frames: Vec<FrameDetail>,
}

/// One picture and the moment it was on screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameDetail {
    /// Pixels of the encoded part.
    pub width: u32,
    /// Pixels of the encoded part.
    pub height: u32,
    /// Seconds from the first displayed frame; `None` for stills.
    pub t: Option<f64>,
    /// Presentation timestamp really delivered, in `time_base` ticks; `None` for stills.
    pub pts: Option<i64>,
    /// Seconds per tick as numerator and denominator.
    pub time_base: Option<(i32, i32)>,
    /// Position in display order.
    pub index: Option<u64>,
    /// Whether decoding can begin with it: the container marks it as a keyframe, and nothing in its packet or picture says otherwise.
    pub keyframe: Option<bool>,
    /// The file does not tell its timestamp, tells one that contradicts the order of the pictures or is a decoding time, or lost the packet that told it; `t` and
    /// `pts` follow from its place among its neighbours.
    pub estimated: bool,
    /// The frame asked for could not be decoded; this is the nearer of its neighbours that could.
    pub substituted: bool,
    /// Parts of it were made up by the decoder, or what it refers to was.
    #[serde(default)]
    pub damaged: bool,
    /// What a video frame looks like, for telling near-identical frames; `None` for stills.
    #[serde(default)]
    pub phash: Option<PerceptualHash>,
}

impl FrameDetail {
    /// A picture of `width` x `height` pixels without a place in time.
    pub const fn still(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            t: None,
            pts: None,
            time_base: None,
            index: None,
            keyframe: None,
            estimated: false,
            substituted: false,
            damaged: false,
            phash: None,
        }
    }
}

/// The receiver hung up; normalising stops with `Error::SinkClosed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkClosed;

impl From<SinkClosed> for crate::Error {
    fn from(_: SinkClosed) -> Self {
        Self::SinkClosed
    }
}

/// Receives finished parts one by one, so that memory stays flat.
///
/// Parts of one recipe arrive in presentation order: frames ascending in time, then chunks ascending in time.
pub trait PartSink {
    /// Takes one finished part.
    fn part(&mut self, header: PartHeader, bytes: Vec<u8>) -> Result<(), SinkClosed>;
}

/// Keeps everything: for tests, benches and small inputs.
impl PartSink for Vec<(PartHeader, Vec<u8>)> {
    fn part(&mut self, header: PartHeader, bytes: Vec<u8>) -> Result<(), SinkClosed> {
        self.push((header, bytes));
        Ok(())
    }
}
