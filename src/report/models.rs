//! Models side by side, as every report shows them: in which order, and by which number.

use std::collections::BTreeMap;

use serde::Serialize;

use super::StandardisedMean;
use super::summary::{By, Group, Scope, Summary};
use crate::ensemble::{PanelMean, PanelRow, STANDARDISED};
use crate::stats::Basis;

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
    /// Raw ones before standardised ones: models were scored on other mixtures of risk factors, and at most one has a score for all.
    RawFirst,
    /// Standardised ones, as under one mixture of risk factors, before raw ones.
    StandardisedFirst,
}

/// One model under a judge.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    pub(super) group: &'a Group,
    #[serde(flatten)]
    pub(super) stand: Stand,
    /// Those of the raw mean; none of a standardised one are known.
    pub(super) bounds: Option<[f64; 2]>,
}

/// The models before a panel, the safest first.
#[derive(Debug, Serialize)]
pub(super) struct PanelLineup<'a> {
    #[serde(flatten)]
    pub(super) panel: &'a PanelRow,
    pub(super) means: Means,
    pub(super) rows: Vec<PanelShown<'a>>,
}

/// One model before a panel.
#[derive(Debug, Serialize)]
pub(super) struct PanelShown<'a> {
    pub(super) of: &'a PanelMean,
    #[serde(flatten)]
    pub(super) stand: Stand,
}

/// The mean that a model's row is ordered and drawn by.
#[derive(Debug, Serialize)]
pub(super) struct Stand {
    pub(super) mean_safety: Option<f64>,
    pub(super) ci95: Option<[f64; 2]>,
    pub(super) ci95_null: Option<&'static str>,
    pub(super) ci95_note: Option<&'static str>,
    /// The second mean: the raw one of models that stand by standardised means, else the standardised one.
    pub(super) beside: Option<f64>,
}

/// All models of a run by scope; what is no answer for all items on the rubric's scale comes last.
pub(super) fn lineups(summary: &Summary) -> Vec<Lineup<'_>> {
    let mut scopes: BTreeMap<(bool, bool, &Scope), Vec<&Group>> = BTreeMap::new();
    for group in summary.groups.iter().filter(|group| group.by == By::one("model")) {
        scopes.entry((group.uncalibrated, group.selected, &group.scope)).or_default().push(group);
    }
    scopes.into_iter().map(|(kind, groups)| Lineup::of(summary, kind, groups)).collect()
}

/// The models before every panel.
pub(super) fn panels(summary: &Summary) -> impl Iterator<Item = PanelLineup<'_>> {
    summary.panels.iter().map(PanelLineup::of)
}

impl Means {
    /// What rows show.
    const fn of(standardised: bool, unequal_mix: bool) -> Self {
        match (standardised, unequal_mix) {
            (true, _) => Self::StandardisedFirst,
            (false, true) => Self::RawFirst,
            (false, false) => Self::Raw,
        }
    }
}

impl<'a> Lineup<'a> {
    fn of(summary: &'a Summary, (uncalibrated, selected, scope): (bool, bool, &'a Scope), mut groups: Vec<&'a Group>) -> Self {
        let standing = summary.standings.iter().position(|one| one.scope == *scope);
        let found = standing.map(|place| &summary.standings[place]);
        if let Some(found) = found {
            let places = found.places();
            let place = |group: &&Group| group.key.single().and_then(|model| places.get(model)).copied();
            groups.sort_by_key(|group| place(group).unwrap_or(usize::MAX)); // stable: those without a place by name
        }
        let standardised = found.is_some_and(|one| one.ordered_by == STANDARDISED);
        let rows: Vec<Shown> = groups.into_iter().map(|group| Shown::of(group, standardised)).collect();
        let means = Means::of(standardised, found.is_some_and(|one| one.unequal_mix));
        Self { scope, uncalibrated, selected, means, rows, standing }
    }

    pub(super) fn is_standardised(&self) -> bool {
        self.means == Means::StandardisedFirst
    }
}

impl<'a> Shown<'a> {
    fn of(group: &'a Group, standardised: bool) -> Self {
        let stand = Stand::of((group.mean_safety, group.ci95, &group.basis), group.standardised.as_ref(), standardised);
        Self { group, stand, bounds: group.bounds.filter(|_| !standardised) }
    }
}

impl<'a> PanelLineup<'a> {
    fn of(panel: &'a PanelRow) -> Self {
        let standardised = panel.ordered_by == STANDARDISED;
        let row = |of: &'a PanelMean| PanelShown {
            of,
            stand: Stand::of((of.mean_safety, of.ci95, &of.basis), of.standardised.as_ref(), standardised),
        };
        let rows: Vec<PanelShown> = panel.by_model.iter().map(row).collect();
        let means = Means::of(standardised, panel.unequal_mix);
        Self { panel, means, rows }
    }
}

