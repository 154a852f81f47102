//! Video: index all packets, plan what to decode, decode it in one forward pass, view it.

mod admit;
mod bits;
mod camera;
mod chunks;
mod clock;
mod colours;
mod counting;
mod cursor;
mod damage;
mod delivery;
mod findings;
mod geometry;
mod header;
mod hevc;
mod holes;
mod index;
mod jump;
mod normalise;
mod order;
mod outbox;
mod past;
mod plan;
mod promise;
mod session;
mod sets;
mod turned;

pub(crate) use normalise::{normalise, streams};
