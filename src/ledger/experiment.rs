//! What makes two runs the same experiment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that decides verdicts. Maps may gain keys (that extends a run); a changed or missing value is refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// `name version digest` of the taxonomy.
    pub taxonomy: String,
    /// Rubric name -> digest.
    pub rubrics: BTreeMap<String, String>,
    /// Recipe key (modality, sampler) -> canonical recipe.
    pub recipes: BTreeMap<String, String>,
    /// Judge name -> fingerprint (provider, endpoint, model, parameters; never a key).
    pub judges: BTreeMap<String, String>,
    /// Seed of nonces and draws.
    pub seed: u64,
    /// Language of the rubrics.
    pub lang: String,
    /// Decoder name -> version.
    pub decoders: BTreeMap<String, String>,
    /// Item id -> digest of everything in its row that decides verdicts.
    #[serde(skip)]
    pub items: BTreeMap<String, String>,
}
