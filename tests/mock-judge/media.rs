//! What a server can tell of a medium from its first bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::text::sha256;

/// One medium of a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Media {
    /// `image`, `frame` (of a video sent as pictures), `audio` or `video`.
    pub(crate) kind: &'static str,
    /// As declared.
    pub(crate) mime: String,
    /// Of the decoded bytes.
    pub(crate) sha256: String,
    /// Pixels, when the header says so.
    pub(crate) width: Option<u32>,
    /// Pixels, when the header says so.
    pub(crate) height: Option<u32>,
    /// Of sound.
    pub(crate) seconds: Option<f64>,
    /// Length as sent.
    #[serde(skip)]
    pub(crate) base64_bytes: usize,
    /// Whether the request asks for a small view only.
    #[serde(skip)]
    pub(crate) low: bool,
}

impl Media {
    /// Decodes base64; the error is a sentence.
    pub(crate) fn decode(mime: &str, base64: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(base64).map_err(|error| format!("invalid base64 of a {mime}: {error}"))?;
        let kind = match mime.split('/').next() {
            Some("audio") => "audio",
            Some("video") => "video",
            _ => "image",
        };
        let size = image_size(&bytes);
        let (width, height) = size.map_or((None, None), |(width, height)| (Some(width), Some(height)));
        let (mime, seconds) = (mime.to_owned(), sound_seconds(&bytes));
        Ok(Self { kind, mime, sha256: sha256(&bytes), width, height, seconds, base64_bytes: base64.len(), low: false })
    }

    /// Decodes a data URI. `data:video/jpeg` holds frames, parted by commas.
    pub(crate) fn from_uri(uri: &str) -> Result<Vec<Self>, String> {
        let data = uri.strip_prefix("data:").ok_or("only data URIs are served; this judge fetches nothing")?;
        let (mime, data) = data.split_once(";base64,").ok_or("a data URI without `;base64,`")?;
        if mime != "video/jpeg" {
            return Ok(vec![Self::decode(mime, data)?]);
        }
        let frames = data.split(',').map(|frame| Self::decode("image/jpeg", frame));
        frames.map(|frame| frame.map(|frame| Self { kind: "frame", ..frame })).collect()
    }
}

/// Width and height of a PNG or JPEG.
fn image_size(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some((be32(bytes, 16)?, be32(bytes, 20)?));
    }
    if bytes.starts_with(&[0xff, 0xd8]) { jpeg_size(bytes) } else { None }
}

/// Walks the markers to the frame header.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        match (*bytes.get(at)?, marker) {
            // Fill bytes may stand before any marker.
            (0xff, 0xff) => at += 1,
            // SOF0 to SOF15 without DHT, JPG and DAC.
            (0xff, 0xc0..=0xcf) if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => return Some((be16(bytes, at + 7)?, be16(bytes, at + 5)?)),
            (0xff, 0x01 | 0xd0..=0xd8) => at += 2,
            (0xff, _) => at += 2 + be16(bytes, at + 2)? as usize,
            _ => return None,
        }
    }
}

/// Length of a WAV or FLAC.
fn sound_seconds(bytes: &[u8]) -> Option<f64> {
    if bytes.starts_with(b"fLaC") {
        let packed = u64::from(be32(bytes, 18)?) << 32 | u64::from(be32(bytes, 22)?);
        let (rate, samples) = (packed >> 44, packed & 0xf_ffff_ffff);
        return (rate > 0).then(|| samples as f64 / rate as f64);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") { wav_seconds(bytes) } else { None }
}

fn wav_seconds(bytes: &[u8]) -> Option<f64> {
    let (mut at, mut bytes_per_second) = (12, None);
    loop {
        let length = le32(bytes, at + 4)?;
        match bytes.get(at..at + 4)? {
            b"fmt " => bytes_per_second = Some(le32(bytes, at + 16)?).filter(|&rate| rate > 0),
            // A stream writes a length it does not know yet as the largest one.
            b"data" => {
                let data = (length as usize).min(bytes.len() - at - 8);
                return Some(data as f64 / f64::from(bytes_per_second?));
            }
            _ => {}
        }
        at += 8 + length as usize + length as usize % 2;
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 16 kHz mono of 16 bits.
    fn wav(samples: u32, claimed: u32) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend([16_000_u32.to_le_bytes(), 32_000_u32.to_le_bytes()].concat());
        bytes.extend(b"\x02\0\x10\0LIST\x03\0\0\0abc\0data");
        bytes.extend(claimed.to_le_bytes());
        bytes.resize(bytes.len() + samples as usize * 2, 0);
        bytes
    }

    #[test]
    fn sizes_are_read_from_real_encoders() {
        let picture = image::RgbImage::new(37, 11);
        let mut jpeg = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
        assert_eq!(image_size(&jpeg.into_inner()), Some((37, 11)));
        assert_eq!(image_size(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\0\0\0\x01\0"), Some((512, 256)));
        assert_eq!(image_size(&[0xff, 0xd8, 0xff, 0xe0, 0, 2, 0xff, 0xff, 0xda]), None);
    }

    #[test]
    fn lengths_are_read() {
        assert_eq!(sound_seconds(&wav(8_000, 16_000)), Some(0.5));
        assert_eq!(sound_seconds(&wav(8_000, u32::MAX)), Some(0.5));
        let mut flac = b"fLaC\0\0\0\x22".to_vec();
        flac.resize(18, 0);
        flac.extend((16_000_u64 << 44 | 15 << 36 | 0x5dc0).to_be_bytes());
        assert_eq!(sound_seconds(&flac), Some(1.5));
        assert_eq!(sound_seconds(b"RIFF"), None);
    }

    #[test]
    fn frames_come_apart() {
        let uri = format!("data:video/jpeg;base64,{},{}", STANDARD.encode("a"), STANDARD.encode("b"));
        let frames = Media::from_uri(&uri).unwrap();
        assert_eq!(frames.iter().map(|frame| frame.kind).collect::<Vec<_>>(), ["frame", "frame"]);
        assert_eq!(frames[1].sha256, sha256(b"b"));
        assert!(Media::from_uri("https://example.org/a.jpg").is_err());
    }
}
