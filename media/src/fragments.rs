//! Whether fragments of an MP4 are missing, by their numbers.

use std::io;

use crate::Source;
use crate::ending::{MOST_BOXES, box_size};

/// How many fragments are missing in between: each says its number (ISO/IEC 14496-12, 8.8.5), and they ascend by one. Where that holds for less than
/// half of them, the numbers mean something else.
pub(crate) fn missing_fragments(source: &Source) -> io::Result<u64> {
    let (mut at, mut before, mut steps, mut gaps, mut missing) = (0, None, 0, 0, 0);
    for _ in 0..MOST_BOXES {
        let header = source.read(at, 24)?;
        if header.len() < 8 || !header[4..8].iter().all(u8::is_ascii_graphic) {
            break;
        }
        if let (b"moof", Some(b"mfhd"), Some([a, b, c, d])) = (&header[4..8], header.get(12..16), header.get(20..24)) {
            let number = u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
            let lost = before.map_or(0, |before: u64| number.saturating_sub(before + 1));
            (steps, gaps, missing) = (steps + 1, gaps + u64::from(lost > 0), missing + lost);
            before = Some(number);
        }
        let (Some(size), start) = box_size(&header) else { break };
        at = at.saturating_add(size.max(start));
    }
    Ok(if gaps * 2 < steps { missing } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::missing_fragments;
    use crate::Source;

    #[test]
    fn a_number_that_is_left_out_is_missed() {
        let sized = |kind: &[u8], content: &[u8]| [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat();
        let fragment = |number: &u32| {
            let header = sized(b"mfhd", &[&[0; 4], &number.to_be_bytes()[..]].concat());
            [sized(b"moof", &[&header[..], &sized(b"traf", &[7; 30])].concat()), sized(b"mdat", &[7; 50])].concat()
        };
        let missing = |numbers: &[u32]| {
            let fragments: Vec<u8> = numbers.iter().flat_map(fragment).collect();
            missing_fragments(&Source::memory([sized(b"ftyp", b"isom"), sized(b"moov", b""), fragments].concat())).unwrap()
        };
        assert_eq!([&[1, 3, 4][..], &[7, 8, 9, 12, 13], &[1, 2, 3]].map(missing), [1, 2, 0]);
        assert_eq!([&[1, 1, 2, 2, 3, 3][..], &[0, 0, 0], &[1000, 2000, 3000], &[4, 5, 1, 2], &[]].map(missing), [0; 5]);
        assert_eq!(missing_fragments(&Source::memory(b"RIFF\0\0\0\0WAVE".to_vec())).unwrap(), 0);
    }
}
