//! Any channel layout to one channel.

use std::f32::consts::FRAC_1_SQRT_2;

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
        let roles: Vec<Role> = (0..u64::BITS).filter(|bit| mask >> bit & 1 == 1).map(Role::of_bit).collect();
        Self::of(&roles)
    }

    /// How many channels it mixes.
    pub(super) fn channels(&self) -> usize {
        self.weights.len()
    }

    /// Appends the mono mix of interleaved frames to `mono`; an incomplete last frame is dropped.
    pub(super) fn mix(&self, interleaved: &[f32], mono: &mut Vec<f32>) {
        match *self.weights.as_slice() {
            [_] => mono.extend_from_slice(interleaved),
            [left, right] if left > 0.0 && right > 0.0 => {
                mono.extend(interleaved.as_chunks().0.iter().map(|[a, b]| a * left + b * right));
            }
            ref weights => mono.extend(interleaved.chunks_exact(weights.len()).map(|frame| dot(frame, weights))),
        }
    }
}

fn dot(frame: &[f32], weights: &[f32]) -> f32 {
    // A weight of zero must not let NaN through from a channel that is left out.
    frame.iter().zip(weights).filter(|(_, weight)| **weight > 0.0).map(|(sample, weight)| sample * weight).sum()
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

    #[test]
    fn stereo_is_halved_and_mono_untouched() {
        let mut mono = Vec::new();
        Mixdown::of_mask(0b11).mix(&[1.0, 0.0, 0.5, 0.5, -1.0, 1.0], &mut mono);
        Mixdown::of_mask(0b100).mix(&[0.25], &mut mono);
        assert_eq!(mono, [0.5, 0.5, 0.0, 0.25]);
    }

    #[test]
    fn surround_follows_bs_775() {
        let mix = Mixdown::of_mask(0b11_1111); // L R C LFE Ls Rs
        let one = |channel: usize| {
            let mut frame = [0.0; 6];
            frame[channel] = 1.0;
            let mut mono = Vec::new();
            mix.mix(&frame, &mut mono);
            mono[0]
        };
        assert!((one(2) / one(0) - std::f32::consts::SQRT_2).abs() < 1e-6, "the centre is 3 dB above left");
        assert!((one(0) / one(4) - std::f32::consts::SQRT_2).abs() < 1e-6, "surrounds are 3 dB below left");
        assert!(one(3).abs() < f32::EPSILON, "no low-frequency effects");
        assert!(((0..6).map(one).sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_dropped_channel_does_not_leak() {
        let mut mono = Vec::new();
        Mixdown::of(&[Role::Front, Role::LowFrequency]).mix(&[0.5, f32::NAN], &mut mono);
        Mixdown::of(&[Role::LowFrequency]).mix(&[0.5], &mut mono);
        Mixdown::mean(4).mix(&[1.0, 0.0, 0.0, 0.0], &mut mono);
        assert_eq!(mono, [0.5, 0.5, 0.25]);
    }
}
