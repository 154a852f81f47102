//! Recipes: everything that decides the normalised bytes.

use serde::{Deserialize, Serialize};

use crate::{Digest, Modality, SamplerSpec};

/// How one source becomes parts. One recipe per modality; a source of another modality is a contradiction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// UTF-8, NFC, at most this many characters.
    Text {
        /// More characters than this are a refusal, never a silent cut.
        max_characters: u64,
    },
    /// One upright picture; an animation gives the frames that the sampler picks.
    Image {
        /// Applies to animations only.
        sampler: SamplerSpec,
        /// What each frame becomes.
        view: FrameView,
    },
    /// Frames picked by presentation time, and the soundtrack when asked for.
    Video {
        /// Picks the frames.
        sampler: SamplerSpec,
        /// What each frame becomes.
        view: FrameView,
        /// Also deliver the soundtrack, cut into chunks.
        soundtrack: Option<SoundSpec>,
    },
    /// Mono chunks.
    Audio(SoundSpec),
}

/// What a decoded frame becomes. Never upscaled, except to a tensor's fixed size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameView {
    /// An sRGB baseline JPEG (4:2:0) without metadata. A still image that is a JPEG without metadata already and fits is passed
    /// through as it is, baseline or progressive, whatever its quality.
    Jpeg {
        /// Longest edge in pixels.
        long_edge: u32,
        /// 1..=100.
        quality: u8,
        /// RGB on which transparent pixels are composited.
        background: [u8; 3],
    },
    /// As [`FrameView::Jpeg`], with words drawn into the picture: a probe of who looks at it. Never passed through, and not for contact sheets.
    Planted {
        /// Longest edge in pixels.
        long_edge: u32,
        /// 1..=100.
        quality: u8,
        /// RGB on which transparent pixels are composited.
        background: [u8; 3],
        /// ASCII letters, digits, blanks, `.`, `:` and `-`; others stay blank.
        text: String,
    },
    /// Interleaved RGB8, `crop` x `crop` pixels: resized to `resize` x `resize`, then centre-cropped.
    Tensor {
        /// Edge after resizing.
        resize: u32,
        /// Edge after cropping.
        crop: u32,
    },
    /// 8-bit luma (BT.601 weights on sRGB), `edge` x `edge` pixels, aspect not kept: for comparing frames.
    Gray {
        /// Edge in pixels.
        edge: u32,
    },
}

/// How sound becomes chunks: 16-bit mono, a file each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundSpec {
    /// Samples per second.
    pub rate: u32,
    /// Nominal chunk length in milliseconds.
    pub chunk_ms: u32,
    /// A cut moves to the quietest point at most this far before the nominal boundary, in milliseconds.
    pub search_ms: u32,
    /// What the chunks are encoded as.
    #[serde(default)]
    pub encoding: SoundEncoding,
}

/// What chunks of sound are encoded as; both keep every sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoundEncoding {
    /// RIFF WAVE, PCM: every judge that hears takes it.
    #[default]
    Wav,
    /// FLAC: about half the bytes, for judges that take it.
    Flac,
}

impl Default for FrameView {
    fn default() -> Self {
        Self::Jpeg { long_edge: 768, quality: 85, background: [255, 255, 255] }
    }
}

impl Default for SoundSpec {
    fn default() -> Self {
        Self { rate: 16_000, chunk_ms: 30_000, search_ms: 2_000, encoding: SoundEncoding::Wav }
    }
}

impl Recipe {
    /// The modality it applies to.
    pub const fn modality(&self) -> Modality {
        match self {
            Self::Text { .. } => Modality::Text,
            Self::Image { .. } => Modality::Image,
            Self::Video { .. } => Modality::Video,
            Self::Audio(_) => Modality::Audio,
        }
    }

    /// The sampler, where there is one.
    pub const fn sampler(&self) -> Option<&SamplerSpec> {
        match self {
            Self::Image { sampler, .. } | Self::Video { sampler, .. } => Some(sampler),
            Self::Text { .. } | Self::Audio(_) => None,
        }
    }

    /// What is made of the sound beside pictures, if it is asked for.
    pub const fn soundtrack(&self) -> Option<&SoundSpec> {
        match self {
            Self::Video { soundtrack, .. } => soundtrack.as_ref(),
            Self::Text { .. } | Self::Image { .. } | Self::Audio(_) => None,
        }
    }

    /// The recipe in words, with the decoder path and versions: two recipes with one canonical form give one set of bytes.
    pub fn canonical(&self) -> String {
        let body = match self {
            Self::Text { max_characters } => format!("text nfc max={max_characters}"),
            Self::Image { sampler, view } => format!("image sampler={sampler} {} as-is=fitting-clean-jpeg", view.canonical()),
            Self::Video { sampler, view, soundtrack } => {
                let sound = soundtrack.as_ref().map_or_else(|| "off".to_owned(), SoundSpec::canonical);
                format!("video sampler={sampler} {} soundtrack={sound}", view.canonical())
            }
            Self::Audio(sound) => format!("audio {}", sound.canonical()),
        };
        format!("{body} path={}", crate::versions::decoder_path(self.modality()))
    }

    /// `blake3(canonical form)`.
    pub fn id(&self) -> Digest {
        Digest::of(self.canonical().as_bytes())
    }
}

impl FrameView {
    fn canonical(&self) -> String {
        match self {
            Self::Jpeg { long_edge, quality, background: [r, g, b] } => {
                format!("jpeg edge={long_edge} q={quality} 420 on=#{r:02x}{g:02x}{b:02x}")
            }
            Self::Planted { long_edge, quality, background, text } => {
                let jpeg = Self::Jpeg { long_edge: *long_edge, quality: *quality, background: *background };
                format!("{} planted={text:?}", jpeg.canonical())
            }
            Self::Tensor { resize, crop } => format!("tensor rgb8 resize={resize} crop={crop}"),
            Self::Gray { edge } => format!("gray8 edge={edge}"),
        }
    }
}

impl SoundSpec {
    fn canonical(&self) -> String {
        let encoding = match self.encoding {
            SoundEncoding::Wav => "wav",
            SoundEncoding::Flac => "flac",
        };
        format!("{encoding} s16 mono rate={} chunk={}ms search={}ms", self.rate, self.chunk_ms, self.search_ms)
    }
}
