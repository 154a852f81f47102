//! Whether a container ends where its own structure says, told by a few bytes of its head and tail.

use std::io;

use crate::Source;
use crate::matroska::{ends_amid_element, is_matroska};
use crate::sniff::{AMID, first_pack, packets_of_transport};

/// How a file breaks off.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BrokenOff {
    /// What share of its bytes is there, where its header says how many there should be.
    pub share: Option<f64>,
    /// For people.
    pub reason: String,
}

/// Bytes at either end that are enough to tell.
const HEAD: usize = 4096;
const TAIL: u64 = 128 << 10; // two Ogg pages of the largest size

const ASF_HEADER: &[u8] = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";
const ASF_FILE_PROPERTIES: &[u8] = b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65";

/// How `source` breaks off, as far as Matroska, ASF, AVI, MP4 and its kin, IVF, WAV, Wave64, AU, CAF, FLV, Ogg, MPEG-TS or MPEG-PS say; `None`: it is whole, or does not say.
pub(crate) fn broken_off(source: &Source) -> io::Result<Option<BrokenOff>> {
    let head = source.head(HEAD)?;
    let promised = match head.get(..4) {
        Some(b"\x1a\x45\xdf\xa3") => segment_end(&head),
        Some(b"\x30\x26\xb2\x75") => asf_length(&head),
        Some(b"RIFF") if head.get(8..12) == Some(b"AVI ") => {
            le(&head, 4, 4).filter(|size| !matches!(size, 0 | 0xffff_ffff)).map(|size| size + 8)
        }
        _ => None,
    };
    if let Some(promised) = promised.filter(|promised| *promised > source.len()) {
        let reason = format!("the header says {promised} bytes, there are {}", source.len());
        return Ok(Some(BrokenOff { share: Some(source.len() as f64 / promised as f64), reason }));
    }
    let start = source.len().saturating_sub(TAIL);
    let tail = || source.read(start, TAIL as usize);
    let reason = if head.starts_with(b"OggS") {
        ends_amid_ogg(&tail()?)
    } else if is_matroska(&head) {
        ends_amid_element(source)?.then_some("the last element is cut")
    } else if head.starts_with(PACK) {
        ends_amid_program_packet(&tail()?)
    } else if head.starts_with(b"FLV") {
        ends_amid_flv(source)?
    } else if let Some((at, size)) = data_of_wav(source)? {
        ends_amid_samples((!is_endless(size)).then_some(at + 8 + size), source.len())
    } else if matches!(head.get(..4), Some(b"RF64" | b"BW64")) && head.get(8..12) == Some(b"WAVE") {
        ends_amid_samples(wav_samples_end(&head), source.len())
    } else if head.starts_with(b"caff") {
        ends_amid_samples(caf_samples_end(&head), source.len())
    } else if head.starts_with(b".snd\0") {
        ends_amid_samples(au_samples_end(&head), source.len())
    } else if head.starts_with(W64) {
        ends_amid_samples(le(&head, 16, 8).filter(|length| *length != u64::MAX), source.len())
    } else if head.starts_with(b"DKIF") {
        ends_amid_frame(source)?
    } else if let Some((first, step)) = packets_of_transport(&head) {
        (!(source.len() - lead_of(first, step)).is_multiple_of(step as u64)).then_some("the last packet is cut")
    } else if first_pack(&source.head(AMID)?).is_some() {
        ends_amid_program_packet(&tail()?)
    } else {
        ends_amid_box(source)?
    };
    Ok(reason.map(|reason| BrokenOff { share: None, reason: reason.to_owned() }))
}

/// Where the first segment of a Matroska file ends, when it says so (RFC 8794 and 9559).
fn segment_end(head: &[u8]) -> Option<u64> {
    let (size, length) = vint(head, 4)?;
    let segment = 4 + length + usize::try_from(size?).ok()?;
    let (size, length) = vint(head, segment + 4).filter(|_| head[segment..].starts_with(b"\x18\x53\x80\x67"))?;
    Some(size? + (segment + 4 + length) as u64)
}

