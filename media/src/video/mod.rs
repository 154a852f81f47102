//! Video: index all packets, plan what to decode, decode it in one forward pass, view it.

mod bidirectional;
mod camera;
mod clock;
mod cursor;
mod damage;
mod delivery;
mod findings;
mod geometry;
mod holes;
mod index;
mod normalise;
mod order;
mod outbox;
mod plan;
mod session;

pub(crate) use normalise::{normalise, streams};
