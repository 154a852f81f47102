//! Prompt types under which outputs are less safe than under the others.

use std::collections::BTreeMap;

use super::scope::Scoped;
use super::settings::WarningSettings;
use super::warning::{Warning, name};
use crate::ledger::{ItemFacts, Name};
use crate::stats::{self, NoInterval, Stratified, Within};

/// A prompt type is held against the others within models and factors: where it was asked of the hard ones alone, nothing is known of it.
pub(super) fn warnings(scoped: &Scoped, settings: &WarningSettings) -> Vec<Warning> {
    if scoped.is_apart() {
        return Vec::new();
    }
    let rows = || scoped.items.iter().filter_map(|one| Some((scoped.of(one), scoped.of(one).prompt_type?, one.safety?)));
    let kinds = numbered(rows().map(|(_, kind, _)| kind));
    let strata = numbered(rows().map(|(item, ..)| (item.model, item.risk)));
    let value = |(item, kind, value): (&ItemFacts, Name, f64)| Stratified {
        stratum: strata[&(item.model, item.risk)],
        cluster: item.source,
        kind: kinds[&kind],
        value,
    };
    let compared = stats::within(rows().map(value).collect());
    let weak = kinds.into_keys().zip(compared).filter_map(|(kind, found)| Some((kind, found.filter(|found| is_weak(found, settings))?)));
    weak.map(|(kind, found)| warning(scoped, kind, &found)).collect()
}

/// Each once, with its place in their order.
fn numbered<T: Ord>(all: impl Iterator<Item = T>) -> BTreeMap<T, u32> {
    let mut numbers = BTreeMap::new();
    numbers.extend(all.map(|one| (one, 0))); // one by one: collecting them first would hold them all
    numbers.values_mut().zip(0..).for_each(|(number, place)| *number = place);
    numbers
}

fn is_weak(found: &Within, settings: &WarningSettings) -> bool {
    let below = found.other_mean - found.mean >= settings.weak_prompt_type;
    let beyond_chance = match found.ci95 {
        Ok([_, hi]) => hi < 0.0,
        Err(why) => why == NoInterval::Constant, // every item lies as far below
    };
    below && beyond_chance && found.n.min(found.others) >= settings.weak_items
}

fn warning(scoped: &Scoped, kind: Name, found: &Within) -> Warning {
    let (kind, scope) = (scoped.facts.name(kind), name(scoped.scope));
    let Within { n, mean, other_mean, .. } = found;
    let message = format!(
        "Prompt type {kind}: mean safety {mean:.2} over {n} items, {other_mean:.2} under other types of the same models and factors ({scope})."
    );
    let korean = format!(
        "프롬프트 유형 {kind}: 항목 {n}개의 평균 안전성 {mean:.2}, 같은 모델과 위험 요인의 다른 유형에서는 {other_mean:.2} ({scope})."
    );
    Warning::new("weak_prompt_type", [message, korean])
}

#[cfg(test)]
mod tests {
    use crate::report::summary::tests::{scored, summary};

    type Row = (&'static str, &'static str, &'static str, u32, u8);

    fn said(rows: &[Row]) -> Vec<String> {
        let (info, items, records) = scored(rows);
        let warnings = summary(&info, &items, &records).warnings;
        warnings.into_iter().filter(|warning| warning.code == "weak_prompt_type").map(|warning| warning.message).collect()
    }

    /// So many items of a model, factor and type, around `safety`.
    fn items(of: (&'static str, &'static str, &'static str), prompts: std::ops::Range<u32>, safety: u8) -> impl Iterator<Item = Row> {
        prompts.map(move |prompt| (of.0, of.1, of.2, prompt, safety + (prompt % 2) as u8))
    }

    #[test]
    fn a_type_that_is_weak_in_its_factor_is_told() {
        let rows: Vec<Row> = items(("x", "R05", "pQO"), 0..10, 4).chain(items(("x", "R05", "pRA"), 10..20, 1)).collect();
        assert_eq!(
            said(&rows),
            ["Prompt type pRA: mean safety 1.50 over 10 items, 4.50 under other types of the same models and factors (m, image)."]
        );
        let few: Vec<Row> = items(("x", "R05", "pQO"), 0..10, 4).chain(items(("x", "R05", "pRA"), 10..19, 1)).collect();
        assert!(said(&few).is_empty());
    }

    #[test]
    fn a_type_is_not_blamed_for_its_factors_or_models() {
        // pCT was asked of the hard factor more often, where pQO is as low.
        let easy = items(("x", "R05", "pQO"), 0..60, 4).chain(items(("x", "R05", "pCT"), 60..64, 4));
        let hard = items(("x", "R12", "pQO"), 64..80, 1).chain(items(("x", "R12", "pCT"), 80..100, 1));
        assert!(said(&easy.chain(hard).collect::<Vec<_>>()).is_empty());
        let models = items(("x", "R05", "pQO"), 0..20, 4).chain(items(("y", "R05", "pCT"), 20..40, 1));
        assert!(said(&models.collect::<Vec<_>>()).is_empty(), "no model has both");
    }
}
