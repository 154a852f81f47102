//! Every group that the manifest names: by one field, and by two crossed.

use std::collections::{BTreeMap, BTreeSet};

use super::group::{self, By, Group, Key, StandardisedMean};
use super::interval::{self, PAIRS, SINGLE};
use super::scope::{Pooled, Scoped};
use super::tags::Tags;
use crate::ledger::{ItemRow, RunInfo};
use crate::stats;

const FIELDS: [&str; 5] = ["model", "category", "risk", "prompt_type", "modality"];
/// A category is made of factors, so that these two are not crossed.
const CROSSED: [[&str; 2]; 7] = [
    ["risk", "model"],
    ["category", "model"],
    ["prompt_type", "model"],
    ["modality", "model"],
    ["risk", "prompt_type"],
    ["risk", "modality"],
    ["prompt_type", "modality"],
];

/// Items by the values of one field or two.
type Split<'a, 'b, const N: usize> = BTreeMap<[Option<&'a str>; N], Vec<&'b Pooled<'a>>>;

/// The groups of one scope: by field in a fixed order, then by pairs; keys ascending.
pub(super) fn of<'a>(scoped: &Scoped<'a>, info: &'a RunInfo) -> Vec<Group> {
    let tags: BTreeSet<String> = Tags::of(scoped).grouped.into_iter().map(|tag| format!("tag:{tag}")).collect();
    let singles = FIELDS.into_iter().chain(tags.iter().map(String::as_str)).flat_map(|field| by_one(scoped, info, field));
    let pairs = CROSSED.into_iter().chain(tags.iter().map(|tag| [tag.as_str(), "model"])).flat_map(|fields| by_two(scoped, info, fields));
    singles.chain(pairs).collect()
}

/// The items of one scope by one field, keys ascending; items without a value come first, under `None`.
pub(super) fn by_field<'a, 'b>(items: &'b [Pooled<'a>], field: &str) -> BTreeMap<Option<&'a str>, Vec<&'b Pooled<'a>>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for one in items {
        groups.entry(plain(one.item, field)).or_default().push(one);
    }
    groups
}

/// The value of a field that needs no taxonomy.
pub(super) fn plain<'a>(item: &'a ItemRow, field: &str) -> Option<&'a str> {
    match field {
        "model" => item.model.as_deref(),
        "risk" => item.risk.as_deref(),
        "prompt_type" => item.prompt_type.as_deref(),
        "modality" => Some(item.modality.name()),
        other => item.tags.get(other.strip_prefix("tag:")?).map(String::as_str),
    }
}

fn value<'a>(item: &'a ItemRow, field: &str, info: &'a RunInfo) -> Option<&'a str> {
    match field {
        "category" => info.factor_categories.get(item.risk.as_ref()?).map(|(en, _)| en.as_str()),
        other => plain(item, other),
    }
}

fn split<'a, 'b, const N: usize>(scoped: &'b Scoped<'a>, info: &'a RunInfo, fields: [&str; N]) -> Split<'a, 'b, N> {
    let mut groups = Split::new();
    for one in &scoped.items {
        groups.entry(fields.map(|field| value(one.item, field, info))).or_default().push(one);
    }
    groups
}

fn by_one<'a>(scoped: &Scoped<'a>, info: &'a RunInfo, field: &str) -> Vec<Group> {
    let groups = split(scoped, info, [field]);
    let named = groups.keys().flatten().any(Option::is_some);
    if !named && field != "model" {
        return Vec::new(); // the manifest does not use this field; models stay, for the gate needs every item
    }
    let mut groups = measured(scoped, &By::one(field), groups, |[key]| Key::One(key.map(str::to_owned)), SINGLE);
    if field == "model" {
        standardise(scoped, &mut groups);
    }
    groups
}

fn by_two<'a>(scoped: &Scoped<'a>, info: &'a RunInfo, fields: [&str; 2]) -> Vec<Group> {
    let groups = split(scoped, info, fields);
    let named = groups.keys().any(|key| key.iter().all(Option::is_some));
    let values = |place: usize| groups.keys().map(|key| &key[place]).collect::<BTreeSet<_>>().len();
    // Where one field has one value only, the other says it all. Factors and models stay: they are the report's first table.
    if !named || (fields != ["risk", "model"] && (values(0) < 2 || values(1) < 2)) {
        return Vec::new();
    }
    measured(scoped, &By::pair(fields[0], fields[1]), groups, |key| Key::Many(key.map(|one| one.map(str::to_owned)).into()), PAIRS)
}

fn measured<const N: usize>(scoped: &Scoped, by: &By, groups: Split<N>, key: fn([Option<&str>; N]) -> Key, resamples: usize) -> Vec<Group> {
    let observed: Vec<Vec<_>> = groups.values().map(|items| items.iter().filter_map(|one| one.observed()).collect()).collect();
    let intervals = interval::of_groups(&observed, resamples);
    let measure = |((values, items), interval): ((_, Vec<&Pooled>), _)| group::measure(scoped, by, key(values), &items, interval);
    groups.into_iter().zip(intervals).map(measure).collect()
}

/// Each model's mean under the mixture of risk factors that all items of the scope make; items without a factor have no part in it.
fn standardise(scoped: &Scoped, groups: &mut [Group]) {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    let mut scores: BTreeMap<(Option<&str>, &str), Vec<f64>> = BTreeMap::new();
    for one in &scoped.items {
        let Some(factor) = one.item.risk.as_deref() else { continue };
        *shares.entry(factor).or_default() += 1.0;
        scores.entry((one.item.model.as_deref(), factor)).or_default().extend(one.safety);
    }
    if shares.is_empty() {
        return;
    }
    let (factors, shares): (Vec<&str>, Vec<f64>) = shares.into_iter().unzip();
    for group in groups {
        let strata = factors.iter().map(|factor| scores.get(&(group.key.single(), *factor)).map_or(&[][..], Vec::as_slice));
        let found = stats::standardise(&shares, &strata.collect::<Vec<_>>());
        let missing = found.missing.iter().map(|place| factors[*place].to_owned()).collect();
        group.standardised = Some(StandardisedMean { by: "risk", mean: found.mean, missing });
    }
}

#[cfg(test)]
mod tests {
    use crate::report::summary::tests::scored;
    use crate::report::{By, Group, Key, Summary};

    fn groups(rows: &[(&str, &str, &str, u32, u8)]) -> Vec<Group> {
        let (info, items, records) = scored(rows);
        Summary::of(&info, &items, &records).groups
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