/// A variable-size number and its length in bytes; `None` in place of the value that means "unknown".
pub(crate) fn vint(bytes: &[u8], at: usize) -> Option<(Option<u64>, usize)> {
    let length = bytes.get(at)?.leading_zeros() as usize + 1;
    let raw = bytes.get(at..at + length).filter(|_| length <= 8)?;
    let value = raw.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)) & ((1 << (7 * length)) - 1);
    Some(((value != (1 << (7 * length)) - 1).then_some(value), length))
}

/// The length that an ASF file says it has (ASF specification 3.2).
fn asf_length(head: &[u8]) -> Option<u64> {
    let mut at = if head.starts_with(ASF_HEADER) { 30 } else { return None };
    while head.get(at..)?.get(..16)? != ASF_FILE_PROPERTIES {
        at = at.checked_add(usize::try_from(le(head, at + 16, 8)?.max(24)).ok()?)?;
    }
    le(head, at + 40, 8)
}

fn le(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    Some(bytes.get(at..at.checked_add(length)?)?.iter().rfold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// No share is told: what cannot go back to its header when it is done leaves any large number there.
fn ends_amid_samples(promised: Option<u64>, len: u64) -> Option<&'static str> {
    promised.is_some_and(|promised| promised > len).then_some("the samples go on after the end of the file, by its header")
}

/// Where the samples of a WAV file end, when it says so (EBU Tech 3306: the chunk `ds64` has lengths of more than 32 bits, and a file that
/// was written to a pipe has none).
fn wav_samples_end(head: &[u8]) -> Option<u64> {
    let (mut at, mut long) = (12, None);
    loop {
        let size = le(head, at + 4, 4)?;
        match head.get(at..at + 4)? {
            b"ds64" => long = le(head, at + 16, 8),
            b"data" if size == 0xffff_ffff => return long?.checked_add(at as u64 + 8),
            b"data" => return Some(size + at as u64 + 8),
            _ => {}
        }
        at += 8 + usize::try_from(size + size % 2).ok()?;
    }
}

/// Where the samples of a CAF file end, when it says so (Core Audio Format 1.0: a length of -1 goes on to the end of the file).
fn caf_samples_end(head: &[u8]) -> Option<u64> {
    let mut at: usize = 8;
    loop {
        let size = head.get(at + 4..at + 12)?.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let end = size.checked_add(at as u64 + 12)?;
        if head.get(at..at + 4)? == b"data" {
            return Some(end);
        }
        at = usize::try_from(end).ok()?;
    }
}

/// Where the samples of an AU file end, when it says so (all ones: it does not know).
fn au_samples_end(head: &[u8]) -> Option<u64> {
    let field = |at: usize| head.get(at..at + 4).map(|bytes| bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)));
    Some(field(4)? + field(8).filter(|size| *size != 0xffff_ffff)?)
}

/// Bytes before the first whole packet of a transport stream whose first sync byte is at `first`: four of a packet of 192 come before it.
const fn lead_of(first: usize, step: usize) -> u64 {
    (if step == 192 { first + 192 - 4 } else { first } % step) as u64
}

/// How a Sony Wave64 file begins; its whole length in bytes comes after these 16.
const W64: &[u8] = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0";

/// The last page of an Ogg file is whole, and the last of its stream (RFC 3533).
fn ends_amid_ogg(tail: &[u8]) -> Option<&'static str> {
    let page = &tail[tail.windows(4).rposition(|window| window == b"OggS")?..];
    let segments = usize::from(*page.get(26).unwrap_or(&0));
    let length = page.get(27..27 + segments).map(|laces| 27 + segments + laces.iter().map(|lace| usize::from(*lace)).sum::<usize>());
    match length {
        Some(length) if length <= page.len() => (page[5] & 4 == 0).then_some("the last page is not the end of its stream"),
        _ => Some("the last page is cut"),
    }
}

/// An FLV file ends with the length of its last tag.
fn ends_amid_flv(source: &Source) -> io::Result<Option<&'static str>> {
    let Some(at) = source.len().checked_sub(4) else { return Ok(None) };
    let last = source.read(at, 4)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    let kind = match at.checked_sub(last) {
        Some(tag) if last >= 11 => source.read(tag, 1)?,
        _ => Vec::new(),
    };
    Ok((!matches!(kind[..], [8 | 9 | 18])).then_some("the last tag is cut"))
}

