//! How a decoded picture stands on screen: pixel shape, turns, mirror.

use crate::libav::Stream;

/// From stored pixels to the upright picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Upright width and height on screen in pixels.
    pub upright: (u32, u32),
    /// Clockwise quarter turns to upright.
    pub turns: u8,
    /// Mirror left to right, after turning.
    pub mirrored: bool,
}

impl Geometry {
    /// The geometry of a picture of `width` x `height` stored pixels, of the shape that the container says, or else the picture itself (`coded`).
    pub(super) fn new((width, height): (u32, u32), coded: Option<(i32, i32)>, stream: &Stream) -> Self {
        let (turns, mirrored) = stream.display_matrix.map_or((0, false), |matrix| orientation(&matrix));
        let (num, den) = stream.sample_aspect.or(coded).unwrap_or((1, 1));
        let (num, den) = (u64::from(num.unsigned_abs()), u64::from(den.unsigned_abs()));
        let plausible = den > 0 && num <= 16 * den && den <= 16 * num;
        let shown = if plausible { ((u64::from(width) * num + den / 2) / den).max(1) as u32 } else { width };
        Self { upright: turned((shown, height), turns), turns, mirrored }
    }

    /// The size before turning of what is `size` upright.
    pub(super) const fn before_turning(&self, size: (u32, u32)) -> (u32, u32) {
        turned(size, self.turns)
    }
}

const fn turned((width, height): (u32, u32), turns: u8) -> (u32, u32) {
    if turns.is_multiple_of(2) { (width, height) } else { (height, width) }
}

/// Quarter turns clockwise and a mirror left to right after them, from `[a b u; c d v; x y w]`, where a point (p, q) is shown at
/// (a p + c q + x, b p + d q + y), y pointing down (ISO/IEC 14496-12, 6.2.2). Other angles go to the nearest quarter.
fn orientation(matrix: &[i32; 9]) -> (u8, bool) {
    let [a, b, _, c, d, ..] = matrix.map(i64::from);
    let mirrored = a * d - b * c < 0;
    let a = if mirrored { -a } else { a };
    let turns = match (a.abs() >= b.abs(), a >= 0, b >= 0) {
        (true, true, _) => 0,
        (true, false, _) => 2,
        (false, _, true) => 1,
        (false, _, false) => 3,
    };
    (turns, mirrored)
}

#[cfg(test)]
mod tests {
    use super::orientation;

    #[test]
    fn quarter_turns_and_mirrors_are_read_from_the_matrix() {
        for (a, b, c, d, expected) in [
            (1, 0, 0, 1, (0, false)),
            (0, 1, -1, 0, (1, false)),
            (-1, 0, 0, -1, (2, false)),
            (0, -1, 1, 0, (3, false)),
            (-1, 0, 0, 1, (0, true)),
            (1, 0, 0, -1, (2, true)),
            (0, 1, 1, 0, (1, true)),
            (0, 0, 0, 0, (0, false)),
            (i32::MIN, i32::MIN, i32::MAX, i32::MIN, (0, false)),
        ] {
            assert_eq!(orientation(&[a, b, 0, c, d, 0, 0, 0, 1 << 30]).1, expected.1, "{a} {b} {c} {d}");
            if a != i32::MIN {
                assert_eq!(orientation(&[a, b, 0, c, d, 0, 0, 0, 1 << 30]), expected, "{a} {b} {c} {d}");
            }
        }
    }
}
