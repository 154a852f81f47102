//! Random draws that depend on the seed and on what is drawn for, never on who draws or when.

use std::ops::Range;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, SeedableRng as _};
use rand_distr::{Binomial, Distribution as _};

/// One seed for all reports, so that they come out byte-identical.
const SEED: u64 = 0;

/// How much is resampled, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// Resamples, 1 or more.
    pub resamples: usize,
    /// The same seed gives the same interval.
    pub seed: u64,
}

impl Resampling {
    /// Of groups by one field.
    pub const SINGLE: Self = Self { resamples: 10_000, seed: SEED };
    /// Of groups by two fields, and of pairs of models.
    pub const PAIRS: Self = Self { resamples: 2_000, seed: SEED };

    /// A generator for one resample alone, so that threads may take resamples in any order.
    ///
    /// Blackman and Vigna (2021), "Scrambled linear pseudorandom number generators": xoshiro256++, its state made by SplitMix64 of seed and resample.
    /// While both are below 2^32, no two have one state.
    pub(in crate::stats) fn generator(self, resample: usize) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed.rotate_left(32) ^ resample as u64)
    }
}

/// Clusters to draw from with replacement, by kind: clusters of one kind are alike in every number.
pub(in crate::stats) struct Urn {
    /// The kind of each cluster.
    kinds: Vec<u32>,
    /// Where kinds are halved, the share of the first half's clusters in both, in units of 2^-64: by the second half's first kind.
    shares: Vec<u64>,
}

/// Above this many clusters a kind, halving costs less than one uniform draw a cluster.
const CROWDED: usize = 64;
/// Up to this many clusters, a draw of 16 bits seldom has to be made again: at most in a quarter of all cases.
const NARROW: usize = 1 << 14;

impl Urn {
    /// `sizes` are how many clusters each kind has, 1 or more.
    pub(in crate::stats) fn new(sizes: &[u32]) -> Self {
        let kinds = sizes.iter().zip(0..).flat_map(|(size, kind)| std::iter::repeat_n(kind, *size as usize)).collect();
        let mut shares = vec![0; sizes.len()];
        halve(sizes, 0, &mut shares);
        Self { kinds, shares }
    }

    /// Room for what [`draw`](Self::draw) counts.
    pub(in crate::stats) fn counts(&self) -> Vec<f64> {
        vec![0.0; self.shares.len()]
    }

    /// Draws as many clusters as there are, and counts them by kind.
    ///
    /// The counts are multinomial. All ways draw exactly that (but for shares, which are cut to multiples of 2^-64): cluster by cluster, or by halves of
    /// the kinds, the count of one half being binomial given that of both.
    pub(in crate::stats) fn draw(&self, generator: &mut Xoshiro256PlusPlus, counts: &mut [f64]) {
        let clusters = self.kinds.len();
        if clusters > CROWDED * counts.len() {
            self.by_halves(generator, 0..counts.len(), clusters as u64, counts);
        } else if clusters <= NARROW {
            self.by_cluster::<16>(generator, counts);
        } else {
            self.by_cluster::<32>(generator, counts);
        }
    }

    /// A draw takes `BITS` of a word.
    fn by_cluster<const BITS: u32>(&self, generator: &mut Xoshiro256PlusPlus, counts: &mut [f64]) {
        let n = self.kinds.len() as u64;
        let (parts, over) = (64 / BITS, over::<BITS>(n));
        counts.fill(0.0);
        let mut count = |mut part: u64, generator: &mut Xoshiro256PlusPlus| {
            let place = loop {
                match place::<BITS>(part, n, over) {
                    Some(place) => break place,
                    None => part = generator.next_u64() >> (64 - BITS),
                }
            };
            counts[self.kinds[place] as usize] += 1.0;
        };
        for _ in 0..n / u64::from(parts) {
            let word = generator.next_u64();
            (0..parts).for_each(|part| count((word >> (BITS * part)) & ((1 << BITS) - 1), generator));
        }
        for _ in 0..n % u64::from(parts) {
            let part = generator.next_u64() >> (64 - BITS);
            count(part, generator);
        }
    }

    fn by_halves(&self, generator: &mut Xoshiro256PlusPlus, kinds: Range<usize>, clusters: u64, counts: &mut [f64]) {
        if kinds.len() < 2 {
            counts[kinds].fill(clusters as f64);
            return;
        }
        let middle = kinds.start.midpoint(kinds.end);
        let first = below(generator, clusters, self.shares[middle]);
        self.by_halves(generator, kinds.start..middle, first, counts);
        self.by_halves(generator, middle..kinds.end, clusters - first, counts);
    }
}

/// Fills in the shares of `sizes`, which are those of the kinds from `start` on; returns how many clusters they are.
fn halve(sizes: &[u32], start: usize, shares: &mut [u64]) -> u64 {
    if sizes.len() < 2 {
        return sizes.iter().copied().map(u64::from).sum();
    }
    let middle = start.midpoint(start + sizes.len());
    let (first, second) = sizes.split_at(middle - start);
    let (first, second) = (halve(first, start, shares), halve(second, middle, shares));
    shares[middle] = ((u128::from(first) << 64) / u128::from(first + second)) as u64;
    first + second
}

/// How many of the numbers of `BITS` bits are over when `n` places have equally many.
const fn over<const BITS: u32>(n: u64) -> u64 {
    if n == 0 { 0 } else { (1 << BITS) % n }
}

/// One of `n` places, for equally many numbers of `BITS` bits each; `None` for those that are over.
///
/// Lemire (2019), "Fast random integer generation in an interval": multiplication with rejection.
const fn place<const BITS: u32>(part: u64, n: u64, over: u64) -> Option<usize> {
    let wide = part * n;
    if wide % (1 << BITS) < over { None } else { Some((wide >> BITS) as usize) }
}

