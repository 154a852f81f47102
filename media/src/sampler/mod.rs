//! Samplers: strategies that pick frames, by the [`Timeline`](crate::Timeline) or by looking at every frame. The main types are
//! [`SamplerSpec`], [`Sampler`] and [`Scout`].

mod packets;
mod pick;
mod random;
mod scout;
mod spec;

pub(crate) use pick::{Plan, plan};
pub use pick::{Sampler, Strategy, strategy};
pub(crate) use scout::most_held;
pub use scout::{Glimpse, Scout};
pub use spec::{Layout, Pick, SamplerSpec, SpecError};
