//! Any channel layout to one channel.

use std::f32::consts::FRAC_1_SQRT_2;

/// From here on a sample is at full scale: the largest that 16 bits hold.
const FULL_SCALE: f32 = 32_767.0 / 32_768.0;

/// What a channel carries, as far as mixing down cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Left, right, and those between them and the centre.
    Front,
    /// The centre, where speech is.
    Centre,
    /// Side, rear and height channels.
    Surround,
    /// Low-frequency effects: dropped.
    LowFrequency,
}

/// The weight of each channel in the mono mix.
///
/// ITU-R BS.775 (table 2, 1/0 down-mix): mono = 0.7071 L + 0.7071 R + C + 0.5 Ls + 0.5 Rs, which is the sum of its
/// stereo down-mix (L and R at 1, centre and surrounds at -3 dB) times 0.7071. Low-frequency effects are left out, and the weights are
/// normalised to a sum of one, so that nothing clips that did not before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mixdown {
    weights: Vec<f32>,
}

impl Mixdown {
    /// The BS.775 mix of channels with these roles; the mean when every one is low-frequency.
    pub(super) fn of(roles: &[Role]) -> Self {
        let mut weights: Vec<f32> = roles.iter().map(|role| role.weight()).collect();
        let sum: f32 = weights.iter().sum();
        if sum == 0.0 {
            return Self::mean(roles.len());
        }
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Self { weights }
    }

    /// The mean of `channels` channels whose layout is unknown.
    pub(super) fn mean(channels: usize) -> Self {
        Self { weights: vec![1.0 / channels as f32; channels] }
    }

    /// The mix of the channels set in a channel mask, in its order. Symphonia and libav agree with WAVE on the first 18 bits; beyond
    /// them are heights, and a second low-frequency channel at bit 18 (symphonia) or 35 (libav).
    pub(super) fn of_mask(mask: u64) -> Self {
        let mut roles: Vec<Role> = (0..u64::BITS).filter(|bit| mask >> bit & 1 == 1).map(Role::of_bit).collect();
        // And so many for the first bits of all, which no layout of so many has.
        if matches!(roles.len(), 7 | 9..) && mask.trailing_ones() as usize == roles.len() {
            return Self::mean(roles.len());
        }
        // Readers take four or five channels of an unnamed layout for L R C LFE Ls: without two surrounds no channel is surely one to leave out.
        if matches!(roles.len(), 4 | 5) && roles.iter().filter(|role| **role == Role::Surround).count() < 2 {
            roles.iter_mut().filter(|role| **role == Role::LowFrequency).for_each(|role| *role = Role::Surround);
        }
        Self::of(&roles)
    }

    /// How many channels it mixes.
    pub(super) fn channels(&self) -> usize {
        self.weights.len()
    }

    /// How it mixes, for people.
    pub(super) fn name(&self) -> String {
        match (self.weights.len(), self.weights.iter().all(|weight| weight.to_bits() == self.weights[0].to_bits())) {
            (1, _) => "one channel".to_owned(),
            (channels, true) => format!("mean of {channels}"),
            (channels, false) => format!("ITU-R BS.775 of {channels}"),
        }
    }

    /// Appends the mono mix of the channels, each a `plane` of equal length, to `mono`, and says what went into it.
    pub(super) fn mix<'p>(&self, plane: impl Fn(usize) -> &'p [f32], mono: &mut Vec<f32>) -> Mixed {
        match *self.weights.as_slice() {
            [_] => mono.extend_from_slice(plane(0)),
            [left, right] if left > 0.0 && right > 0.0 => {
                mono.extend(plane(0).iter().zip(plane(1)).map(|(a, b)| a * left + b * right));
            }
            ref weights => {
                let start = mono.len();
                mono.resize(start + plane(0).len(), 0.0);
                // A weight of zero must not let NaN through from a channel that is left out.
                for (channel, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                    mono[start..].iter_mut().zip(plane(channel)).for_each(|(slot, sample)| *slot += sample * weight);
                }
            }
        }
        let planes = || (0..self.weights.len()).map(&plane);
        // One channel is its own mix, and loses nothing.
        let compared = if self.weights.len() > 1 { self.weights.len() } else { 0 };
        Mixed { loud: planes().map(loud).sum(), loudest: planes().take(compared).map(energy).fold(0.0, f64::max) }
    }
}