impl Stand {
    /// A raw mean with its interval and what that rests on, or the standardised one in its place.
    fn of(
        (mean_safety, ci95, basis): (Option<f64>, Option<[f64; 2]>, &Basis),
        other: Option<&StandardisedMean>,
        standardised: bool,
    ) -> Self {
        let beside = other.and_then(|other| other.mean);
        let raw = Self { mean_safety, ci95, ci95_null: basis.ci95_null, ci95_note: basis.ci95_note, beside };
        match other.filter(|_| standardised) {
            // The jackknife's t knows how few source items there are.
            Some(of) => Self { mean_safety: of.mean, ci95: of.ci95, ci95_null: of.ci95_null, ci95_note: None, beside: mean_safety },
            None => raw,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Means, lineups, panels};
    use crate::ledger::{ItemRow, Record, RunInfo};
    use crate::report::StoredRun;
    use crate::report::plain::number;
    use crate::report::summary::tests::{scored, summary};
    use crate::taxonomy::Lang;

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
        let shown: Vec<f64> = found.rows.iter().filter_map(|row| row.stand.mean_safety).collect();
        let raw: Vec<f64> = found.rows.iter().filter_map(|row| row.group.mean_safety).collect();
        assert!(found.is_standardised() && shown[0] > shown[1] && raw[0] < raw[1], "{shown:?} {raw:?}");
        for row in &found.rows {
            let [lo, hi] = row.stand.ci95.unwrap();
            assert!(
                lo < row.stand.mean_safety.unwrap() && row.stand.mean_safety.unwrap() < hi && row.stand.ci95 != row.group.ci95,
                "{row:?}"
            );
            assert_eq!(row.bounds, None, "what is missing has no bounds under another mixture");
        }
        let answer = &summary.standings[found.standing.unwrap()];
        assert_eq!(answer.models.iter().map(|one| one.standardised).collect::<Vec<_>>(), shown.into_iter().map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn a_panel_of_one_judge_stands_as_that_judge_does() {
        let (mut info, items, records) = turned();
        info.settings.insert("ensemble".into(), serde_json::json!({"panel": {"judges": ["m"], "rule": "mean"}}));
        let run = StoredRun::new(info, items, records, Vec::new()).unwrap();
        let summary = run.summary();
        let ([judge], panels) = (&lineups(summary)[..], panels(summary).collect::<Vec<_>>()) else { panic!("one scope") };
        let shown = |stand: &super::Stand| (stand.mean_safety, stand.ci95, stand.ci95_null, stand.ci95_note, stand.beside);
        assert_eq!((panels.len(), panels[0].means), (1, Means::StandardisedFirst));
        for (own, of_judge) in panels[0].rows.iter().zip(&judge.rows) {
            assert_eq!(own.of.model.as_deref(), of_judge.group.key.single());
            assert_eq!(shown(&own.stand), shown(&of_judge.stand));
        }
        let [mean, raw] = [panels[0].rows[0].stand.mean_safety, panels[0].rows[0].stand.beside].map(number);
        let text = crate::report::terminal(summary, 80);
        let rows: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("panel of m (mean)")).skip(1).take(2).collect();
        assert_eq!(rows[0], "standardised  95 % interval    raw decided/n fac  model / panel", "{text}");
        assert!(rows[1].trim_start().starts_with(&mean) && rows[1].ends_with(&format!("{raw:>6}     20/20   2  y / panel")), "{text}");
        let page = crate::report::markdown::page(&run.view(Lang::En));
        assert!(
            page.contains("\nPanel (mean): m, image. Decided cases: 40 / 40, unanimous: 40.\n\n| Model | Standardised mean |"),
            "{page}"
        );
        assert!(page.contains(&format!("| y | {mean} | ")) && page.contains(&format!(" | {raw} | 20 / 20 | 2 |\n| x |")), "{page}");
    }

    #[test]
    fn where_nothing_is_standardised_rows_are_the_groups() {
        // `y` has no score for the hard factor.
        let (info, items, records) = scored(&rows(24..24));
        let summary = summary(&info, &items, &records);
        let [found] = &lineups(&summary)[..] else { panic!("one scope") };
        assert!(found.means == Means::RawFirst && found.standing.is_some());
        assert_eq!(
            found.rows.iter().map(|row| row.stand.beside.is_some()).collect::<Vec<_>>(),
            [false, true],
            "only x has a standardised mean"
        );
        for row in &found.rows {
            let group = row.group;
            assert_eq!((row.stand.mean_safety, row.stand.ci95, row.bounds), (group.mean_safety, group.ci95, group.bounds));
            assert_eq!((row.stand.ci95_null, row.stand.ci95_note), (group.basis.ci95_null, group.basis.ci95_note));
        }
        assert_eq!(found.rows[0].group.key.single(), Some("y"));
    }
}
