//! How far raters agree: coefficients, their intervals, and what several labels of one item amount to.
//!
//! Ratings are rows, one an item, with one cell a rater; `None` where a rater gave none. Two raters are pairs instead.

mod aggregate;
mod alpha;
mod annotators;
mod codes;
mod cohen;
mod confusion;
mod difference;
mod fleiss;
mod icc;
mod rank;
mod resample;

#[cfg(test)]
mod tests;

pub use aggregate::Rule;
pub use alpha::{Level, alpha, alpha_interval};
pub use annotators::{Dispute, Reliability, disputes, reliability};
pub use cohen::{Weights, cohen, cohen_interval};
pub use confusion::{LEVELS, confusion, level};
pub use difference::{BlandAltman, bland_altman, mae_interval, mean_absolute_error};
pub use fleiss::{fleiss, percent_agreement};
pub use icc::{Icc, IccForm, icc};
pub use rank::{Correlation, kendall, spearman, spearman_interval};