/// What went into a mix.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Mixed {
    /// Samples of all channels at full scale.
    pub(super) loud: u64,
    /// Sum of squares of the channel where it is highest; 0 of a single one.
    pub(super) loudest: f64,
}

/// Sum of squares, in lanes: SIMD may not change the order of a sum by itself.
pub(super) fn energy(samples: &[f32]) -> f64 {
    samples
        .chunks(ENERGY_BLOCK)
        .map(|block| {
            let (lanes, rest) = block.as_chunks::<8>();
            let sums = lanes.iter().fold([0.0_f32; 8], |sums, lane| std::array::from_fn(|i| sums[i] + lane[i] * lane[i]));
            f64::from(sums.iter().chain([&rest.iter().map(|sample| sample * sample).sum()]).sum::<f32>())
        })
        .sum()
}

/// So many squares are added in 32 bits.
const ENERGY_BLOCK: usize = 4096;

/// Samples at or beyond full scale; counted in 32 bits, for packets are short and SIMD wants it.
fn loud(plane: &[f32]) -> u64 {
    plane.iter().map(|sample| u32::from(sample.abs() >= FULL_SCALE)).sum::<u32>().into()
}

impl Role {
    const fn weight(self) -> f32 {
        match self {
            Self::Front => FRAC_1_SQRT_2,
            Self::Centre => 1.0,
            Self::Surround => 0.5,
            Self::LowFrequency => 0.0,
        }
    }

    const fn of_bit(bit: u32) -> Self {
        match bit {
            0 | 1 | 6 | 7 => Self::Front,
            2 => Self::Centre,
            3 | 18 | 35 => Self::LowFrequency,
            _ => Self::Surround,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mixdown, Role};

    fn mixed(mix: &Mixdown, planes: &[&[f32]]) -> (Vec<f32>, u64) {
        let mut mono = Vec::new();
        let mixed = mix.mix(|channel| planes[channel], &mut mono);
        (mono, mixed.loud)
    }

    #[test]
    fn stereo_is_halved_and_mono_untouched() {
        assert_eq!(mixed(&Mixdown::of_mask(0b11), &[&[1.0, 0.5, -1.0], &[0.0, 0.5, 1.0]]), (vec![0.5, 0.5, 0.0], 3));
        assert_eq!(mixed(&Mixdown::of_mask(0b100), &[&[0.25]]), (vec![0.25], 0));
    }

    #[test]
    fn surround_follows_bs_775() {
        let mix = Mixdown::of_mask(0b11_1111); // L R C LFE Ls Rs
        let one = |channel: usize| {
            let planes: Vec<&[f32]> = (0..6).map(|other| if other == channel { &[1.0][..] } else { &[0.0] }).collect();
            mixed(&mix, &planes).0[0]
        };
        assert!((one(2) / one(0) - std::f32::consts::SQRT_2).abs() < 1e-6, "the centre is 3 dB above left");
        assert!((one(0) / one(4) - std::f32::consts::SQRT_2).abs() < 1e-6, "surrounds are 3 dB below left");
        assert!(one(3).abs() < f32::EPSILON, "no low-frequency effects");
        assert!(((0..6).map(one).sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!((mix.name(), Mixdown::of_mask(0b11).name()), ("ITU-R BS.775 of 6".to_owned(), "mean of 2".to_owned()));
    }

    #[test]
    fn a_dropped_channel_does_not_leak() {
        assert_eq!(mixed(&Mixdown::of(&[Role::Front, Role::LowFrequency]), &[&[0.5], &[f32::NAN]]).0, [0.5]);
        assert_eq!(mixed(&Mixdown::of(&[Role::LowFrequency]), &[&[0.5]]).0, [0.5]);
        assert_eq!(mixed(&Mixdown::mean(4), &[&[1.0], &[0.0], &[0.0], &[0.0]]).0, [0.25]);
    }
}
