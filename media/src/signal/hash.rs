//! A 64-bit perceptual hash, for how different two frames look.

use std::f64::consts::PI;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Width and height of the gray plane that is hashed.
pub const PLANE: usize = 32;
/// Low frequencies kept in each direction.
const KEPT: usize = 8;

/// DCT hash ("pHash", Zauner 2010, "Implementation and benchmarking of perceptual image hash functions"): one bit for each of
/// the 8x8 lowest frequencies of a 32x32 gray plane, set where the coefficient is above their median.
///
/// It sees structure, not brightness: two flat frames of different shades are almost equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PerceptualHash(u64);

impl PerceptualHash {
    /// Hashes a 32x32 plane of gray levels, row by row.
    pub fn of(plane: &[u8; PLANE * PLANE]) -> Self {
        let kept = low_frequencies(plane);
        let mut sorted = kept;
        sorted.sort_by(f64::total_cmp);
        let median = f64::midpoint(sorted[31], sorted[32]);
        Self(kept.iter().enumerate().filter(|(_, value)| **value > median).fold(0, |bits, (bit, _)| bits | 1 << bit))
    }

    /// Share of bits that differ, 0 = alike ..= 1.
    pub fn distance(self, other: Self) -> f64 {
        f64::from((self.0 ^ other.0).count_ones()) / 64.0
    }
}

/// The 8x8 lowest coefficients of the two-dimensional DCT-II, unscaled, rounded so that a flat plane has exact zeros.
fn low_frequencies(plane: &[u8; PLANE * PLANE]) -> [f64; KEPT * KEPT] {
    let mut rows = [[0.0; KEPT]; PLANE];
    for (row, out) in plane.chunks_exact(PLANE).zip(&mut rows) {
        for (u, value) in out.iter_mut().enumerate() {
            *value = row.iter().zip(&COSINES[u]).map(|(level, cosine)| f64::from(*level) * cosine).sum();
        }
    }
    let mut kept = [0.0; KEPT * KEPT];
    for (index, value) in kept.iter_mut().enumerate() {
        let (v, u) = (index / KEPT, index % KEPT);
        let sum: f64 = rows.iter().zip(&COSINES[v]).map(|(row, cosine)| row[u] * cosine).sum();
        *value = (sum * 1e6).round() / 1e6;
    }
    kept
}

/// By frequency, then place.
static COSINES: LazyLock<[[f64; PLANE]; KEPT]> = LazyLock::new(|| {
    let cosine = |frequency: usize, at: usize| (PI / PLANE as f64 * (at as f64 + 0.5) * frequency as f64).cos();
    std::array::from_fn(|frequency| std::array::from_fn(|at| cosine(frequency, at)))
});

impl std::fmt::Display for PerceptualHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for PerceptualHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PerceptualHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        let digits = hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(&hex, 16).ok().filter(|_| digits).map(Self).ok_or_else(|| D::Error::custom("expected 16 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plane(level: impl Fn(usize, usize) -> u8) -> [u8; PLANE * PLANE] {
        std::array::from_fn(|index| level(index % PLANE, index / PLANE))
    }

    #[test]
    fn brighter_is_alike_and_mirrored_is_not() {
        let level = |x: usize, y: usize| (60 + (x * x + 3 * x * y) / 7 % 100) as u8;
        let texture = PerceptualHash::of(&plane(level));
        let brighter = PerceptualHash::of(&plane(|x, y| level(x, y) + 40));
        let mirrored = PerceptualHash::of(&plane(|x, y| level(31 - x, y)));
        assert!(texture.distance(brighter) < 0.05, "{}", texture.distance(brighter));
        assert!(texture.distance(mirrored) > 0.3, "{}", texture.distance(mirrored));
    }

    #[test]
    fn flat_planes_are_alike() {
        let (black, gray) = (PerceptualHash::of(&[0; 1024]), PerceptualHash::of(&[128; 1024]));
        assert!(black.distance(gray) <= 1.0 / 64.0);
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_a_share(a in proptest::collection::vec(any::<u8>(), 1024), b in proptest::collection::vec(any::<u8>(), 1024)) {
            let hash = |v: Vec<u8>| PerceptualHash::of(&v.try_into().unwrap());
            let (a, b) = (hash(a), hash(b));
            prop_assert_eq!(a.distance(a).to_bits(), 0);
            prop_assert_eq!(a.distance(b).to_bits(), b.distance(a).to_bits());
            prop_assert!((0.0..=1.0).contains(&a.distance(b)));
        }
    }
}
