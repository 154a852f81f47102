//! Models two by two, those that differ most beyond chance first.

use serde::Serialize;

use crate::report::chart::reach;
use crate::report::{ModelPair, Scope};

/// Pairs of a page over all scopes; the rest is in the files.
const MOST: usize = 200;
/// Pairs of a scope that stand open.
const OPEN: usize = 20;

/// All pairs on one axis.
#[derive(Debug, Serialize)]
pub(super) struct Pairs<'a> {
    /// Levels from the middle of the axis to its ends.
    reach: f64,
    scopes: Vec<OfScope<'a>>,
}

/// The pairs of one scope.
#[derive(Debug, Serialize)]
struct OfScope<'a> {
    scope: &'a Scope,
    first: Vec<&'a ModelPair>,
    further: Vec<&'a ModelPair>,
    left_out: usize,
}

/// The pairs by scope, ordered by evidence.
pub(super) fn pairs(all: &[ModelPair]) -> Pairs<'_> {
    let scopes: Vec<&[ModelPair]> = all.chunk_by(|one, other| one.scope == other.scope).collect();
    let most = (MOST / scopes.len().max(1)).max(OPEN);
    let scopes = scopes.into_iter().map(|pairs| of_scope(pairs, most)).collect();
    let drawn = |pair: &ModelPair| pair.mean_difference.into_iter().chain(pair.ci95.into_iter().flatten());
    Pairs { reach: reach(all.iter().flat_map(drawn)), scopes }
}

fn of_scope(pairs: &[ModelPair], most: usize) -> OfScope<'_> {
    let mut ordered: Vec<&ModelPair> = pairs.iter().collect();
    let size = |pair: &ModelPair| pair.mean_difference.map_or(-1.0, f64::abs);
    ordered.sort_by(|one, other| evidence(one).total_cmp(&evidence(other)).then(size(other).total_cmp(&size(one)))); // stable
    let (open, shown) = (ordered.len().min(OPEN), ordered.len().min(most));
    OfScope {
        scope: &pairs[0].scope,
        first: ordered[..open].to_vec(),
        further: ordered[open..shown].to_vec(),
        left_out: ordered.len() - shown,
    }
}

/// The adjusted p of the test that needs no normal scores: Wilcoxon's, or Games and Howell's of models that share too few items. Without one, last.
fn evidence(pair: &ModelPair) -> f64 {
    let wanted = if pair.paired { "wilcoxon" } else { "games_howell" };
    pair.tests.iter().find(|test| test.test == wanted).and_then(|test| test.p_adjusted).unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::pairs;
    use crate::report::summary::tests::{scored, summary};

    #[test]
    fn the_strongest_evidence_stands_first_and_many_pairs_are_cut() {
        let level = |model: usize, prompt: u32| if model == 7 { 1 } else { 3 + (prompt as u8 + model as u8) % 3 };
        let names: Vec<String> = (0..22).map(|model| format!("m{model:02}")).collect();
        let rows = names
            .iter()
            .enumerate()
            .flat_map(|(model, name)| (0..12).map(move |prompt| (name.as_str(), "R05", "pQO", prompt, level(model, prompt))));
        let (info, items, records) = scored(&rows.collect::<Vec<_>>());
        let summary = summary(&info, &items, &records);
        let found = pairs(&summary.model_pairs);
        let only = &found.scopes[0];
        assert!(only.first[0].models.contains(&"m07".to_owned()), "{:?}", only.first[0]);
        assert_eq!((only.first.len(), only.further.len(), only.left_out), (20, 180, 231 - 200));
        assert!(found.reach >= 3.0, "one axis has room for every interval: {}", found.reach);
        assert_eq!(pairs(&[]).scopes.len(), 0);
    }
}
