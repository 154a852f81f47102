//! Two runs under one rubric and one sampler.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::scoped_items::ScopedItems;
use crate::report::summary::{PairTest, Paired, Pooled};
use crate::stats::{self, Basis, Observed, Resampling};

/// As many items are listed that differ most.
const MOVED: usize = 20;

/// Two runs on the items that both have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairRow {
    /// Name of the first run.
    pub a: String,
    /// Name of the second run.
    pub b: String,
    /// Judge of the first; differences are `a` less `b`.
    pub judge_a: String,
    /// Judge of the second.
    pub judge_b: String,
    /// The rubric.
    pub rubric: String,
    /// Canonical sampler; null unless video.
    pub sampler: Option<String>,
    /// The numbers are triage, not the rubric's scale.
    pub uncalibrated: bool,
    /// Items that both runs have.
    pub items: usize,
    /// Items that only the first scored, of those.
    pub only_a: usize,
    /// Items that only the second scored.
    pub only_b: usize,
    /// Items that only the first model blocked.
    pub blocked_only_a: usize,
    /// Items that only the second model blocked.
    pub blocked_only_b: usize,
    /// On the items that both scored.
    pub difference: Difference,
    /// `paired_t`, `wilcoxon` and `sign_flip` of the differences by source item, and `mcnemar_exact` of the items that one of them blocked.
    pub tests: Vec<PairTest>,
    /// Effect sizes of these tests by name.
    pub effect: BTreeMap<&'static str, f64>,
    /// The same by factor, p by Wilcoxon with Holm's correction over the factors.
    pub by_risk: Vec<PartRow>,
    /// The same by model, over items that are of one model in both runs; empty below two models.
    pub by_model: Vec<PartRow>,
    /// Items that differ most, largest first.
    pub moved: Vec<Moved>,
    /// All scored items of both runs as two groups; only where those that both scored are fewer than half of the ones of the run with fewer.
    pub unpaired: Option<Unpaired>,
}

/// Paired means and what lies between them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Items scored by both; `clusters` says of how many source items, which intervals and tests are over.
    pub n: usize,
    /// Risk factors of these.
    pub factors: usize,
    /// Mean safety of the first on these items.
    pub mean_a: Option<f64>,
    /// Of the second.
    pub mean_b: Option<f64>,
    /// Mean of the differences by item.
    pub mean: Option<f64>,
    /// 95 % interval of it.
    pub ci95: Option<[f64; 2]>,
    /// What that rests on.
    #[serde(flatten)]
    pub basis: Basis,
}

/// One factor, or one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartRow {
    /// The factor's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<String>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// On its items.
    pub difference: Difference,
    /// Wilcoxon's.
    pub p: Option<f64>,
    /// After Holm.
    pub p_holm: Option<f64>,
}

/// One item that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// The instance.
    pub item_id: String,
    /// Safety in the first run.
    pub a: f64,
    /// In the second.
    pub b: f64,
}

/// Two groups of mostly different items; all numbers but `n_a` and `n_b` are over source items, each one's scored items averaged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unpaired {
    /// Scored items of the first run.
    pub n_a: usize,
    /// Of the second.
    pub n_b: usize,
    /// Risk factors of the first's.
    pub factors_a: usize,
    /// Of the second's.
    pub factors_b: usize,
    /// Source items that those of the first come from.
    pub clusters_a: usize,
    /// Of the second.
    pub clusters_b: usize,
    /// Mean safety of the first.
    pub mean_a: Option<f64>,
    /// Of the second.
    pub mean_b: Option<f64>,
    /// The first less the second.
    pub difference: Option<f64>,
    /// Welch's test; its F is t squared.
    pub welch: PairTest,
    /// Hedges' g.
    pub hedges_g: Option<f64>,
    /// Cliff's delta.
    pub cliffs_delta: Option<f64>,
    /// Its 95 % interval.
    pub cliffs_delta_ci95: Option<[f64; 2]>,
}

/// An item that both scored.
#[derive(Clone, Copy)]
struct Both<'a> {
    item_id: &'a str,
    risk: Option<&'a str>,
    /// Where it is the same in both runs.
    model: Option<&'a str>,
    source: usize,
    a: f64,
    b: f64,
}

impl<'a> Both<'a> {
    fn of((a, one): (&ScopedItems<'a>, &Pooled), (b, other): (&ScopedItems<'a>, &Pooled)) -> Option<Self> {
        let item = a.of(one);
        let model = a.text(item.model).filter(|model| b.text(b.of(other).model) == Some(model));
        let (item_id, risk, source) = (a.id(one), a.text(item.risk), item.source as usize);
        Some(Self { item_id, risk, model, source, a: one.safety?, b: other.safety? })
    }
}

