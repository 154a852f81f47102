//! Rubrics as data: what a judge is told, and the one shape of reply it may give. The main types are [`Rubric`] and [`Shape`].

mod data;
mod fence;
mod model;
mod render;
mod shape;

pub use fence::fence_text;
pub use model::{Case, Error, Evidence, Prompt, Rubric};
pub use shape::{Fault, Reply, Shape};
