//! H.264 and HEVC may say of themselves how their pictures are to be turned, where the container says nothing.

use super::bits::Bits;
use super::header::units;

/// What the pictures of a stream say of how they are to be turned. All are shown as the first at which decoding can start: what a frame shows must not hang
/// on which others are asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Turned {
    /// As in [`Stream::display_matrix`](crate::libav::Stream), by that picture; `None` where it says nothing, or that it is upright.
    pub matrix: Option<[i32; 9]>,
    /// Whether a later one says something else.
    pub changes: bool,
    settled: bool,
}

impl Turned {
    /// Reads the next packet in file order; `key`: decoding can start there.
    pub(super) fn hear(&mut self, codec: &str, packet: &[u8], key: bool) {
        let told = message(codec, packet).and_then(orientation);
        if self.settled {
            self.changes |= told.is_some_and(|told| told != self.matrix.unwrap_or(UPRIGHT));
        } else if key {
            (self.matrix, self.settled) = (told.filter(|told| *told != UPRIGHT), true);
        }
    }
}

const UPRIGHT: [i32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];

/// Number of the message "display orientation".
const DISPLAY_ORIENTATION: u32 = 47;

/// That message before the first slice of `packet` (ISO/IEC 14496-10, 7.3.2.3 and D.1.27; ISO/IEC 23008-2, 7.3.2.4 and D.2.17).
fn message<'p>(codec: &str, packet: &'p [u8]) -> Option<Bits<'p>> {
    let hevc = match codec {
        "h264" => false,
        "hevc" => true,
        _ => return None,
    };
    let kind = |unit: &[u8]| unit.first().map(|first| if hevc { first >> 1 & 63 } else { first & 31 });
    let is_slice = |kind: u8| if hevc { kind < 32 } else { matches!(kind, 1..=5) };
    let before = units(packet).take_while(|unit| kind(unit).is_some_and(|kind| !is_slice(kind)));
    before.filter(|unit| kind(unit) == Some(if hevc { 39 } else { 6 })).find_map(|unit| {
        let end = unit.windows(3).position(|window| window == [0, 0, 1]).unwrap_or(unit.len());
        let mut bits = Bits::of(&unit[..end]);
        bits.take(if hevc { 8 } else { 0 })?; // the rest of the unit's header
        loop {
            let (kind, length) = (number(&mut bits)?, number(&mut bits)?);
            if kind == DISPLAY_ORIENTATION {
                return Some(bits);
            }
            (0..length).try_for_each(|_| bits.take(8).map(drop))?;
        }
    })
}

/// Bytes of 255, and one that is less, are added up.
fn number(bits: &mut Bits<'_>) -> Option<u32> {
    let mut sum: u32 = 0;
    loop {
        let byte = bits.take(8)?;
        sum = sum.checked_add(byte)?;
        if byte < 255 {
            return Some(sum);
        }
    }
}

/// The display matrix that the message comes to, turned to the nearest quarter.
fn orientation(mut bits: Bits<'_>) -> Option<[i32; 9]> {
    if bits.flag()? {
        return Some(UPRIGHT); // cancelled
    }
    let (across, down, turn) = (bits.flag()?, bits.flag()?, bits.take(16)?);
    // It flips first and then turns against the clock. A flip that comes after, as below, turns the other way round.
    let quarters = (turn + 0x2000) >> 14 & 3;
    let (cos, sin) = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters as usize];
    let sin = if across == down { sin } else { -sin };
    let one = |flip: bool| if flip { -1 << 16 } else { 1 << 16 };
    let (x, y) = (one(across), one(down));
    Some([cos * x, -sin * y, 0, sin * x, cos * y, 0, 0, 0, 1 << 30])
}

#[cfg(test)]
mod tests {
    use super::Turned;
    use crate::video::bits::packed;

    /// A message behind another one, in the units of a picture.
    fn picture(codec: &str, message: &str) -> Vec<u8> {
        let content = packed(message);
        let messages = [&[5, 2, 9, 9, 47, content.len() as u8][..], &content, &[0x80]].concat();
        let (header, slice): (&[u8], &[u8]) = if codec == "h264" { (&[6], &[0x65, 0x88]) } else { (&[39 << 1, 1], &[19 << 1, 1]) };
        [&[0, 0, 0, 1][..], header, &messages, &[0, 0, 1], slice, &[0, 0, 1], header, &[47, 0]].concat()
    }

    fn of(codec: &str, pictures: &[(Vec<u8>, bool)]) -> (Option<[i32; 4]>, bool) {
        let mut turned = Turned::default();
        pictures.iter().for_each(|(packet, key)| turned.hear(codec, packet, *key));
        (turned.matrix.map(|[a, b, _, c, d, ..]| [a, b, c, d].map(|cell| cell >> 16)), turned.changes)
    }

    #[test]
    fn the_message_tells_flips_and_quarter_turns() {
        // FFmpeg's `h264_metadata` writes such messages, and its decoder makes these matrices of them.
        for (message, expected) in [
            ("0 0 0 0000000000000000 1 0", None),
            ("0 0 0 0100000000000000 1 0", Some([0, -1, 1, 0])),
            ("0 0 0 0100000000000001 1 0", Some([0, -1, 1, 0])),
            ("0 0 0 1000000000000000 1 0", Some([-1, 0, 0, -1])),
            ("0 0 0 1100000000000000 1 0", Some([0, 1, -1, 0])),
            ("0 0 0 1111111111111111 1 0", None),
            ("0 1 0 0000000000000000 1 0", Some([-1, 0, 0, 1])),
            ("0 0 1 0000000000000000 1 0", Some([1, 0, 0, -1])),
            ("0 1 0 0100000000000000 1 0", Some([0, 1, 1, 0])),
            ("1", None),
        ] {
            for codec in ["h264", "hevc"] {
                assert_eq!(of(codec, &[(picture(codec, message), true)]).0, expected, "{codec} {message}");
            }
        }
        assert_eq!(of("mpeg4", &[(picture("h264", "0 0 0 0100000000000000 1 0"), true)]).0, None);
        assert_eq!(of("h264", &[(picture("h264", "0 0 0 0100000000000000 1 0")[..12].to_vec(), true)]).0, None, "cut");
    }

    #[test]
    fn the_first_picture_that_can_be_decoded_decides_for_all() {
        let (left, upright) = (picture("h264", "0 0 0 0100000000000000 1 0"), picture("h264", "1"));
        let (plain, turn) = (vec![0, 0, 1, 0x65, 0x88], Some([0, -1, 1, 0]));
        assert_eq!(
            of("h264", &[(left.clone(), true), (plain.clone(), true), (left.clone(), false)]),
            (turn, false),
            "none says anything else"
        );
        assert_eq!(of("h264", &[(upright.clone(), false), (left.clone(), true), (upright, true)]), (turn, true));
        assert_eq!(of("h264", &[(plain, true), (left, true)]), (None, true));
    }
}
