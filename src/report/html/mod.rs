//! `report.html` and `comparison.html`. The first is a page for people, complete in one file, or with its items' details in a folder beside it when it would be large.

mod comparison;
mod costs;
mod details;
mod frame;
mod humans;
mod island;
mod matrix;
mod media;
mod overview;
mod page;
mod pairs;
mod rows;
mod signals;
mod sound;
mod store;
mod strips;
#[cfg(test)]
mod tests;
mod words;
mod write;

pub(super) use comparison::comparison;
pub(super) use words::labels;
pub(super) use write::Html;
