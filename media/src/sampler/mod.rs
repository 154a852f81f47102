//! Samplers: pure strategies that pick frames from a [`Timeline`](crate::Timeline). The main types are [`SamplerSpec`] and [`Sampler`].

mod pick;
mod random;
mod spec;

pub(crate) use pick::plan;
pub use pick::{Sampler, sampler};
pub use spec::{SamplerSpec, SpecError};