impl PairRow {
    /// Compares `a` and `b`, of the runs of these names.
    pub(super) fn of(names: (&str, &str), a: &ScopedItems, b: &ScopedItems) -> Self {
        let shared = a.shared(b);
        let scored = |one: Option<f64>, other: Option<f64>| one.is_some() && other.is_none();
        let both: Vec<Both<'_>> = shared.iter().filter_map(|(one, other)| Both::of((a, one), (b, other))).collect();
        let (difference, Paired { mut tests, effect, .. }) = compared(&both, Resampling::SINGLE);
        let count = |blocked: fn(&Pooled, &Pooled) -> bool| shared.iter().filter(|(a, b)| blocked(a, b)).count();
        let (blocked_only_a, blocked_only_b) =
            (count(|a, b| a.is_blocked() && !b.is_blocked()), count(|a, b| b.is_blocked() && !a.is_blocked()));
        tests.push(PairTest::new("mcnemar_exact", stats::mcnemar_exact(blocked_only_a, blocked_only_b)));
        Self {
            a: names.0.to_owned(),
            b: names.1.to_owned(),
            judge_a: a.scope.judge.clone(),
            judge_b: b.scope.judge.clone(),
            rubric: a.scope.rubric.clone(),
            sampler: a.scope.sampler.clone(),
            uncalibrated: a.uncalibrated || b.uncalibrated,
            items: shared.len(),
            only_a: shared.iter().filter(|(a, b)| scored(a.safety, b.safety)).count(),
            only_b: shared.iter().filter(|(a, b)| scored(b.safety, a.safety)).count(),
            blocked_only_a,
            blocked_only_b,
            difference,
            tests,
            effect,
            by_risk: parts(&both, |one| one.risk, |risk| (Some(risk), None)),
            by_model: several(parts(&both, |one| one.model, |model| (None, Some(model)))),
            moved: moved(&both),
            unpaired: (!a.is_paired(b)).then(|| Unpaired::of(a, b)),
        }
    }
}

impl PairRow {
    /// p of one of its tests.
    pub(super) fn p(&self, test: &str) -> Option<f64> {
        p_of(&self.tests, test)
    }
}

fn p_of(tests: &[PairTest], name: &str) -> Option<f64> {
    tests.iter().find(|test| test.test == name)?.p
}

fn compared(both: &[Both<'_>], how: Resampling) -> (Difference, Paired) {
    let observed: Vec<Observed> = both.iter().map(|one| Observed { cluster: one.source, value: one.a - one.b }).collect();
    let paired = Paired::of(&observed, how);
    let mean = |of: fn(&Both<'_>) -> f64| stats::mean(&both.iter().map(of).collect::<Vec<_>>());
    let (mean_a, mean_b) = (mean(|one| one.a), mean(|one| one.b));
    let factors = both.iter().filter_map(|one| one.risk).collect::<BTreeSet<_>>().len();
    let (n, basis) = (both.len(), paired.basis.clone());
    let difference = Difference { n, factors, mean_a, mean_b, mean: paired.mean, ci95: paired.ci95, basis };
    (difference, paired)
}

impl Unpaired {
    fn of(a: &ScopedItems, b: &ScopedItems) -> Self {
        let means = |scoped: &ScopedItems| {
            let observed = |one: &Pooled| Some(Observed { cluster: scoped.of(one).source as usize, value: one.safety? });
            let means = stats::cluster_means(&scoped.items.iter().filter_map(observed).collect::<Vec<_>>());
            means.iter().map(|one| one.value).collect::<Vec<_>>()
        };
        let (n_a, n_b) = (a.scored(), b.scored());
        let factors = |scoped: &ScopedItems| {
            scoped.items.iter().filter(|one| one.safety.is_some()).filter_map(|one| scoped.of(one).risk).collect::<BTreeSet<_>>().len()
        };
        let (factors_a, factors_b) = (factors(a), factors(b));
        let (a, b) = (means(a), means(b));
        let (cliffs_delta, interval) = stats::cliffs_delta(&a, &b).unzip();
        Self {
            n_a,
            n_b,
            factors_a,
            factors_b,
            clusters_a: a.len(),
            clusters_b: b.len(),
            mean_a: stats::mean(&a),
            mean_b: stats::mean(&b),
            difference: stats::mean(&a).zip(stats::mean(&b)).map(|(a, b)| a - b),
            welch: PairTest::new("welch", stats::anova_welch(&[&a, &b])),
            hedges_g: stats::hedges_g(&a, &b),
            cliffs_delta,
            cliffs_delta_ci95: interval.flatten(),
        }
    }
}

/// Items by one of their fields; `name` says what a part is called.
fn parts<'a>(
    both: &[Both<'a>],
    field: fn(&Both<'a>) -> Option<&'a str>,
    name: fn(String) -> (Option<String>, Option<String>),
) -> Vec<PartRow> {
    let mut parts: BTreeMap<&str, Vec<Both<'_>>> = BTreeMap::new();
    for one in both {
        if let Some(key) = field(one) {
            parts.entry(key).or_default().push(*one);
        }
    }
    let row = |(key, both): (&str, Vec<Both<'_>>)| {
        let (difference, Paired { tests, .. }) = compared(&both, Resampling::PAIRS);
        let (risk, model) = name(key.to_owned());
        PartRow { risk, model, difference, p: p_of(&tests, "wilcoxon"), p_holm: None }
    };
    let mut rows: Vec<PartRow> = parts.into_iter().map(row).collect();
    let tested: Vec<f64> = rows.iter().filter_map(|row| row.p).collect();
    let corrected = stats::holm(&tested);
    rows.iter_mut().filter(|row| row.p.is_some()).zip(corrected).for_each(|(row, p)| row.p_holm = Some(p));
    rows
}

/// One part is the whole.
fn several(rows: Vec<PartRow>) -> Vec<PartRow> {
    if rows.len() > 1 { rows } else { Vec::new() }
}

fn moved(both: &[Both<'_>]) -> Vec<Moved> {
    let mut far: Vec<&Both<'_>> = both.iter().filter(|one| (one.a - one.b).abs() > 0.0).collect();
    far.sort_by(|one, other| (other.a - other.b).abs().total_cmp(&(one.a - one.b).abs()).then(one.item_id.cmp(other.item_id)));
    far.truncate(MOVED);
    far.into_iter().map(|one| Moved { item_id: one.item_id.to_owned(), a: one.a, b: one.b }).collect()
}
