//! Resampled means of values that lie on a lattice, as levels and means of repeats do: many draws at a time.

use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::Distribution as _;
use rand_distr::weighted::WeightedAliasIndex;

use super::draws::Urn;

/// Levels are whole, and means of up to six repeats are whole multiples of a sixtieth of a level.
const STEPS: f64 = 60.0;
/// How far from the lattice rounding may take a sum, in steps.
const SLACK: f64 = 1e-6;
/// Up to this many clusters, drawing one by one costs less than making tables.
const FEW: u32 = 64;
/// What is less likely in one draw is left out: 2^-64.
const NEVER: f64 = 5.4e-20;
/// A draw takes as long as about this many products of a convolution.
const PRODUCTS: u64 = 16;

/// Clusters of one column, by how many values each has: of those with equally many, the sum alone decides.
pub(super) struct Lattice {
    urn: Urn,
    classes: Vec<Class>,
}

struct Class {
    /// Values of each cluster.
    values: f64,
    /// The smallest sum of a cluster.
    least: f64,
    /// All sums are the smallest and a whole number of these.
    step: f64,
    sums: Sums,
}

/// Sums of 1, 2, 4, 8 ... draws from one distribution over 0, 1, 2 ..., each made from the one before.
struct Sums(Vec<Power>);

struct Power {
    least: u64,
    above: WeightedAliasIndex<f64>,
}

impl Lattice {
    /// Of kinds by number of values; `None` where one is off the lattice or clusters are few. `sizes` are how many clusters a kind has, `cells` the sum
    /// and the number of its values.
    pub(super) fn of(sizes: &[u32], cells: &[(f64, f64)], resamples: usize) -> Option<Self> {
        if sizes.iter().sum::<u32>() <= FEW {
            return None;
        }
        let kinds: Vec<(u32, i64, f64)> =
            sizes.iter().zip(cells).map(|(size, (sum, n))| Some((*size, steps(*sum)?, *n))).collect::<Option<_>>()?;
        let classes = kinds.chunk_by(|one, other| one.2.total_cmp(&other.2).is_eq());
        let clusters: Vec<u32> = classes.clone().map(|kinds| kinds.iter().map(|(size, ..)| size).sum()).collect();
        let classes = classes.map(|kinds| Class::of(kinds, resamples as u64)).collect::<Option<_>>()?;
        Some(Self { urn: Urn::new(&clusters), classes })
    }

    /// Room for what [`mean`](Self::mean) counts.
    pub(super) fn counts(&self) -> Vec<f64> {
        self.urn.counts()
    }

    /// The mean of as many clusters as there are, drawn with replacement.
    pub(super) fn mean(&self, generator: &mut Xoshiro256PlusPlus, counts: &mut [f64]) -> f64 {
        self.urn.draw(generator, counts);
        let (mut sum, mut n) = (0.0, 0.0);
        for (class, clusters) in self.classes.iter().zip(counts) {
            sum += class.least * *clusters + class.step * class.sums.draw(generator, *clusters as u64) as f64;
            n += class.values * *clusters;
        }
        sum / n
    }
}

impl Class {
    /// Of kinds with equally many values.
    fn of(kinds: &[(u32, i64, f64)], resamples: u64) -> Option<Self> {
        let (_, least, values) = *kinds.iter().min_by_key(|(_, sum, _)| sum)?;
        let above = || kinds.iter().map(|(size, sum, _)| (f64::from(*size), (sum - least).unsigned_abs()));
        let step = above().map(|(_, above)| above).fold(0, gcd).max(1);
        let clusters: f64 = above().map(|(size, _)| size).sum();
        let mut chances = vec![0.0; above().map(|(_, above)| above / step).max()? as usize + 1];
        above().for_each(|(size, above)| chances[(above / step) as usize] += size / clusters);
        let sums = Sums::of(chances, resamples * clusters as u64)?;
        Some(Self { values, least: least as f64 / STEPS, step: step as f64 / STEPS, sums })
    }
}

impl Sums {
    /// Of the distribution that gives 0, 1, 2 ... these chances, for about so many draws in all.
    fn of(mut chances: Vec<f64>, mut draws: u64) -> Option<Self> {
        let (mut powers, mut least) = (Vec::new(), 0);
        loop {
            let products = (chances.len() as u64).pow(2);
            powers.push(Power { least, above: WeightedAliasIndex::new(chances.clone()).ok()? });
            draws /= 2;
            if products > PRODUCTS * draws {
                return Some(Self(powers));
            }
            chances = twice(&chances);
            let unlikely = chances.iter().take_while(|chance| **chance < NEVER).count();
            chances.truncate(chances.iter().rposition(|chance| *chance >= NEVER)? + 1);
            chances.drain(..unlikely);
            least = 2 * least + unlikely as u64;
        }
    }

    /// The sum of `draws` draws.
    fn draw(&self, generator: &mut Xoshiro256PlusPlus, draws: u64) -> u64 {
        let largest = self.0.len() - 1;
        let of = |power: usize, generator: &mut Xoshiro256PlusPlus| self.0[power].least + self.0[power].above.sample(generator) as u64;
        let rest: u64 = (0..largest).filter(|power| draws >> power & 1 == 1).map(|power| of(power, generator)).sum();
        rest + (0..draws >> largest).map(|_| of(largest, generator)).sum::<u64>()
    }
}

