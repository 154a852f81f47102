//! Streams whose bytes are encrypted, as far as their containers say so: a decoder would make noise of them.

use std::io;

use crate::libav::{Input, Kind, Stream};
use crate::movie::sample_entries;
use crate::sniff::packets_of_transport;
use crate::tracks::{TRACK_LIST, elements};
use crate::{Error, Limits, Source};

/// Bytes in which a header is looked for that says so.
const HEAD: usize = 64 << 10;

/// Why such a stream is not decoded.
const WHY: &str = "encrypted, and a decoder would make noise of them; give a copy without encryption";

/// Sample entries of MP4 whose samples are protected (ISO/IEC 14496-12, 8.12), and those of Apple's shops.
const PROTECTED: [[u8; 4]; 4] = [*b"encv", *b"enca", *b"drmi", *b"drms"];

/// Objects of an ASF header that only protected content has (ASF specification 3.14, 3.15 and 4.13).
const ASF_PROTECTION: [&[u8]; 3] = [
    b"\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e",
    b"\x14\xe6\x8a\x29\x22\x26\x17\x4c\xb9\x35\xda\xe0\x7e\xe9\x28\x9c",
    b"\x33\x85\x05\x43\x81\x69\xe6\x49\x9b\x74\xad\x12\xcb\x86\xd5\x8c",
];

/// Refuses a stream that its container says is encrypted; of a transport stream, what little may be is told.
pub(crate) fn admit(source: &Source, input: &Input<'_>, stream: &Stream, limits: &Limits) -> Result<Scrambled, Error> {
    let is_encrypted = match input.format().as_str() {
        "mov" => sample_entries(source, input.number(stream).unwrap_or(0))?.iter().any(|entry| PROTECTED.contains(entry)),
        "matroska" => {
            let before = input.streams().iter().filter(|other| other.kind == stream.kind && other.index < stream.index).count();
            is_in_matroska(&source.head(HEAD)?, if stream.kind == Kind::Video { 1 } else { 2 }, before)
        }
        "asf" => is_in_asf(&source.head(HEAD)?),
        "mpegts" => {
            let scrambled = Scrambled::read(source, input.number(stream).unwrap_or(0))?;
            let clear = scrambled.packets - scrambled.encrypted;
            return match scrambled.encrypted {
                0 => Ok(scrambled),
                _ if clear > 0 && clear as f64 >= scrambled.packets as f64 * limits.least_share => Ok(scrambled),
                encrypted => Err(Error::Unsupported(format!("{encrypted} of its {} packets are {WHY}", scrambled.packets))),
            };
        }
        _ => false,
    };
    if is_encrypted { Err(refusal("by its header")) } else { Ok(Scrambled::default()) }
}

/// `how` it is known.
pub(crate) fn refusal(how: &str) -> Error {
    Error::Unsupported(format!("its packets are, {how}, {WHY}"))
}

/// Whether a refusal is one of these: no other decoder must be asked, since it might not look.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Unsupported(why) if why.ends_with(WHY))
}

/// Whether the track of a kind with so many of its kind before it says that its frames are encrypted (RFC 9559, 5.1.4.1.31.8).
fn is_in_matroska(head: &[u8], kind: u8, before: usize) -> bool {
    const ENCODINGS: &[u8] = b"\x6d\x80";
    const ENCODING: &[u8] = b"\x62\x40";
    const ENCRYPTION: &[u8] = b"\x50\x35";
    let inside = [&TRACK_LIST[..], &[ENCODINGS, ENCODING]].concat();
    let mut tracks: Vec<(u8, bool)> = Vec::new();
    for (id, body) in elements(head, &inside) {
        match (id, tracks.last_mut()) {
            (b"\xae", _) => tracks.push((0, false)),
            (b"\x83", Some(track)) => track.0 = head.get(body).copied().unwrap_or(0),
            (ENCRYPTION, Some(track)) => track.1 = true,
            _ => {}
        }
    }
    tracks.iter().filter(|track| track.0 == kind).nth(before).is_some_and(|track| track.1)
}

