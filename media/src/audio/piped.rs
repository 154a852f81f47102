//! AIFF and Wave64 that were written to a pipe, and so could not go back to their headers when they were done: their lengths lead nowhere.

use std::io;

use crate::Source;

/// Samples begin within so many bytes.
const HEAD: usize = 4096;

/// How samples are stored that fill as many bytes as their bits say (the compression types of AIFF-C).
const PLAIN: [&[u8]; 8] = [b"NONE", b"sowt", b"twos", b"fl32", b"FL32", b"fl64", b"FL64", b"in24"];

/// The same file with the lengths that it has, where its header has none.
pub(super) fn with_lengths(source: &Source) -> io::Result<Option<Source>> {
    let head = source.head(HEAD)?;
    let mended = if head.starts_with(b"FORM") { aiff(head, source.len()) } else { wave64(head, source.len()) };
    Ok(mended.map(|head| source.with_head(head)))
}

/// The header of an AIFF file of `len` bytes that says it has none (Audio Interchange File Format 1.3): of the file, of the sound, and of its samples.
fn aiff(mut head: Vec<u8>, len: u64) -> Option<Vec<u8>> {
    let compressed = match (head.get(4..8)?, head.get(8..12)?) {
        ([0, 0, 0, 0], b"AIFF") => false,
        ([0, 0, 0, 0], b"AIFC") => true,
        _ => return None,
    };
    let (mut at, mut common) = (12, None);
    while head.get(at..at + 4)? != b"SSND" {
        let size = u32::from_be_bytes(*head.get(at + 4..)?.first_chunk()?) as usize;
        if head.get(at..at + 4)? == b"COMM" {
            common = Some(at + 8);
        }
        at += 8 + size + size % 2;
    }
    let facts = head.get(common?..)?;
    let (channels, bits) = (u64::from(facts.first_chunk().map(|pair| u16::from_be_bytes(*pair))?), u64::from(*facts.get(7)?));
    let is_plain = !compressed || PLAIN.contains(&facts.get(18..22)?);
    if !is_plain || channels == 0 || bits == 0 || head.get(at + 4..at + 8)? != [0; 4] {
        return None;
    }
    let samples = len.checked_sub(at as u64 + 16)? / (channels * bits.div_ceil(8));
    let lengths = [(4, len - 8), (common? + 2, samples), (at + 4, len - at as u64 - 8)];
    for (at, length) in lengths {
        head.get_mut(at..at + 4)?.copy_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
    }
    Some(head)
}

/// How a chunk of samples begins in Wave64; its length, header and all, comes after these 16 bytes.
const DATA: &[u8] = b"data\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a";

/// The header of a Wave64 file of `len` bytes whose samples have a length that no file has.
fn wave64(mut head: Vec<u8>, len: u64) -> Option<Vec<u8>> {
    if !head.starts_with(b"riff\x2e\x91\xcf\x11") {
        return None;
    }
    let mut at = 40;
    loop {
        let size = u64::from_le_bytes(*head.get(at + 16..)?.first_chunk()?);
        if head.get(at..at + 16)? == DATA {
            let endless = size > u64::MAX >> 2;
            return endless.then(|| {
                head[at + 16..at + 24].copy_from_slice(&(len - at as u64).to_le_bytes());
                head
            });
        }
        at = at.checked_add(usize::try_from(size.max(24).checked_next_multiple_of(8)?).ok()?)?;
    }
}

#[cfg(test)]
mod tests {
    use super::with_lengths;
    use crate::{Limits, Source};

    fn aiff(kind: &[u8], compression: &[u8], sizes: [u32; 3], samples: &[u8]) -> Vec<u8> {
        let common = [&[0, 2][..], &sizes[1].to_be_bytes(), &[0, 16, 0x40, 0x0e, 0xbb, 0x80, 0, 0, 0, 0, 0, 0], compression].concat();
        let chunk = |kind: &[u8], size: u32, content: &[u8]| [kind, &size.to_be_bytes(), content].concat();
        let chunks = [chunk(b"COMM", common.len() as u32, &common), chunk(b"SSND", sizes[2], &[&[0; 8], samples].concat())].concat();
        chunk(b"FORM", sizes[0], &[kind, &chunks].concat())
    }

    fn w64(sizes: [u64; 2], samples: &[u8]) -> Vec<u8> {
        let rest = b"\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a";
        let format = [1, 0, 2, 0, 0x80, 0xbb, 0, 0, 0, 0xee, 2, 0, 4, 0, 16, 0];
        let head = [b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", &sizes[0].to_le_bytes()[..], b"wave", rest].concat();
        [&head[..], b"fmt ", rest, &40_u64.to_le_bytes(), &format, b"data", rest, &sizes[1].to_le_bytes(), samples].concat()
    }

    fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
        with_lengths(&Source::memory(bytes.to_vec())).unwrap().map(|source| source.head(usize::MAX).unwrap())
    }

    #[test]
    fn lengths_that_could_not_be_written_are_those_of_the_file() {
        let samples: Vec<u8> = (0..40_000).map(|at| (at / 7) as u8).collect();
        let lengths = |common: u32| [40_000 + 8 + 8 + 4 + 8 + common, 10_000, 40_008];
        for (kind, compression) in [(b"AIFF", &b""[..]), (b"AIFC", b"sowt\0\0")] {
            let whole = aiff(kind, compression, lengths(18 + compression.len() as u32), &samples);
            assert!(mended(&aiff(kind, compression, [0; 3], &samples)) == Some(whole.clone()), "{kind:?}");
            assert_eq!(mended(&whole), None);
        }
        let whole = w64([(104 + 40_000), 24 + 40_000], &samples);
        let piped = w64([u64::MAX, i64::MAX as u64], &samples);
        assert!(mended(&piped).is_some_and(|mended| mended[40..] == whole[40..]));
        assert_eq!((mended(&whole), mended(b"RIFF"), mended(&piped[..70]), mended(b"FORM\0\0\0\0AIFF")), (None, None, None, None));
        assert_eq!(mended(&aiff(b"AIFC", b"ima4\0\0", [0; 3], &samples)), None);
    }

    #[test]
    fn what_was_written_to_a_pipe_is_heard_whole() {
        let samples = vec![7; 4 * 48_000];
        for piped in [aiff(b"AIFF", b"", [0; 3], &samples), w64([u64::MAX, i64::MAX as u64], &samples)] {
            let mut parts: Vec<(crate::PartHeader, Vec<u8>)> = Vec::new();
            let recipe = crate::Recipe::Audio(crate::SoundSpec::default());
            let report = crate::normalise(&Source::memory(piped), &[recipe], &Limits::default(), &mut parts).unwrap();
            assert!((report.duration.unwrap() - 1.0).abs() < 1e-6 && report.notes.is_empty(), "{report:?}");
        }
    }
}
