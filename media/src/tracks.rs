//! What kinds of tracks a container lists, read from its own list of tracks without opening it with a decoder.

use crate::Source;
use crate::ending::{box_size, vint};
use crate::sniff::packets_of_transport;

/// Bytes in which lists of tracks near the start are looked for.
const HEAD: usize = 64 << 10;

/// Boxes or elements that are stepped over to find a list.
const MOST_STEPS: usize = 1024;

/// Kinds of tracks that a container lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tracks {
    /// At least one of sound.
    pub sound: bool,
    /// At least one of moving pictures.
    pub pictures: bool,
}

/// What `source` lists, when it is MP4 or its kin, Matroska, AVI, ASF, FLV, Ogg, MPEG-TS or MPEG-PS. Lists that are broken, missing or far from where they
/// should be prove nothing: none of either.
pub fn tracks(source: &Source) -> Tracks {
    let Ok(head) = source.head(HEAD) else { return Tracks::default() };
    let (sound, pictures) = match head.get(..4) {
        Some(b"\x1a\x45\xdf\xa3") => matroska(&head),
        Some(b"RIFF") => following(&head, b"strh", 8, (b"auds", b"vids")),
        Some(b"\x30\x26\xb2\x75") => following(&head, ASF_STREAM, 24, (ASF_SOUND, ASF_PICTURES)),
        Some(b"FLV\x01") => head.get(4).map_or((false, true), |flags| (flags & 4 != 0, flags & 1 != 0)),
        Some(b"OggS") => ogg(&head),
        Some(b"\0\0\x01\xba") => program_stream(&head),
        _ => {
            if let Some((first, step)) = packets_of_transport(&head) {
                transport_stream(head[first..].chunks(step))
            } else {
                let mut tracks = (false, false);
                boxes(source, 0, source.len(), &mut MOST_STEPS.clone(), &mut tracks);
                tracks
            }
        }
    };
    Tracks { sound, pictures }
}

const ASF_STREAM: &[u8] = b"\x91\x07\xdc\xb7\xb7\xa9\xcf\x11\x8e\xe6\x00\xc0\x0c\x20\x53\x65";
const ASF_SOUND: &[u8] = b"\x40\x9e\x69\xf8\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b";
const ASF_PICTURES: &[u8] = b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b";

/// Which of two kinds comes `after` the start of each `tag`.
fn following(head: &[u8], tag: &[u8], after: usize, (sound, pictures): (&[u8], &[u8])) -> (bool, bool) {
    let tags = head.windows(tag.len()).enumerate().filter(|(_, window)| *window == tag);
    tags.filter_map(|(at, _)| head.get(at + after..))
        .fold((false, false), |(heard, seen), rest| (heard || rest.starts_with(sound), seen || rest.starts_with(pictures)))
}

/// Handlers of the tracks of ISO base media (ISO/IEC 14496-12), wherever `moov` is.
fn boxes(source: &Source, mut at: u64, end: u64, steps: &mut usize, tracks: &mut (bool, bool)) {
    while at + 8 <= end && *steps > 0 {
        *steps -= 1;
        let Some(header) = source.read(at, 20).ok().filter(|header| header.len() >= 8) else { return };
        let (size, start) = box_size(&header);
        let size = size.unwrap_or(end - at);
        let next = at.saturating_add(size).min(end);
        match &header[4..8] {
            b"moov" | b"trak" | b"mdia" => boxes(source, at + start, next, steps, tracks),
            b"hdlr" => match header.get(16..20) {
                Some(b"soun") => tracks.0 = true,
                Some(b"vide") => tracks.1 = true,
                _ => {}
            },
            _ => {}
        }
        if size < start {
            return;
        }
        at = next;
    }
}

/// Types of the tracks of Matroska (RFC 9559): a list within the head.
fn matroska(head: &[u8]) -> (bool, bool) {
    let kinds = || elements(head, &TRACK_LIST).into_iter().filter(|(id, _)| *id == b"\x83").map(|(_, body)| head.get(body));
    (kinds().any(|kind| kind == Some(&2)), kinds().any(|kind| kind == Some(&1)))
}

/// Segment, list of tracks, one track: what leads to what is said of a track in Matroska.
pub(crate) const TRACK_LIST: [&[u8]; 3] = [b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae"];

/// The elements of Matroska before the first cluster, as far as the head goes, by their ids and where their bodies begin. Those in `inside` are opened, and what is in
/// them follows them.
pub(crate) fn elements<'h>(head: &'h [u8], inside: &[&[u8]]) -> Vec<(&'h [u8], usize)> {
    let element = |at: usize| {
        let id = head.get(at)?.leading_zeros() as usize + 1;
        let (size, length) = vint(head, at + id)?;
        let body = at + id + length;
        let end = size.and_then(|size| body.checked_add(usize::try_from(size).ok()?)).unwrap_or(usize::MAX);
        Some((head.get(at..at + id)?, body, end))
    };
    let (mut at, mut found) = (0, Vec::new());
    for _ in 0..MOST_STEPS {
        let Some((id, body, end)) = element(at).filter(|(id, ..)| *id != b"\x1f\x43\xb6\x75") else { break };
        at = if inside.contains(&id) { body } else { end };
        found.push((id, body));
    }
    found
}