fn is_in_asf(head: &[u8]) -> bool {
    let length = head.get(16..24).map_or(0, |bytes| bytes.iter().rfold(0_u64, |length, byte| length << 8 | u64::from(*byte)));
    let header = &head[..head.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
    header.windows(16).any(|window| ASF_PROTECTION.contains(&window))
}

/// What is encrypted of one stream of a transport stream (ISO/IEC 13818-1, 2.4.3.3 and 2.4.3.7).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scrambled {
    /// Packets that hold bytes of it.
    pub packets: u64,
    /// Those of them that are encrypted.
    pub encrypted: u64,
    /// From where to where there are no others, in byte offsets.
    pub stretches: Vec<Stretch>,
    open: Option<Stretch>,
    /// Whether what the last start announced is encrypted behind that start.
    inside: bool,
}

/// Encrypted packets in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Where the first one begins.
    pub from: u64,
    /// Where the next clear one begins; `u64::MAX`: there is none.
    pub to: u64,
    /// Whether the first one is within what a clear one began.
    pub amid: bool,
    count: u64,
    /// Its packets begin as clear ones do: they were decrypted, and the mark was left on them.
    clear: bool,
}

const SYNC: u8 = 0x47;

/// Bytes read at once.
const BLOCK: usize = 1 << 20;

/// More stretches than this are counted as one.
const MOST_STRETCHES: usize = 4096;

impl Scrambled {
    fn read(source: &Source, stream: u32) -> io::Result<Self> {
        let mut found = Self::default();
        let Some((first, step)) = packets_of_transport(&source.head(4096)?) else { return Ok(found) };
        let (mut start, mut bytes, mut at) = (first as u64, Vec::new(), 0);
        loop {
            if at + 2 * step > bytes.len() && start + (bytes.len() as u64) < source.len() {
                start += at as u64;
                (bytes, at) = (source.read(start, BLOCK)?, 0);
            }
            let Some(packet) = bytes.get(at..at + 188) else { break };
            let is_packet = packet[0] == SYNC && bytes.get(at + step).is_none_or(|next| *next == SYNC);
            if is_packet {
                found.take(start + at as u64, packet, stream);
            }
            at += if is_packet { step } else { 1 };
        }
        found.close(u64::MAX);
        Ok(found)
    }

    /// Looks at the packet that begins at `at`. One without bytes of the stream, or that a receiver found damaged, tells nothing.
    fn take(&mut self, at: u64, packet: &[u8], stream: u32) {
        let header = u16::from_be_bytes([packet[1], packet[2]]);
        if u32::from(header & 0x1fff) != stream || header & 0x8000 != 0 || packet[3] & 0x10 == 0 {
            return;
        }
        let skipped = if packet[3] & 0x20 != 0 { 5 + usize::from(packet[4]) } else { 4 };
        let (starts, content) = (header & 0x4000 != 0, packet.get(skipped..).unwrap_or_default());
        let is_clear_start = starts && content.starts_with(&[0, 0, 1]);
        if starts {
            self.inside = is_clear_start && content.get(6).is_some_and(|flags| flags & 0xc0 == 0x80 && flags & 0x30 != 0);
        }
        self.packets += 1;
        if self.inside || packet[3] & 0xc0 != 0 {
            let open = self.open.get_or_insert(Stretch { from: at, to: u64::MAX, amid: !starts, count: 0, clear: false });
            open.count += 1;
            open.clear |= is_clear_start && !self.inside;
        } else {
            self.close(at);
        }
    }

    /// The packet at `to` is clear.
    fn close(&mut self, to: u64) {
        let Some(stretch) = self.open.take().filter(|stretch| !stretch.clear) else { return };
        self.encrypted += stretch.count;
        if self.stretches.len() < MOST_STRETCHES {
            self.stretches.push(Stretch { to, ..stretch });
        } else {
            self.stretches.last_mut().into_iter().for_each(|last| last.to = to);
        }
    }

    /// Whether nothing clear comes after the last encrypted packet.
    pub(crate) fn to_the_end(&self) -> bool {
        self.stretches.last().is_some_and(|last| last.to == u64::MAX)
    }

