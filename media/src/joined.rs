//! Whether another file, or another chunk of its kind, follows the one that decoders read: files that were joined by their bytes.

use std::io;

use crate::Source;
use crate::ending::{KINDS, MOST_BOXES, MOST_FRAMES, box_size, data_of_wav};

/// Where the tags that follow the one at `at` lead to the header of another FLV file, if they do.
pub(crate) fn another_flv(source: &Source, mut at: u64) -> io::Result<Option<u64>> {
    for _ in 0..MOST_FRAMES {
        match source.read(at, 4)?[..] {
            [b'F', b'L', b'V', 1] => return Ok(Some(at)),
            [8 | 9 | 18, high, middle, low] => at += 11 + u64::from(u32::from_be_bytes([0, high, middle, low])) + 4,
            _ => break,
        }
    }
    Ok(None)
}

/// Where another MP4 or MOV begins behind the first one's boxes: files that were joined by their bytes have a second list of tracks.
pub(crate) fn another_movie(source: &Source) -> io::Result<Option<u64>> {
    let (mut at, mut begins, mut lists) = (0, 0, 0);
    for _ in 0..MOST_BOXES {
        let header = source.read(at, 16)?;
        match header.get(4..8) {
            Some(b"ftyp") => begins = at,
            Some(b"moov") => lists += 1,
            Some(b"moof") => return Ok(None), // what follows may go on where it ends, and be shown
            Some(kind) if KINDS.contains(&kind) => {}
            _ => return Ok(None),
        }
        if lists > 1 && begins > 0 {
            return Ok(Some(begins));
        }
        let (Some(size), start) = box_size(&header) else { return Ok(None) };
        at = at.saturating_add(size.max(start));
    }
    Ok(None)
}

/// What follows the samples of a WAV file and is not heard, since decoders read one chunk alone: what it is, and where it begins.
///
/// Other chunks, tags, zeros, and a few bytes of anything do no harm. A length that leads nowhere ends the search.
pub(crate) fn behind_samples(source: &Source) -> io::Result<Option<(&'static str, u64)>> {
    let Some((first, size)) = data_of_wav(source)? else { return Ok(None) };
    let end = first + 8 + size;
    let mut at = end + size % 2;
    if size % 2 == 1 && is_chunk(&source.read(end, 12)?) && !is_chunk(&source.read(at, 12)?) {
        at = end; // nothing was filled up
    }
    for _ in 0..MOST_BOXES {
        let header = source.read(at, 12)?;
        match header.get(..8) {
            Some([b'd', b'a', b't', b'a', size @ ..]) if size.iter().any(|byte| *byte != 0) => {
                return Ok(Some(("a second chunk of samples", at)));
            }
            Some([b'R', b'I', b'F', b'F', ..]) if header.ends_with(b"WAVE") => return Ok(Some(("another file", at))),
            Some([b'I', b'D', b'3', ..] | [b'T', b'A', b'G', ..] | b"APETAGEX") | None => return Ok(None),
            Some([.., a, b, c, d]) if is_chunk(&header) => {
                let size = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
                at += 8 + size + size % 2;
            }
            Some(_) => {
                let rest = source.read(at, NO_HARM + 1)?;
                let something = rest.iter().any(|byte| *byte != 0);
                return Ok((rest.len() > NO_HARM && something).then_some(("what is no chunk", at)));
            }
        }
    }
    Ok(None)
}

/// So many bytes of anything behind samples are what some writers leave there.
const NO_HARM: usize = 4096;

/// Whether what begins with `header` may be a chunk: four letters, and a length.
fn is_chunk(header: &[u8]) -> bool {
    header.get(..4).is_some_and(|kind| kind.iter().all(|letter| matches!(letter, b' '..=b'~')))
}

#[cfg(test)]
mod tests {
    use super::{NO_HARM, another_flv, another_movie, behind_samples};
    use crate::Source;

