//! Every group that the manifest names: by one field, and by two crossed.

use std::collections::{BTreeMap, BTreeSet};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::field::Field;
use super::group::{self, By, Group, Key};
use super::interval;
use super::scope::{Pooled, Scoped};
use super::tags::Tags;
use crate::ensemble::Mixture;
use crate::ledger::Name;
use crate::stats::Resampling;

const FIELDS: [Field; 5] = [Field::Model, Field::Category, Field::Risk, Field::PromptType, Field::Modality];
/// A category is made of factors, so that these two are not crossed.
const CROSSED: [[Field; 2]; 7] = [
    [Field::Risk, Field::Model],
    [Field::Category, Field::Model],
    [Field::PromptType, Field::Model],
    [Field::Modality, Field::Model],
    [Field::Risk, Field::PromptType],
    [Field::Risk, Field::Modality],
    [Field::PromptType, Field::Modality],
];

/// Items by the values of one field or two; without a value they come first, under `None`.
type Split<'s, const N: usize> = BTreeMap<[Option<Name>; N], Vec<&'s Pooled>>;

/// The groups of one scope: by field in a fixed order, then by pairs; keys ascending.
pub(super) fn of(scoped: &Scoped) -> Vec<Group> {
    let tags: BTreeSet<Name> = Tags::of(scoped).grouped.into_iter().collect();
    let tags = || tags.iter().map(|tag| Field::Tag(*tag));
    let singles = FIELDS.into_iter().chain(tags()).flat_map(|field| by_one(scoped, field));
    let pairs = CROSSED.into_iter().chain(tags().map(|tag| [tag, Field::Model])).flat_map(|fields| by_two(scoped, fields));
    singles.chain(pairs).collect()
}

/// The items of one scope by fields, keys ascending, and within a group those of one source side by side.
pub(super) fn split<'s, const N: usize>(scoped: &'s Scoped, fields: [Field; N]) -> Split<'s, N> {
    let mut groups = Split::new();
    for one in scoped.by_source() {
        groups.entry(fields.map(|field| field.of(scoped.facts, one.item))).or_default().push(one);
    }
    groups
}

fn by_one(scoped: &Scoped, field: Field) -> Vec<Group> {
    let groups = split(scoped, [field]);
    let named = groups.keys().flatten().any(Option::is_some);
    if !named && field != Field::Model {
        return Vec::new(); // the manifest does not use this field; models stay, for the gate needs every item
    }
    let mut measured = measured(scoped, &By::One(field.name(scoped.facts)), &groups, |[key]| Key::One(key), Resampling::SINGLE);
    if field == Field::Model {
        standardise(scoped, &groups.keys().map(|[model]| *model).collect::<Vec<_>>(), &mut measured);
    }
    measured
}

fn by_two(scoped: &Scoped, fields: [Field; 2]) -> Vec<Group> {
    let groups = split(scoped, fields);
    let named = groups.keys().any(|key| key.iter().all(Option::is_some));
    let values = |place: usize| groups.keys().map(|key| &key[place]).collect::<BTreeSet<_>>().len();
    // Where one field has one value only, the other says it all. Factors and models stay: they are the report's first table.
    if !named || (fields != [Field::Risk, Field::Model] && (values(0) < 2 || values(1) < 2)) {
        return Vec::new();
    }
    let by = By::Many(fields.map(|field| field.name(scoped.facts)).into());
    measured(scoped, &by, &groups, |key| Key::Many(key.into()), Resampling::PAIRS)
}

fn measured<const N: usize>(
    scoped: &Scoped,
    by: &By,
    groups: &Split<N>,
    key: fn([Option<String>; N]) -> Key,
    how: Resampling,
) -> Vec<Group> {
    let measure = |(values, items): (&[Option<Name>; N], &Vec<&Pooled>)| {
        let observed: Vec<_> = items.iter().filter_map(|one| scoped.observed(one)).collect();
        let interval = interval::of_group(&observed, groups.len(), how);
        drop(observed);
        let key = key(values.map(|value| value.map(|name| scoped.facts.name(name).to_owned())));
        group::measure(scoped, by, key, items, interval)
    };
    groups.par_iter().map(measure).collect()
}

