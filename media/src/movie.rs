//! What the list of tracks of an MP4 says, where libav does not hand it on (ISO/IEC 14496-12).

use crate::{Error, Source};

/// A movie header larger than this belongs to no file that a judge gets.
const MAX_MOOV: u64 = 64 << 20;

/// Seconds that the header of a track says its media last, edits aside, where its own table of times says otherwise by more than a tenth (ISO/IEC 14496-12, 8.4.2 and 8.6.1.2).
pub(crate) fn false_duration(source: &Source, track: u32) -> Result<Option<f64>, Error> {
    let moov = readable(source)?;
    let stated = |mdia| {
        let mdhd = child(mdia, b"mdhd")?;
        let ticks = match mdhd.first()? {
            1 => be64(mdhd.get(24..)?).filter(|ticks| *ticks != u64::MAX)?,
            _ => be32(mdhd.get(16..)?).filter(|ticks| *ticks != u32::MAX)?.into(),
        };
        let times = child(child(child(mdia, b"minf")?, b"stbl")?, b"stts")?;
        let entries = times.get(8..)?.chunks_exact(8).take(be32(times.get(4..)?)? as usize);
        let counted =
            entries.filter_map(|entry| Some(u64::from(be32(entry)?) * u64::from(be32(&entry[4..])?))).fold(0, u64::saturating_add);
        let scale = timescale(mdhd).filter(|scale| *scale > 0)?;
        (ticks > 0 && ticks.abs_diff(counted) > ticks.max(counted) / 10).then(|| ticks as f64 / f64::from(scale))
    };
    Ok(mdia(&moov, track).and_then(stated))
}

/// The four letters of each description that samples of a track have (ISO/IEC 14496-12, 8.5.2).
pub(crate) fn sample_entries(source: &Source, track: u32) -> Result<Vec<[u8; 4]>, Error> {
    let moov = readable(source)?;
    let descriptions = mdia(&moov, track).and_then(|mdia| child(child(child(mdia, b"minf")?, b"stbl")?, b"stsd")?.get(8..));
    Ok(descriptions.map(|list| boxes(list).filter_map(|(kind, _)| kind.try_into().ok()).collect()).unwrap_or_default())
}

/// The body of the movie box; of one that is too large, nothing.
fn readable(source: &Source) -> Result<Vec<u8>, Error> {
    match movie(source) {
        Err(Error::Limit { .. }) => Ok(Vec::new()),
        moov => Ok(moov?.unwrap_or_default()),
    }
}

fn mdia(moov: &[u8], track: u32) -> Option<&[u8]> {
    child(children(moov, b"trak").find(|trak| track_id(trak) == Some(track))?, b"mdia")
}

/// The timescale of a movie header or media header, which share the layout up to it.
pub(crate) fn timescale(header: &[u8]) -> Option<u32> {
    be32(header.get(if *header.first()? == 1 { 20 } else { 12 }..)?)
}

/// The number of a track.
pub(crate) fn track_id(trak: &[u8]) -> Option<u32> {
    let tkhd = child(trak, b"tkhd")?;
    be32(tkhd.get(if *tkhd.first()? == 1 { 20 } else { 12 }..)?)
}

/// The body of the movie box.
pub(crate) fn movie(source: &Source) -> Result<Option<Vec<u8>>, Error> {
    let mut offset = 0;
    while let Ok(head) = <[u8; 16]>::try_from(source.read(offset, 16)?) {
        let (header, size) = match be32(&head).unwrap_or_default() {
            0 => (8, source.len() - offset),
            1 => (16, be64(&head[8..]).unwrap_or_default()),
            size => (8, u64::from(size)),
        };
        if size < header {
            return Ok(None);
        }
        if &head[4..8] == b"moov" {
            crate::Limits::check("bytes of the movie header", size, MAX_MOOV)?;
            let mut body = Vec::new();
            let mut reader = source.reader();
            reader.set_position(offset + header);
            io_take(&mut reader, size - header, &mut body)?;
            return Ok(Some(body));
        }
        offset = offset.saturating_add(size);
    }
    Ok(None)
}

fn io_take(reader: &mut impl std::io::Read, count: u64, body: &mut Vec<u8>) -> Result<(), Error> {
    use std::io::Read as _;
    reader.take(count).read_to_end(body)?;
    Ok(())
}

/// The body of the first box of a kind in `parent`.
pub(crate) fn child<'a>(parent: &'a [u8], kind: &'a [u8; 4]) -> Option<&'a [u8]> {
    children(parent, kind).next()
}

/// The bodies of all of them.
pub(crate) fn children<'a>(parent: &'a [u8], kind: &'a [u8; 4]) -> impl Iterator<Item = &'a [u8]> {
    boxes(parent).filter(move |(name, _)| name == kind).map(|(_, body)| body)
}

/// Kinds and bodies of the boxes in `parent`.
fn boxes(parent: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = parent;
    std::iter::from_fn(move || {
        let size = usize::try_from(be32(rest)?).ok()?;
        let found = (rest.get(4..8)?, rest.get(8..size)?);
        rest = &rest[size..];
        Some(found)
    })
}

/// The first four bytes as a number.
pub(crate) fn be32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The first eight.
pub(crate) fn be64(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::{false_duration, sample_entries};
    use crate::Source;

    fn sized(kind: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
    }

    #[test]
    fn a_track_is_found_by_its_number() {
        let track = |number: u8, header: &[u8], entries: &[&[u8]]| {
            let tkhd = sized(b"tkhd", &[&[0; 15], &[number], &[0; 60]]);
            let list: Vec<u8> = entries.iter().flat_map(|kind| sized(kind, &[&[0; 70]])).collect();
            let times = sized(b"stts", &[&[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0x03, 0xe8, 0, 0, 0, 1, 0, 0, 0x03, 0xe8]]);
            let tables = sized(b"stbl", &[&sized(b"stsd", &[&[0; 7], &[entries.len() as u8], &list]), &times]);
            sized(b"trak", &[&tkhd, &sized(b"mdia", &[&sized(b"mdhd", &[header]), &sized(b"minf", &[&tables])])])
        };
        let short = |ticks: u32| [&[0; 12][..], &1000_u32.to_be_bytes(), &ticks.to_be_bytes(), &[0; 4]].concat();
        let long = |ticks: u64| [&[1, 0, 0, 0][..], &[0; 16], &1000_u32.to_be_bytes(), &ticks.to_be_bytes(), &[0; 4]].concat();
        let tracks = [
            track(1, &short(4000), &[b"avc1"]),
            track(2, &long(1 << 40), &[b"mp4a", b"enca"]),
            track(3, &short(u32::MAX), &[]),
            track(4, &long(u64::MAX), &[]),
            track(5, &short(0), &[]),
            track(6, &short(3000), &[]),
        ];
        let file = Source::memory([sized(b"ftyp", &[b"isom\0\0\0\0"]), sized(b"moov", &[&tracks.concat()])].concat());
        let lasting = [1, 2, 3, 4, 5, 6, 7].map(|number| false_duration(&file, number).unwrap());
        assert_eq!(lasting, [None, Some((1_u64 << 40) as f64 / 1000.0), None, None, None, Some(3.0), None]);
        assert_eq!([1, 2, 3].map(|number| sample_entries(&file, number).unwrap()), [vec![*b"avc1"], vec![*b"mp4a", *b"enca"], vec![]]);
        assert_eq!(false_duration(&Source::memory(b"RIFF".to_vec()), 1).unwrap(), None);
    }
}
