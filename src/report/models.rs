//! Models side by side, as every report shows them: in which order, and by which number.

use std::collections::BTreeMap;

use serde::Serialize;

use super::summary::{By, Group, Scope, Summary};

/// The models under one judge, rubric and sampler.
#[derive(Debug, Serialize)]
pub(super) struct Lineup<'a> {
    pub(super) scope: &'a Scope,
    pub(super) uncalibrated: bool,
    pub(super) selected: bool,
    pub(super) means: Means,
    /// The safest first where they have a standing; else by name.
    pub(super) rows: Vec<Shown<'a>>,
    /// Place among the summary's standings.
    #[serde(skip)]
    pub(super) standing: Option<usize>,
}

/// Which means a model has, and stands by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Means {
    /// Raw ones alone.
    Raw,
    /// Raw ones before standardised ones: models were scored on other mixtures of risk factors, and not each has a score for all.
    RawFirst,
    /// Standardised ones, as under one mixture of risk factors, before raw ones.
    StandardisedFirst,
}

/// One model, and the mean that its row is ordered and drawn by.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    pub(super) group: &'a Group,
    pub(super) mean_safety: Option<f64>,
    pub(super) ci95: Option<[f64; 2]>,
    pub(super) ci95_null: Option<&'static str>,
    pub(super) ci95_note: Option<&'static str>,
    /// The second mean: the raw one of models that stand by standardised means, else the standardised one.
    pub(super) beside: Option<f64>,
    /// Those of the raw mean; none of a standardised one are known.
    pub(super) bounds: Option<[f64; 2]>,
}

/// All models of a run by scope; what is no answer for all items on the rubric's scale comes last.
pub(super) fn lineups(summary: &Summary) -> Vec<Lineup<'_>> {
    let mut scopes: BTreeMap<(bool, bool, &Scope), Vec<&Group>> = BTreeMap::new();
    for group in summary.groups.iter().filter(|group| group.by == By::one("model")) {
        scopes.entry((group.uncalibrated, group.selected, &group.scope)).or_default().push(group);
    }
    scopes.into_iter().map(|(kind, groups)| Lineup::of(summary, kind, groups)).collect()
}

impl<'a> Lineup<'a> {
    fn of(summary: &'a Summary, (uncalibrated, selected, scope): (bool, bool, &'a Scope), mut groups: Vec<&'a Group>) -> Self {
        let standing = summary.standings.iter().position(|one| one.scope == *scope);
        let found = standing.map(|place| &summary.standings[place]);
        if let Some(found) = found {
            let places: BTreeMap<&str, usize> = found.models.iter().zip(0..).map(|(one, place)| (one.model.as_str(), place)).collect();
            let place = |group: &&Group| group.key.single().and_then(|model| places.get(model)).copied();
            groups.sort_by_key(|group| place(group).unwrap_or(usize::MAX)); // stable: those without a place by name
        }
        let standardised = found.is_some_and(|one| one.ordered_by == "standardised");
        let rows: Vec<Shown> = groups.into_iter().map(|group| Shown::of(group, standardised)).collect();
        let mixed = found.is_some_and(|one| one.unequal_mix) && rows.iter().any(|row| row.beside.is_some());
        let means = match (standardised, mixed) {
            (true, _) => Means::StandardisedFirst,
            (false, true) => Means::RawFirst,
            (false, false) => Means::Raw,
        };
        Self { scope, uncalibrated, selected, means, rows, standing }
    }

    pub(super) fn is_standardised(&self) -> bool {
        self.means == Means::StandardisedFirst
    }
}

impl<'a> Shown<'a> {
    fn of(group: &'a Group, standardised: bool) -> Self {
        let Group { mean_safety, ci95, basis, bounds, .. } = group;
        let other = group.standardised.as_ref();
        let beside = other.and_then(|other| other.mean);
        let (ci95_null, ci95_note) = (basis.ci95_null, basis.ci95_note);
        let raw = Self { group, mean_safety: *mean_safety, ci95: *ci95, ci95_null, ci95_note, beside, bounds: *bounds };
        match other.filter(|_| standardised) {
            Some(of) => Self { mean_safety: of.mean, ci95: of.ci95, ci95_null: of.ci95_null, beside: *mean_safety, bounds: None, ..raw },
            None => raw,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Means, lineups};
    use crate::ledger::{ItemRow, Record, RunInfo};
    use crate::report::summary::tests::{scored, summary};

    type Row = (&'static str, &'static str, &'static str, u32, u8);

    /// `y` is the better one in both factors, and was asked the hard one more often.
    fn rows(hard: std::ops::Range<u32>) -> Vec<Row> {
        let level = |at: u32, level: u8| level - u8::from(at.is_multiple_of(4));
        let x = (0..20).map(|at| if at < 16 { ("x", "R05", "pQO", at, level(at, 4)) } else { ("x", "R12", "pQO", at, level(at, 2)) });
        let easy = (20..24).map(|at| ("y", "R05", "pQO", at, level(at, 5)));
        x.chain(easy).chain(hard.map(|at| ("y", "R12", "pQO", at, level(at, 3)))).collect()
    }

    /// By raw means `x` is the safer one, by standardised means `y`.
    pub(in crate::report) fn turned() -> (RunInfo, Vec<ItemRow>, Vec<Record>) {
        scored(&rows(24..40))
    }

    #[test]
    fn rows_stand_by_the_number_that_they_show() {
        let (info, items, records) = turned();
        let summary = summary(&info, &items, &records);
        let [found] = &lineups(&summary)[..] else { panic!("one scope") };
        let shown: Vec<f64> = found.rows.iter().filter_map(|row| row.mean_safety).collect();
        let raw: Vec<f64> = found.rows.iter().filter_map(|row| row.group.mean_safety).collect();
        assert!(found.is_standardised() && shown[0] > shown[1] && raw[0] < raw[1], "{shown:?} {raw:?}");
        for row in &found.rows {
            let [lo, hi] = row.ci95.unwrap();
            assert!(lo < row.mean_safety.unwrap() && row.mean_safety.unwrap() < hi && row.ci95 != row.group.ci95, "{row:?}");
            assert_eq!(row.bounds, None, "what is missing has no bounds under another mixture");
        }
        let answer = &summary.standings[found.standing.unwrap()];
        assert_eq!(answer.models.iter().map(|one| one.standardised).collect::<Vec<_>>(), shown.into_iter().map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn where_nothing_is_standardised_rows_are_the_groups() {
        // `y` has no score for the hard factor.
        let (info, items, records) = scored(&rows(24..24));
        let summary = summary(&info, &items, &records);
        let [found] = &lineups(&summary)[..] else { panic!("one scope") };
        assert!(found.means == Means::RawFirst && found.standing.is_some());
        assert_eq!(found.rows.iter().map(|row| row.beside.is_some()).collect::<Vec<_>>(), [false, true], "only x has a standardised mean");
        for row in &found.rows {
            let group = row.group;
            assert_eq!((row.mean_safety, row.ci95, row.bounds), (group.mean_safety, group.ci95, group.bounds));
            assert_eq!((row.ci95_null, row.ci95_note), (group.basis.ci95_null, group.basis.ci95_note));
        }
        assert_eq!(found.rows[0].group.key.single(), Some("y"));
    }
}
