//! Magic bytes -> format. The name of a file is never asked.

use std::io;

use crate::sound_frame::{self, AHEAD, first_in_a_row, name_of};
use crate::{Error, Limits, Modality, Source};

/// A recognised format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Short name, e.g. `jpeg`, `mp4`, `wav`, `text`.
    pub name: &'static str,
    /// What it is by default; a container may turn out to hold sound only.
    pub modality: Modality,
    /// A container of sound, moving pictures or both: only opening it tells, so audio and video recipes are both let through.
    pub ambiguous: bool,
    /// Whether this crate decodes it (HEIC and AVIF with libheif only, which opening finds out); the others are known so that the
    /// refusal can name them.
    pub decoded: bool,
}

/// Bytes that [`sniff`] wants to see; fewer will do when the file is shorter.
pub(crate) const HEAD: usize = 4096;

/// Bytes in which a recording that was cut anywhere has to show what it is: no packet of a program stream is longer.
pub(crate) const AMID: usize = 64 << 10;

const fn format(name: &'static str, modality: Modality) -> Format {
    Format { name, modality, ambiguous: false, decoded: true }
}

const fn container(name: &'static str) -> Format {
    Format { name, modality: Modality::Video, ambiguous: true, decoded: true }
}

const fn foreign(name: &'static str, modality: Modality) -> Format {
    Format { name, modality, ambiguous: false, decoded: false }
}

/// Formats told by their first bytes alone. Weak magics (`BM`, `RIFF`, sync words) are functions below.
const MAGIC: &[(&[u8], Format)] = &[
    (b"\xff\xd8\xff", format("jpeg", Modality::Image)),
    (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI", foreign("png for iOS (CgBI)", Modality::Image)),
    (b"\x89PNG\r\n\x1a\n", format("png", Modality::Image)),
    (b"GIF87a", format("gif", Modality::Image)),
    (b"GIF89a", format("gif", Modality::Image)),
    (b"FLV\x01", container("flv")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", container("asf")),
    (b"\x00\x00\x01\xba", container("mpeg-ps")),
    (b"\x00\x00\x01\xb3", format("mpegvideo", Modality::Video)),
    (b"\x00\x00\x01\xb0", format("m4v", Modality::Video)),
    (b"DKIF", format("ivf", Modality::Video)),
    (b"riff\x2e\x91\xcf\x11", format("w64", Modality::Audio)),
    (b"fLaC", format("flac", Modality::Audio)),
    (b"\x0b\x77", format("ac3", Modality::Audio)),
    (b"ID3\x02", format("mp3", Modality::Audio)),
    (b"ID3\x03", format("mp3", Modality::Audio)),
    (b"ID3\x04", format("mp3", Modality::Audio)),
    (b".snd\x00", format("au", Modality::Audio)),
    (b"caff\x00", format("caf", Modality::Audio)),
    (b"#!AMR", format("amr", Modality::Audio)),
    (b"II*\x00", foreign("tiff", Modality::Image)),
    (b"MM\x00*", foreign("tiff", Modality::Image)),
    (b"II+\x00", foreign("tiff", Modality::Image)),
    (b"MM\x00+", foreign("tiff", Modality::Image)),
    (b"\x00\x00\x01\x00", foreign("ico", Modality::Image)),
    (b"8BPS", foreign("psd", Modality::Image)),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", foreign("jpeg-2000", Modality::Image)),
    (b"\xff\x4f\xff\x51", foreign("jpeg-2000", Modality::Image)),
    (b"\xff\x0a", foreign("jpeg-xl", Modality::Image)),
    (b"\x00\x00\x00\x0cJXL ", foreign("jpeg-xl", Modality::Image)),
    (b"DDS ", foreign("dds", Modality::Image)),
    (b"\x76\x2f\x31\x01", foreign("openexr", Modality::Image)),
    (b"qoif", foreign("qoi", Modality::Image)),
    (b"icns", foreign("icns", Modality::Image)),
    (b"gimp xcf", foreign("xcf", Modality::Image)),
    (b"P4", foreign("netpbm", Modality::Image)),
    (b"P5", foreign("netpbm", Modality::Image)),
    (b"P6", foreign("netpbm", Modality::Image)),
    (b"P7\n", foreign("netpbm", Modality::Image)),
    (b"\x0a\x05\x01\x08", foreign("pcx", Modality::Image)),
    (b"MAC ", foreign("monkeys-audio", Modality::Audio)),
    (b"wvpk", foreign("wavpack", Modality::Audio)),
    (b"MThd", foreign("midi", Modality::Audio)),
    (b"MPCK", foreign("musepack", Modality::Audio)),
    (b"MP+", foreign("musepack", Modality::Audio)),
    (b"\xff\xfe", foreign("utf-16 text", Modality::Text)), // after MPEG audio has had its turn
    (b"\xfe\xff", foreign("utf-16 text", Modality::Text)),
];

/// Recognises a format by the first bytes of a file (4 KiB are enough). `None`: no medium that we know.
///
/// What reads as text is text, whatever its first letters are: binary media hold NULs or broken UTF-8 within their first bytes.
pub fn sniff(head: &[u8]) -> Option<Format> {
    if let Some(text) = as_text(head) {
        let svg = text.trim_start().starts_with("<svg") || (text.trim_start().starts_with("<?xml") && text.contains("<svg"));
        return Some(if svg { foreign("svg", Modality::Image) } else { format("text", Modality::Text) });
    }
    iso_base_media(head)
        .or_else(|| chunked(head))
        .or_else(|| ebml(head))
        .or_else(|| ogg(head))
        .or_else(|| bmp(head))
        .or_else(|| transport_stream(head))
        .or_else(|| elementary_video(head))
        .or_else(|| mpeg_audio(head))
        .or_else(|| adts(head))
        .or_else(|| enhanced_ac3(head))
        .or_else(|| MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, format)| *format))
}