/// Codecs by the first packets of the streams, which all come before anything else (RFC 3533).
fn ogg(head: &[u8]) -> (bool, bool) {
    const SOUND: [&[u8]; 4] = [b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC"];
    const PICTURES: [&[u8]; 4] = [b"\x80theora", b"OVP80", b"BBCD\0", b"\x01video\0"];
    let (mut at, mut tracks) = (0, (false, false));
    while let Some(page) = head.get(at..).filter(|page| page.starts_with(b"OggS") && page.get(5).is_some_and(|flags| flags & 2 != 0)) {
        let laces = usize::from(*page.get(26).unwrap_or(&0));
        let Some(lengths) = page.get(27..27 + laces) else { break };
        let is = |codecs: [&[u8]; 4]| codecs.iter().any(|codec| page[27 + laces..].starts_with(codec));
        tracks = (tracks.0 || is(SOUND), tracks.1 || is(PICTURES));
        at += 27 + laces + lengths.iter().map(|length| usize::from(*length)).sum::<usize>();
    }
    tracks
}

/// Numbers of the streams, in the first system header and in front of each packet (ISO/IEC 13818-1, 2.5.3 and table 2-22).
fn program_stream(head: &[u8]) -> (bool, bool) {
    let length = |at: usize| head.get(at..at + 2).map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])));
    let (mut at, mut tracks) = (0, (false, false));
    let mut note = |stream: u8| {
        tracks.0 |= matches!(stream, 0xbd | 0xc0..=0xdf);
        tracks.1 |= matches!(stream, 0xe0..=0xef | 0xfd);
    };
    while let Some([0, 0, 1, kind]) = head.get(at..at + 4) {
        at += match (kind, head.get(at + 4), length(at + 4)) {
            (0xba, Some(version), _) if version >> 4 == 2 => 12,
            (0xba, Some(_), _) => 14 + head.get(at + 13).map_or(0, |stuffing| usize::from(stuffing & 7)),
            (0xbb, _, Some(rest)) => {
                let listed = head.get(at + 12..(at + 6 + rest).min(head.len())).unwrap_or_default();
                listed.chunks_exact(3).map(|entry| entry[0]).take_while(|stream| stream & 0x80 != 0).for_each(&mut note);
                6 + rest
            }
            (stream, _, Some(rest)) => {
                note(*stream);
                6 + rest
            }
            _ => break,
        };
    }
    tracks
}

/// Stream types of the first program map (ISO/IEC 13818-1, 2.4.4.8).
fn transport_stream<'h>(packets: impl Iterator<Item = &'h [u8]>) -> (bool, bool) {
    const PICTURES: [u8; 8] = [0x01, 0x02, 0x10, 0x1b, 0x24, 0x42, 0xd1, 0xea];
    const SOUND: [u8; 10] = [0x03, 0x04, 0x0f, 0x11, 0x81, 0x82, 0x83, 0x86, 0x87, 0x8a]; // 0x82 and above: Dolby and DTS
    const PRIVATE: u8 = 0x06;
    for packet in packets.filter(|packet| packet.len() >= 188) {
        let packet = &packet[..188];
        let adaptation = if packet[3] & 0x20 == 0 { 0 } else { 1 + usize::from(packet[4]) };
        let Some([pointer, rest @ ..]) = packet.get(4 + adaptation..).filter(|_| packet[1] & 0x40 != 0) else { continue };
        let Some(section @ [0x02, ..]) = rest.get(usize::from(*pointer)..) else { continue };
        let length = |at: usize| section.get(at..at + 2).map(|pair| usize::from(u16::from_be_bytes([pair[0] & 0x0f, pair[1]])));
        let (Some(whole), Some(info)) = (length(1), length(10)) else { continue };
        let (mut at, mut tracks) = (12 + info, (false, false));
        while at + 5 <= (whole + 3).saturating_sub(4).min(section.len()) {
            let next = at + 5 + length(at + 3).unwrap_or(0);
            let told = section.get(at + 5..next).filter(|_| section[at] == PRIVATE).map_or((false, false), private);
            tracks.0 |= SOUND.contains(&section[at]) || told.0;
            tracks.1 |= PICTURES.contains(&section[at]) || told.1;
            at = next;
        }
        return tracks;
    }
    (false, false)
}

