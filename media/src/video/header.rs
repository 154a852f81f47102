//! What the first bits of a coded picture say of the pictures that it refers to.

/// Whether `packet` holds a B picture of MPEG-1, MPEG-2, MPEG-4 part 2 or H.264: as a rule, a file with such pictures shows frames in another
/// order than it stores them. Of other codecs nothing is known.
pub(super) fn is_bidirectional(codec: &str, packet: &[u8]) -> bool {
    match codec {
        "mpeg1video" | "mpeg2video" => {
            after_start_code(packet, 0x00).is_some_and(|header| header.get(1).is_some_and(|byte| byte >> 3 & 7 == 3))
        }
        "mpeg4" => after_start_code(packet, 0xb6).is_some_and(|header| header.first().is_some_and(|byte| byte >> 6 == 2)),
        "h264" => unit(packet, |first| matches!(first & 31, 1 | 5)).and_then(slice_type).is_some_and(|kind| kind % 5 == 1),
        _ => false,
    }
}

/// Whether `packet` says that its picture refers to others, whatever the container takes it for. H.264 is left to its decoder, which may begin
/// without a picture that refers to no other; of codecs that are not here, libav asks the packet itself, or they have no other pictures.
pub(super) fn is_dependent(codec: &str, packet: &[u8]) -> bool {
    let kind = match codec {
        "mpeg1video" | "mpeg2video" => after_start_code(packet, 0x00).and_then(|header| Some(matches!(header.get(1)? >> 3 & 7, 2 | 3))),
        "mpeg4" => after_start_code(packet, 0xb6).and_then(|header| Some(header.first()? >> 6 != 0)),
        // Types 16 to 23 are random access points (ISO/IEC 23008-2, table 7-1).
        "hevc" => picture_of_hevc(packet).map(|[first, _]| !matches!(first >> 1 & 63, 16..=23)),
        "msmpeg4v2" | "msmpeg4v3" | "wmv1" => packet.first().map(|first| first >> 6 != 0),
        "vp6" | "vp6f" | "wmv2" => packet.first().map(|first| first >> 7 != 0),
        "theora" => packet.first().map(|first| first >> 6 & 1 != 0), // Theora specification, 7.1
        "cinepak" => packet.get(10).map(|kind| *kind != 0x10),       // of the first strip, after ten bytes of header
        "flv1" => sorenson_type(packet).map(|kind| kind != 0),
        "h263" | "h263p" => h263_type(packet).map(|kind| kind != 0),
        _ => None,
    };
    kind == Some(true)
}

/// Whether `packet` says that no other picture refers to its own, so far as decoders leave such out when asked: B pictures of MPEG-1, MPEG-2 and MPEG-4 part 2,
/// H.264 without importance for others (ISO/IEC 14496-10, `nal_ref_idc`), HEVC that its own layer does not refer to (ISO/IEC 23008-2, table 7-1).
pub(super) fn is_disposable(codec: &str, packet: &[u8]) -> bool {
    match codec {
        "mpeg1video" | "mpeg2video" | "mpeg4" => is_bidirectional(codec, packet),
        "h264" => unit(packet, |first| matches!(first & 31, 1 | 5)).and_then(<[u8]>::first).is_some_and(|first| first & 0x60 == 0),
        "hevc" => picture_of_hevc(packet).is_some_and(|[first, _]| matches!(first >> 1 & 63, 0..16) && first >> 1 & 1 == 0),
        _ => false,
    }
}

/// Whether `packet`, where decoding can start, refers to other pictures all the same: H.264 that is renewed by and by, part by part.
pub(super) fn is_gradual(codec: &str, packet: &[u8]) -> bool {
    codec == "h264" && unit(packet, |first| matches!(first & 31, 1 | 5)).and_then(slice_type).is_some_and(|kind| kind % 5 < 2)
}

/// Whether `packet` belongs to a higher temporal layer of HEVC, which may refer to pictures that those of lower ones do not.
pub(super) fn is_layered(codec: &str, packet: &[u8]) -> bool {
    codec == "hevc" && picture_of_hevc(packet).is_some_and(|[_, second]| second & 7 > 1)
}

/// The header of the first slice.
fn picture_of_hevc(packet: &[u8]) -> Option<[u8; 2]> {
    unit(packet, |first| first >> 1 & 63 < 32).and_then(|unit| unit.first_chunk::<2>().copied())
}

