//! Sound: decode, mix down, measure, resample, chunk, WAV or FLAC. The entry points are [`normalise`], [`soundtrack`] and [`streams`].

mod chain;
mod chunk;
mod decode;
mod edit;
mod flac;
mod header;
mod hearing;
mod libav;
mod meter;
mod mixdown;
mod normalise;
mod ogg;
mod outlet;
mod pause;
mod piped;
mod resample;
mod symphonia;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_formats;
#[cfg(test)]
mod tests_trouble;
pub(crate) mod wav;

pub(crate) use normalise::{normalise, soundtrack, streams};
pub(crate) use ogg::{BadPages, bad_pages};
pub(crate) use pause::PictureClock;
