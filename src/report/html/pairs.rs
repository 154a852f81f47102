//! Models two by two, those that differ most beyond chance first.

use serde::Serialize;

use crate::report::chart::reach;
use crate::report::summary::Telling;
use crate::report::{ModelPair, Scope, Summary};

/// Pairs of a page over all scopes; the rest is in the files.
const MOST: usize = 200;
/// Pairs of a scope that stand open.
const OPEN: usize = 20;

/// All pairs on one axis.
#[derive(Debug, Serialize)]
pub(super) struct Pairs<'a> {
    /// Levels from the middle of the axis to its ends.
    reach: f64,
    /// Keys of the sentences that say what differences are of, as far as there are such.
    notes: Vec<&'static str>,
    scopes: Vec<OfScope<'a>>,
}

/// The pairs of one scope.
#[derive(Debug, Serialize)]
struct OfScope<'a> {
    scope: &'a Scope,
    first: Vec<Duel<'a>>,
    further: Vec<Duel<'a>>,
    left_out: usize,
}

/// Two models, and the difference that their standing is about.
#[derive(Debug, Serialize)]
struct Duel<'a> {
    pair: &'a ModelPair,
    #[serde(flatten)]
    telling: Telling,
    ci95_note: Option<&'static str>,
    /// Of standardised means: the raw ones have another.
    standardised: bool,
    #[serde(skip)]
    unequal_mix: bool,
}

/// The pairs by scope, ordered by evidence.
pub(super) fn pairs(summary: &Summary) -> Pairs<'_> {
    let unequal = |scope: &Scope| summary.standings.iter().any(|one| one.scope == *scope && one.unequal_mix);
    let scopes = summary.model_pairs.chunk_by(|one, other| one.scope == other.scope);
    let scopes: Vec<Vec<Duel>> = scopes.map(|pairs| pairs.iter().map(|pair| Duel::of(pair, unequal(&pair.scope))).collect()).collect();
    let all = || scopes.iter().flatten();
    let reach = reach(all().flat_map(|one| one.telling.difference.into_iter().chain(one.telling.ci95.into_iter().flatten())));
    let notes = [
        ("pairs_paired", all().any(|one| one.pair.paired && !one.unequal_mix)),
        ("pairs_paired_mixed", all().any(|one| one.pair.paired && one.unequal_mix)),
        ("pairs_apart", all().any(|one| !one.pair.paired && !one.standardised)),
        ("pairs_standardised", all().any(|one| one.standardised)),
    ];
    let notes = notes.into_iter().filter(|(_, some)| *some).map(|(note, _)| note).collect();
    let most = (MOST / scopes.len().max(1)).max(OPEN);
    Pairs { reach, notes, scopes: scopes.into_iter().filter_map(|duels| of_scope(duels, most)).collect() }
}

fn of_scope(mut duels: Vec<Duel<'_>>, most: usize) -> Option<OfScope<'_>> {
    let scope = &duels.first()?.pair.scope;
    // The adjusted p of the test that decides; without one, last.
    let evidence = |one: &Duel| one.telling.p_adjusted.unwrap_or(f64::INFINITY);
    let size = |one: &Duel| one.telling.difference.map_or(-1.0, f64::abs);
    duels.sort_by(|one, other| evidence(one).total_cmp(&evidence(other)).then(size(other).total_cmp(&size(one)))); // stable
    let left_out = duels.len().saturating_sub(most);
    duels.truncate(most);
    let further = duels.split_off(duels.len().min(OPEN));
    Some(OfScope { scope, first: duels, further, left_out })
}

impl<'a> Duel<'a> {
    fn of(pair: &'a ModelPair, unequal_mix: bool) -> Self {
        let (telling, standardised) = (pair.telling(unequal_mix), unequal_mix && !pair.paired);
        Self { pair, telling, ci95_note: pair.basis.ci95_note.filter(|_| !standardised), standardised, unequal_mix }
    }
}

#[cfg(test)]
mod tests {
    use super::pairs;
    use crate::report::models::tests::turned;
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
        let mut summary = summary(&info, &items, &records);
        let found = pairs(&summary);
        let only = &found.scopes[0];
        assert!(only.first[0].pair.models.contains(&"m07".to_owned()), "{:?}", only.first[0]);
        assert_eq!((only.first.len(), only.further.len(), only.left_out), (20, 180, 231 - 200));
        assert!(found.reach >= 3.0, "one axis has room for every interval: {}", found.reach);
        assert_eq!(found.notes, ["pairs_paired"]);
        summary.model_pairs.clear();
        assert_eq!(pairs(&summary).scopes.len(), 0);
    }

    #[test]
    fn a_pair_shows_the_difference_that_its_standing_is_about() {
        let (info, items, records) = turned();
        let summary = summary(&info, &items, &records);
        let found = pairs(&summary);
        let (duel, standing) = (&found.scopes[0].first[0], summary.standings[0].models[0].next.as_ref().unwrap());
        assert_eq!(duel.pair.models, ["x", "y"]);
        assert_eq!((duel.telling.test, duel.telling.p_adjusted), (standing.test, standing.p_adjusted));
        assert_eq!(duel.telling.difference, standing.difference.map(|of| -of));
        assert!(duel.standardised && duel.pair.mean_difference.unwrap() > 0.0 && duel.telling.difference.unwrap() < 0.0);
        assert_eq!(found.notes, ["pairs_standardised"]);
    }

    #[test]
    fn what_is_paired_beside_other_mixtures_is_said() {
        // Both answered the first twelve prompts; the second was asked four more, of another factor.
        let level = |at: u32| 2 + (at % 3) as u8;
        let both = (0..12).flat_map(|at| [("a", "R05", "pQO", at, level(at)), ("b", "R05", "pQO", at, level(at + 1))]);
        let alone = (12..16).map(|at| ("b", "R12", "pQO", at, level(at)));
        let (info, items, records) = scored(&both.chain(alone).collect::<Vec<_>>());
        let summary = summary(&info, &items, &records);
        assert_eq!((pairs(&summary).notes, summary.model_pairs[0].n), (vec!["pairs_paired_mixed"], 12));
    }
}
