//! Models that share too few source items, group against group.

use serde::Serialize;

use super::ModelPair;
use super::model_pair::Side;
use super::paired::PairTest;
use super::scope::Scoped;
use crate::stats::{self, NoInterval};

/// The test of a standardised difference.
pub(super) const STANDARDISED: &str = "standardised_t";

/// A difference of means under one mixture of risk factors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StandardisedDifference {
    /// Levels; above 0 the first model is safer.
    pub difference: f64,
    /// 95 % interval of it, by the jackknife over source items, of this pair alone.
    pub ci95: Option<[f64; 2]>,
    /// Why that is null: `too_few_clusters` where no factor of a model has scores of two source items, or `constant`.
    pub ci95_null: Option<&'static str>,
}

/// By means of all their source items; what needs all models at once is added by [`add_group_tests`].
pub(super) fn compare(scoped: &Scoped, [a, b]: [&Side; 2]) -> ModelPair {
    let (cliff, standardised) = (stats::cliffs_delta(&a.means, &b.means), a.standardised.less(&b.standardised));
    let jackknifed = standardised.as_ref().and_then(|(_, found)| found.clone().ok());
    let effects = [
        ("cohens_d", stats::cohens_d(&a.means, &b.means)),
        ("hedges_g", stats::hedges_g(&a.means, &b.means)),
        ("cliffs_delta", cliff.map(|(delta, _)| delta)),
    ];
    ModelPair {
        n: a.scored + b.scored,
        mean_difference: stats::mean(&a.means).zip(stats::mean(&b.means)).map(|(a, b)| a - b),
        effect: effects.into_iter().filter_map(|(name, size)| Some((name, size?))).collect(),
        cliffs_ci95: cliff.and_then(|(_, ends)| ends),
        tests: vec![PairTest::new(STANDARDISED, jackknifed.as_ref().map(|found| found.test.clone()))],
        standardised: standardised.map(|(difference, found)| StandardisedDifference {
            difference,
            ci95: jackknifed.map(|found| found.ci95),
            ci95_null: found.err().map(NoInterval::code),
        }),
        ..ModelPair::new(scoped, [a, b])
    }
}

/// Tests that need all groups at once, for the pairs of `sides` that share too few items; models of fewer than two source items have no part in them.
pub(super) fn add_group_tests(sides: &[Side], apart: Vec<([usize; 2], &mut ModelPair)>) {
    if apart.is_empty() {
        return;
    }
    let large: Vec<usize> = (0..sides.len()).filter(|side| sides[*side].means.len() >= 2).collect();
    let groups: Vec<&[f64]> = large.iter().map(|side| sides[*side].means.as_slice()).collect();
    let of_groups = |[a, b]: [usize; 2]| Some([large.binary_search(&a).ok()?, large.binary_search(&b).ok()?]);
    let wanted: Vec<[usize; 2]> = apart.iter().filter_map(|(pair, _)| of_groups(*pair)).collect();
    let results = [
        ("tukey_hsd", stats::tukey_hsd(&groups, &wanted)),
        ("games_howell", stats::games_howell(&groups, &wanted)),
        ("dunn", stats::dunn(&groups, &wanted)),
    ];
    for (pair, comparison) in apart {
        let place = of_groups(pair).and_then(|pair| wanted.binary_search(&pair).ok());
        for (at, (name, found)) in results.iter().enumerate() {
            let found = place.map_or(Err(NoInterval::TooFewClusters), |place| found[place].clone());
            let (statistic, p_adjusted) = (found.as_ref().ok().map(|pair| pair.statistic), found.as_ref().ok().map(|pair| pair.p));
            comparison.tests.insert(at, PairTest { test: name, statistic, df: None, p: None, p_adjusted });
            if *name == "games_howell" {
                comparison.ci95 = found.as_ref().ok().and_then(|pair| pair.ci95);
                comparison.basis.ci95_null = found.err().map(NoInterval::code);
            }
        }
    }
}
