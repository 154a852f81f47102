//! Whether a file was cut, where its decoder does not say so.

use super::png::checksum;
use crate::{Error, Limits, Source};

/// Where the segments of a JPEG lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segments {
    /// The first scan header (its marker and length) ends at this offset.
    Scan(usize),
    /// The file ends before any scan.
    Ended,
    /// Something that is no segment comes first: the decoder's own rules apply.
    Broken,
}

/// Steps over the segments of a JPEG to its first scan (ITU-T T.81, annex B).
pub(super) fn first_scan(jpeg: &[u8]) -> Segments {
    let mut at = 2;
    loop {
        match jpeg.get(at..).unwrap_or_default() {
            [0xff, 0xff, ..] => at += 1, // fill bytes
            [0xff, 0xda, _, _, ..] => return Segments::Scan(at + 4),
            [0xff, _, high, low, ..] => at += 2 + usize::from(u16::from_be_bytes([*high, *low])).max(2),
            [_, _, _, _, ..] => return Segments::Broken,
            _ => return Segments::Ended,
        }
    }
}

/// The markers of a JPEG before its first scan, each with the content of its segment as far as the file goes.
pub(super) fn markers(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        loop {
            match jpeg.get(at..)? {
                [0xff, 0xff, ..] => at += 1, // fill bytes
                [0xff, 0xda, ..] => return None,
                [0xff, marker, high, low, rest @ ..] => {
                    let length = usize::from(u16::from_be_bytes([*high, *low])).max(2);
                    at += 2 + length;
                    return Some((*marker, &rest[..rest.len().min(length - 2)]));
                }
                _ => return None,
            }
        }
    })
}

/// What kind of JPEG it is, when it is one that no decoder at hand takes (ITU-T T.81, table B.1; JPEG-LS: T.87).
pub(super) fn foreign_kind(jpeg: &[u8]) -> Option<&'static str> {
    match markers(jpeg).find(|(marker, _)| matches!(marker, 0xc0..=0xc3 | 0xc9 | 0xca | 0xf7))? {
        (0xf7, _) => Some("JPEG-LS"),
        (0xc3, _) => Some("lossless JPEG"),
        (_, [bits, ..]) if *bits != 8 => Some("JPEG of other than 8 bits a sample"),
        _ => None,
    }
}

/// Whether its data are coded by arithmetic in the place of Huffman's codes, which hardly a decoder knows (ITU-T T.81, annex D).
pub(super) fn is_arithmetic(jpeg: &[u8]) -> bool {
    markers(jpeg).any(|(marker, _)| matches!(marker, 0xc9 | 0xca))
}

/// Makes the segments before the first scan those of a JPEG by Huffman's codes, for who wants to know no more of it than size, tags and colours.
pub(super) fn name_as_huffman(jpeg: &mut [u8]) {
    let mut at = 2;
    while let Some([0xff, marker, high, low]) = jpeg.get(at..at + 4) {
        let (marker, length) = (*marker, usize::from(u16::from_be_bytes([*high, *low])).max(2));
        jpeg[at + 1] = match marker {
            0xda => return,
            0xc9 => 0xc0,
            0xca => 0xc2,
            0xcc => 0xfe, // how it is coded: for this reader, a comment
            other => other,
        };
        at += if marker == 0xff { 1 } else { 2 + length };
    }
}

/// Whether it has a colour profile, or at least one of the parts that a long one is cut into (ICC.1, B.4).
pub(super) fn has_profile(jpeg: &[u8]) -> bool {
    markers(jpeg).any(|(marker, content)| marker == 0xe2 && content.starts_with(b"ICC_PROFILE\0"))
}

/// Whether an end-of-image marker follows the first scan: the decoder fills what is missing with grey and says nothing. Coded data escapes 0xff, so the marker is found by its two bytes;
/// those of a thumbnail lie in a segment before the scan and are stepped over.
pub(super) fn jpeg_has_end(jpeg: &[u8], segments: Segments) -> bool {
    match segments {
        Segments::Scan(start) => jpeg[start..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]),
        Segments::Ended => false,
        Segments::Broken => true,
    }
}

