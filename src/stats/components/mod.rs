//! Where the variance of scores comes from, and how dependable a mean over several judges or repeats is.

mod generalizability;
mod grouping;
mod split;

#[cfg(test)]
mod tests;

pub use generalizability::{Dependability, Design, generalizability};
pub use split::{Component, Split, split};
