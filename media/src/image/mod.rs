//! Still pictures and animations: open, decode, convert to sRGB, composite, turn upright, view. Entry points: `normalise` and `streams`.

mod animation;
#[cfg(feature = "turbojpeg")]
mod clean;
mod colour;
mod cut;
mod exif;
mod failure;
mod gif;
mod jpeg;
mod normalise;
mod open;
mod picture;
mod png;
mod still;
#[cfg(test)]
mod tests;
#[cfg(feature = "turbojpeg")]
mod turbo;
mod webp;

pub(crate) use normalise::{normalise, streams};
