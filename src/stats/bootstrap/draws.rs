//! Random draws that depend on the seed and on what is drawn for, never on who draws or when.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Binomial, Distribution as _, Uniform};

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
pub(super) struct Urn {
    /// Clusters of each kind.
    sizes: Vec<u32>,
    /// The kind of each cluster.
    kinds: Vec<u32>,
}

/// Above this many clusters a kind, one binomial draw a kind costs less than one uniform draw a cluster.
const CROWDED: usize = 24;

impl Urn {
    /// `sizes` are counts of 1 or more.
    pub(super) fn new(sizes: Vec<u32>) -> Self {
        let kinds = sizes.iter().zip(0..).flat_map(|(size, kind)| std::iter::repeat_n(kind, *size as usize)).collect();
        Self { sizes, kinds }
    }

    /// Draws as many clusters as there are, and counts them by kind.
    ///
    /// The counts are multinomial. Both ways draw exactly that: cluster by cluster, or kind by kind, each count being binomial given those
    /// before it.
    pub(super) fn draw(&self, generator: &mut ChaCha8Rng, counts: &mut [f64]) {
        if self.kinds.len() > CROWDED * self.sizes.len() { self.by_kind(generator, counts) } else { self.by_cluster(generator, counts) }
    }

    fn by_cluster(&self, generator: &mut ChaCha8Rng, counts: &mut [f64]) {
        counts.fill(0.0);
        let Ok(any) = Uniform::new(0, self.kinds.len() as u32) else { return };
        for _ in 0..self.kinds.len() {
            counts[self.kinds[generator.sample(any) as usize] as usize] += 1.0;
        }
    }

    fn by_kind(&self, generator: &mut ChaCha8Rng, counts: &mut [f64]) {
        let (mut draws, mut clusters) = (self.kinds.len() as u64, self.kinds.len() as u64);
        for (count, size) in counts.iter_mut().zip(&self.sizes) {
            let size = u64::from(*size);
            let drawn = if size == clusters {
                draws // the last kind takes the rest
            } else {
                Binomial::new(draws, size as f64 / clusters as f64).map_or(0, |binomial| binomial.sample(generator))
            };
            *count = drawn as f64;
            draws -= drawn;
            clusters -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums and sums of squares of the counts of many resamples.
    fn moments(urn: &Urn, draw: fn(&Urn, &mut ChaCha8Rng, &mut [f64])) -> Vec<(f64, f64)> {
        let mut counts = vec![0.0; urn.sizes.len()];
        let mut sums = vec![(0.0, 0.0); urn.sizes.len()];
        let generators = Resampling { resamples: 20_000, seed: 7 }.generators();
        for resample in 0..20_000 {
            draw(urn, &mut generators(resample), &mut counts);
            assert!((counts.iter().sum::<f64>() - urn.kinds.len() as f64).abs() < 0.5);
            sums.iter_mut().zip(&counts).for_each(|(sum, count)| *sum = (sum.0 + count, sum.1 + count * count));
        }
        sums.into_iter().map(|(sum, squares)| (sum / 20_000.0, squares / 20_000.0 - (sum / 20_000.0).powi(2))).collect()
    }

    #[test]
    fn both_ways_are_multinomial() {
        let urn = Urn::new(vec![3, 90, 7]);
        for way in [Urn::by_cluster, Urn::by_kind] {
            for ((mean, variance), size) in moments(&urn, way).into_iter().zip([3.0, 90.0, 7.0]) {
                let expected: f64 = size * (1.0 - size / 100.0);
                assert!((mean - size).abs() < 5.0 * (expected / 20_000.0).sqrt(), "{mean} is not {size}");
                assert!((variance / expected - 1.0).abs() < 0.06, "{variance} is not {expected}");
            }
        }
    }
}
