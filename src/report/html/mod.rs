//! `report.html`: a page for people, complete in one file, or with its items' details in a folder beside it when it would be large.

mod costs;
mod details;
mod humans;
mod island;
mod matrix;
mod media;
mod overview;
mod page;
mod rows;
mod sound;
mod store;
#[cfg(test)]
mod tests;
mod words;
mod write;

pub(super) use write::Html;