/// Whether one scan, not refined by others, holds the whole picture: a decoder that gets to its end has seen all of it.
pub(super) fn is_one_scan(jpeg: &[u8], segments: Segments) -> bool {
    let frame = markers(jpeg).find(|(marker, _)| matches!(marker, 0xc0..=0xc2));
    match (frame, segments) {
        (Some((0xc0 | 0xc1, [_, _, _, _, _, parts, ..])), Segments::Scan(start)) => jpeg.get(start) == Some(parts),
        _ => false,
    }
}

/// Whether the source is a RIFF file (WebP) and shorter than its header says.
pub(super) fn riff_is_cut(source: &Source) -> bool {
    let head = source.head(8).unwrap_or_default();
    match head[..] {
        [b'R', b'I', b'F', b'F', a, b, c, d] => source.len() < 8 + u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => false,
    }
}

/// The frames of a cut animated WebP that are whole, as a file of their own, since its decoder takes no other; `None` when it is not cut, not
/// animated, or has no such frame.
pub(super) fn whole_frames_of_webp(source: &Source, limits: &Limits) -> Result<Option<Source>, Error> {
    let head = source.head(21)?;
    let animated = head.get(8..16) == Some(b"WEBPVP8X") && head.get(20).is_some_and(|flags| flags & 2 != 0);
    if !animated || !riff_is_cut(source) || source.len() > limits.decode_bytes {
        return Ok(None);
    }
    let mut bytes = source.read(0, usize::try_from(source.len()).unwrap_or(usize::MAX))?;
    let (mut end, mut frames) = (12, 0);
    while let Some([a, b, c, d]) = bytes.get(end + 4..end + 8) {
        let size = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let next = end + 8 + size + size % 2;
        if next > bytes.len() {
            break;
        }
        frames += usize::from(bytes[end..].starts_with(b"ANMF"));
        end = next;
    }
    bytes.truncate(end);
    let Ok(size) = u32::try_from(end - 8) else { return Ok(None) };
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    Ok((frames > 0).then(|| Source::memory(bytes)))
}

/// A cut PNG that does not move, as a file of its own with as much of its pixels and an end, since its decoder takes no other: it still refuses what lacks a row.
/// `None` when it is not cut, or before the pixels.
pub(super) fn png_with_end(source: &Source, limits: &Limits) -> Result<Option<Source>, Error> {
    let mut at = SIGNATURE.len();
    if source.head(at)? != SIGNATURE || source.len() > limits.decode_bytes {
        return Ok(None);
    }
    let mut pixels = false;
    let content = loop {
        let head = source.read(at as u64, 8)?;
        let ([long, kind], []) = head.as_chunks::<4>() else { break Vec::new() };
        let length = u32::from_be_bytes(*long) as usize;
        let next = at + 12 + length;
        let is_cut = next as u64 > source.len();
        if !kind.iter().all(u8::is_ascii_alphabetic) || kind == b"acTL" || (kind == b"IEND" && !is_cut) {
            return Ok(None);
        }
        if is_cut {
            break if kind == b"IDAT" { source.read(at as u64 + 8, length)? } else { Vec::new() };
        }
        pixels |= kind == b"IDAT";
        at = next;
    };
    if !pixels && content.is_empty() {
        return Ok(None);
    }
    let mut bytes = source.head(at)?;
    let mut add = |kind: &[u8], content: &[u8]| {
        let (length, sum) = (content.len() as u32, checksum(kind, content));
        [&length.to_be_bytes(), kind, content, &sum.to_be_bytes()].into_iter().for_each(|part| bytes.extend(part));
    };
    if !content.is_empty() {
        add(b"IDAT", &content);
    }
    add(b"IEND", &[]);
    Ok(Some(Source::memory(bytes)))
}

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

#[cfg(test)]
mod tests {
    use super::{Segments, first_scan, jpeg_has_end};

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end() {
        let start = b"\xff\xd8\xff\xe1\0\x06\xff\xd9\0\0\xff\xda\0\x04\0\0\x12\xff\0\x34";
        let whole = [&start[..], b"\xff\xd9 and a trailer"].concat();
        assert_eq!(first_scan(start), Segments::Scan(14));
        assert!(!jpeg_has_end(start, first_scan(start)));
        assert!(jpeg_has_end(&whole, first_scan(&whole)));
        assert_eq!((first_scan(&start[..9]), first_scan(b"\xff\xd8 rubbish")), (Segments::Ended, Segments::Broken));
    }
}
