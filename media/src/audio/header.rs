//! What the headers of WAVE and AIFF say of channels: decoders make room for as many, and some stop the program where they are too many.

use super::decode::MAX_CHANNELS;
use crate::{Error, Source};

/// So many chunks are looked at.
const CHUNKS: usize = 10_000;

/// Refuses a file, whose first byte is at `start`, with more channels than are mixed, with none, or whose description of them goes on behind its end.
pub(super) fn check_header(source: &Source, name: &str, start: u64) -> Result<(), Error> {
    let (kind, place, little) = match name {
        "wav" => (*b"fmt ", 2, true),
        "aiff" => (*b"COMM", 0, false),
        _ => return Ok(()),
    };
    let mut at = start + 12;
    for _ in 0..CHUNKS {
        let [a, b, c, d, length @ ..] = &source.read(at, 8)?[..] else { return Ok(()) };
        let Ok(length) = <[u8; 4]>::try_from(length) else { return Ok(()) };
        let length = u64::from(if little { u32::from_le_bytes(length) } else { u32::from_be_bytes(length) });
        at += 8;
        if [*a, *b, *c, *d] == kind {
            if at + length > source.len() {
                return Err(Error::Malformed("the description of the sound goes on behind the end of the file".to_owned()));
            }
            if let [high, low] = source.read(at + place, 2)?[..] {
                let channels = if little { u16::from_le_bytes([high, low]) } else { u16::from_be_bytes([high, low]) };
                check(channels)?;
            }
        }
        at += length + (length & 1);
    }
    Ok(())
}

fn check(channels: u16) -> Result<(), Error> {
    match usize::from(channels) {
        0 => Err(Error::Malformed("sound without channels".to_owned())),
        1..=MAX_CHANNELS => Ok(()),
        _ => Err(Error::Unsupported(format!("{channels} channels; at most {MAX_CHANNELS} are mixed"))),
    }
}

#[cfg(test)]
mod tests {
    use super::check_header;
    use crate::{Error, Source};

    /// WAVE or AIFF with a description of `length` bytes, as stated, for so many channels.
    fn file(name: &str, length: u32, channels: u16) -> Vec<u8> {
        let (head, length, channels) = match name {
            "wav" => (b"RIFF\x34\0\0\0WAVELIST\x02\0\0\0abfmt ", length.to_le_bytes(), [&[1, 0][..], &channels.to_le_bytes()].concat()),
            _ => (b"FORM\0\0\0\x34AIFFNAME\0\0\0\x02abCOMM", length.to_be_bytes(), [&channels.to_be_bytes()[..], &[0, 0]].concat()),
        };
        [&head[..], &length, &channels, &[0; 14]].concat()
    }

    #[test]
    fn channels_are_counted_before_anything_is_opened() {
        for name in ["wav", "aiff"] {
            let end = |length, channels| check_header(&Source::memory(file(name, length, channels)), name, 0);
            assert!(end(18, 1).is_ok() && end(18, 64).is_ok(), "{name}");
            assert!(matches!(end(18, 65), Err(Error::Unsupported(_))), "{name}");
            assert!(matches!(end(18, 65_535), Err(Error::Unsupported(_))), "{name}");
            assert!(matches!(end(18, 0), Err(Error::Malformed(_))), "{name}");
            assert!(matches!(end(65_535, 1), Err(Error::Malformed(_))), "{name}");
        }
        assert!(check_header(&Source::memory(b"fLaC".to_vec()), "flac", 0).is_ok());
    }
}