/// Whether a WAV file does not know how long it is, since it was written to a pipe.
pub(crate) fn is_endless_wav(source: &Source) -> io::Result<bool> {
    Ok(data_of_wav(source)?.is_some_and(|(at, size)| is_endless(size) && at + 8 + size > source.len()))
}

/// Whether a length is one of those that writers put before samples whose number they do not know: all ones, or a little less than that or than half
/// of it (sox and espeak 0x7ffff000, arecord 0x7fffff00).
const fn is_endless(size: u64) -> bool {
    matches!(size, 0x7fff_e000..=0x8000_0100 | 0xffff_f000..=0xffff_ffff)
}

/// The first chunk of samples of a WAV file: where it begins, and its length by its header.
pub(crate) fn data_of_wav(source: &Source) -> io::Result<Option<(u64, u64)>> {
    let head = source.head(12)?;
    if head.starts_with(b"RIFF") && head.ends_with(b"WAVE") { data_from(source, 12) } else { Ok(None) }
}

/// The same, from the chunk at `at` on. One of no length holds nothing.
pub(crate) fn data_from(source: &Source, mut at: u64) -> io::Result<Option<(u64, u64)>> {
    for _ in 0..MOST_BOXES {
        let header = source.read(at, 8)?;
        let Some(size) = le(&header, 4, 4) else { break };
        if header.starts_with(b"data") && size > 0 {
            return Ok(Some((at, size)));
        }
        at += 8 + size + size % 2;
    }
    Ok(None)
}

/// Begins each pack of a program stream.
const PACK: &[u8] = b"\0\0\x01\xba";

/// Packets of a program stream say how long they are (ISO/IEC 13818-1, 2.5.3), and follow one another from each start of a pack.
fn ends_amid_program_packet(tail: &[u8]) -> Option<&'static str> {
    let mut at = tail.windows(4).rposition(|window| window == PACK)?;
    while let Some([0, 0, 1, kind]) = tail.get(at..at + 4) {
        at += match (kind, tail.get(at + 4..at + 6)) {
            (0xb9, _) => 4,
            (0xba, Some([version, _])) if version >> 4 == 2 => 12,
            (0xba, Some(_)) => 14 + usize::from(tail.get(at + 13)? & 7),
            (_, Some([0, 0])) => return None, // its length is left open
            (_, Some([high, low])) => 6 + usize::from(u16::from_be_bytes([*high, *low])),
            (_, _) => break,
        };
    }
    (at > tail.len() || at < tail.len() && tail.len() - at < 6).then_some("the last packet is cut")
}

/// Frames of IVF or tags of FLV that are followed to the end of a file, at most: an hour.
pub(crate) const MOST_FRAMES: usize = 1 << 17;

/// A header of IVF says how long it is, and each frame, after 12 bytes of which the first four are its length.
fn ends_amid_frame(source: &Source) -> io::Result<Option<&'static str>> {
    let mut at = le(&source.read(6, 2)?, 0, 2).unwrap_or(0);
    for _ in 0..MOST_FRAMES {
        if at == source.len() {
            return Ok(None);
        }
        let Some(length) = le(&source.read(at, 4)?, 0, 4) else { return Ok(Some("the last frame is cut")) };
        at += 12 + length;
        if at > source.len() {
            return Ok(Some("the last frame is cut"));
        }
    }
    Ok(None)
}

/// How many bytes a box has that begins with `header`, of at least 8 bytes, and how many of them are its header (ISO/IEC 14496-12, 4.2); `None`: it goes on to
/// the end of what it is in.
pub(crate) fn box_size(header: &[u8]) -> (Option<u64>, u64) {
    let be = |bytes: &[u8]| bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    match be(&header[..4]) {
        0 => (None, 8),
        1 => (Some(header.get(8..16).map_or(0, be)), 16),
        size => (Some(size), 8),
    }
}

/// Boxes that are followed to the end of a file, at most: half a day of fragments of a second.
pub(crate) const MOST_BOXES: usize = 1 << 17;

/// Boxes of ISO base media that are not in others.
pub(crate) const KINDS: [&[u8]; 10] = [b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"mfra", b"free", b"skip", b"wide"];