/// Whether `packet` holds a picture that is never shown: others refer to it. In VP8, such packets have a time that is that of the next one
/// (RFC 6386, 9.1: the fifth bit of the frame tag is `show_frame`); AV1 and VP9 have them in one packet with a picture that is shown, but for AV1 that was
/// split into frames. The headers of Theora come as packets, too, where another stream goes on in the place of the first.
pub(super) fn is_hidden(codec: &str, packet: &[u8]) -> bool {
    match codec {
        "vp8" => packet.first().is_some_and(|tag| tag >> 4 & 1 == 0),
        "theora" => packet.first().is_some_and(|first| first >> 7 == 1),
        "av1" => {
            let mut shown = frame_headers(packet).map(is_shown).peekable();
            shown.peek().is_some() && !shown.any(|shown| shown)
        }
        _ => false,
    }
}

/// The first byte of each frame header of AV1 (AV1 specification, 5.3.2: types 3 and 6), as far as the sizes of the units lead.
fn frame_headers(mut packet: &[u8]) -> impl Iterator<Item = u8> {
    let units = std::iter::from_fn(move || {
        let (kind, unit, after) = first_obu(packet)?;
        packet = after;
        Some((kind, unit))
    });
    units.filter(|(kind, _)| matches!(kind, 3 | 6)).map_while(|(_, unit)| unit.first().copied())
}

/// The type of the first unit of AV1 (AV1 specification, 5.3), what it holds, and what comes after it; without a size it goes on to the end.
pub(super) fn first_obu(packet: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&header, rest) = packet.split_first()?;
    let rest = rest.get(usize::from(header >> 2 & 1)..)?;
    let (size, rest) = if header >> 1 & 1 == 1 { leb128(rest)? } else { (rest.len(), rest) };
    let (unit, after) = rest.split_at_checked(size)?;
    Some((header >> 3 & 15, unit, after))
}

/// `show_existing_frame`, two bits of type, `show_frame` (AV1 specification, 5.9.2). Still pictures have other headers, and are shown all the same.
const fn is_shown(header: u8) -> bool {
    header >> 7 == 1 || header >> 4 & 1 == 1
}

/// A number of seven bits a byte, low ones first (AV1 specification, 4.10.5), and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let length = bytes.iter().take(5).position(|byte| byte >> 7 == 0)? + 1;
    let (number, rest) = bytes.split_at(length);
    Some((number.iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 127)), rest))
}

/// The picture type of Sorenson's H.263: after a start code of 17 bits, 5 of version and 8 of time comes the size, in a code of 3 bits that
/// 2 or 4 bytes may follow.
fn sorenson_type(packet: &[u8]) -> Option<u64> {
    let bits = packet.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))?;
    let after = match bits << 30 >> 61 {
        0 => 33 + 16,
        1 => 33 + 32,
        _ => 33,
    };
    let bits = packet.get(after / 8..)?.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes))?;
    Some(u64::from(bits << (after % 8) >> 14))
}

/// The picture type of H.263 (ITU-T H.263, 5.1.3 and 5.1.4): after a start code of 22 bits, 8 of time and 5 of other things comes the size, in 3 bits; where
/// these say that more is told, the type comes behind it.
fn h263_type(packet: &[u8]) -> Option<u64> {
    let bits = packet.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))?;
    let at = |first: u32, count: u32| bits << first >> (64 - count);
    Some(match (at(35, 3), at(38, 3)) {
        (7, 1) => at(59, 3),
        (7, _) => at(41, 3),
        _ => at(38, 1),
    })
}

/// What follows the first start code of a kind: a picture header (ISO/IEC 13818-2, 6.2.3) or a video object plane (ISO/IEC 14496-2, 6.2.5).
fn after_start_code(packet: &[u8], kind: u8) -> Option<&[u8]> {
    let at = packet.windows(4).position(|window| window == [0, 0, 1, kind])?;
    packet.get(at + 4..)
}

/// The first unit whose first byte is `wanted`.
fn unit(packet: &[u8], wanted: impl Fn(u8) -> bool) -> Option<&[u8]> {
    units(packet).find(|unit| unit.first().is_some_and(|first| wanted(*first)))
}

/// Units that are told apart by lengths of four bytes (ISO/IEC 14496-15) or by start codes; those may have bytes of the next at their ends.
pub(super) fn units(packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    // A unit of 256 to 511 bytes has a length that looks like a start code.
    let starts = (packet.starts_with(&[0, 0, 1]) || packet.starts_with(&[0, 0, 0, 1])) && !are_lengths(packet);
    let mut rest = packet;
    std::iter::from_fn(move || {
        if starts {
            let at = rest.windows(3).position(|window| window == [0, 0, 1])?;
            rest = &rest[at + 3..];
            return Some(rest);
        }
        let (unit, after) = first_with_length(rest)?;
        rest = after;
        Some(unit)
    })
}

