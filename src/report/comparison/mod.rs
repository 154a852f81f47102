//! Runs side by side: paired differences on the items that they share. The main type is [`Comparison`].

mod compare;
mod scoped_items;
mod pages;
mod pair;
mod table;
#[cfg(test)]
mod tests;

pub use compare::Comparison;
pub use pages::{comparison_terminal, write_comparison};
pub use pair::{Difference, Moved, PairRow, PartRow, Unpaired};