/// The boxes of ISO base media say how long they are, and follow one another (ISO/IEC 14496-12, 4.2); what is no box says nothing.
fn ends_amid_box(source: &Source) -> io::Result<Option<&'static str>> {
    let mut at: u64 = 0;
    for _ in 0..MOST_BOXES {
        let header = source.read(at, 16)?;
        if !header.get(4..8).is_some_and(|kind| KINDS.contains(&kind)) {
            return Ok(None);
        }
        let (Some(size), start) = box_size(&header) else { return Ok(None) };
        at = at.saturating_add(size.max(start));
        if at > source.len() {
            return Ok(Some("the last box is cut"));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::{broken_off, is_endless_wav};
    use crate::Source;

    /// Of a file that breaks off; -1 where it does not say how long it should be.
    fn share(bytes: &[u8]) -> Option<f64> {
        broken_off(&Source::memory(bytes.to_vec())).unwrap().map(|broken| broken.share.unwrap_or(-1.0))
    }

    #[test]
    fn a_header_that_promises_more_is_believed() {
        let segment = |size: &[u8], bytes: usize| [b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67", size, &vec![1; bytes]].concat();
        assert_eq!(share(&segment(b"\x8a", 10)), None);
        assert_eq!(share(&segment(b"\x94", 8)), Some(20.0 / 32.0));
        assert_eq!(share(&segment(b"\xff", 8)), None, "a live recording does not know");
        assert_eq!(share(b"RIFF\x0c\0\0\0AVI LIST"), Some(0.8));
        assert_eq!(share(b"RIFF\x08\0\0\0AVI LIST"), None);
        assert_eq!(share(&[super::ASF_HEADER, &[0; 30], &[0xff; 8]].concat()), None, "a length that leads nowhere");
        let properties = [super::ASF_HEADER, &[0; 14], super::ASF_FILE_PROPERTIES, &[0; 24], &[128, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(share(&[&properties[..], &[0; 128 - 78]].concat()), None);
        assert_eq!(share(&[&properties[..], &[0; 0]].concat()), Some(78.0 / 128.0));
    }

    #[test]
    fn samples_that_go_on_after_the_end_are_missed() {
        let wav = |kind: &[u8], size: u32, before: &[u8]| {
            [kind, &[0xff; 4], b"WAVEfmt \x02\0\0\0\x01\0", before, b"data", &size.to_le_bytes(), &[0; 8]].concat()
        };
        let ds64 = |size: u64| [b"ds64\x1c\0\0\0".as_slice(), &[0; 8], &size.to_le_bytes(), &[0; 12]].concat();
        let caf = |size: i64| [b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x02abdata".as_slice(), &size.to_be_bytes(), &[0; 8]].concat();
        let au = |size: u32| [b".snd\0\0\0\x18".as_slice(), &size.to_be_bytes(), &[0; 20]].concat();
        let w64 = |length: u64| [super::W64, &length.to_le_bytes(), b"wave"].concat();
        for (bytes, cut) in [
            (au(8), false),
            (au(9), true),
            (au(u32::MAX), false),
            (w64(28), false),
            (w64(29), true),
            (w64(u64::MAX), false),
            (wav(b"RIFF", 8, b""), false),
            (wav(b"RIFF", 9, b""), true),
            (wav(b"RIFF", 0, b"LIST\x01\0\0\0a\0"), false),
            (wav(b"RIFF", 9, b"LIST\x01\0\0\0a\0"), true),
            (wav(b"RIFF", 9, &[b"JUNK\0\x20\0\0", &[0; 8192][..]].concat()), true),
            (wav(b"RIFF", u32::MAX, b""), false),
            (wav(b"RIFF", u32::MAX - 36, b""), false),
            (wav(b"RIFF", 0x7fff_f000, b""), false),
            (wav(b"RIFF", 0x7000_0000, b""), true),
            (wav(b"RF64", u32::MAX, &ds64(8)), false),
            (wav(b"RF64", u32::MAX, &ds64(9)), true),
            (caf(8), false),
            (caf(9), true),
            (caf(-1), false),
        ] {
            assert_eq!(share(&bytes).is_some(), cut, "{bytes:02x?}");
        }
    }

    #[test]
    fn a_wav_written_to_a_pipe_does_not_know_its_length() {
        let endless = |size: u32| {
            let data = [b"data", &size.to_le_bytes()[..], &[7; 50]].concat();
            is_endless_wav(&Source::memory([&b"RIFF\x99\0\0\0WAVE"[..], b"LIST\x09\0\0\0data\x04\0\0\0a\0", &data].concat())).unwrap()
        };
        assert_eq!(
            [50, 99, 0x7000_0000, 0x7fff_f000, 0x7fff_ff00, u32::MAX - 36, u32::MAX].map(endless),
            [false, false, false, true, true, true, true]
        );
    }

    #[test]
    fn an_end_amid_a_page_a_tag_or_a_packet_is_seen() {
        let page = |flags: u8, laced: u8, bytes: usize| [b"OggS\0", &[flags][..], &[0; 20], &[1, laced], &vec![7; bytes]].concat();
        assert_eq!(share(&[page(0, 5, 5), page(4, 5, 5)].concat()), None);
        assert_eq!(share(&[page(0, 5, 5), page(0, 5, 5)].concat()), Some(-1.0));
        assert_eq!(share(&[page(0, 5, 5), page(4, 5, 3)].concat()), Some(-1.0));
        let flash = |bytes: usize| [b"FLV\x01\x01\0\0\0\x09\0\0\0\0\x09", &[0; 12][..bytes.min(12)], b"\0\0\0\x0d"].concat();
        assert_eq!((share(&flash(12)), share(&flash(9))), (None, Some(-1.0)));
        let pack = [b"\0\0\x01\xba\x21\0\x01\0\x01\x80\0\x01\0\0\x01\xe0\0\x20".as_slice(), &[7; 32]].concat();
        let packs = |end: usize| share(&[&pack[..], &pack[..end]].concat());
        assert_eq!((packs(pack.len()), packs(pack.len() - 1), packs(15), packs(6)), (None, Some(-1.0), Some(-1.0), Some(-1.0)));
        assert_eq!(share(&[&pack[..], b"\0\0\x01\xb9"].concat()), None);
        let amid = |end: usize| share(&[&[7; 99][..], &pack.repeat(3), &pack[..end]].concat());
        assert_eq!((amid(pack.len()), amid(pack.len() - 1)), (None, Some(-1.0)), "it begins amid a packet");
        let packet = [&[0x47][..], &[0; 187]].concat();
        assert_eq!((share(&packet.repeat(4)), share(&packet.repeat(4)[..700])), (None, Some(-1.0)));
        for (lead, step, before) in [(100, 188, 0), (100, 204, 0), (50, 192, 4), (0, 192, 4)] {
            let packet = [&vec![0; before][..], &[0x47], &vec![0; step - before - 1]].concat();
            let file = [&vec![7; lead][..], &packet.repeat(12)].concat();
            assert_eq!((share(&file), share(&file[..file.len() - 9])), (None, Some(-1.0)), "{lead} bytes before packets of {step}");
        }
        let ivf = |frames: &[u8]| share(&[b"DKIF\0\0\x20\0", &[0; 24][..], frames].concat());
        let frame = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7];
        assert_eq!((ivf(&frame), ivf(&frame.repeat(2)[..29]), ivf(&frame.repeat(2)[..17]), ivf(&[])), (None, Some(-1.0), Some(-1.0), None));
        let sized = |kind: &[u8], size: u32, bytes: usize| [&size.to_be_bytes()[..], kind, &vec![7; bytes]].concat();
        let long = [&sized(b"mdat", 1, 0)[..], &20_u64.to_be_bytes(), &[7; 4]].concat();
        let film = |last: &[u8]| share(&[&sized(b"ftyp", 12, 4)[..], &long, last].concat());
        assert_eq!((film(&sized(b"moov", 18, 10)), film(&sized(b"moof", 19, 10)), film(b"\0\0\0\x09mdat")), (None, Some(-1.0), Some(-1.0)));
        assert_eq!((film(&sized(b"mdat", 0, 10)), film(&sized(b"note", 99, 10)), film(b"end")), (None, None, None));
    }
}
