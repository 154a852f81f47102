//! Whether a file was cut, where its decoder does not say so.

use std::io::{self, Read as _, Seek as _, SeekFrom};

use crate::Source;

/// Whether an end-of-image marker follows the first scan: the decoder fills what is missing with grey and says nothing. Coded data escapes 0xff, so the marker is found by its two bytes;
/// those of a thumbnail lie in a segment before the scan and are stepped over (ITU-T T.81, annex B).
pub(super) fn jpeg_has_end(source: &Source) -> io::Result<bool> {
    let mut input = io::BufReader::new(source.reader());
    input.seek(SeekFrom::Start(2))?;
    let mut marker = [0; 4];
    loop {
        if input.read_exact(&mut marker).is_err() {
            return Ok(false);
        }
        match marker {
            [0xff, 0xff, ..] => input.seek_relative(-3)?, // fill bytes
            [0xff, 0xda, ..] => break,
            [0xff, _, high, low] => input.seek_relative(i64::from(u16::from_be_bytes([high, low])).max(2) - 2)?,
            _ => return Ok(true), // rubbish between segments: the decoder's own rules apply
        }
    }
    let mut before = 0;
    for byte in input.bytes() {
        let byte = byte?;
        if (before, byte) == (0xff, 0xd9) {
            return Ok(true);
        }
        before = byte;
    }
    Ok(false)
}

/// Whether the source is a RIFF file (WebP) and shorter than its header says.
pub(super) fn riff_is_cut(source: &Source) -> bool {
    let head = source.head(8).unwrap_or_default();
    match head[..] {
        [b'R', b'I', b'F', b'F', a, b, c, d] => source.len() < 8 + u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::jpeg_has_end;
    use crate::Source;

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end() {
        let start = b"\xff\xd8\xff\xe1\0\x06\xff\xd9\0\0\xff\xda\0\x04\0\0\x12\xff\0\x34";
        assert!(!jpeg_has_end(&Source::memory(start.to_vec())).unwrap());
        assert!(jpeg_has_end(&Source::memory([&start[..], b"\xff\xd9 and a trailer"].concat())).unwrap());
    }
}
