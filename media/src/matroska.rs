//! What the elements of a Matroska file say, where libav does not hand it on: of its end, and of what players crop (RFC 8794 and 9559).

use std::io;

use crate::Source;
use crate::ending::vint;

/// Elements that are followed to the end of a file, at most: seven hours of pictures and sound in blocks of their own.
const MOST_ELEMENTS: usize = 1 << 21;

/// Identifiers as they are stored, with the bits that tell their lengths.
const HEAD: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const VIDEO: u32 = 0xe0;
/// Rows and columns that players leave out: at the bottom, the top, the left and the right.
const CROPS: [u32; 4] = [0x54aa, 0x54bb, 0x54cc, 0x54dd];

/// A list of tracks is read as far as this.
const MOST_LISTED: u64 = 1 << 20;

/// Elements that come before the list of tracks, at most.
const BEFORE_TRACKS: usize = 256;

/// What stands in a file, a segment or a cluster, as identifiers are stored.
const KINDS: [&[u8]; 19] = [
    b"\x1a\x45\xdf\xa3", // the head
    b"\x18\x53\x80\x67", // a segment, and what is in it
    b"\x11\x4d\x9b\x74",
    b"\x15\x49\xa9\x66",
    b"\x16\x54\xae\x6b",
    b"\x1c\x53\xbb\x6b",
    b"\x19\x41\xa4\x69",
    b"\x10\x43\xa7\x70",
    b"\x12\x54\xc3\x67",
    b"\x1f\x43\xb6\x75", // a cluster, and what is in it
    b"\xe7",
    b"\xa3",
    b"\xa0",
    b"\xa7",
    b"\xab",
    b"\xaf",
    b"\x58\x54",
    b"\xec", // what is filled up, and checksums
    b"\xbf",
];

/// An identifier and a size, 4 and 8 bytes at most.
const HEADER: usize = 12;

/// Whether the last element of a file claims bytes beyond its end. A live recording does not know how long its segment and its clusters are, but how long each
/// block is; what is no element says nothing.
pub(crate) fn ends_amid_element(source: &Source) -> io::Result<bool> {
    let mut at: u64 = 0;
    for _ in 0..MOST_ELEMENTS {
        if at >= source.len() {
            return Ok(at > source.len());
        }
        let header = source.read(at, HEADER)?;
        // Of fewer bytes than a header has, the first may begin one.
        if !KINDS.iter().any(|kind| header.starts_with(kind) || kind.starts_with(&header)) {
            return Ok(false);
        }
        let Some((kind, content, size)) = element(&header) else { return Ok(header.len() < HEADER) };
        at += content;
        match (kind, size) {
            (_, Some(size)) => at = at.saturating_add(size),
            (SEGMENT | CLUSTER, None) => {}
            (_, None) => return Ok(false),
        }
    }
    Ok(false)
}

/// What an element is, how long its header, and how long its content is, where it says so.
fn element(header: &[u8]) -> Option<(u32, u64, Option<u64>)> {
    let length = header.first().filter(|first| **first >= 0x10)?.leading_zeros() as usize + 1;
    let kind = header.get(..length)?.iter().fold(0, |kind, byte| kind << 8 | u32::from(*byte));
    let (size, more) = vint(header, length)?;
    Some((kind, (length + more) as u64, size))
}

/// Whether any track says that players should crop its pictures.
pub(crate) fn is_cropped(source: &Source) -> io::Result<bool> {
    let mut at: u64 = 0;
    for _ in 0..BEFORE_TRACKS {
        let header = source.read(at, HEADER)?;
        match element(&header) {
            Some((SEGMENT, content, _)) => at += content,
            Some((TRACKS, content, Some(size))) => {
                let list = source.read(at + content, usize::try_from(size.min(MOST_LISTED)).unwrap_or(0))?;
                let pictures = children(&list).filter(|(kind, _)| *kind == TRACK).flat_map(|(_, track)| children(track));
                let facts = pictures.filter(|(kind, _)| *kind == VIDEO).flat_map(|(_, facts)| children(facts));
                let mut crops = facts.filter(|(kind, _)| CROPS.contains(kind));
                return Ok(crops.any(|(_, count)| count.iter().any(|byte| *byte != 0)));
            }
            Some((CLUSTER, ..) | (_, _, None)) | None => break,
            Some((_, content, Some(size))) => at = at.saturating_add(content).saturating_add(size),
        }
    }
    Ok(false)
}

