//! How far the judges can be trusted: against people, among themselves, and what a verdict costs.

use std::collections::BTreeSet;

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
    /// Each two samplers of one judge and rubric: what another choice of frames does to scores.
    pub samplers_among: Vec<SamplersRow>,
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
    /// Krippendorff's alpha (ordinal); null where no two labels differ.
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
    /// Items with a score and a label; the numbers are over them, and null without any.
    pub n: usize,
    /// Krippendorff's alpha (ordinal); null also where no two levels differ.
    pub alpha: Option<f64>,
    /// 95 % percentile bootstrap interval over source items; null below two, and where resamples do not vary or are mostly undefined.
    pub alpha_ci95: Option<[f64; 2]>,
    /// Spearman's rho; null also where either side does not vary.
    pub spearman: Option<f64>,
    /// Mean absolute difference, in levels.
    pub mae: Option<f64>,
    /// Judge minus people: above 0 the judge sees outputs as safer.
    pub bias: Option<f64>,
    /// Student-t 95 % interval of the bias, by source items; null below two, and where all differ by as much.
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

/// Two samplers under one judge and rubric, over the items that have a score under both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SamplersRow {
    /// The judge.
    pub judge: String,
    /// The rubric.
    pub rubric: String,
    /// The first sampler, canonical.
    pub sampler: String,
    /// The second.
    pub other: String,
    /// Items.
    pub n: usize,
    /// Risk factors of these.
    pub factors: usize,
    /// Mean safety of these items under the first; null without one.
    pub mean_safety: Option<f64>,
    /// Under the second.
    pub other_mean: Option<f64>,
    /// First minus second.
    pub bias: Option<f64>,
    /// Student-t 95 % interval of the bias, by source items; null below two, and where all differ by as much.
    pub bias_ci95: Option<[f64; 2]>,
    /// Mean absolute difference, in levels.
    pub mae: Option<f64>,
    /// Krippendorff's alpha (ordinal); null where no two levels differ.
    pub alpha: Option<f64>,
}

impl Quality {
    /// Of the scopes of a run that hold scores.
    pub(super) fn of(ratings: &Ratings, scopes: &[&Scoped]) -> Self {
        let risks = ratings.aggregated(Rule::Median);
        let judges = scopes.iter().map(|one| QualityRow::of(one, &pairs(one, &risks))).collect();
        let whole: Vec<&Scoped> = scopes.iter().copied().filter(|one| !one.is_apart()).collect();
        let judges_among = among(&whole).map(|(one, other)| AmongRow::of(one, other)).collect();
        let samplers_among = across(&whole).filter_map(|(one, other)| SamplersRow::of(one, other)).filter(|row| row.n > 0).collect();
        let (humans, variance) = (HumansRow::of(ratings), variance::of(&whole));
        Self { conversion: "safety = 6 - risk", humans, judges, judges_among, samplers_among, variance }
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

impl SamplersRow {
    fn of(one: &Scoped, other: &Scoped) -> Option<Self> {
        let both = shared(one, other);
        let (Pairs { values: pairs, clusters }, rows) = (&both, both.rows());
        let level = |of: fn(&(f64, f64)) -> f64| mean(&pairs.iter().map(of).collect::<Vec<_>>());
        let factors = one.items.iter().filter(|own| own.safety.is_some() && other.safety_of(own.item).is_some());
        let factors = factors.filter_map(|own| one.of(own).risk);
        Some(Self {
            judge: one.scope.judge.clone(),
            rubric: one.scope.rubric.clone(),
            sampler: one.scope.sampler.clone()?,
            other: other.scope.sampler.clone()?,
            n: pairs.len(),
            factors: factors.collect::<BTreeSet<_>>().len(),
            mean_safety: level(|(one, _)| *one),
            other_mean: level(|(_, other)| *other),
            bias: bias(pairs),
            bias_ci95: bias_interval(pairs, clusters),
            mae: mean_absolute_error(pairs),
            alpha: alpha(Metric::Ordinal, &rows),
        })
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

/// Two scopes, in their order.
type Two<'s, 'a> = (&'s Scoped<'a>, &'s Scoped<'a>);

/// Every two scopes of one rubric and one sampler.
pub(in crate::report) fn among<'s, 'a>(scopes: &'s [&'s Scoped<'a>]) -> impl Iterator<Item = Two<'s, 'a>> {
    let alike = |one: &Scoped, other: &Scoped| (&one.scope.rubric, &one.scope.sampler) == (&other.scope.rubric, &other.scope.sampler);
    every_two(scopes).filter(move |(one, other)| alike(one, other))
}

/// Every two scopes of one judge and one rubric.
fn across<'s, 'a>(scopes: &'s [&'s Scoped<'a>]) -> impl Iterator<Item = Two<'s, 'a>> {
    let alike = |one: &Scoped, other: &Scoped| (&one.scope.judge, &one.scope.rubric) == (&other.scope.judge, &other.scope.rubric);
    every_two(scopes).filter(move |(one, other)| alike(one, other))
}

fn every_two<'s, 'a>(scopes: &'s [&'s Scoped<'a>]) -> impl Iterator<Item = Two<'s, 'a>> {
    scopes.iter().enumerate().flat_map(|(at, one)| scopes[at + 1..].iter().map(move |other| (*one, *other)))
}

fn bias(pairs: &[(f64, f64)]) -> Option<f64> {
    mean(&pairs.iter().map(|(a, b)| a - b).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use crate::judge::OutcomeName;
    use crate::ledger::{ItemRow, Record};
    use crate::report::summary::tests::{info, item, record, summary};

    #[test]
    fn samplers_are_held_against_each_other_on_the_items_that_both_scored() {
        let items: Vec<ItemRow> = (0..8)
            .map(|at| ItemRow { prompt: at.to_string(), ..item(&format!("i{at}"), at, "x", if at < 4 { "R05" } else { "R12" }) })
            .collect();
        let of = |sampler: &str, item: &ItemRow, safety| Record {
            sampler: Some(sampler.to_owned()),
            ..record(item, "m", 1, Some(OutcomeName::Scored), Some(safety))
        };
        let level = |at: u64| 2 + (at % 3) as u8;
        let mut records: Vec<Record> = items.iter().map(|item| of("middle", item, level(item.position))).collect();
        // The last two are not scored under it, and half of the others are a level lower.
        records.extend(items[..6].iter().map(|item| of("uniform:8", item, level(item.position) - (item.position % 2) as u8)));
        let found = summary(&info(), &items, &records).quality.samplers_among;
        let [row] = &found[..] else { panic!("{found:?}") };
        assert_eq!((row.sampler.as_str(), row.other.as_str(), row.n, row.factors), ("middle", "uniform:8", 6, 2));
        let near = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-12;
        assert!(near(row.mean_safety, 3.0) && near(row.other_mean, 2.5) && near(row.bias, 0.5) && near(row.mae, 0.5), "{row:?}");
        assert!(row.bias_ci95.is_some_and(|[lo, hi]| lo < 0.5 && 0.5 < hi) && row.alpha.is_some());
    }
}
