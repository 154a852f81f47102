//! Mean safety of every factor and model: the heat map.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::report::format::RunView;
use crate::report::{By, Group, Key, Scope};

/// The heat map of one scope.
#[derive(Debug, Serialize)]
pub(super) struct Matrix<'a> {
    scope: &'a Scope,
    uncalibrated: bool,
    models: Vec<Option<&'a str>>,
    rows: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    code: &'a str,
    /// English name of its category, which is also the category's key.
    category: &'a str,
    cells: Vec<Option<&'a Group>>,
}

/// Risk, model and their group.
type Cell<'a> = (&'a str, Option<&'a str>, &'a Group);

/// One heat map a scope, scopes ascending.
pub(super) fn matrices<'a>(run: &'a RunView) -> Vec<Matrix<'a>> {
    let mut scopes: BTreeMap<&Scope, Vec<Cell>> = BTreeMap::new();
    for group in run.summary.groups.iter().filter(|group| group.by == By::pair("risk", "model")) {
        if let Key::Many(key) = &group.key
            && let [Some(risk), model] = key.as_slice()
        {
            scopes.entry(&group.scope).or_default().push((risk, model.as_deref(), group));
        }
    }
    scopes.into_iter().map(|(scope, cells)| matrix(run, scope, &cells)).collect()
}

fn matrix<'a>(run: &'a RunView, scope: &'a Scope, cells: &[Cell<'a>]) -> Matrix<'a> {
    let models: BTreeSet<_> = cells.iter().map(|cell| cell.1).collect();
    let risks: BTreeSet<_> = cells.iter().map(|cell| cell.0).collect();
    let find = |risk, model| cells.iter().find(|cell| (cell.0, cell.1) == (risk, model)).map(|cell| cell.2);
    let row = |code: &'a str| Row {
        code,
        category: run.info.factor_categories.get(code).map(|(en, _)| en.as_str()).unwrap_or_default(),
        cells: models.iter().map(|model| find(code, *model)).collect(),
    };
    Matrix {
        scope,
        uncalibrated: cells.iter().any(|cell| cell.2.uncalibrated),
        rows: risks.into_iter().map(row).collect(),
        models: models.iter().copied().collect(),
    }
}