    #[test]
    fn another_file_behind_the_tags_is_found() {
        let header = b"FLV\x01\x01\0\0\0\x09\0\0\0\0";
        let tag = |kind: u8| [&[kind, 0, 0, 5][..], &[0; 7], &[7; 5], &[0, 0, 0, 16]].concat();
        let whole = [header, &tag(18)[..], &tag(9), &tag(8)].concat();
        let found = |bytes: &[u8], at: usize| another_flv(&Source::memory(bytes.to_vec()), at as u64).unwrap();
        for at in [13, 33, 53] {
            assert_eq!((found(&whole, at), found(&whole.repeat(2), at)), (None, Some(whole.len() as u64)), "from the tag at {at}");
        }
        assert_eq!((found(&[&whole[..], &tag(7), header].concat(), 13), found(&whole, 1000), found(b"", 0)), (None, None, None));
    }

    #[test]
    fn another_movie_behind_the_first_is_found() {
        let sized = |kind: &[u8], bytes: usize| [&(bytes as u32 + 8).to_be_bytes()[..], kind, &vec![7; bytes]].concat();
        let (start, list, media) = (sized(b"ftyp", 8), sized(b"moov", 20), sized(b"mdat", 30));
        let found = |boxes: &[&[u8]]| another_movie(&Source::memory(boxes.concat())).unwrap();
        assert_eq!((found(&[&start, &list, &media]), found(&[&list, &media])), (None, None));
        assert_eq!(found(&[&start, &list, &media, &start, &list, &media]), Some(82));
        assert_eq!(found(&[&start, &media, &list, &sized(b"free", 5), &start, &media, &list]), Some(95));
        assert_eq!(found(&[&start, &list, &media, &start, &media]), None, "nothing says what is in it");
        assert_eq!(found(&[&start, &list, &media, b"rubbish and more of it", &start, &list]), None);
        assert_eq!(found(&[&start, &list, &sized(b"moof", 9), &media, &start, &list, &media]), None, "fragments go on");
        assert_eq!((found(&[b"RIFF\0\0\0\0WAVE"]), found(&[])), (None, None));
    }

    #[test]
    fn a_second_chunk_of_samples_is_found() {
        let chunk =
            |kind: &[u8], content: &[u8]| [kind, &(content.len() as u32).to_le_bytes(), content, &b"\0"[..content.len() % 2]].concat();
        let found = |chunks: &[Vec<u8>]| {
            behind_samples(&Source::memory([b"RIFF\x99\0\0\0WAVE", &chunk(b"fmt ", &[7; 16])[..], &chunks.concat()].concat())).unwrap()
        };
        let (data, list) = (chunk(b"data", b"123"), chunk(b"LIST", b"data\x04\0\0\0a"));
        assert_eq!(found(&[data.clone(), list.clone(), data.clone()]), Some(("a second chunk of samples", 12 + 24 + 12 + 18)));
        assert_eq!((found(&[list.clone(), data.clone(), list.clone()]), found(&[data.clone(), chunk(b"data", b"")])), (None, None));
        assert_eq!(found(&[data.clone(), b"rubbish".to_vec(), data.clone()]), None);
        let end = 12 + 24 + 12;
        let file = [b"RIFF\x99\0\0\0WAVE", &chunk(b"fmt ", &[7; 16])[..], &data].concat();
        assert_eq!(found(&[data.clone(), file.clone()]), Some(("another file", end)));
        assert_eq!(found(&[data.clone(), list.clone(), file]), Some(("another file", end + 18)));
        let more = vec![7; NO_HARM + 1];
        assert_eq!(found(&[data.clone(), more.clone()]), Some(("what is no chunk", end)));
        let unfilled = [&chunk(b"data", b"123")[..11], &chunk(b"LIST", &[7; 5000])].concat();
        for harmless in [unfilled, [&data[..], &[0; 9000]].concat(), [&data[..], &more[1..]].concat()] {
            assert_eq!(found(&[harmless]), None);
        }
        for tag in [&b"ID3\x03"[..], b"TAG", b"APETAGEX"] {
            assert_eq!(found(&[data.clone(), tag.to_vec(), more.clone()]), None);
        }
    }
}
