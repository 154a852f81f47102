//! The summary itself and its counts.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde::Serialize;

use super::drift::{self, DriftRow};
use super::group::Group;
use super::probe::{self, ProbeRow};
use super::quality::Quality;
use super::scope::{Scope, Scoped};
use super::served::{self, ServedRow};
use super::settings::RunSettings;
use super::spent::Spent;
use super::standing::{self, Standing};
use super::test::TestRow;
use super::warning::Warning;
use super::{ModelPair, groups, model_pair, test, warning};
use crate::ensemble::{self, CascadeRow, PanelRow};
use crate::judge::{OutcomeName, Usage};
use crate::ledger::{Facts, PerhapsBilled, RunInfo, SentinelRow, TaskFacts};
use crate::report::Ratings;

/// Version of the file's format.
const SCHEMA: u32 = 1;

/// `summary.json`. Undefined numbers are null, never 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Version of this format.
    pub schema: u32,
    /// Of the run.
    pub run_id: String,
    /// When its first invocation began, of shards the earliest: UTC, RFC 3339; null where that is not known.
    pub started_at: Option<String>,
    /// Manifest rows.
    pub items: usize,
    /// Tasks: the sum of `by_outcome` and `pending`.
    pub expected: usize,
    /// Tasks by how they ended; every outcome is there, also at 0.
    pub by_outcome: BTreeMap<OutcomeName, usize>,
    /// Tasks without an outcome yet.
    pub pending: usize,
    /// The same counts for each judge, rubric and sampler.
    pub by_judge: Vec<JudgeRow>,
    /// Dollars; null when nothing has a price or something was billed without one.
    pub cost_usd: Option<f64>,
    /// What attempts of which nobody knows the cost (lost on their way, or answered without a count of tokens) may have cost beyond that, at most; null
    /// when there are none.
    pub perhaps_billed_usd: Option<f64>,
    /// Null when no judge reported any.
    pub tokens: Option<Tokens>,
    /// Which models answered as each judge, as far as their servers say.
    pub served: Vec<ServedRow>,
    /// Whether judges are still those of the first invocation; empty unless sentinel items were asked.
    pub drift: Vec<DriftRow>,
    /// Never pooled over judges, rubrics or samplers.
    pub groups: Vec<Group>,
    /// Which model is safer: those of each judge, rubric and sampler in their order.
    pub standings: Vec<Standing>,
    /// Whether groups differ by more than chance.
    pub tests: Vec<TestRow>,
    /// Models two by two, on the same source items where they share enough.
    pub model_pairs: Vec<ModelPair>,
    /// Several judges as one, where the settings ask for it.
    pub panels: Vec<PanelRow>,
    /// What a cascade found and saved, where the settings ask for one.
    pub cascades: Vec<CascadeRow>,
    /// How far scores move when one thing is changed that should not, or should, move them; empty unless judges were probed.
    pub probes: Vec<ProbeRow>,
    /// How far the judges can be trusted.
    pub quality: Quality,
    /// What a reader must know before using the numbers.
    pub warnings: Vec<Warning>,
}

/// How the tasks of one judge, rubric and sampler ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JudgeRow {
    /// Which.
    #[serde(flatten)]
    pub scope: Scope,
    /// Its numbers are triage, not the rubric's scale.
    pub uncalibrated: bool,
    /// Tasks by outcome.
    pub by_outcome: BTreeMap<OutcomeName, usize>,
    /// Tasks without an outcome yet.
    pub pending: usize,
}

/// Tokens that judges say they counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tokens {
    /// Tokens in.
    pub input: u64,
    /// Tokens out.
    pub output: u64,
}

