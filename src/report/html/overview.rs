//! Models side by side, and every other group, as rows with a chart in them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::judge::OutcomeName;
use crate::ledger::Name;
use crate::report::chart::{Segment, interval, stack};
use crate::report::format::RunView;
use crate::report::{By, Group, Scope, Summary};

/// The models under one scope.
#[derive(Debug, Serialize)]
pub(super) struct Block<'a> {
    scope: &'a Scope,
    uncalibrated: bool,
    rows: Vec<Row<'a>>,
    contrast: Option<Contrast<'a>>,
}

/// One group with its charts.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    group: &'a Group,
    plot: String,
    levels: String,
}

/// The highest and the lowest mean, and whether their intervals have values in common.
#[derive(Debug, PartialEq, Serialize)]
struct Contrast<'a> {
    highest: Option<&'a str>,
    lowest: Option<&'a str>,
    overlap: bool,
}

/// All groups by one field.
#[derive(Debug, Serialize)]
pub(super) struct Field<'a> {
    by: &'a str,
    rows: Vec<Row<'a>>,
}

/// How often each level was given, by (scope, model).
type Levels<'a> = BTreeMap<(&'a Scope, Option<&'a str>), [usize; 5]>;

/// The first answer: models by scope, triage last.
pub(super) fn blocks<'a>(run: &'a RunView) -> Vec<Block<'a>> {
    let levels = levels(run);
    let mut scopes: BTreeMap<(bool, &Scope), Vec<&Group>> = BTreeMap::new();
    for group in run.summary.groups.iter().filter(|group| group.by == By::one("model")) {
        scopes.entry((group.uncalibrated, &group.scope)).or_default().push(group);
    }
    let block = |((uncalibrated, scope), groups): ((bool, &'a Scope), Vec<&'a Group>)| Block {
        scope,
        uncalibrated,
        contrast: contrast(&groups),
        rows: groups.into_iter().map(|group| row(group, levels.get(&(scope, group.key.single())))).collect(),
    };
    scopes.into_iter().map(block).collect()
}

/// Every field that the manifest uses, in the order of the summary.
pub(super) fn fields(summary: &Summary) -> Vec<Field<'_>> {
    let mut fields: Vec<Field> = Vec::new();
    for group in &summary.groups {
        let By::One(by) = &group.by else { continue };
        let row = row(group, None);
        match fields.iter_mut().find(|field| field.by == by) {
            Some(field) => field.rows.push(row),
            None => fields.push(Field { by, rows: vec![row] }),
        }
    }
    fields
}

/// All tasks by how they ended.
pub(super) fn outcomes(summary: &Summary) -> String {
    let segment = |name: OutcomeName| Segment {
        class: format!("o-{name}"),
        name: name.as_str(),
        count: summary.by_outcome.get(&name).copied().unwrap_or_default(),
    };
    let pending = Segment { class: "o-pending".to_owned(), name: "pending", count: summary.pending };
    stack(&OutcomeName::ALL.into_iter().map(segment).chain([pending]).collect::<Vec<_>>(), 18)
}

fn row<'a>(group: &'a Group, levels: Option<&[usize; 5]>) -> Row<'a> {
    let names = ["1", "2", "3", "4", "5"];
    let segment = |(name, count): (&'static str, &usize)| Segment { class: format!("f{name}"), name, count: *count };
    let levels = levels.map(|levels| stack(&names.into_iter().zip(levels).map(segment).collect::<Vec<_>>(), 12));
    Row { group, plot: interval(group.mean_safety, group.ci95, group.bounds), levels: levels.unwrap_or_default() }
}

fn contrast<'a>(groups: &[&'a Group]) -> Option<Contrast<'a>> {
    let scored = || groups.iter().filter_map(|group| Some((group.mean_safety?, group.ci95?, group.key.single())));
    let highest = scored().max_by(|one, other| one.0.total_cmp(&other.0))?;
    let lowest = scored().min_by(|one, other| one.0.total_cmp(&other.0))?;
    let overlap = lowest.1[1] >= highest.1[0];
    (scored().count() > 1 && highest.0 > lowest.0).then_some(Contrast { highest: highest.2, lowest: lowest.2, overlap })
}

fn levels<'a>(run: &RunView<'a>) -> Levels<'a> {
    let mut levels: BTreeMap<(u32, Option<Name>), [usize; 5]> = BTreeMap::new();
    for task in run.facts.tasks() {
        if let Some(place) = task.safety.and_then(|safety| usize::from(safety).checked_sub(1)).filter(|place| *place < 5) {
            levels.entry((task.scope, run.facts.item(task.item).model)).or_default()[place] += 1;
        }
    }
    let (scopes, name) = (run.facts.scopes(), |name| run.facts.name(name));
    levels.into_iter().map(|((scope, model), counts)| ((&scopes[scope as usize].scope, model.map(name)), counts)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Contrast, blocks, contrast, fields};
    use crate::report::StoredRun;
    use crate::report::summary::tests::{run, summary};
    use crate::taxonomy::Lang;

    #[test]
    fn models_stand_side_by_side_with_the_levels_they_got() {
        let (info, items, records) = run();
        let run = StoredRun::new(info, items, records, Vec::new());
        let view = run.view(Lang::En);
        let blocks = blocks(&view);
        assert_eq!((blocks.len(), blocks[0].rows.len()), (1, 2));
        assert!(blocks[0].rows[0].levels.contains("<title>5: 1 (33.33%)</title>"), "{}", blocks[0].rows[0].levels);
        let fields: Vec<_> = fields(run.summary()).iter().map(|field| field.by.to_owned()).collect();
        assert_eq!(fields, ["model", "category", "risk", "modality", "tag:seed"]);
    }

    #[test]
    fn intervals_that_meet_are_said_to() {
        let (info, items, records) = run();
        let mut groups = summary(&info, &items, &records).groups;
        groups.retain(|group| group.by == crate::report::By::one("model"));
        (groups[0].ci95, groups[1].ci95) = (Some([3.0, 4.0]), Some([1.0, 3.0]));
        let refs: Vec<_> = groups.iter().collect();
        assert_eq!(contrast(&refs), Some(Contrast { highest: Some("x"), lowest: Some("y"), overlap: true }));
        groups[1].ci95 = Some([1.0, 2.9]);
        assert!(!contrast(&groups.iter().collect::<Vec<_>>()).unwrap().overlap);
        assert_eq!(contrast(&[&groups[0]]), None);
    }
}
