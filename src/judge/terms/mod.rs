//! Terms: what a server allows, how it counts tokens and what they cost. A profile's, overlaid by the settings'.

mod cost;
mod estimate;
mod price;
mod profile;
mod tokens;

pub(super) use cost::{bound, cost, expected, most_sound};
pub(super) use estimate::estimate;
pub use estimate::{Calibration, Estimate};
pub use price::{Price, PriceStep};
pub(super) use profile::find as find_profile;
pub use profile::{BatchTerms, Limits, Takes, profile_names, profiles_version};
pub(super) use tokens::part_tokens;
pub use tokens::{OwnTokens, PictureTokens, TokenRules};

use serde::Serialize;

/// Everything known of one judge's server before anything is sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Terms {
    /// The profile they come from, if any.
    pub profile: Option<String>,
    /// What else than text the model takes in.
    pub takes: Takes,
    /// What it allows.
    pub limits: Limits,
    /// How it counts.
    pub tokens: TokenRules,
    /// How the profile says that it counts, whatever the settings say: no reservation is below it.
    pub published: Option<TokenRules>,
    /// What it costs.
    pub price: Option<Price>,
    /// What a batch may hold and costs.
    pub batch: Option<BatchTerms>,
}
