//! Seeded draws without replacement: the same numbers on every machine and in every version.

use std::collections::BTreeSet;

/// SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, by multiplication; the bias is below `bound` / 2^64.
    const fn below(&mut self, bound: usize) -> usize {
        ((self.next() as u128 * bound as u128) >> 64) as usize
    }
}

/// `count` distinct numbers below `range` (all of them when there are no more), ascending.
/// Floyd's algorithm: Bentley and Floyd, "A Sample of Brilliance", CACM 30(9), 1987; every subset is equally likely.
pub(super) fn distinct(count: usize, range: usize, seed: u64) -> Vec<usize> {
    let mut generator = SplitMix64(seed);
    let mut drawn = BTreeSet::new();
    for top in range.saturating_sub(count)..range {
        let candidate = generator.below(top + 1);
        if !drawn.insert(candidate) {
            drawn.insert(top);
        }
    }
    drawn.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{SplitMix64, distinct};

    #[test]
    fn the_generator_gives_the_published_numbers() {
        let mut generator = SplitMix64(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| generator.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn seeds_differ_and_every_number_has_its_share() {
        assert_ne!(distinct(5, 1000, 1), distinct(5, 1000, 2));
        assert_eq!(distinct(9, 4, 0), [0, 1, 2, 3]);
        let mut hits = [0; 10];
        for seed in 0..2000 {
            distinct(3, 10, seed).into_iter().for_each(|drawn| hits[drawn] += 1);
        }
        assert!(hits.iter().all(|count| (500..700).contains(count)), "expected 600 each: {hits:?}");
    }
}
