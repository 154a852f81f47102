//! Models side by side, and every other group, as rows on one axis a table.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::judge::OutcomeName;
use crate::ledger::Name;
use crate::report::chart::{Segment, ends, stack};
use crate::report::format::RunView;
use crate::report::models::{Lineup, Means, PanelLineup, lineups, panels};
use crate::report::{By, Group, Key, Scope, Summary};
use crate::taxonomy::Lang;

/// Rows of a table of groups; a run of thousands of groups has the rest in its files.
const MOST_ROWS: usize = 400;

/// The first table: models under each scope, all on one axis.
#[derive(Debug, Serialize)]
pub(super) struct Overview<'a> {
    /// Levels of safety at the ends of the axis.
    ends: [f64; 2],
    /// Some rows stand by standardised means.
    standardised: bool,
    /// Some stand by raw means though models have other mixtures of risk factors.
    raw_first: bool,
    blocks: Vec<Block<'a>>,
    panels: Vec<PanelLineup<'a>>,
}

/// The models under one scope.
#[derive(Debug, Serialize)]
struct Block<'a> {
    #[serde(flatten)]
    lineup: Lineup<'a>,
    /// The levels that each row's model was given.
    levels: Vec<String>,
    answer: Option<Answer<'a>>,
}

/// Which model is safer, in words.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    /// Of the sentence among the page's texts.
    place: usize,
    sentence: &'a str,
}

/// All groups by one field, or by a field and models.
#[derive(Debug, Serialize)]
pub(super) struct Field<'a> {
    by: Vec<&'a str>,
    ends: [f64; 2],
    rows: Vec<Keyed<'a>>,
    /// Groups without a row.
    left_out: usize,
}

/// A group with its value of every field of the table.
#[derive(Debug, Serialize)]
struct Keyed<'a> {
    keys: Vec<Option<&'a str>>,
    group: &'a Group,
}

/// How often each level was given, by (scope, model).
type Levels<'a> = BTreeMap<(&'a Scope, Option<&'a str>), [usize; 5]>;

/// The first answer: models by scope, the safest first; what is no answer for all items on the rubric's scale comes last.
pub(super) fn overview<'a>(run: &'a RunView) -> Overview<'a> {
    let (levels, lineups, panels) = (levels(run), lineups(run.summary), panels(run.summary).collect::<Vec<_>>());
    let of_panels = panels.iter().flat_map(|panel| &panel.rows).map(|row| (&row.stand, None));
    let of_judges = lineups.iter().flat_map(|lineup| &lineup.rows).map(|row| (&row.stand, row.bounds));
    let of_cascades = run.summary.cascades.iter().flat_map(|cascade| &cascade.by_model).map(|row| row.estimate);
    let of_cascades = of_cascades.flat_map(|of| drawn(of.mean_safety, of.ci95, None));
    let all = of_judges.chain(of_panels).flat_map(|(stand, bounds)| drawn(stand.mean_safety, stand.ci95, bounds));
    let ends = ends(all.chain(of_cascades));
    let some = |wanted: Means| lineups.iter().map(|one| one.means).chain(panels.iter().map(|one| one.means)).any(|means| means == wanted);
    let (standardised, raw_first) = (some(Means::StandardisedFirst), some(Means::RawFirst));
    let answer = |place: usize| {
        let one = &run.summary.standings[place];
        let sentence = if run.lang == Lang::En { &one.sentence } else { &one.korean };
        Answer { place: run.summary.warnings.len() + place, sentence }
    };
    let strip = |scope, group: &Group| strip(levels.get(&(scope, group.key.single())));
    let block = |lineup: Lineup<'a>| Block {
        levels: lineup.rows.iter().map(|row| strip(lineup.scope, row.group)).collect(),
        answer: lineup.standing.map(answer),
        lineup,
    };
    Overview { ends, standardised, raw_first, blocks: lineups.into_iter().map(block).collect(), panels }
}

/// Every field that the manifest uses, in the order of the summary; then those crossed with models, but for factors, which the heat map has.
pub(super) fn fields(summary: &Summary) -> Vec<Field<'_>> {
    let mut fields: Vec<(&By, Vec<&Group>)> = Vec::new();
    let shown = |by: &By| matches!(by, By::One(_)) || (*by != By::pair("risk", "model") && matches!(by, By::Many(by) if by[1] == "model"));
    for group in summary.groups.iter().filter(|group| shown(&group.by)) {
        match fields.iter_mut().find(|(by, _)| *by == &group.by) {
            Some((_, groups)) => groups.push(group),
            None => fields.push((&group.by, vec![group])),
        }
    }
    fields.sort_by_key(|(by, _)| matches!(by, By::Many(_))); // stable
    let lineups = lineups(summary);
    let model = By::one("model");
    for (_, groups) in fields.iter_mut().filter(|(by, _)| **by == model) {
        *groups = lineups.iter().flat_map(|lineup| &lineup.rows).map(|row| row.group).collect();
    }
    fields.into_iter().map(|(by, groups)| field(by, &groups)).collect()
}