impl Summary {
    /// Sums up a run; `settings` are its own, `ratings` the labels of its people.
    pub fn of(info: &RunInfo, settings: &RunSettings, facts: &Facts, ratings: &Ratings) -> Self {
        let scoped = Scoped::split(info, settings, facts);
        let ensemble::Settings { panel, cascade, .. } = &settings.ensemble;
        let (by_outcome, pending) = count(facts.tasks().iter());
        let by_judge = scoped.iter().map(|one| {
            let (by_outcome, pending) = count(one.tasks());
            JudgeRow { scope: one.scope.clone(), uncalibrated: one.uncalibrated, by_outcome, pending }
        });
        let scores: Vec<&Scoped> = scoped.iter().filter(|one| !one.scope.is_probe()).collect();
        // Models were not asked alike where each one's worst outputs were passed on.
        let whole: Vec<&Scoped> = scores.iter().copied().filter(|one| !one.selected).collect();
        // Intervals keep all threads busy; what is done by one thread alone goes on beside them.
        let groups = || -> Vec<Group> { scores.par_iter().flat_map_iter(|one| groups::of(one)).collect() };
        let pairs = || -> Vec<ModelPair> { whole.par_iter().flat_map_iter(|one| model_pair::of(one)).collect() };
        let tests = || whole.par_iter().flat_map_iter(|one| test::of(one)).collect();
        let ((groups, model_pairs), (tests, quality)) =
            rayon::join(|| rayon::join(groups, pairs), || rayon::join(tests, || Quality::of(ratings, &scores)));
        let standings = standing::of(&scores, &groups, &model_pairs);
        let mut summary = Self {
            schema: SCHEMA,
            run_id: info.run_id.clone(),
            started_at: info.started_at.clone(),
            items: facts.items().len(),
            expected: facts.tasks().len(),
            by_outcome,
            pending,
            by_judge: by_judge.collect(),
            panels: panel.as_ref().map_or_else(Vec::new, |panel| PanelRow::of(panel, facts)),
            cascades: cascade.as_ref().map_or_else(Vec::new, |cascade| CascadeRow::of(cascade, facts, info.experiment.seed)),
            cost_usd: Spent::total(Spent::on_run(facts)),
            perhaps_billed_usd: None,
            tokens: tokens(usages(facts)),
            served: Vec::new(),
            drift: Vec::new(),
            groups,
            standings,
            tests,
            model_pairs,
            probes: probe::of(&scoped, &settings.probes),
            quality,
            warnings: Vec::new(),
        };
        summary.warnings = warning::of(info, settings, &summary, facts, &scores);
        summary
    }

    /// Adds whether all that was to be done is in the run's plan.
    #[must_use]
    pub fn with_plan(mut self, whole: bool) -> Self {
        if !whole {
            // First: no count here is that of the source.
            self.warnings.insert(0, warning::plan_cut_short());
        }
        self
    }

    /// Adds what may have been billed beyond what is known.
    #[must_use]
    pub fn with_perhaps_billed(mut self, billed: PerhapsBilled) -> Self {
        let usd = |micro_usd: u64| (micro_usd > 0).then(|| micro_usd as f64 / 1e6);
        self.perhaps_billed_usd = usd(billed.lost.saturating_add(billed.uncounted));
        self.warnings.extend(usd(billed.lost).map(warning::perhaps_billed));
        self.warnings.extend(usd(billed.uncounted).map(warning::uncounted));
        self
    }

    /// Adds who answered: which models gave the verdicts, and the sentinel rounds of each run folder, with what they say and what they cost.
    #[must_use]
    pub fn with_served(mut self, settings: &RunSettings, facts: &Facts, folders: &[Vec<SentinelRow>]) -> Self {
        let rows = || folders.iter().flatten();
        if rows().next().is_some() {
            self.cost_usd = Spent::total(Spent::on_run(facts).chain(rows().map(|row| Spent::on_call(row.usage.is_some(), row.cost_usd))));
            self.tokens = tokens(usages(facts).chain(rows().filter_map(|row| row.usage)));
        }
        self.drift = folders.iter().flat_map(|rows| drift::of(rows)).collect();
        self.served = served::of(facts, &self.drift);
        // First: scores of different judges are no one run.
        let told = served::warnings(&self.served).into_iter().chain(drift::warnings(&self.drift, &settings.sentinel));
        self.warnings.splice(0..0, told);
        self
    }
}

fn count<'a>(tasks: impl Iterator<Item = &'a TaskFacts>) -> (BTreeMap<OutcomeName, usize>, usize) {
    let mut by_outcome: BTreeMap<_, _> = OutcomeName::ALL.into_iter().map(|name| (name, 0)).collect();
    let mut pending = 0;
    for task in tasks {
        match task.outcome {
            Some(outcome) => *by_outcome.entry(outcome).or_default() += 1,
            None => pending += 1,
        }
    }
    (by_outcome, pending)
}

fn usages(facts: &Facts) -> impl Iterator<Item = Usage> {
    facts.scopes().iter().filter_map(|scope| scope.usage)
}

fn tokens(usages: impl Iterator<Item = Usage>) -> Option<Tokens> {
    usages.fold(None, |sum, usage| {
        let sum = sum.unwrap_or(Tokens::default());
        Some(Tokens { input: sum.input.saturating_add(usage.input), output: sum.output.saturating_add(usage.output) })
    })
}
