//! How far raters agree: coefficients, their intervals, and what several labels of one item amount to.
//!
//! Ratings are rows, one an item, of those that were given. Fleiss' kappa and the ICC take rows that have one of every rater, in one order. Two
//! raters are pairs instead. Intervals by resampling draw clusters of items.

mod aggregate;
mod alpha;
mod annotators;
mod cohen;
mod confusion;
mod difference;
mod fleiss;
mod icc;
mod rank;
mod resample;

#[cfg(test)]
mod tests;

pub use aggregate::{Rule, human_safety, turned};
pub use alpha::{Metric, alpha, alpha_interval};
pub use annotators::{Dispute, Rated, Reliability, disputes, reliability};
pub use cohen::{Weights, cohen, cohen_interval};
pub use confusion::{LEVELS, confusion, level};
pub use difference::{BlandAltman, bias_interval, bland_altman, mae_interval, mean_absolute_error};
pub use fleiss::{fleiss, percent_agreement};
pub use icc::{Icc, IccForm, icc};
pub use rank::{Correlation, kendall, spearman, spearman_interval};
