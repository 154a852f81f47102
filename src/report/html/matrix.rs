//! Mean safety of every factor and model: the heat map.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::report::format::RunView;
use crate::report::{By, Group, Key, Scope};

/// Models side by side: what a screen and a sheet of paper have room for.
const WIDE: usize = 8;

/// Scored items of a cell; fewer make a mean that one item can move far.
const FEW: usize = 5;

/// The heat map of one scope, or of some of its models where there are many.
#[derive(Debug, Serialize)]
pub(super) struct Matrix<'a> {
    scope: &'a Scope,
    uncalibrated: bool,
    /// Number of its first model, from 1.
    first: usize,
    /// Models of all its parts.
    all: usize,
    models: Vec<Option<&'a str>>,
    rows: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    code: &'a str,
    /// English name of its category, which is also the category's key.
    category: &'a str,
    cells: Vec<Option<Cell<'a>>>,
}

/// A group, and whether it is too small to be read alone.
#[derive(Debug, Serialize)]
struct Cell<'a> {
    #[serde(flatten)]
    group: &'a Group,
    few: bool,
}

/// Risk, model and their group.
type Placed<'a> = (&'a str, Option<&'a str>, &'a Group);

/// The heat maps of every scope, scopes ascending; models as they stand, the safest first.
pub(super) fn matrices<'a>(run: &'a RunView) -> Vec<Matrix<'a>> {
    let mut scopes: BTreeMap<&Scope, Vec<Placed>> = BTreeMap::new();
    for group in run.summary.groups.iter().filter(|group| group.by == By::pair("risk", "model")) {
        if let Key::Many(key) = &group.key
            && let [Some(risk), model] = key.as_slice()
        {
            scopes.entry(&group.scope).or_default().push((risk, model.as_deref(), group));
        }
    }
    scopes.into_iter().flat_map(|(scope, cells)| parts(run, scope, &cells)).collect()
}

/// The heat map of one scope, some models at a time.
fn parts<'a>(run: &'a RunView, scope: &'a Scope, cells: &[Placed<'a>]) -> Vec<Matrix<'a>> {
    let mut models: Vec<Option<&str>> = cells.iter().map(|cell| cell.1).collect::<BTreeSet<_>>().into_iter().collect();
    if let Some(standing) = run.summary.standings.iter().find(|one| one.scope == *scope) {
        let places = standing.places();
        models.sort_by_key(|model| model.and_then(|model| places.get(model)).map_or(usize::MAX, |place| *place));
    }
    let risks: BTreeSet<_> = cells.iter().map(|cell| cell.0).collect();
    let cells: BTreeMap<_, _> = cells.iter().map(|(risk, model, group)| ((*risk, *model), *group)).collect();
    let cell = |risk, model| {
        let group = *cells.get(&(risk, model))?;
        Some(Cell { group, few: group.scored < FEW })
    };
    let row = |code: &'a str, models: &[Option<&'a str>]| Row {
        code,
        category: run.info.factor_categories.get(code).map(|(en, _)| en.as_str()).unwrap_or_default(),
        cells: models.iter().map(|model| cell(code, *model)).collect(),
    };
    let part = |(place, some): (usize, &[Option<&'a str>])| Matrix {
        scope,
        uncalibrated: cells.values().any(|group| group.uncalibrated),
        first: place * WIDE + 1,
        all: models.len(),
        rows: risks.iter().map(|risk| row(risk, some)).collect(),
        models: some.to_vec(),
    };
    models.chunks(WIDE).enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::matrices;
    use crate::report::StoredRun;
    use crate::report::summary::tests::scored;
    use crate::taxonomy::Lang;

    #[test]
    fn models_stand_in_the_order_of_the_answer() {
        let rows =
            (0..6).flat_map(|at| [("a", "R05", "pQO", at, 2), ("b", "R05", "pQO", at, 5), ("c", "R05", "pQO", at, 3 + (at % 2) as u8)]);
        let (info, items, records) = scored(&rows.collect::<Vec<_>>());
        let run = StoredRun::new(info, items, records, Vec::new()).unwrap();
        assert_eq!(matrices(&run.view(Lang::En))[0].models, [Some("b"), Some("c"), Some("a")]);
    }

    #[test]
    fn many_models_are_shown_some_at_a_time_and_small_cells_are_marked() {
        let names: Vec<String> = (0..10).map(|model| format!("m{model}")).collect();
        let rows = names
            .iter()
            .enumerate()
            .flat_map(|(model, name)| (0..4 + model as u32).map(move |prompt| (name.as_str(), "R05", "pQO", prompt, 4)));
        let (info, items, records) = scored(&rows.collect::<Vec<_>>());
        let run = StoredRun::new(info, items, records, Vec::new()).unwrap();
        let view = run.view(Lang::En);
        let found = matrices(&view);
        assert_eq!(found.iter().map(|part| (part.first, part.models.len(), part.all)).collect::<Vec<_>>(), [(1, 8, 10), (9, 2, 10)]);
        let few = |part: usize, place: usize| found[part].rows[0].cells[place].as_ref().unwrap().few;
        assert!(few(0, 0) && !few(0, 1) && !few(1, 1));
    }
}
