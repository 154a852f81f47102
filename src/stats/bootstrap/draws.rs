//! Random draws that depend on the seed and on what is drawn for, never on who draws or when.

use rand::rngs::ChaCha8Rng;
use rand::{Rng as _, SeedableRng as _};
use rand_distr::{Binomial, Distribution as _};

/// How much is resampled, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// Resamples, 1 or more.
    pub resamples: usize,
    /// The same seed gives the same interval.
    pub seed: u64,
}

impl Resampling {
    /// One generator a resample: a stream of its own of a counter-based generator, so that threads may take resamples in any order.
    pub(in crate::stats) fn generators(self) -> impl Fn(usize) -> ChaCha8Rng + Sync {
        let seed = ChaCha8Rng::seed_from_u64(self.seed).get_seed();
        move |resample| {
            let mut generator = ChaCha8Rng::from_seed(seed);
            generator.set_stream(resample as u64);
            generator
        }
    }
}

/// Clusters to draw from with replacement, by kind: clusters of one kind are alike in every number.
pub(in crate::stats) struct Urn {
    /// Clusters of each kind.
    sizes: Vec<u32>,
    /// The kind of each cluster.
    kinds: Vec<u32>,
}

/// What one draw from an urn leaves, and the room that it needs.
pub(in crate::stats) struct Hand {
    /// Clusters drawn of each kind.
    pub(in crate::stats) counts: Vec<f64>,
    words: Vec<u8>,
}

/// Above this many clusters a kind, one binomial draw a kind costs less than one uniform draw a cluster.
const CROWDED: usize = 24;

impl Urn {
    /// `sizes` are counts of 1 or more.
    pub(in crate::stats) fn new(sizes: Vec<u32>) -> Self {
        let kinds = sizes.iter().zip(0..).flat_map(|(size, kind)| std::iter::repeat_n(kind, *size as usize)).collect();
        Self { sizes, kinds }
    }

    pub(in crate::stats) fn hand(&self) -> Hand {
        Hand { counts: vec![0.0; self.sizes.len()], words: vec![0; 4 * self.kinds.len()] }
    }

    /// Draws as many clusters as there are, and counts them by kind.
    ///
    /// The counts are multinomial. Both ways draw exactly that: cluster by cluster, or kind by kind, each count being binomial given those
    /// before it.
    pub(in crate::stats) fn draw(&self, generator: &mut ChaCha8Rng, hand: &mut Hand) {
        if self.kinds.len() > CROWDED * self.sizes.len() { self.by_kind(generator, hand) } else { self.by_cluster(generator, hand) }
    }

    /// Unbiased by Lemire's multiplication with rejection (2019), "Fast random integer generation in an interval"; all words at once, for one call a
    /// cluster would cost more than the draw.
    fn by_cluster(&self, generator: &mut ChaCha8Rng, hand: &mut Hand) {
        let n = self.kinds.len() as u32;
        let least = n.wrapping_neg() % n.max(1);
        hand.counts.fill(0.0);
        generator.fill_bytes(&mut hand.words);
        for word in hand.words.chunks_exact(4) {
            let mut wide = u64::from(u32::from_le_bytes([word[0], word[1], word[2], word[3]])) * u64::from(n);
            while (wide as u32) < least {
                wide = u64::from(generator.next_u32()) * u64::from(n);
            }
            hand.counts[self.kinds[(wide >> 32) as usize] as usize] += 1.0;
        }
    }

    fn by_kind(&self, generator: &mut ChaCha8Rng, hand: &mut Hand) {
        let (mut left, mut clusters) = (self.kinds.len() as u64, self.kinds.len() as u64);
        for (count, size) in hand.counts.iter_mut().zip(&self.sizes) {
            let size = u64::from(*size);
            let drawn = if size == clusters {
                left // the last kind takes the rest
            } else {
                Binomial::new(left, size as f64 / clusters as f64).map_or(0, |binomial| binomial.sample(generator))
            };
            *count = drawn as f64;
            left -= drawn;
            clusters -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 4000;

    /// Mean and variance of each count over many resamples.
    fn moments(urn: &Urn, draw: fn(&Urn, &mut ChaCha8Rng, &mut Hand)) -> Vec<(f64, f64)> {
        let (mut hand, generators) = (urn.hand(), Resampling { resamples: DRAWS, seed: 7 }.generators());
        let mut sums = vec![(0.0, 0.0); urn.sizes.len()];
        for resample in 0..DRAWS {
            draw(urn, &mut generators(resample), &mut hand);
            assert!((hand.counts.iter().sum::<f64>() - urn.kinds.len() as f64).abs() < 0.5);
            sums.iter_mut().zip(&hand.counts).for_each(|(sum, count)| *sum = (sum.0 + count, sum.1 + count * count));
        }
        let n = DRAWS as f64;
        sums.into_iter().map(|(sum, squares)| (sum / n, squares / n - (sum / n).powi(2))).collect()
    }

    #[test]
    fn both_ways_are_multinomial() {
        let urn = Urn::new(vec![3, 90, 7]);
        for way in [Urn::by_cluster, Urn::by_kind] {
            for ((mean, variance), size) in moments(&urn, way).into_iter().zip([3.0, 90.0, 7.0]) {
                let expected: f64 = size * (1.0 - size / 100.0);
                assert!((mean - size).abs() < 5.0 * (expected / DRAWS as f64).sqrt(), "{mean} is not {size}");
                assert!((variance / expected - 1.0).abs() < 0.12, "{variance} is not {expected}");
            }
        }
    }
}
