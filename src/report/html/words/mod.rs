//! Labels that only pages have, in both languages; they hold no character that HTML reads.

mod agreement;
mod comparison;
mod items;
mod labels;
mod page;
mod terms;
mod warnings;

pub(super) use labels::both;
pub(in crate::report) use labels::labels;
