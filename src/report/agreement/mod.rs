//! How far judges and people agree: stored rows and labels in, one [`Agreement`] out.

mod annotators;
mod document;
mod judges;
mod pair;
mod ratings;
mod short;
mod text;

#[cfg(test)]
mod tests;

pub use annotators::{Annotators, Disputed, OneAnnotator, RuleRow};
pub use document::{Aggregated, Agreement};
pub use judges::{Apart, JudgeAgainstHumans, JudgesAmong};
pub(super) use judges::{pairs, shared};
pub(super) use pair::SEED;
pub use pair::{Alphas, Estimate, Kappas, Pairs, Pairwise, Ranked};
pub use ratings::Ratings;
pub(super) use short::short;
pub use text::text;