/// Kinds and contents of the elements in `parent`, as far as lengths lead.
fn children(parent: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = parent;
    std::iter::from_fn(move || {
        let (kind, content, size) = element(rest)?;
        let start = usize::try_from(content).ok()?;
        let end = start.checked_add(usize::try_from(size?).ok()?)?;
        let content = rest.get(start..end)?;
        rest = &rest[end..];
        Some((kind, content))
    })
}

/// Whether a file begins as Matroska does.
pub(crate) fn is_matroska(head: &[u8]) -> bool {
    head.starts_with(&HEAD.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::{ends_amid_element, is_cropped};
    use crate::Source;

    fn sized(kind: &[u8], content: &[u8]) -> Vec<u8> {
        [kind, &[0x40 | (content.len() >> 8) as u8, content.len() as u8], content].concat()
    }

    #[test]
    fn a_block_that_claims_bytes_beyond_the_end_is_cut() {
        let cut = |bytes: &[u8]| ends_amid_element(&Source::memory(bytes.to_vec())).unwrap();
        let head = [sized(b"\x1a\x45\xdf\xa3", &[7; 20]), b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff".to_vec()].concat();
        let (time, block) = (sized(b"\xe7", b"\0"), sized(b"\xa3", &[7; 300]));
        let live = [
            &head[..],
            &sized(b"\x15\x49\xa9\x66", &[7; 30]),
            b"\x1f\x43\xb6\x75\xff",
            &time,
            &block,
            b"\x1f\x43\xb6\x75\xff",
            &time,
            &block,
        ];
        let live = live.concat();
        let known = [&head[..], &sized(b"\x1f\x43\xb6\x75", &[&time[..], &block].concat())].concat();
        for file in [&live, &known] {
            let len = file.len();
            assert_eq!((cut(file), cut(&file[..len - 1]), cut(&file[..len - 299])), (false, true, true));
        }
        // Amid a header, and where one ends and no other begins.
        assert_eq!([1, 2, 300, 303].map(|less| cut(&live[..live.len() - less])), [true, true, true, false]);
        assert_eq!((cut(&live[..live.len() - 302]), cut(&live[..live.len() - 301])), (true, true));
        assert!(!cut(&[&live[..], &[0; 5]].concat()) && !cut(&[&live[..], &[0; 50]].concat()), "padding");
        let known = [sized(b"\x1a\x45\xdf\xa3", &[7; 20]), sized(b"\x18\x53\x80\x67", &block)].concat();
        for more in [&b"and more, which is no element"[..], b"\x4f", b"\x4f\xffmore and more"] {
            assert!(!cut(&[&known[..], more].concat()) && !cut(&[&live[..], more].concat()), "{more:?}");
        }
        assert!(!cut(&[&live[..], &live].concat()) && cut(&[&live[..], &live[..live.len() - 9]].concat()), "two of them");
        assert!(!cut(&[&live[..], b"\xa3\xff", &[7; 20]].concat()), "a block of no known size leads nowhere");
    }

    #[test]
    fn a_crop_of_the_list_of_tracks_is_seen() {
        let file = |facts: &[u8]| {
            let track = sized(b"\xae", &[&sized(b"\xd7", &[1])[..], &sized(b"\x83", &[1]), &sized(b"\xe0", facts)].concat());
            let parts = [&sized(b"\xec", &[0; 40])[..], &sized(b"\x16\x54\xae\x6b", &[sized(b"\xae", b""), track].concat())].concat();
            let head = [&sized(b"\x1a\x45\xdf\xa3", &[7; 20])[..], b"\x18\x53\x80\x67\xff", &parts, b"\x1f\x43\xb6\x75\xff"].concat();
            is_cropped(&Source::memory(head)).unwrap()
        };
        let (width, none, left) = (sized(b"\xb0", &[1, 64]), sized(b"\x54\xaa", &[0]), sized(b"\x54\xcc", &[0, 16]));
        assert_eq!((file(&width), file(&[&width[..], &none].concat()), file(&[width, none, left].concat())), (false, false, true));
        assert!(!is_cropped(&Source::memory(b"RIFF".to_vec())).unwrap());
    }
}
