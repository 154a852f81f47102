//! Rubrics as data: what a judge is told, and the one shape of reply it may give. The main types are [`Rubric`] and [`Shape`].

mod data;
mod fence;
mod model;
mod probe;
mod render;
mod shape;

pub use fence::fence_text;
pub use model::{Case, Error, Evidence, Prompt, Rubric};
pub use probe::{INJECTED_SAFETY, Probe, ProbeKind, ProbeSettings, Shown};
pub use shape::{Fault, Reply, Shape};
