//! Sizes checked before anything is allocated for them.

use serde::{Deserialize, Serialize};

/// Bounds on what a source may ask of the decoder, and on how little of it may be left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Length of the source in bytes.
    pub source_bytes: u64,
    /// Width x height of one picture.
    pub pixels: u64,
    /// Memory that decoding may need, in bytes, by arithmetic before it starts.
    pub decode_bytes: u64,
    /// Seconds of audio or video, by the packets seen, never by the header.
    pub seconds: u64,
    /// Packets read from one container.
    pub packets: u64,
    /// Frames of one animation or video that may be decoded.
    pub frames: u64,
    /// Characters of text.
    pub characters: u64,
    /// A cut file that still holds at least this share of what it promises, 0..=1, is used and noted; one with less is refused as truncated.
    pub least_share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source_bytes: 4 << 30,
            pixels: 64_000_000,
            decode_bytes: 704 << 20, // below the worker's RSS cap of 768 MiB
            seconds: 4 * 3600,
            packets: 4_000_000,
            frames: 500_000,
            characters: 400_000,
            least_share: 0.05,
        }
    }
}

impl Limits {
    /// `Err(Error::Limit)` when `value` is over `limit`.
    pub(crate) fn check(what: &'static str, value: u64, limit: u64) -> Result<(), crate::Error> {
        if value > limit { Err(crate::Error::Limit { what, value, limit }) } else { Ok(()) }
    }
}