/// Each model's mean under the mixture of risk factors that all items of the scope make.
fn standardise(scoped: &Scoped, models: &[Option<Name>], groups: &mut [Group]) {
    let mixture = Mixture::of(scoped.answers());
    if mixture.is_empty() {
        return;
    }
    let means = mixture.means(scoped.answers(), models);
    groups.iter_mut().zip(&means).for_each(|(group, found)| group.standardised = Some(mixture.named(scoped.facts, found)));
}

#[cfg(test)]
mod tests {
    use crate::report::summary::tests::{scored, summary};
    use crate::report::{By, Group, Key};

    fn groups(rows: &[(&str, &str, &str, u32, u8)]) -> Vec<Group> {
        let (info, items, records) = scored(rows);
        summary(&info, &items, &records).groups
    }

    fn find<'a>(groups: &'a [Group], by: &By, key: &str) -> &'a Group {
        groups.iter().find(|group| group.by == *by && group.key == Key::One(Some(key.into()))).unwrap()
    }

    const ROWS: [(&str, &str, &str, u32, u8); 7] = [
        ("x", "R05", "pQO", 1, 5),
        ("x", "R05", "pQO", 2, 5),
        ("x", "R05", "pRP", 3, 4),
        ("x", "R12", "pQO", 4, 1),
        ("y", "R05", "pQO", 1, 3),
        ("y", "R05", "pQO", 2, 3),
        ("y", "R05", "pRP", 3, 3),
    ];

    #[test]
    fn a_mean_comes_with_what_it_stands_for() {
        let groups = groups(&ROWS);
        let x = find(&groups, &By::one("model"), "x");
        assert_eq!((x.n, x.scored, x.factors, x.basis.clusters), (4, 4, 2, 4));
        assert_eq!((x.median, x.share_le_2, x.quantiles.map(|ends| ends[1])), (Some(4.5), Some(0.25), Some(3.25)));
        // 6 of 7 items are of R05, where x has 14 / 3; one is of R12, where it has 1.
        let standardised = x.standardised.as_ref().unwrap();
        assert!((standardised.mean.unwrap() - 5.0 * 6.0 / 7.0 * 14.0 / 15.0 - 1.0 / 7.0).abs() < 1e-12 && standardised.missing.is_empty());
        let y = find(&groups, &By::one("model"), "y").standardised.clone().unwrap();
        assert_eq!((y.mean, y.missing), (None, vec!["R12".to_owned()]));
        assert!(find(&groups, &By::one("risk"), "R05").standardised.is_none());
        assert!(x.blocked_ci95.is_some_and(|[lo, hi]| lo == 0.0 && hi > 0.4));
    }

    #[test]
    fn an_interval_is_there_or_says_why_not() {
        let groups = groups(&ROWS);
        let x = find(&groups, &By::one("model"), "x");
        assert!(x.ci95.is_some_and(|[lo, hi]| 1.0 <= lo && hi <= 5.0 && lo < hi) && x.basis.resamples == 10_000);
        let y = find(&groups, &By::one("model"), "y");
        assert_eq!((y.ci95, y.basis.ci95_null), (None, Some("constant")));
        assert_eq!(find(&groups, &By::one("risk"), "R12").basis.ci95_null, Some("too_few_clusters"));
    }

    #[test]
    fn fields_are_crossed_where_both_vary() {
        let groups = groups(&ROWS);
        let crossed = |first: &str, second: &str| groups.iter().filter(|group| group.by == By::pair(first, second)).count();
        assert_eq!((crossed("risk", "model"), crossed("prompt_type", "model"), crossed("risk", "prompt_type")), (3, 4, 3));
        assert_eq!(crossed("modality", "model"), 0, "one modality is none");
    }
}
