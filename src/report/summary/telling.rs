//! Which of a pair's numbers says whether its models differ.

use serde::Serialize;

use super::{ModelPair, unpaired};
use crate::ensemble::MISSING_FACTORS;

/// The difference that a standing is about, and the test that tells whether it may be chance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::report) struct Telling {
    /// `wilcoxon` where paired, else `games_howell`, or `standardised_t` of standardised means.
    pub test: &'static str,
    /// Levels; above 0 the first model is safer.
    pub difference: Option<f64>,
    /// 95 % interval of it.
    pub ci95: Option<[f64; 2]>,
    /// Why that is null.
    pub ci95_null: Option<&'static str>,
    /// Adjusted for all pairs of models.
    pub p_adjusted: Option<f64>,
}

impl ModelPair {
    /// Over shared source items where the two are paired; else of their means, standardised ones where the models of the scope have an `unequal_mix`.
    pub(in crate::report) fn telling(&self, unequal_mix: bool) -> Telling {
        let (test, difference, ci95, ci95_null) = if self.paired || !unequal_mix {
            let test = if self.paired { "wilcoxon" } else { "games_howell" };
            (test, self.mean_difference, self.ci95, self.basis.ci95_null)
        } else if let Some(found) = &self.standardised {
            (unpaired::STANDARDISED, Some(found.difference), found.ci95, found.ci95_null)
        } else {
            (unpaired::STANDARDISED, None, None, Some(MISSING_FACTORS))
        };
        let p_adjusted = self.tests.iter().find(|one| one.test == test).and_then(|one| one.p_adjusted);
        Telling { test, difference, ci95, ci95_null, p_adjusted }
    }
}
