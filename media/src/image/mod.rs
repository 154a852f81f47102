//! Still pictures and animations: open, decode, convert to sRGB, composite, turn upright, view. Entry points: `normalise` and `probe`.

mod animation;
mod colour;
mod cut;
mod failure;
mod normalise;
mod open;
mod picture;
mod still;
#[cfg(test)]
mod tests;

pub(crate) use normalise::{normalise, probe};
