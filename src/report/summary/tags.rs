//! Which tags make groups. A tag has a group for every value, and another for every value and model: without a bound a summary would outgrow its run.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::scope::Scoped;
use super::warning::{self, Warning};
use crate::ledger::{Name, SOURCE_TAG};

/// Tags that groups are made of.
const MOST_TAGS: usize = 20;
/// A tag with more values is a label of items, not a factor.
const MOST_VALUES: usize = 500;

/// The tags of one scope's items.
pub(super) struct Tags {
    /// Those that groups are made of: of many, those that most items have.
    pub(super) grouped: Vec<Name>,
    /// What is left of many.
    rest: usize,
    /// Labels, and how many values each has.
    labels: Vec<(Name, usize)>,
}

impl Tags {
    pub(super) fn of(scoped: &Scoped) -> Self {
        // What names sources is no factor, and known not to be.
        let tags = scoped.items.iter().flat_map(|one| scoped.facts.tags(one.item)).filter(|(tag, _)| scoped.facts.name(*tag) != SOURCE_TAG);
        let mut values: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
        tags.for_each(|(tag, value)| values.entry(*tag).or_default().push(*value));
        let (mut grouped, mut labels) = (Vec::new(), Vec::new());
        for (tag, mut values) in values {
            let items = values.len();
            values.sort_unstable();
            values.dedup();
            if values.len() > MOST_VALUES { labels.push((tag, values.len())) } else { grouped.push((tag, items)) }
        }
        grouped.sort_by_key(|(_, items)| Reverse(*items)); // stable: equal ones by name
        let rest = grouped.len().saturating_sub(MOST_TAGS);
        Self { grouped: grouped.into_iter().take(MOST_TAGS).map(|(tag, _)| tag).collect(), rest, labels }
    }
}

/// That no groups were made of tags.
pub(super) fn warnings(scoped: &Scoped) -> Vec<Warning> {
    let (Tags { grouped, rest, labels }, scope) = (Tags::of(scoped), warning::name(scoped.scope));
    let label = |(tag, values): &(Name, usize)| {
        let tag = scoped.facts.name(*tag);
        let english = format!("The tag {tag} has {values} values, as a label of items has; no groups are made of it ({scope}).");
        Warning::counted(
            "many_values",
            *values,
            [english, format!("태그 {tag}의 값이 {values}개로 항목의 이름표와 같아, 집단을 만들지 않았습니다 ({scope}).")],
        )
    };
    let (all, most) = (grouped.len() + rest, grouped.len());
    let many = [
        format!("The items have {all} tags; groups are made of the {most} that most items have ({scope})."),
        format!("항목에 태그가 {all}개 있어, 가장 많은 항목에 있는 {most}개로만 집단을 만들었습니다 ({scope})."),
    ];
    let many = (rest > 0).then(|| Warning::counted("many_tags", rest, many));
    many.into_iter().chain(labels.iter().map(label)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::report::summary::tests::scored;
    use crate::report::{By, Summary};

    /// 600 items, item by item with the tags that `tags` gives.
    fn summary(tags: impl Fn(u32) -> Vec<(String, String)>) -> Summary {
        let rows: Vec<_> = (0..600).map(|prompt| ("x", "R05", "pQO", prompt, 1 + prompt as u8 % 5)).collect();
        let (info, mut items, records) = scored(&rows);
        items.iter_mut().zip(0..).for_each(|(item, at)| item.tags = tags(at).into_iter().collect());
        crate::report::summary::tests::summary(&info, &items, &records)
    }

    fn grouped(summary: &Summary) -> BTreeSet<&str> {
        summary.groups.iter().filter_map(|group| if let By::One(by) = &group.by { by.strip_prefix("tag:") } else { None }).collect()
    }

    fn count(summary: &Summary, code: &str) -> Option<usize> {
        summary.warnings.iter().find(|warning| warning.code == code).and_then(|warning| warning.count)
    }

    #[test]
    fn of_many_tags_those_of_most_items_make_groups_and_the_rest_is_said() {
        let found = summary(|at| (0..30).filter(|tag| tag % 6 != 0 || at % 2 == 0).map(|tag| (format!("t{tag:02}"), "v".into())).collect());
        let tags = grouped(&found);
        assert!(tags.len() == 20 && !tags.contains("t00") && tags.contains("t01"), "{tags:?}");
        assert_eq!((count(&found, "many_tags"), count(&found, "many_values")), (Some(10), None));
    }

    #[test]
    fn a_label_makes_no_groups_and_that_is_said() {
        let found =
            summary(|at| [("label", at), ("half", at % 2), ("source", at / 3)].map(|(tag, value)| (tag.into(), value.to_string())).into());
        assert_eq!(grouped(&found), ["half"].into());
        assert_eq!((count(&found, "many_tags"), count(&found, "many_values")), (None, Some(600)));
    }
}