/// Sound without a container from its first whole frame on, and what comes before that: `None` where its first bytes tell what it is.
pub(crate) fn behind_lead(source: &Source) -> Result<Option<(Source, Vec<u8>)>, Error> {
    if sniff(&source.head(HEAD)?).is_some() {
        return Ok(None);
    }
    let mut head = source.head(AMID + AHEAD)?;
    let has_container = recording_cut_anywhere(&head).is_none_or(|format| format.modality != Modality::Audio);
    let Some((_, start)) = first_in_a_row(&head, AMID).filter(|_| !has_container) else { return Ok(None) };
    head.truncate(start);
    Ok(Some((source.behind(start as u64), head)))
}

/// Reads the head of `source` and recognises it: empty, foreign and unknown bytes are refused by their cause.
pub(crate) fn identify(source: &Source, limits: &Limits) -> Result<Format, Error> {
    Limits::check("length of the source in bytes", source.len(), limits.source_bytes)?;
    if source.is_empty() {
        return Err(Error::NotMedia("the file is empty".to_owned()));
    }
    look(source)?.ok_or_else(|| Error::NotMedia("the first bytes belong to no format known here".to_owned()))
}

/// What `source` is by its first bytes, or else by what comes soon after them.
pub(crate) fn look(source: &Source) -> io::Result<Option<Format>> {
    match sniff(&source.head(HEAD)?) {
        None => Ok(recording_cut_anywhere(&source.head(AMID + AHEAD)?)),
        format => Ok(format),
    }
}

/// The text that `head` begins with: UTF-8 (a code point may be cut by the end), no NUL, at most one control character in twenty.
fn as_text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let odd = text.chars().filter(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b')).count();
    (!text.is_empty() && !text.contains('\0') && odd * 20 <= text.len()).then_some(text)
}

fn at(head: &[u8], offset: usize, magic: &[u8]) -> bool {
    head.get(offset..offset + magic.len()) == Some(magic)
}

fn holds(head: &[u8], magic: &[u8]) -> bool {
    head.windows(magic.len()).any(|window| window == magic)
}

fn iso_base_media(head: &[u8]) -> Option<Format> {
    const OLD_ATOMS: [&[u8]; 6] = [b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];
    if OLD_ATOMS.iter().any(|atom| at(head, 4, atom)) {
        return Some(container("mov"));
    }
    if !at(head, 4, b"ftyp") {
        return None;
    }
    let length = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let brands = head.get(8..length.clamp(12, head.len().max(12)))?;
    let listed = |names: &[&[u8]]| brands.chunks_exact(4).any(|brand| names.contains(&brand));
    let major = &brands[..4];
    Some(match major {
        b"M4A " | b"M4B " | b"M4P " => format("m4a", Modality::Audio),
        b"qt  " => container("mov"),
        b"crx " => foreign("cr3", Modality::Image),
        b"avif" | b"avis" => format("avif", Modality::Image),
        b"mif1" | b"msf1" if listed(&[b"avif", b"avis"]) => format("avif", Modality::Image),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => format("heic", Modality::Image),
        [b'3', b'g', ..] => container("3gp"),
        _ => container("mp4"),
    })
}

