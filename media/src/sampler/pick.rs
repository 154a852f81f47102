//! What each sampler picks.

use crate::{SamplerSpec, Timeline};

/// Picks frames from a timeline.
///
/// # For implementations
/// Return positions in `timeline.moments()`, ascending and unique, at least one; look at nothing but the timeline.
pub trait Sampler {
    /// The positions of the picked frames.
    fn pick(&self, timeline: &Timeline) -> Vec<usize>;
}

/// The sampler that `spec` names.
pub fn sampler(spec: &SamplerSpec) -> Box<dyn Sampler> {
    todo!("{spec}")
}
