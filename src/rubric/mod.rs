//! Rubrics as data: what a judge is told, and the one shape of reply it may give. The main types are [`Rubric`] and [`Shape`].

mod model;

pub use model::{Case, Error, Evidence, Prompt, Rubric, Shape};