/// Above this many trials rand_distr's rejection (BTPE) costs less than a bit a trial.
const MANY: u64 = 2048;
/// Up to this many trials each has a word of its own.
const FEW: u64 = 3;

/// Successes among `trials`, each with a chance of `share` times 2^-64.
///
/// A trial succeeds when a number of random bits is below `share`. Bit by bit from the first: those with another bit than `share` are decided, by chance
/// half of them, and the rest goes on.
fn below(generator: &mut Xoshiro256PlusPlus, mut trials: u64, mut share: u64) -> u64 {
    if trials > MANY {
        return Binomial::new(trials, share as f64 / 2f64.powi(64)).map_or(0, |binomial| binomial.sample(generator));
    }
    let mut decided = 0;
    while trials > FEW && share > 0 {
        let rest = heads(generator, trials);
        decided += (trials - rest) * (share >> 63);
        (trials, share) = (rest, share << 1);
    }
    let own = if share > 0 { trials } else { 0 };
    decided + (0..own).map(|_| u64::from(generator.next_u64() < share)).sum::<u64>()
}

/// Heads among `tosses` of a coin.
pub(in crate::stats) fn heads(generator: &mut Xoshiro256PlusPlus, tosses: u64) -> u64 {
    let words = (0..tosses / 64).map(|_| u64::from(generator.next_u64().count_ones())).sum::<u64>();
    let rest = tosses % 64;
    if rest == 0 { words } else { words + u64::from((generator.next_u64() >> (64 - rest)).count_ones()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Way<'w> = &'w dyn Fn(&mut Xoshiro256PlusPlus, &mut [f64]);

    const DRAWS: usize = 4000;
    const HOW: Resampling = Resampling { resamples: DRAWS, seed: 7 };

    fn moments(draws: impl Iterator<Item = f64>) -> (f64, f64) {
        let (sum, squares) = draws.fold((0.0, 0.0), |(sum, squares), draw| (sum + draw, squares + draw * draw));
        let n = DRAWS as f64;
        (sum / n, squares / n - (sum / n).powi(2))
    }

    #[track_caller]
    fn near((mean, variance): (f64, f64), trials: f64, share: f64) {
        let (centre, spread) = (trials * share, trials * share * (1.0 - share));
        assert!((mean - centre).abs() < 5.0 * (spread / DRAWS as f64).sqrt(), "{mean} is not {centre}");
        assert!((variance / spread - 1.0).abs() < 0.12, "{variance} is not {spread}");
    }

    #[test]
    fn all_ways_are_multinomial() {
        for sizes in [vec![3, 90, 7], vec![20, 1, 40, 19, 20], vec![1500, 9000, 700]] {
            let urn = Urn::new(&sizes);
            let clusters = urn.kinds.len() as u64;
            let by_halves = |generator: &mut Xoshiro256PlusPlus, counts: &mut [f64]| {
                urn.by_halves(generator, 0..counts.len(), clusters, counts);
            };
            let narrow = |generator: &mut Xoshiro256PlusPlus, counts: &mut [f64]| urn.by_cluster::<16>(generator, counts);
            let wide = |generator: &mut Xoshiro256PlusPlus, counts: &mut [f64]| urn.by_cluster::<32>(generator, counts);
            let ways: [Way; 3] = [&by_halves, &narrow, &wide];
            for way in ways {
                let drawn = |resample| {
                    let mut counts = urn.counts();
                    way(&mut HOW.generator(resample), &mut counts);
                    assert!((counts.iter().sum::<f64>() - clusters as f64).abs() < 0.5);
                    counts
                };
                let drawn: Vec<Vec<f64>> = (0..DRAWS).map(drawn).collect();
                for (kind, size) in sizes.iter().enumerate() {
                    near(moments(drawn.iter().map(|counts| counts[kind])), clusters as f64, f64::from(*size) / clusters as f64);
                }
                // Two counts of one draw pull at each other: their sum is binomial too.
                let both = f64::from(sizes[0] + sizes[2]) / clusters as f64;
                near(moments(drawn.iter().map(|counts| counts[0] + counts[2])), clusters as f64, both);
            }
        }
    }

    #[test]
    fn every_place_is_as_likely() {
        for n in [1, 3, 100, 12_345, NARROW as u64] {
            let mut times = vec![0; n as usize];
            (0..1 << 16).filter_map(|part| place::<16>(part, n, over::<16>(n))).for_each(|place| times[place] += 1);
            assert!(times.iter().all(|one| *one == (1 << 16) / n), "{n}");
        }
    }

    #[test]
    fn few_and_many_trials_are_binomial() {
        for trials in [1, 3, 4, 63, 64, 65, 500, MANY, MANY + 1] {
            for share in [0.5, 0.25, 1.0 / 3.0, 0.9] {
                let cut = (share * 2f64.powi(64)) as u64;
                let drawn = moments((0..DRAWS).map(|resample| below(&mut HOW.generator(resample), trials, cut) as f64));
                near(drawn, trials as f64, share);
            }
        }
        assert_eq!((below(&mut HOW.generator(0), 100, 0), below(&mut HOW.generator(0), 0, u64::MAX)), (0, 0));
    }

    #[test]
    fn a_generator_is_that_of_its_seed_and_resample() {
        let first = |seed, resample| Resampling { seed, ..HOW }.generator(resample).next_u64();
        assert_eq!(first(1, 2), first(1, 2));
        assert!(first(1, 2) != first(2, 1) && first(1, 2) != first(1, 3) && first(0, 0) != first(1, 0));
    }
}