/// The first unit with a length of four bytes, and what comes after it.
pub(super) fn first_with_length(packet: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = packet.split_first_chunk::<4>()?;
    after.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// Whether lengths lead from the first byte of a packet to its last.
fn are_lengths(mut packet: &[u8]) -> bool {
    while let Some((length, after)) = packet.split_first_chunk::<4>() {
        let Some(rest) = after.get(u32::from_be_bytes(*length) as usize..) else { return false };
        packet = rest;
    }
    packet.is_empty()
}

/// The second number of a slice header (ISO/IEC 14496-10, 7.3.3), which comes after the unit's first byte: 1 and 6 are B slices.
fn slice_type(slice: &[u8]) -> Option<u32> {
    let bits = slice.get(1..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))?;
    let (_, rest) = exp_golomb(bits)?;
    exp_golomb(rest).map(|(kind, _)| kind)
}

/// A number in Exp-Golomb code (9.1) at the top of `bits`, and the bits after it.
const fn exp_golomb(bits: u64) -> Option<(u32, u64)> {
    let zeros = bits.leading_zeros();
    if zeros > 15 {
        return None; // no slice begins so far down
    }
    let length = 2 * zeros + 1;
    Some(((bits >> (64 - length)) as u32 - 1, bits << length))
}

#[cfg(test)]
mod tests {
    use super::{is_bidirectional, is_dependent, is_disposable, is_gradual, is_hidden, is_layered, units};

    #[test]
    fn the_first_header_tells() {
        for (codec, packet, expected) in [
            ("mpeg4", &[0, 0, 1, 0xb6, 0b1000_0000][..], true),
            ("mpeg4", &[0, 0, 1, 0xb3, 9, 0, 0, 1, 0xb6, 0b0100_0000], false),
            ("mpeg2video", &[0, 0, 1, 0, 0, 0b0001_1000], true),
            ("mpeg2video", &[0, 0, 1, 0, 0, 0b0001_0000], false),
            // A delimiter, then a slice that starts at block 0 (`1`) with type 6 (`00111`) or 5 (`00110`).
            ("h264", &[0, 0, 0, 2, 9, 16, 0, 0, 0, 9, 1, 0b1001_1100, 0, 0, 0, 0, 0, 0, 0], true),
            ("h264", &[0, 0, 0, 2, 9, 16, 0, 0, 0, 9, 1, 0b1001_1000, 0, 0, 0, 0, 0, 0, 0], false),
            ("h264", &[0, 0, 1, 9, 16, 0, 0, 1, 1, 0b1001_1100, 0, 0, 0, 0, 0, 0, 0], true),
            ("h264", &[0, 0, 0, 200, 1], false),
            ("vp9", &[0, 0, 1, 0xb6, 0b1000_0000], false),
            ("mpeg4", &[], false),
        ] {
            assert_eq!(is_bidirectional(codec, packet), expected, "{codec} {packet:02x?}");
        }
    }

    #[test]
    fn a_picture_that_nothing_refers_to_says_so() {
        for (codec, packet, expected) in [
            ("mpeg4", &[0, 0, 1, 0xb6, 0b1000_0000][..], true),
            ("h264", &[0, 0, 1, 9, 16, 0, 0, 1, 0x01, 0x9a], true),
            ("h264", &[0, 0, 1, 0x41, 0x9a], false),
            ("hevc", &[0, 0, 1, 35 << 1, 1, 0, 0, 1, 0, 1], true),
            ("hevc", &[0, 0, 1, 8 << 1, 1], true),
            ("hevc", &[0, 0, 1, 1 << 1, 1], false),
            ("hevc", &[0, 0, 1, 20 << 1, 1], false),
            ("vp8", &[0b0001_0001, 0, 0], false), // its first bits do not tell
        ] {
            assert_eq!(is_disposable(codec, packet), expected, "{codec} {packet:02x?}");
        }
        // Slices that start at block 0 (`1`) with type 5 (`00110`) and 7 (`0001000`).
        assert!(is_gradual("h264", &[0, 0, 1, 0x41, 0b1001_1000, 0, 0, 0, 0, 0, 0, 0]));
        assert!(!is_gradual("h264", &[0, 0, 1, 0x41, 0b1000_1000, 0, 0, 0, 0, 0, 0, 0]) && !is_gradual("h264", &[0, 0, 1]));
        assert!(is_layered("hevc", &[0, 0, 1, 2 << 1, 2]) && !is_layered("hevc", &[0, 0, 1, 1 << 1, 1]));
    }