    /// For people; `None`: nothing is encrypted.
    pub(crate) fn remark(&self) -> Option<String> {
        let first = self.stretches.first()?.from;
        let Self { encrypted, packets, .. } = self;
        Some(format!("{encrypted} of {packets} packets are encrypted, the first of them at byte {first}; what they hold is left out"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Scrambled, is_in_asf, is_in_matroska};
    use crate::Source;

    /// A packet of stream 256: `flags` are the last byte of its header.
    fn packet(starts: bool, flags: u8, content: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x47, if starts { 0x41 } else { 0x01 }, 0, flags];
        packet.extend(content);
        packet.resize(188, 0x99);
        packet
    }

    fn found(packets: &[Vec<u8>]) -> (u64, u64, Vec<(u64, u64)>) {
        let found = Scrambled::read(&Source::memory(packets.concat()), 256).unwrap();
        (found.packets, found.encrypted, found.stretches.iter().map(|stretch| (stretch.from / 188, stretch.to / 188)).collect())
    }

    #[test]
    fn stretches_of_encrypted_packets_are_found_and_marks_that_were_left_are_not_believed() {
        let start = packet(true, 0x10, b"\0\0\x01\xe0\0\0\x80\0\0");
        let clear = packet(false, 0x10, b"");
        let (begun, hidden) = (packet(true, 0xd0, b"\x31\x32"), packet(false, 0x90, b""));
        let other = [&[0x47, 0x02, 0, 0x90][..], &[7; 184]].concat();
        let end = u64::MAX / 188;
        assert_eq!(found(&[start.clone(), clear.clone(), other.clone(), clear.clone()]), (3, 0, vec![]));
        let amid = [start.clone(), hidden.clone(), hidden.clone(), other.clone(), start.clone(), clear.clone(), begun.clone()];
        assert_eq!(found(&amid), (6, 3, vec![(1, 4), (6, end)]));
        // Decrypted, and still marked.
        let marked = packet(true, 0xd0, b"\0\0\x01\xe0\0\0\x80\0\0");
        assert_eq!(found(&[start.clone(), hidden.clone(), marked, hidden.clone(), start.clone()]), (5, 0, vec![]));
        // Encrypted one layer above, behind starts that are clear.
        let inner = packet(true, 0x10, b"\0\0\x01\xe0\0\0\xa0\0\0");
        assert_eq!(found(&[start.clone(), inner, clear.clone(), start.clone()]), (4, 2, vec![(1, 3)]));
        // No bytes, or damaged ones, say nothing; and what stands between packets is stepped over.
        let (empty, mut damaged) = (packet(false, 0xa0, b"\xb7"), hidden.clone());
        damaged[1] |= 0x80;
        assert_eq!(found(&[start.clone(), clear.clone(), empty, damaged, start.clone()]), (3, 0, vec![]));
        assert_eq!(found(&[start.clone(), clear.clone(), start.clone(), vec![9; 100], clear, begun]).1, 1);
        assert_eq!(found(&[b"RIFF".to_vec()]), (0, 0, vec![]));
    }

    #[test]
    fn headers_say_which_track_is_encrypted() {
        let element = |id: &[u8], body: &[u8]| [id, &[0x80 | body.len() as u8], body].concat();
        let encrypted = element(b"\x6d\x80", &element(b"\x62\x40", &element(b"\x50\x35", &element(b"\x47\xe1", b"\x05"))));
        let packed = element(b"\x6d\x80", &element(b"\x62\x40", &element(b"\x50\x34", &element(b"\x42\x54", b"\x03"))));
        let track = |kind: u8, more: &[u8]| element(b"\xae", &[&element(b"\x83", &[kind])[..], more].concat());
        let list = element(b"\x16\x54\xae\x6b", &[track(1, &packed), track(2, &encrypted), track(2, b"")].concat());
        let file = [element(b"\x1a\x45\xdf\xa3", b"\x42\x82\x84webm"), element(b"\x18\x53\x80\x67", &list)].concat();
        let told = [(1, 0), (1, 1), (2, 0), (2, 1)].map(|(kind, before)| is_in_matroska(&file, kind, before));
        assert_eq!(told, [false, false, true, false]);
        let asf = |length: u64| [&[7; 16][..], &length.to_le_bytes(), &[0; 20], super::ASF_PROTECTION[0], &[0; 8]].concat();
        assert_eq!((is_in_asf(&asf(68)), is_in_asf(&asf(40)), is_in_asf(b"")), (true, false, false));
    }
}