/// What the descriptors of a private stream say that it is: by a registered name (2.6.8), or as sound of Dolby or DTS (ETSI EN 300 468, table 12).
fn private(mut descriptors: &[u8]) -> (bool, bool) {
    const SOUND: [&[u8]; 7] = [b"Opus", b"BSSD", b"AC-3", b"EAC3", b"DTS1", b"DTS2", b"DTS3"];
    const PICTURES: [&[u8]; 3] = [b"HEVC", b"VC-1", b"AV01"];
    let mut tracks = (false, false);
    while let [tag, length, rest @ ..] = descriptors {
        let Some((body, after)) = rest.split_at_checked(usize::from(*length)) else { break };
        let is = |names: &[&[u8]]| *tag == 0x05 && names.iter().any(|name| body.starts_with(name));
        tracks = (tracks.0 || is(&SOUND) || matches!(tag, 0x6a | 0x7a | 0x7b), tracks.1 || is(&PICTURES));
        descriptors = after;
    }
    tracks
}

#[cfg(test)]
mod tests {
    use super::{Tracks, tracks};
    use crate::Source;

    #[test]
    fn lists_are_read_and_nothing_else_is_believed() {
        let sized = |kind: &[u8], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat();
        let track = |kind: &[u8]| sized(b"trak", &sized(b"mdia", &sized(b"hdlr", &[&[0; 8], kind, &[0; 12]].concat())));
        let film =
            |tracks: &[Vec<u8>]| [sized(b"ftyp", b"isom\0\0\0\0"), sized(b"mdat", &[9; 90]), sized(b"moov", &tracks.concat())].concat();
        let mkv = |kinds: &[u8]| {
            let entries: Vec<u8> = kinds.iter().flat_map(|kind| [0xae, 0x83, 0x83, 0x81, *kind]).collect();
            [b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff\x16\x54\xae\x6b", &[0x80 | entries.len() as u8][..], &entries].concat()
        };
        let pages = |codecs: &[&[u8]]| {
            let page = |flags: u8, body: &[u8]| [b"OggS\0", &[flags][..], &[0; 20], &[1, body.len() as u8], body].concat();
            [codecs.iter().flat_map(|codec| page(2, codec)).collect(), page(0, b"OVP80")].concat()
        };
        // A program map between two other packets, each with so many bytes after it.
        let broadcast = |after: usize, streams: &[(u8, &[u8])]| {
            let listed = |(kind, told): &(u8, &[u8])| [&[*kind, 0xe1, 0, 0xf0, told.len() as u8], *told].concat();
            let listed: Vec<u8> = streams.iter().flat_map(listed).collect();
            let map =
                [&[0x47, 0x50, 0, 0x10, 0, 2, 0xb0, listed.len() as u8 + 13, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0], &listed[..]].concat();
            let packet = |start: &[u8]| [start, &vec![0xff; 188 + after - start.len()]].concat();
            [packet(&[0x47, 0x40, 0, 0x10, 0, 0]), packet(&map), packet(&[0x47, 0x1f, 0xff, 0x10])].concat()
        };
        for (bytes, expected) in [
            (broadcast(0, &[(0x1b, &[]), (0x0f, &[])]), (true, true)),
            (broadcast(16, &[(0x0f, &[])]), (true, false)),
            (broadcast(0, &[(0x82, &[])]), (true, false)),
            (broadcast(0, &[(0x06, b"\x05\x04Opus\x7f\x02\x80\x01")]), (true, false)),
            (broadcast(0, &[(0x06, &[0x0a, 4, 1, 2, 3, 4, 0x6a, 1, 0])]), (true, false)),
            (broadcast(0, &[(0x06, b"\x05\x04HEVC"), (0x06, b"\x05\x04KLVA")]), (false, true)),
            (film(&[track(b"soun")]), (true, false)),
            (film(&[track(b"soun"), track(b"vide")]), (true, true)),
            (film(&[]), (false, false)),
            (mkv(&[2]), (true, false)),
            (mkv(&[2, 1]), (true, true)),
            (pages(&[b"\x01vorbis"]), (true, false)),
            (pages(&[b"\x80theora", b"\x01vorbis"]), (true, true)),
            (pages(&[b"OVP80"]), (false, true)),
            (pages(&[]), (false, false)),
            (b"\0\0\x01\xba\x21\0\x01\0\x01\x80\0\x01\0\0\x01\xbb\0\x09\x80\0\x01\0\0\0\xc0\xc0\x20".to_vec(), (true, false)),
            (b"\0\0\x01\xba\x44\0\x04\0\x04\x01\x01\x89\xc3\xf9\xff\0\0\x01\xe0\0\x02ab\0\0\x01\xc0\0\0".to_vec(), (true, true)),
            (b"FLV\x01\x04".to_vec(), (true, false)),
            (b"FLV\x01\x05".to_vec(), (true, true)),
            (b"RIFF\0\0\0\0AVI strh\0\0\0\0auds".to_vec(), (true, false)),
            (b"RIFF\0\0\0\0AVI strh\0\0\0\0audsstrh\0\0\0\0vids".to_vec(), (true, true)),
            (vec![0; 300], (false, false)),
            (Vec::new(), (false, false)),
        ] {
            let (sound, pictures) = expected;
            assert_eq!(tracks(&Source::memory(bytes.clone())), Tracks { sound, pictures }, "{bytes:02x?}");
        }
    }
}
