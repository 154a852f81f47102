//! Pages of Ogg that are damaged or missing: decoders step over them in silence.

use std::collections::BTreeMap;
use std::io;

use crate::Source;

/// The longest page: its header, 255 lengths, and as many bytes as those can say.
const LONGEST: usize = 27 + 255 + 255 * 255;

/// Bytes read at once.
const BLOCK: usize = 1 << 20;

/// Where pages begin that are none, so often at most; then the count stops.
const MOST_TRIES: u32 = 4096;

/// What is wrong with the pages of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct BadPages {
    /// How many are damaged or left out.
    pub(crate) count: u64,
    /// Streams and byte offsets of the pages right behind those that are left out.
    pub(crate) behind_missing: Vec<(u32, u64)>,
}

impl BadPages {
    /// For people; `None`: nothing is wrong.
    pub(crate) fn remark(&self) -> Option<String> {
        let Self { count, .. } = self;
        (*count > 0).then(|| format!("{count} Ogg pages are damaged or missing, and what follows them may come too early"))
    }
}

/// Places of missing pages that are told, at most.
const MOST_PLACES: usize = 4096;

/// Which pages of `source` are damaged or left out (RFC 3533, 6: each has a sum of its bytes, and a number that ascends by one in its stream).
/// One that is cut by the end of the file is none of them.
pub(crate) fn bad_pages(source: &Source) -> io::Result<BadPages> {
    let mut next: BTreeMap<u32, u32> = BTreeMap::new();
    let mut bad = BadPages::default();
    let (mut tries, mut start, mut bytes, mut at) = (0, 0_u64, Vec::new(), 0_usize);
    // Whether the page before was no page; what is missing behind it is that page.
    let mut lost = false;
    loop {
        if at + LONGEST > bytes.len() && start + (bytes.len() as u64) < source.len() {
            start += at as u64;
            (bytes, at) = (source.read(start, BLOCK)?, 0);
        }
        let rest = &bytes[at.min(bytes.len())..];
        if rest.is_empty() {
            return Ok(bad);
        }
        let Some(page) = page(rest) else {
            tries += 1;
            match rest[1..].windows(4).position(|window| window == b"OggS") {
                _ if tries > MOST_TRIES => return Ok(bad),
                Some(ahead) => at += 1 + ahead,
                None if start + (bytes.len() as u64) < source.len() => at = bytes.len().saturating_sub(3).max(at + 1),
                None => {
                    bad.count += u64::from(lost || length(rest).is_some_and(|length| length <= rest.len()));
                    return Ok(bad);
                }
            }
            lost = true;
            continue;
        };
        let expected = next.insert(page.stream, page.number.wrapping_add(1)).filter(|_| !page.begins);
        let missing = expected.map_or(0, |expected| page.number.wrapping_sub(expected));
        bad.count += match (missing, lost) {
            (0 | 0x8000_0000.., lost) => u64::from(lost),
            (missing, _) => u64::from(missing),
        };
        if matches!(missing, 1..0x8000_0000) && bad.behind_missing.len() < MOST_PLACES {
            bad.behind_missing.push((page.stream, start + at as u64));
        }
        lost = false;
        at += page.length;
    }
}

struct Page {
    stream: u32,
    number: u32,
    begins: bool,
    length: usize,
}

/// How long the page says it is that `bytes` begin with.
fn length(bytes: &[u8]) -> Option<usize> {
    let segments = usize::from(*bytes.get(26).filter(|_| bytes.starts_with(b"OggS"))?);
    Some(27 + segments + bytes.get(27..27 + segments)?.iter().map(|lace| usize::from(*lace)).sum::<usize>())
}

/// The page that `bytes` begin with, when it is whole.
fn page(bytes: &[u8]) -> Option<Page> {
    let length = length(bytes)?;
    let page = bytes.get(..length)?;
    let number = |at: usize| u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]);
    let sum = [&page[..22], &[0; 4], &page[26..]]
        .into_iter()
        .flatten()
        .fold(0, |sum: u32, byte| sum << 8 ^ SUMS[(sum >> 24) as usize ^ usize::from(*byte)]);
    (sum == number(22)).then(|| Page { stream: number(14), number: number(18), begins: page[5] & 2 != 0, length })
}

/// Sums of one byte each, of the polynomial 0x04c11db7 (RFC 3533, 6).
const SUMS: [u32; 256] = {
    let mut sums = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = ((byte as u32) << 24, 0);
        while bit < 8 {
            sum = sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            bit += 1;
        }
        sums[byte] = sum;
        byte += 1;
    }
    sums
};

#[cfg(test)]
mod tests {
    use super::{SUMS, bad_pages};
    use crate::Source;

    fn page(number: u32, stream: u32) -> Vec<u8> {
        let mut page = [b"OggS\0".as_slice(), &[if number == 0 { 2 } else { 0 }], &[0; 8]].concat();
        page.extend([stream, number, 0].iter().flat_map(|value| value.to_le_bytes()));
        page.extend([2, 255, 9]);
        page.extend([number as u8; 264]);
        let sum = page.iter().fold(0_u32, |sum, byte| sum << 8 ^ SUMS[(sum >> 24) as usize ^ usize::from(*byte)]);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        page
    }

    #[test]
    fn pages_that_are_damaged_or_missing_are_counted() {
        let found = |pages: &[Vec<u8>]| bad_pages(&Source::memory(pages.concat())).unwrap();
        let bad = |pages: &[Vec<u8>]| found(pages).count;
        let many: Vec<Vec<u8>> = (0..9000).map(|number| page(number, 1)).collect();
        assert_eq!(bad(&many), 0);
        assert_eq!(bad(&[many[0].clone(), page(0, 2), many[1].clone(), page(1, 2)]), 0, "two streams");
        assert_eq!(bad(&[&many[..], &many].concat()), 0, "one behind another");
        for at in [1, 2, 4000, 8998] {
            let mut damaged = many.clone();
            damaged[at][100] ^= 1;
            assert_eq!(bad(&damaged), 1, "{at}");
            damaged[at].drain(90..);
            assert_eq!(bad(&damaged), 1, "{at}, most of it gone");
            damaged.remove(at);
            assert_eq!(bad(&damaged), 1, "{at}, all of it gone");
            assert_eq!(found(&damaged).behind_missing, [(1, (damaged[0].len() * at) as u64)], "{at}");
        }
        let mut last = many.clone();
        last[8999][100] ^= 1;
        assert_eq!(bad(&last), 1);
        last[8999].truncate(99);
        assert_eq!(bad(&last), 0, "cut");
        assert_eq!((bad(&[]), bad(&[b"no page at all".to_vec()])), (0, 0));
    }
}
