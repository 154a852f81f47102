//! Video: index all packets, plan what to decode, decode it in one forward pass, view it.

mod cursor;
mod geometry;
mod index;
mod normalise;
mod plan;
mod session;

pub(crate) use normalise::{normalise, probe};
