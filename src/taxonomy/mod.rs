//! Risk factors, their categories and prompt types: one embedded data file, or another in the same format. The main type is [`Taxonomy`].

mod load;
mod model;

pub use load::Problem;
pub use model::{Bilingual, Category, Factor, Lang, PromptType, Taxonomy};