    #[test]
    fn a_picture_without_the_bit_of_showing_is_hidden() {
        assert!(is_hidden("vp8", &[0b1100_0001, 2, 0]) && !is_hidden("vp8", &[0b1101_0001, 2, 0]));
        assert!(is_hidden("theora", b"\x80theora") && !is_hidden("theora", &[0b0100_0000]));
        assert!(!is_hidden("vp8", &[]) && !is_hidden("vp9", &[0b1100_0001, 2, 0]));
        // A delimiter, then a frame of two bytes: a key frame, an inter frame, either shown or not; one that was decoded before.
        for (header, hidden) in [(0b0001_0000, false), (0b0000_0000, true), (0b0011_0000, false), (0b0010_0000, true), (0b1000_0000, false)]
        {
            let packet = [0x12, 0, 6 << 3 | 2, 2, header, 9];
            assert_eq!(is_hidden("av1", &packet), hidden, "{header:08b}");
            assert!(!is_hidden("av1", &[&packet[..], &[3 << 3 | 2, 1, 0b1000_0000]].concat()), "a later one of the packet is shown");
        }
        assert!(!is_hidden("av1", &[0x12, 0]) && !is_hidden("av1", &[6 << 3 | 2, 0xff]), "nothing tells");
    }

    #[test]
    fn a_length_is_no_start_code() {
        let unit = [&[0x41][..], &[9; 0x1ff]].concat();
        for length in 256..512 {
            let packet = [&(length as u32).to_be_bytes(), &unit[..length]].concat();
            assert_eq!(units(&packet).map(<[u8]>::to_vec).collect::<Vec<_>>(), [unit[..length].to_vec()]);
        }
        assert_eq!(units(&[0, 0, 1, 0x41, 9, 0, 0, 1, 0x61]).count(), 2);
    }

    #[test]
    fn a_picture_that_refers_to_others_is_no_keyframe() {
        for (codec, packet, expected) in [
            ("mpeg2video", &[0, 0, 1, 0xb3, 9, 0, 0, 1, 0, 0, 0b0000_1000][..], false),
            ("mpeg2video", &[0, 0, 1, 0, 0, 0b0001_0000], true),
            ("mpeg4", &[0, 0, 1, 0xb6, 0b0001_0000], false),
            ("mpeg4", &[0, 0, 1, 0xb6, 0b0101_0000], true),
            ("hevc", &[0, 0, 0, 2, 32 << 1, 1, 0, 0, 0, 2, 19 << 1, 1], false),
            ("hevc", &[0, 0, 1, 39 << 1, 1, 0, 0, 1, 1 << 1, 1], true),
            ("hevc", &[0, 0, 0, 9, 1 << 1], false), // nobody knows
            ("msmpeg4v3", &[0b0100_0000], true),
            // Sizes of 2, 4 and no bytes; the type comes right after.
            ("flv1", &[0, 0, 0x84, 0, 0, 0, 0b0010_0000, 0], true),
            ("flv1", &[0, 0, 0x84, 0, 0x80, 0, 0, 0, 0b0000_0000, 0], false),
            ("flv1", &[0, 0, 0x84, 1, 0b0010_0000, 0, 0, 0], true),
            // Of a usual size; with more told, at once or as in the picture before.
            ("h263", &[0, 0, 0x80, 0x02, 0b0000_1100, 0, 0, 0], false),
            ("h263", &[0, 0, 0x80, 0x02, 0b0000_1110, 0, 0, 0], true),
            ("h263", &[0, 0, 0x80, 0x02, 0b0001_1100, 0b1000_0000, 0, 0b0000_0010], false),
            ("h263", &[0, 0, 0x80, 0x02, 0b0001_1100, 0b1000_0000, 0, 0b0000_0100], true),
            ("h263p", &[0, 0, 0x80, 0x02, 0b0001_1100, 0b0000_0000, 0, 0], false),
            ("h263p", &[0, 0, 0x80, 0x02, 0b0001_1100, 0b0001_0000, 0, 0], true),
            ("cinepak", &[1, 0, 11, 0xcc, 0, 0xb0, 0, 0x90, 0, 2, 0x11, 0], true),
            ("cinepak", &[0, 0, 30, 0x72, 0, 0xb0, 0, 0x90, 0, 2, 0x10, 0], false),
            ("wmv2", &[0b1000_0000], true),
            ("wmv2", &[0b0100_0000], false),
            ("theora", &[0b0100_0000], true),
            ("theora", &[0b0011_1111], false),
            ("vp9", &[0xff; 9], false),
            ("mpeg4", &[], false),
        ] {
            assert_eq!(is_dependent(codec, packet), expected, "{codec} {packet:02x?}");
        }
    }
}
