//! Sound: decode, mix down, resample, chunk, WAV. The entry points are [`normalise`], [`probe`] and [`soundtrack`].

mod chunk;
mod decode;
mod edit;
mod libav;
mod mixdown;
mod normalise;
mod outlet;
mod resample;
mod symphonia;
#[cfg(test)]
mod tests;
mod wav;

pub(crate) use normalise::{normalise, probe, soundtrack};