/// RIFF and IFF: a kind at byte 8.
fn chunked(head: &[u8]) -> Option<Format> {
    Some(match (head.get(..4)?, head.get(8..12)?) {
        (b"RIFF" | b"RF64" | b"BW64", b"WAVE") => format("wav", Modality::Audio),
        (b"RIFX", b"WAVE") => foreign("rifx", Modality::Audio), // libav takes its samples for little-endian
        (b"RIFF", b"AVI ") => container("avi"),
        (b"RIFF", b"WEBP") => format("webp", Modality::Image),
        (b"RIFF", b"ACON") => foreign("ani", Modality::Image),
        (b"FORM", b"AIFF" | b"AIFC") => format("aiff", Modality::Audio),
        (b"FORM", b"ILBM") => foreign("ilbm", Modality::Image),
        _ => return None,
    })
}

fn ebml(head: &[u8]) -> Option<Format> {
    if !head.starts_with(b"\x1a\x45\xdf\xa3") {
        return None;
    }
    let header = &head[..head.len().min(96)];
    Some(if holds(header, b"webm") { container("webm") } else { container("mkv") })
}

fn ogg(head: &[u8]) -> Option<Format> {
    const SOUND: [&[u8]; 4] = [b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC"];
    if !head.starts_with(b"OggS") {
        return None;
    }
    let sound_only = !holds(head, b"\x80theora") && SOUND.iter().any(|codec| holds(head, codec));
    Some(if sound_only { format("ogg", Modality::Audio) } else { container("ogg") })
}

/// `BM`, and a header of a length that some version of the format has.
fn bmp(head: &[u8]) -> Option<Format> {
    let header = u32::from_le_bytes(head.get(14..18)?.try_into().ok()?);
    (head.starts_with(b"BM") && matches!(header, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124)).then_some(format("bmp", Modality::Image))
}

fn transport_stream(head: &[u8]) -> Option<Format> {
    packets_of_transport(head).map(|_| container("mpeg-ts"))
}

/// Where the first packet of an MPEG transport stream begins and how far it is from one to the next, by the sync byte of three in a row: those of 192 bytes
/// begin with a time code, those of 204 end with bytes that mend errors. Where a recording was cut within a packet, it takes ten in a row.
pub(crate) fn packets_of_transport(head: &[u8]) -> Option<(usize, usize)> {
    let repeats = |first: usize, step: usize, times: usize| (0..times).all(|at| head.get(first + at * step) == Some(&0x47));
    let cut = || [188, 192, 204].into_iter().flat_map(|step| (0..step).map(move |first| (first, step)));
    [(0, 188), (4, 192), (0, 204)]
        .into_iter()
        .find(|&(first, step)| repeats(first, step, 3))
        .or_else(|| cut().find(|&(first, step)| repeats(first, step, 10)))
}

/// AC-3 of a later version (ETSI TS 102 366, annex E): another layout behind the same sync word.
fn enhanced_ac3(head: &[u8]) -> Option<Format> {
    let version = head.get(5)? >> 3;
    (head.starts_with(b"\x0b\x77") && (11..=16).contains(&version)).then_some(format("eac3", Modality::Audio))
}

/// Annex B streams: a start code first, and a parameter set among the first units.
fn elementary_video(head: &[u8]) -> Option<Format> {
    if !head.starts_with(b"\0\0\x01") && !head.starts_with(b"\0\0\0\x01") {
        return None;
    }
    let mut units = head.windows(5).filter(|window| window.starts_with(b"\0\0\x01")).map(|window| (window[3], window[4]));
    units.find_map(|unit| match unit {
        (0x67 | 0x47 | 0x27, profile) if profile >= 44 => Some(format("h264", Modality::Video)),
        (0x40 | 0x42, 0x01) => Some(format("hevc", Modality::Video)),
        _ => None,
    })
}

/// A recording whose first bytes belong to something that is not there.
fn recording_cut_anywhere(head: &[u8]) -> Option<Format> {
    let sound = || first_in_a_row(head, AMID).map(|(name, _)| format(name, Modality::Audio));
    let head = &head[..head.len().min(AMID)];
    first_pack(head).map(|_| container("mpeg-ps")).or_else(|| cut_pictures(head)).or_else(sound)
}

/// Where the first pack of a program stream begins, by the starts of three to which the lengths of packets lead (ISO/IEC 13818-1, 2.5.3; ISO/IEC 11172-1, 2.4.3).
pub(crate) fn first_pack(head: &[u8]) -> Option<usize> {
    let leads_on = |first: usize| {
        let (mut at, mut packs) = (first, 0);
        while packs < 3 {
            at += match head.get(at..)? {
                [0, 0, 1, 0xba, version, ..] if version >> 4 == 2 => 12,
                [0, 0, 1, 0xba, version, rest @ ..] if version >> 6 == 1 => 14 + usize::from(rest.get(8)? & 7),
                [0, 0, 1, 0xbb..=0xff, high, low, ..] => 6 + usize::from(u16::from_be_bytes([*high, *low])),
                _ => return None,
            };
            packs += usize::from(head.get(at..)?.starts_with(b"\0\0\x01\xba"));
        }
        Some(first)
    };
    let starts = head.windows(4).enumerate().filter(|(_, window)| window == b"\0\0\x01\xba");
    starts.map(|(first, _)| first).find_map(leads_on)
}

/// Pictures without a container that begin within one: what their decoders need comes later, unit after unit.
fn cut_pictures(head: &[u8]) -> Option<Format> {
    let starts = head.windows(3).enumerate().filter(|(_, window)| window == b"\0\0\x01").map(|(at, _)| &head[at + 3..]);
    let units: Vec<&[u8]> = starts.collect();
    let kind = |units: &[&[u8]]| match *units {
        // A sequence parameter set of a usual profile and level, and that of a picture (ISO/IEC 14496-10, 7.3.2).
        [[0x67 | 0x47 | 0x27, 66 | 77 | 88 | 100 | 110 | 122 | 244, flags, 9..=62, ..], [0x68 | 0x48 | 0x28, ..], ..]
            if flags.trailing_zeros() >= 2 =>
        {
            Some(format("h264", Modality::Video))
        }
        // The same, after one of the whole video (ISO/IEC 23008-2, 7.3.2).
        [[0x40, 1, ..], [0x42, 1, ..], [0x44, 1, ..]] => Some(format("hevc", Modality::Video)),
        // A sequence header with a shape of pixels, a rate and its marker, and what may follow (ISO/IEC 13818-2, 6.2.2).
        [[0xb3, _, _, _, shape_and_rate, _, _, marker, ..], [0xb5 | 0xb8 | 0xb2 | 0, ..], ..]
            if matches!(shape_and_rate >> 4, 1..=14) && matches!(shape_and_rate & 15, 1..=8) && marker >> 5 & 1 == 1 =>
        {
            Some(format("mpegvideo", Modality::Video))
        }
        _ => None,
    };
    units.windows(3).find_map(kind)
}

/// MPEG-1/2 audio without a tag: two plausible frame headers in a row.
fn mpeg_audio(head: &[u8]) -> Option<Format> {
    let first = sound_frame::mpeg_audio(head)?;
    let next = sound_frame::mpeg_audio(head.get(first.length..)?);
    // A cut file may end within its first frame; a whole header is then all there is to judge by.
    let same = next.is_some_and(|next| next.kind == first.kind) || (head.len() < first.length + 4 && head.len() > 64);
    same.then_some(format(name_of(first), Modality::Audio))
}

/// AAC in ADTS: two frame headers in a row, by the length that the first one states.
fn adts(head: &[u8]) -> Option<Format> {
    let length = sound_frame::adts(head)?.length;
    let follows = head.get(length..).and_then(sound_frame::adts).is_some() || head.len() < length + 7;
    follows.then_some(format("aac", Modality::Audio))
}

#[cfg(test)]
mod tests {
    use super::{AMID, MAGIC, behind_lead, identify, recording_cut_anywhere, sniff};
    use crate::{Limits, Modality, Source};

    fn name(head: &[u8]) -> Option<&'static str> {
        sniff(head).map(|format| format.name)
    }

    fn repeated(unit: &[u8], size: usize, times: usize) -> Vec<u8> {
        let mut packet = unit.to_vec();
        packet.resize(size, 0);
        packet.repeat(times)
    }

    #[test]
    fn magic_bytes_decide() {
        for (head, expected) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF\0"[..], "jpeg"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "webp"),
            (b"RIFF\x24\0\0\0WAVEfmt ", "wav"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI\x50\0\x20\x02", "png for iOS (CgBI)"),
            (b"RIFX\0\0\0\x24WAVEfmt ", "rifx"),
            (b"RIFF\x24\0\0\0AVI LIST", "avi"),
            (b"BM\x9a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "bmp"),
            (b"\0\0\0\x18ftypisom\0\0\x02\0isommp42", "mp4"),
            (b"\0\0\0\x18ftypM4A \0\0\x02\0isommp42", "m4a"),
            (b"\0\0\0\x14ftypqt  \0\0\x02\0qt  ", "mov"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
            (b"\0\0\x10\x00moov\0\0\0\x6cmvhd", "mov"),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "webm"),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska", "mkv"),
            (b"OggS\0\x02\0\0\0\0\x01\x1e\x01vorbis", "ogg"),
            (b"\0\0\0\x01\x09\xf0\0\0\0\x01\x67\x64\0\x1f", "h264"),
            (b"\0\0\x01\xba\x44", "mpeg-ps"),
            (b"\0\0\x01\xb0\xf1\0\0\x01\xb5", "m4v"),
            (b"DKIF\0\0 \0VP90", "ivf"),
            (b"\x0b\x77\x00\xcf\x72\x87\xc0", "eac3"),
            (b"\x0b\x77\x00\xcf\x72\x40\xc0", "ac3"),
            (b"II*\0\x08\0\0\0", "tiff"),
            (b"\xff\xfeh\0i\0", "utf-16 text"),
            (b"<?xml version='1.0'?><svg xmlns='x'/>", "svg"),
        ] {
            assert_eq!(name(head), Some(expected), "{head:02x?}");
        }
    }

    #[test]
    fn sync_words_alone_convince_nobody() {
        let frame = repeated(&[0xff, 0xfb, 0x90, 0x00], 417, 3); // MPEG-1 layer III, 128 kb/s, 44.1 kHz
        assert_eq!(name(&frame), Some("mp3"));
        assert_eq!(name(&repeated(&[0xff, 0xfb, 0x90, 0x00], 400, 3)), None, "the second header is not where the first says");
        assert_eq!(name(&repeated(&[0xff, 0xf1, 0x50, 0x80, 0x0c, 0x9f, 0xfc], 100, 3)), Some("aac"));
        assert_eq!(name(&repeated(&[0x47, 0x40, 0, 0x10], 188, 4)), Some("mpeg-ts"));
        assert_eq!(name(&repeated(&[0x47, 0x40, 0, 0x10], 204, 4)), Some("mpeg-ts"));
        assert_eq!(name(&repeated(&[0x47, 0x40, 0, 0x10], 180, 4)), None);
        for step in [188, 192, 204] {
            let cut = |from: usize, packets: usize| name(&repeated(&[0x47, 0x40, 0, 0x10], step, packets)[from..]);
            assert_eq!((cut(1, 11), cut(100, 11), cut(100, 10)), (Some("mpeg-ts"), Some("mpeg-ts"), None), "cut within a packet of {step}");
        }
        assert_eq!(name(b"BM is what I would call it\xff\0"), None);
    }

    #[test]
    fn a_recording_that_was_cut_anywhere_shows_what_it_is_later() {
        let name = |head: &[u8]| recording_cut_anywhere(&[&[7; 999], head].concat()).map(|format| format.name);
        let second = [b"\0\0\x01\xba\x44\0\0\0\0\0\0\0\0\xf9\xff\0\0\x01\xe0\0\x20".as_slice(), &[7; 32]].concat();
        let first = [b"\0\0\x01\xba\x21\0\0\0\0\0\0\0\0\0\x01\xbd\0\x20".as_slice(), &[7; 32]].concat();
        for pack in [first, second] {
            assert_eq!((name(&pack.repeat(4)), name(&pack.repeat(2))), (Some("mpeg-ps"), None));
            assert_eq!(name(&[&pack[..], &[7]].concat().repeat(4)), None, "lengths lead elsewhere");
        }
        let started = |units: &[&[u8]]| units.iter().flat_map(|unit| [b"\0\0\x01", *unit, &[9; 20]].concat()).collect::<Vec<u8>>();
        let cases: [(&[&[u8]], Option<&str>); 9] = [
            (&[&[0x41, 0x9a], &[0x67, 100, 0, 31], &[0x68, 0xce], &[0x65]], Some("h264")),
            (&[&[0x41, 0x9a], &[0x67, 100, 3, 31], &[0x68, 0xce], &[0x65]], None),
            (&[&[0x41, 0x9a], &[0x67, 100, 0, 31], &[0x65], &[0x41]], None),
            (&[&[0x02, 1], &[0x40, 1], &[0x42, 1], &[0x44, 1]], Some("hevc")),
            (&[&[0x02, 1], &[0x42, 1], &[0x44, 1], &[0x26, 1]], None),
            (&[&[9], &[0xb3, 0x14, 0, 0xf0, 0x13, 0xff, 0xff, 0xe0], &[0xb5, 0x14], &[0xb8]], Some("mpegvideo")),
            (&[&[9], &[0xb3, 0x14, 0, 0xf0, 0x03, 0xff, 0xff, 0xe0], &[0xb5, 0x14], &[0xb8]], None),
            (&[&[9], &[0xb3, 0x14, 0, 0xf0, 0x13, 0xff, 0xff, 0xc0], &[0xb5, 0x14], &[0xb8]], None),
            (&[&[9], &[0xb3, 0x14, 0, 0xf0, 0x13, 0xff, 0xff, 0xe0], &[0xb3], &[0xb8]], None),
        ];
        for (units, expected) in cases {
            assert_eq!(name(&started(units)), expected, "{units:02x?}");
        }
        assert_eq!((name(b""), name(&[0; 5000]), name(&[0, 0, 1].repeat(500))), (None, None, None));
    }

    #[test]
    fn sound_that_begins_amid_a_frame_is_known_by_what_follows() {
        let sound = repeated(&[0xff, 0xfb, 0x90, 0x00], 417, 4);
        let of = |bytes: Vec<u8>| {
            let source = Source::memory(bytes);
            let (name, rest) = (identify(&source, &Limits::default()).ok()?.name, behind_lead(&source).unwrap());
            Some((name, rest.map(|(rest, lead)| (rest.head(4).unwrap(), lead.len()))))
        };
        let found = |lead: usize| Some(("mp3", Some((sound[..4].to_vec(), lead))));
        assert_eq!((of(sound[17..].to_vec()), of(sound.clone())), (found(400), Some(("mp3", None))));
        assert_eq!(of([&vec![0; AMID], &sound[..]].concat()), found(AMID));
        assert_eq!(of([&vec![0; AMID + 1], &sound[..]].concat()), None);
        let length = (sound.len() as u16).to_be_bytes();
        let pack = [b"\0\0\x01\xba\x21\0\0\0\0\0\0\0\0\0\x01\xc0", &length[..], &sound].concat();
        assert_eq!(of([&[7; 99], &pack.repeat(4)[..]].concat()), Some(("mpeg-ps", None)), "in packets of a program stream");
    }

    #[test]
    fn what_reads_as_text_is_text() {
        let korean = "안녕하세요".as_bytes();
        for head in [&b"<!DOCTYPE html><html>"[..], b"#EXTM3U\nx.ts\n", b"BM says", b"\xef\xbb\xbfhi", korean, &korean[..korean.len() - 1]]
        {
            assert_eq!(sniff(head).map(|format| format.modality), Some(Modality::Text), "{head:02x?}");
        }
        for head in [&b""[..], b"a\0b", b"\x01\x02\x03\x04", b"caf\xe9 au lait"] {
            assert_eq!(name(head), None, "{head:02x?}");
        }
    }

    #[test]
    fn only_containers_are_ambiguous() {
        let theora = sniff(b"OggS\0\x02\0\0\0\0\x80theora").unwrap();
        assert!(theora.ambiguous && theora.modality == Modality::Video);
        let opus = sniff(b"OggS\0\x02\0\0\0\0OpusHead").unwrap();
        assert!(!opus.ambiguous && opus.modality == Modality::Audio);
    }
    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_odd(magic in 0..MAGIC.len(), rest in proptest::collection::vec(proptest::num::u8::ANY, 0..200), bare in proptest::bool::ANY) {
            let head = if bare { rest } else { [MAGIC[magic].0, &rest[..]].concat() };
            let _ = (sniff(&head), recording_cut_anywhere(&head));
        }
    }
}
