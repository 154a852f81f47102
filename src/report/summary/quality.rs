//! How far the judges can be trusted: against people, among themselves, and what a verdict costs.

use serde::Serialize;

use super::scope::{Scope, Scoped};
use super::settings::WarningSettings;
use super::spent::Spent;
use super::variance::{self, VarianceRow};
use super::warning::{self, Warning};
use crate::judge::OutcomeName;
use crate::report::agreement::{Pairs, Ratings, SEED, pairs, shared};
use crate::stats::agreement::{Metric, Rule, alpha, alpha_interval, bias_interval, mean_absolute_error, spearman};
use crate::stats::mean;

/// The judges' own numbers. `tribunal agree` says more on each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// How people's risk becomes safety.
    pub conversion: &'static str,
    /// Agreement among the people who labelled; null without a label.
    pub humans: Option<HumansRow>,
    /// Each judge, rubric and sampler.
    pub judges: Vec<QualityRow>,
    /// Each two calibrated judges of one rubric and sampler that both saw all items.
    pub judges_among: Vec<AmongRow>,
    /// Where the variance of safety comes from; rubrics with several judges, samplers or repeats.
    pub variance: Vec<VarianceRow>,
}

/// The people who labelled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HumansRow {
    /// People.
    pub annotators: usize,
    /// Items with a label.
    pub labelled: usize,
    /// Items with two labels or more, which alpha is over.
    pub pairable: usize,
    /// Krippendorff's alpha (ordinal).
    pub alpha: Option<f64>,
    /// 95 % percentile bootstrap interval over source items.
    pub alpha_ci95: Option<[f64; 2]>,
}

/// One judge, rubric and sampler, against the median of people's labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityRow {
    /// Which.
    #[serde(flatten)]
    pub scope: Scope,
    /// The numbers are triage, not the rubric's scale.
    pub uncalibrated: bool,
    /// The items are those that a cascade passed on to its second judge: among outputs that look alike, agreement is lower than over all.
    pub selected: bool,
    /// Items with a score and a label; the numbers are over them.
    pub n: usize,
    /// Krippendorff's alpha (ordinal).
    pub alpha: Option<f64>,
    /// 95 % percentile bootstrap interval over source items.
    pub alpha_ci95: Option<[f64; 2]>,
    /// Spearman's rho.
    pub spearman: Option<f64>,
    /// Mean absolute difference, in levels.
    pub mae: Option<f64>,
    /// Judge minus people: above 0 the judge sees outputs as safer.
    pub bias: Option<f64>,
    /// Student-t 95 % interval of the bias, by source items.
    pub bias_ci95: Option<[f64; 2]>,
    /// Verdicts.
    pub verdicts: usize,
    /// Dollars of all its attempts over verdicts; null when a price is unknown or there is no verdict.
    pub cost_per_verdict_usd: Option<f64>,
}

/// Two judges, over the items that both scored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AmongRow {
    /// The first, by name.
    pub judge: String,
    /// The second.
    pub other: String,
    /// The rubric.
    pub rubric: String,
    /// Canonical sampler; null unless video.
    pub sampler: Option<String>,
    /// Items.
    pub n: usize,
    /// Krippendorff's alpha (ordinal).
    pub alpha: Option<f64>,
    /// 95 % percentile bootstrap interval over source items.
    pub alpha_ci95: Option<[f64; 2]>,
    /// First minus second.
    pub bias: Option<f64>,
    /// Student-t 95 % interval of the bias, by source items.
    pub bias_ci95: Option<[f64; 2]>,
    /// Mean absolute difference, in levels.
    pub mae: Option<f64>,
}

impl Quality {
    /// Of the scopes of a run that hold scores.
    pub(super) fn of(ratings: &Ratings, scopes: &[&Scoped]) -> Self {
        let risks = ratings.aggregated(Rule::Median);
        let judges = scopes.iter().map(|one| QualityRow::of(one, &pairs(one, &risks))).collect();
        let whole: Vec<&Scoped> = scopes.iter().copied().filter(|one| !one.is_apart()).collect();
        let judges_among = among(&whole).map(|(one, other)| AmongRow::of(one, other)).collect();
        Self { conversion: "safety = 6 - risk", humans: HumansRow::of(ratings), judges, judges_among, variance: variance::of(&whole) }
    }
}

impl HumansRow {
    fn of(ratings: &Ratings) -> Option<Self> {
        if ratings.is_empty() {
            return None;
        }
        let rows = ratings.rows();
        Some(Self {
            annotators: ratings.annotators.len(),
            labelled: rows.len(),
            pairable: rows.iter().filter(|row| row.ratings.len() >= 2).count(),
            alpha: alpha(Metric::Ordinal, &rows),
            alpha_ci95: alpha_interval(Metric::Ordinal, &rows, &ratings.clusters(), SEED),
        })
    }
}