/// The sum in steps; `None` where it is no whole number of them.
fn steps(sum: f64) -> Option<i64> {
    let steps = (sum * STEPS).round();
    ((sum * STEPS - steps).abs() <= SLACK && steps.abs() < 2f64.powi(40)).then_some(steps as i64)
}

/// The chances of the sum of two draws.
fn twice(chances: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; 2 * chances.len() - 1];
    for (place, one) in chances.iter().enumerate() {
        sums[place..].iter_mut().zip(chances).for_each(|(sum, other)| *sum += one * other);
    }
    sums
}

const fn gcd(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { gcd(other, one % other) }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    const DRAWS: usize = 20_000;

    fn generator() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(5)
    }

    #[test]
    fn a_sum_of_draws_has_the_chances_of_the_sum() {
        let chances = vec![0.5, 0.0, 0.3, 0.2];
        for draws in [0, 1, 2, 3, 5, 8, 13] {
            let expected = (0..draws).fold(vec![1.0], |sums: Vec<f64>, _| {
                let mut next = vec![0.0; sums.len() + 3];
                for (sum, chance) in sums.iter().enumerate() {
                    chances.iter().zip(sum..).for_each(|(one, place)| next[place] += chance * one);
                }
                next
            });
            for room in [0, 1_000, 1 << 40] {
                // Without room for tables, with some, and with more than is needed.
                let sums = Sums::of(chances.clone(), room).unwrap();
                let (mut found, mut generator) = (vec![0.0; expected.len()], generator());
                (0..DRAWS).for_each(|_| found[sums.draw(&mut generator, draws) as usize] += 1.0 / DRAWS as f64);
                for (found, expected) in found.iter().zip(&expected) {
                    let spread = (expected * (1.0 - expected) / DRAWS as f64).sqrt();
                    assert!((found - expected).abs() <= 5.0 * spread + 1e-9, "{draws} draws: {found} is not {expected}");
                }
            }
        }
    }

    #[test]
    fn sums_of_many_draws_keep_mean_and_variance_and_lose_no_place() {
        let sums = Sums::of(vec![0.9, 0.0, 0.1], 1 << 30).unwrap();
        assert!(sums.0.len() > 10 && sums.0.last().unwrap().least > 0, "tables are long enough to be trimmed");
        let mut generator = generator();
        let drawn: Vec<f64> = (0..DRAWS).map(|_| sums.draw(&mut generator, 100_000) as f64).collect();
        let mean = drawn.iter().sum::<f64>() / DRAWS as f64;
        let variance = drawn.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / DRAWS as f64;
        assert!((mean - 20_000.0).abs() < 5.0 * (36_000.0 / DRAWS as f64).sqrt(), "{mean}");
        assert!((variance / 36_000.0 - 1.0).abs() < 0.05, "{variance}");
        assert!(drawn.iter().all(|one| one % 2.0 == 0.0), "two steps apart at every power");
    }

    #[test]
    fn means_are_those_of_drawing_cluster_by_cluster() {
        // Clusters of one, two and three values of a third each; those of two are all alike.
        let (sizes, cells) = ([40, 60, 30, 20, 50], [(1.0, 1.0), (5.0, 1.0), (11.0 / 3.0, 2.0), (4.0, 3.0), (43.0 / 3.0, 3.0)]);
        let (lattice, urn) = (Lattice::of(&sizes, &cells, 2_000).unwrap(), Urn::new(&sizes));
        let moments = |mean: &dyn Fn(&mut Xoshiro256PlusPlus) -> f64| {
            let mut generator = generator();
            let means: Vec<f64> = (0..DRAWS).map(|_| mean(&mut generator)).collect();
            let centre = means.iter().sum::<f64>() / DRAWS as f64;
            (centre, (means.iter().map(|mean| (mean - centre).powi(2)).sum::<f64>() / DRAWS as f64).sqrt())
        };
        let ours = moments(&|generator| lattice.mean(generator, &mut lattice.counts()));
        let plain = moments(&|generator| {
            let mut counts = urn.counts();
            urn.draw(generator, &mut counts);
            let total = |of: fn(&(f64, f64)) -> f64| counts.iter().zip(&cells).map(|(count, cell)| count * of(cell)).sum::<f64>();
            total(|cell| cell.0) / total(|cell| cell.1)
        });
        assert!((ours.0 - plain.0).abs() < 5.0 * plain.1 / (DRAWS as f64 / 2.0).sqrt(), "{ours:?} is not {plain:?}");
        assert!((ours.1 / plain.1 - 1.0).abs() < 0.04, "{ours:?} is not {plain:?}");
    }

    #[test]
    fn what_is_off_the_lattice_or_few_is_left_to_others() {
        let of = |sum: f64, size: u32| Lattice::of(&[size, size], &[(1.0, 1.0), (sum, 1.0)], 100).is_some();
        assert!(of(4.2, 50) && of(11.0 / 3.0, 50) && of(-2.5, 50));
        assert!(!of(std::f64::consts::PI, 50) && !of(f64::NAN, 50) && !of(1e300, 50) && !of(4.2, 32));
    }
}
