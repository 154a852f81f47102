//! What the fragments of an MP4 say: whether some are missing, by their numbers, and how long the last frame lasts.

use std::io;

use crate::ending::{MOST_BOXES, box_size};
use crate::movie::{be32, child, children, movie, track_id};
use crate::{Error, Source};

/// A list of a fragment's samples larger than this belongs to no file that a judge gets.
const MOST_LISTED: u64 = 1 << 20;

/// Fragments that are looked into from the end back, at most, for one of a track: each track has its own in some files.
const LOOKED_INTO: usize = 64;

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

/// Ticks that the last sample of a track lasts, by the last of its fragments, where the sample that stands at `pos` in the file may be that one (ISO/IEC
/// 14496-12, 8.8.3, 8.8.7 and 8.8.8). libav knows none of it, and guesses by the rate.
pub(crate) fn last_duration(source: &Source, track: u32, pos: u64) -> Result<Option<u32>, Error> {
    for (at, size) in lists_of_samples(source)?.into_iter().rev().take(LOOKED_INTO) {
        let list = source.read(at, usize::try_from(size.min(MOST_LISTED)).unwrap_or(0))?;
        if let Some(fragment) = list.get(8..).and_then(|list| children(list, b"traf").filter(|fragment| is_of(fragment, track)).last()) {
            if pos < at {
                return Ok(None); // that one is not shown, or the samples are elsewhere
            }
            let told = last_of(fragment).map_or_else(|| usual(source, track), |told| Ok(Some(told)))?;
            return Ok(told.filter(|ticks| (1..1 << 31).contains(ticks)));
        }
    }
    Ok(None)
}

/// Where each fragment's list begins, and its length.
fn lists_of_samples(source: &Source) -> io::Result<Vec<(u64, u64)>> {
    let (mut at, mut lists) = (0, Vec::new());
    for _ in 0..MOST_BOXES {
        let header = source.read(at, 16)?;
        if header.len() < 8 || !header[4..8].iter().all(u8::is_ascii_graphic) {
            break;
        }
        let (Some(size), start) = box_size(&header) else { break };
        if &header[4..8] == b"moof" {
            lists.push((at, size));
        }
        at = at.saturating_add(size.max(start));
    }
    Ok(lists)
}

fn is_of(fragment: &[u8], track: u32) -> bool {
    child(fragment, b"tfhd").and_then(|header| be32(header.get(4..)?)) == Some(track)
}

/// What a fragment says of its last sample: in the list, or for all of its samples.
fn last_of(fragment: &[u8]) -> Option<u32> {
    let run = children(fragment, b"trun").filter(|run| run.get(4..).and_then(be32) != Some(0)).last()?;
    let (flags, count) = (be32(run)?, be32(&run[4..])? as usize);
    if flags & 0x100 != 0 {
        let before = 8 + 4 * (flags & 5).count_ones() as usize;
        let each = 4 * (flags & 0xf00).count_ones() as usize;
        return be32(run.get(before + each.checked_mul(count.checked_sub(1)?)?..)?);
    }
    let header = child(fragment, b"tfhd")?;
    let flags = be32(header)?;
    let before = 8 + 8 * (flags & 1) as usize + 4 * (flags >> 1 & 1) as usize;
    if flags & 8 != 0 { be32(header.get(before..)?) } else { None }
}

/// What the header of the file says of all samples of a track.
fn usual(source: &Source, track: u32) -> Result<Option<u32>, Error> {
    let moov = movie(source)?.unwrap_or_default();
    let defaults = child(&moov, b"mvex").and_then(|extended| {
        let mut each = children(extended, b"trex");
        each.find(|defaults| defaults.get(4..).and_then(be32) == Some(track))
    });
    let known = children(&moov, b"trak").any(|trak| track_id(trak) == Some(track));
    Ok(defaults.filter(|_| known).and_then(|defaults| be32(defaults.get(12..)?)))
}

#[cfg(test)]
mod tests {
    use super::{last_duration, missing_fragments};
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

    #[test]
    fn the_last_sample_of_a_track_lasts_as_long_as_its_fragment_says() {
        let sized = |kind: &[u8], parts: &[&[u8]]| {
            let content = parts.concat();
            [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
        };
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        let fragment = |header: &[u32], run: &[u32]| {
            let traf = sized(b"traf", &[&sized(b"tfhd", &[&words(header)]), &sized(b"trun", &[&words(run)])]);
            [sized(b"moof", &[&sized(b"mfhd", &[&words(&[0, 1])]), &traf]), sized(b"mdat", &[&[7; 50]])].concat()
        };
        let tkhd = sized(b"tkhd", &[&[0; 15], &[2], &[0; 60]]);
        let trex = sized(b"mvex", &[&sized(b"trex", &[&words(&[0, 2, 1, 512, 0, 0])])]);
        let moov = sized(b"moov", &[&sized(b"trak", &[&tkhd]), &trex]);
        let told = |fragments: &[Vec<u8>], pos: u64| {
            last_duration(&Source::memory([&sized(b"ftyp", &[b"isom"])[..], &moov, &fragments.concat()].concat()), 2, pos).unwrap()
        };
        let far = 1 << 20;
        // Offset and flags of the first sample, then durations, sizes, flags and offsets of each.
        let listed = fragment(&[0x02_0000, 2], &[0xf05, 2, 8, 0, 10, 1, 0, 0, 99, 1, 0, 0]);
        let for_all = fragment(&[0x02_003b, 2, 0, 0, 1, 40, 1, 0], &[0x200, 2, 25, 25]);
        let other = fragment(&[0x02_0000, 1], &[0x100, 1, 7]);
        let plain = fragment(&[0x02_0000, 2], &[0x200, 2, 25, 25]);
        assert_eq!(told(&[for_all.clone(), listed.clone()], far), Some(99));
        assert_eq!(told(&[listed.clone(), for_all.clone(), other.clone()], far), Some(40), "the last is of another track");
        assert_eq!(told(&[listed.clone(), plain], far), Some(512), "what the header says of all of them");
        assert_eq!(told(std::slice::from_ref(&listed), 3), None, "the sample is not of that fragment");
        assert_eq!((told(&[other], far), told(&[], far)), (None, None));
        for nonsense in [0, u32::MAX] {
            assert_eq!(told(&[fragment(&[0x02_0000, 2], &[0x100, 1, nonsense])], far), None);
        }
        assert_eq!(told(&[fragment(&[0x02_0000, 2], &[0x100, 9, 5])], far), Some(512), "a list that is too short");
    }
}