impl QualityRow {
    fn of(scoped: &Scoped, both: &Pairs) -> Self {
        let verdicts = scoped.tasks().filter(|task| task.outcome == Some(OutcomeName::Scored)).count();
        let own = std::slice::from_ref(&scoped.facts.scopes()[scoped.number as usize]);
        let spent = Spent::total(Spent::on_scopes(scoped.tasks(), own));
        let (Pairs { values: pairs, clusters }, rows) = (both, both.rows());
        Self {
            scope: scoped.scope.clone(),
            uncalibrated: scoped.uncalibrated,
            selected: scoped.selected,
            n: pairs.len(),
            alpha: alpha(Metric::Ordinal, &rows),
            alpha_ci95: alpha_interval(Metric::Ordinal, &rows, clusters, SEED),
            spearman: spearman(pairs).map(|rho| rho.value),
            mae: mean_absolute_error(pairs),
            bias: bias(pairs),
            bias_ci95: bias_interval(pairs, clusters),
            verdicts,
            cost_per_verdict_usd: spent.filter(|_| verdicts > 0).map(|spent| spent / verdicts as f64),
        }
    }
}

impl AmongRow {
    fn of(one: &Scoped, other: &Scoped) -> Self {
        let both = shared(one, other);
        let (Pairs { values: pairs, clusters }, rows) = (&both, both.rows());
        let Scope { judge, rubric, sampler } = one.scope.clone();
        Self {
            judge,
            other: other.scope.judge.clone(),
            rubric,
            sampler,
            n: pairs.len(),
            alpha: alpha(Metric::Ordinal, &rows),
            alpha_ci95: alpha_interval(Metric::Ordinal, &rows, clusters, SEED),
            bias: bias(pairs),
            bias_ci95: bias_interval(pairs, clusters),
            mae: mean_absolute_error(pairs),
        }
    }
}

/// What a reader must know before believing the judges. Few items say nothing.
pub(super) fn warnings(quality: &Quality, settings: &WarningSettings) -> Vec<Warning> {
    let WarningSettings { agreement, mismatch, agreement_items: least, .. } = *settings;
    let people = quality.humans.iter().filter(|row| row.pairable >= least).filter_map(|row| {
        let alpha = row.alpha.filter(|alpha| *alpha < agreement)?;
        let (people, n) = (row.annotators, row.pairable);
        let message =
            format!("The {people} annotators agree little (ordinal alpha {alpha:.2}, {n} items): no judge can be held against them.");
        let korean =
            format!("라벨을 붙인 {people}명의 일치도가 낮아(순서형 알파 {alpha:.2}, 항목 {n}개) 판정 모델의 기준으로 삼을 수 없습니다.");
        Some(Warning::new("low_agreement", [message, korean]))
    });
    let judges = quality.judges.iter().filter(|row| !row.uncalibrated && !row.selected && row.n >= least).filter_map(|row| {
        let alpha = row.alpha.filter(|alpha| *alpha < agreement)?;
        let (mae, n) = (row.mae?, row.n);
        let who = warning::name(&row.scope);
        let message = format!("{who}: agrees little with people (ordinal alpha {alpha:.2}, {mae:.2} levels apart on average, {n} items).");
        let korean = format!("{who}: 사람과 일치도가 낮음 (순서형 알파 {alpha:.2}, 평균 {mae:.2}단계 차이, 항목 {n}개).");
        Some(Warning::new("low_agreement", [message, korean]))
    });
    let among = quality.judges_among.iter().filter(|row| row.n >= least).filter_map(|row| {
        let (bias, mae) = (row.bias?, row.mae?);
        let apart = bias.abs() >= mismatch || row.alpha.is_some_and(|alpha| alpha < agreement);
        let (one, other, n) = (&row.judge, &row.other, row.n);
        let alpha = |words: &str| row.alpha.map_or_else(String::new, |alpha| format!(", {words} {alpha:.2}"));
        let (english, korean, rubric) = (alpha("ordinal alpha"), alpha("순서형 알파"), &row.rubric);
        let messages = [
            format!("{one} and {other} differ under {rubric}: {bias:+.2} levels, {mae:.2} apart on average{english} ({n} items)."),
            format!("{one}, {other}: {rubric} 기준에서 {bias:+.2}단계 차이, 평균 거리 {mae:.2}{korean} (항목 {n}개)."),
        ];
        apart.then(|| Warning::new("judge_mismatch", messages))
    });
    people.chain(judges).chain(among).collect()
}

/// Every two scopes of one rubric and one sampler.
pub(in crate::report) fn among<'s, 'a>(scopes: &'s [&'s Scoped<'a>]) -> impl Iterator<Item = (&'s Scoped<'a>, &'s Scoped<'a>)> {
    let alike = |one: &Scoped, other: &Scoped| (&one.scope.rubric, &one.scope.sampler) == (&other.scope.rubric, &other.scope.sampler);
    let pairs = scopes.iter().enumerate().flat_map(|(at, one)| scopes[at + 1..].iter().map(move |other| (*one, *other)));
    pairs.filter(move |(one, other)| alike(one, other))
}

fn bias(pairs: &[(f64, f64)]) -> Option<f64> {
    mean(&pairs.iter().map(|(a, b)| a - b).collect::<Vec<_>>())
}
