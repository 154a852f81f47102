//! What normalising saw and did, beside the parts.

use serde::{Deserialize, Serialize};

use crate::{Modality, VideoSignals};

/// Facts about one source after normalising it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The container or file format, e.g. `mp4`, `png`, `wav`.
    pub format: String,
    /// The decoder that ran, e.g. `libav:h264`, `image:png`, `turbojpeg:jpeg`, `symphonia:mp3`.
    pub decoder: String,
    /// Seconds from the first frame or sample to the end of the last.
    pub duration: Option<f64>,
    /// Displayed width and height of the source in pixels, upright.
    pub dimensions: Option<(u32, u32)>,
    /// Frames that the decoder had to produce.
    pub frames_decoded: u64,
    /// Packets read, the index pass and looks for sound included.
    pub packets_read: u64,
    /// Frames the source holds, by its index.
    pub frames_total: Option<u64>,
    /// Keyframes among them, for video.
    pub keyframes_total: Option<u64>,
    /// Seconds from which nothing could be decoded, when the source is cut or damaged.
    pub truncated_at: Option<f64>,
    /// Picked frames that were left out because they look like one that was kept (`distinct=` of a sampler): the first 4096, the note
    /// `dropped_unlisted` counts the others.
    pub dropped: Vec<Dropped>,
    /// What the moving pictures measure, as far as they were decoded.
    pub video: Option<VideoSignals>,
    /// What the sound measures.
    pub sound: Option<SoundSignals>,
    /// Whether a part is the file itself, byte for byte: it was decoded, and nothing was in it but a picture that fits.
    pub passed_through: bool,
    /// What was odd and survived, each with a stable code.
    pub notes: Vec<Note>,
}

/// A picked frame that was left out because it looks like one that was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    /// Position of the recipe in the list given to `normalise`.
    pub recipe: usize,
    /// Seconds from the first displayed frame.
    pub t: f64,
    /// Presentation timestamp in ticks.
    pub pts: i64,
    /// Time of the kept frame that it looks like, in seconds.
    pub like_t: f64,
    /// Share of perceptual hash bits that differ, 0..=1.
    pub distance: f64,
}

/// What sound measures, after mixing down to one channel.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SoundSignals {
    /// Channels of the source.
    pub channels: u32,
    /// How they became one, e.g. `mean of 2`, `ITU-R BS.775 of 6`.
    pub mixdown: String,
    /// Gated loudness in LUFS (ITU-R BS.1770-4) of the mono mix; `None` when all of it is below the gate.
    pub loudness_lufs: Option<f64>,
    /// Highest sample in dBFS; `None` when every sample is zero.
    pub peak_dbfs: Option<f64>,
    /// Share of 100 ms stretches whose level is below -60 dBFS, 0..=1.
    pub silent_share: f64,
    /// Share of samples at or beyond full scale, 0..=1.
    pub clipped_share: f64,
}

/// Something worth saying about a source that was still accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Stable code, e.g. `hdr_not_tone_mapped`, `interlaced`, `timestamps_estimated`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// What the decoders see in a source, as they make its parts for nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What it would be judged as.
    pub modality: Modality,
    /// The container or file format.
    pub format: String,
    /// Displayed width and height in pixels, upright.
    pub dimensions: Option<(u32, u32)>,
    /// Seconds.
    pub duration: Option<f64>,
    /// Frames in the index, for video and animations.
    pub frames: Option<u64>,
    /// Keyframes in the index.
    pub keyframes: Option<u64>,
    /// One line per stream, e.g. `video h264 1920x1080 yuv420p`, `audio aac 48000 Hz stereo`.
    pub streams: Vec<String>,
    /// What is odd.
    pub notes: Vec<Note>,
}

impl Report {
    /// Adds a note unless one with that code is there already.
    pub fn note(&mut self, code: &str, message: impl Into<String>) {
        if self.notes.iter().all(|note| note.code != code) {
            self.notes.push(Note { code: code.to_owned(), message: message.into() });
        }
    }

    /// Says more in the note with that code, or adds it.
    pub(crate) fn add_to_note(&mut self, code: &str, message: impl Into<String>) {
        match self.notes.iter_mut().find(|note| note.code == code) {
            Some(note) => note.message = format!("{}; {}", note.message, message.into()),
            None => self.note(code, message),
        }
    }
}