fn field<'a>(by: &'a By, groups: &[&'a Group]) -> Field<'a> {
    let rows = &groups[..groups.len().min(MOST_ROWS)];
    let keyed = |group: &&'a Group| Keyed {
        group,
        keys: match &group.key {
            Key::One(key) => vec![key.as_deref()],
            Key::Many(keys) => keys.iter().map(Option::as_deref).collect(),
        },
    };
    Field {
        by: match by {
            By::One(by) => vec![by],
            By::Many(by) => by.iter().map(String::as_str).collect(),
        },
        ends: ends(rows.iter().flat_map(|group| drawn(group.mean_safety, group.ci95, group.bounds))),
        rows: rows.iter().map(keyed).collect(),
        left_out: groups.len() - rows.len(),
    }
}

/// What the chart of a mean has room for.
fn drawn(mean: Option<f64>, ci95: Option<[f64; 2]>, bounds: Option<[f64; 2]>) -> impl Iterator<Item = f64> {
    // Without a score there are bounds, which say nothing.
    mean.into_iter().flat_map(move |mean| [mean].into_iter().chain([ci95, bounds].into_iter().flatten().flatten()))
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

fn strip(levels: Option<&[usize; 5]>) -> String {
    let names = ["1", "2", "3", "4", "5"];
    let segment = |(name, count): (&'static str, &usize)| Segment { class: format!("f{name}"), name, count: *count };
    levels.map(|levels| stack(&names.into_iter().zip(levels).map(segment).collect::<Vec<_>>(), 12)).unwrap_or_default()
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
    use super::{fields, overview};
    use crate::report::StoredRun;
    use crate::report::summary::tests::{run, scored, summary};
    use crate::taxonomy::Lang;

    #[test]
    fn models_stand_side_by_side_with_the_levels_they_got() {
        let (info, items, records) = run();
        let run = StoredRun::new(info, items, records, Vec::new()).unwrap();
        let view = run.view(Lang::En);
        let found = overview(&view);
        let blocks = &found.blocks;
        assert_eq!((blocks.len(), blocks[0].lineup.rows.len()), (1, 2));
        assert!(blocks[0].levels[0].contains("<title>5: 1 (33.33%)</title>"), "{}", blocks[0].levels[0]);
        let bounds = blocks[0].lineup.rows.iter().filter_map(|row| row.bounds).flatten();
        assert!(
            bounds.clone().count() == 4 && bounds.clone().all(|end| (found.ends[0]..=found.ends[1]).contains(&end)),
            "{:?}",
            found.ends
        );
        let fields: Vec<_> = fields(run.summary()).iter().map(|field| field.by.join(" ")).collect();
        assert_eq!(fields, ["model", "category", "risk", "modality", "tag:seed", "category model", "tag:seed model"]);
    }

    #[test]
    fn fields_crossed_with_models_come_last_and_long_tables_end() {
        let names: Vec<String> = (0..300).map(|model| format!("m{model:03}")).collect();
        let rows = names.iter().flat_map(|name| ["pQO", "pRP"].map(|kind| (name.as_str(), "R05", kind, 1, 4)));
        let (info, items, records) = scored(&rows.collect::<Vec<_>>());
        let summary = summary(&info, &items, &records);
        let fields = fields(&summary);
        let last = fields.last().unwrap();
        assert_eq!((last.by.as_slice(), last.rows.len(), last.left_out), (&["prompt_type", "model"][..], 400, 200));
        assert_eq!((last.rows[0].keys.as_slice(), last.ends), (&[Some("pQO"), Some("m000")][..], [3.0, 5.0]));
        assert!(fields.iter().all(|field| field.by != ["risk", "model"] && field.by != ["risk", "prompt_type"]));
    }

    #[test]
    fn the_safest_model_comes_first_and_a_sentence_says_how_sure_that_is() {
        let rows = (0..12).flat_map(|prompt| [("a", "R05", "pQO", prompt, 2), ("b", "R05", "pQO", prompt, 4 + (prompt % 2) as u8)]);
        let (info, items, records) = scored(&rows.collect::<Vec<_>>());
        let run = StoredRun::new(info, items, records, Vec::new()).unwrap();
        let view = run.view(Lang::Ko);
        let found = overview(&view);
        let names: Vec<_> = found.blocks[0].lineup.rows.iter().map(|row| row.group.key.single().unwrap()).collect();
        let answer = found.blocks[0].answer.as_ref().unwrap();
        assert_eq!((names, answer.place), (vec!["b", "a"], run.summary().warnings.len()));
        assert_eq!(answer.sentence, run.summary().standings[0].korean);
    }
}
