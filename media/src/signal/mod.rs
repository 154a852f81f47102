//! Signals: what decoded frames measure, without any judge. The main types are [`VideoSignals`] and [`PerceptualHash`].

mod hash;
mod look;
mod video;

pub use hash::{PLANE, PerceptualHash};
pub use look::Look;
pub(crate) use look::{Change, Changes};
pub(crate) use video::Meter;
pub use video::VideoSignals;
