//! Whether a coded picture may refer to one that is shown after it, by the first bits of its header.

/// Whether `packet` holds a B picture of MPEG-1, MPEG-2, MPEG-4 part 2 or H.264. A file with such pictures shows frames in another order
/// than it stores them. Of other codecs nothing is known.
pub(super) fn is_bidirectional(codec: &str, packet: &[u8]) -> bool {
    match codec {
        "mpeg1video" | "mpeg2video" => {
            after_start_code(packet, 0x00).is_some_and(|header| header.get(1).is_some_and(|byte| byte >> 3 & 7 == 3))
        }
        "mpeg4" => after_start_code(packet, 0xb6).is_some_and(|header| header.first().is_some_and(|byte| byte >> 6 == 2)),
        "h264" => slice(packet).and_then(slice_type).is_some_and(|kind| kind % 5 == 1),
        _ => false,
    }
}

/// What follows the first start code of a kind: a picture header (ISO/IEC 13818-2, 6.2.3) or a video object plane (ISO/IEC 14496-2, 6.2.5).
fn after_start_code(packet: &[u8], kind: u8) -> Option<&[u8]> {
    let at = packet.windows(4).position(|window| window == [0, 0, 1, kind])?;
    packet.get(at + 4..)
}

/// The first slice among units that are told apart by lengths of four bytes (ISO/IEC 14496-15) or by start codes, without its first byte.
fn slice(packet: &[u8]) -> Option<&[u8]> {
    const SLICES: [u8; 2] = [1, 5];
    let mut rest = packet;
    if packet.starts_with(&[0, 0, 1]) || packet.starts_with(&[0, 0, 0, 1]) {
        while let Some(at) = rest.windows(3).position(|window| window == [0, 0, 1]) {
            rest = &rest[at + 3..];
            if rest.first().is_some_and(|unit| SLICES.contains(&(unit & 31))) {
                return rest.get(1..);
            }
        }
        return None;
    }
    while let Some((length, units)) = rest.split_first_chunk::<4>() {
        let unit = units.get(..u32::from_be_bytes(*length) as usize)?;
        if unit.first().is_some_and(|unit| SLICES.contains(&(unit & 31))) {
            return unit.get(1..);
        }
        rest = &units[unit.len()..];
    }
    None
}

/// The second number of a slice header (ISO/IEC 14496-10, 7.3.3): 1 and 6 are B slices.
fn slice_type(header: &[u8]) -> Option<u32> {
    let bits = header.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))?;
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
    use super::is_bidirectional;

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
}
