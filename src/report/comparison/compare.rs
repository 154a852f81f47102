//! Every pair of runs, and what stands in the way of comparing them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::pair::PairRow;
use super::scoped_items::{self, ScopedItems};
use crate::ledger::{Experiment, RunInfo};
use crate::report::summary::Warning;
use crate::report::{OpenError, StoredRun, stored};
use crate::taxonomy::Lang;

/// Version of the file's format.
const SCHEMA: u32 = 1;

/// `comparison.json`. Undefined numbers are null, never 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Version of this format.
    pub schema: u32,
    /// The runs, in the order in which they were named.
    pub runs: Vec<Compared>,
    /// Every pair of runs under every rubric and sampler that both have.
    pub pairs: Vec<PairRow>,
    /// What a reader must know before using the numbers.
    pub warnings: Vec<Warning>,
    /// Names of the factors by code, English and Korean, for pages.
    #[serde(skip)]
    pub(in crate::report) factor_names: BTreeMap<String, (String, String)>,
    /// The language of the first run's rubrics.
    #[serde(skip)]
    pub lang: Lang,
}

/// One run of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The name of its folder, or all of its path where two folders have one name.
    pub name: String,
    /// Its experiment.
    pub run_id: String,
    /// When its first invocation began, of shards the earliest: UTC, RFC 3339; null where that is not known.
    pub started_at: Option<String>,
    /// Name of its source.
    pub source: String,
    /// Manifest rows.
    pub items: usize,
}

impl Comparison {
    /// Reads the runs; complementary shards of one experiment are one run.
    pub fn open(dirs: &[PathBuf]) -> Result<Self, OpenError> {
        let mut groups: Vec<(String, Vec<PathBuf>)> = Vec::new();
        for dir in dirs {
            let id = stored::run_id(dir)?;
            match groups.iter().position(|(known, paths)| *known == id && stored::are_shards(&[paths, std::slice::from_ref(dir)].concat()))
            {
                Some(place) => groups[place].1.push(dir.clone()),
                None => groups.push((id, vec![dir.clone()])),
            }
        }
        let short = |paths: &[PathBuf]| paths[0].file_name().map(|name| name.to_string_lossy().into_owned());
        let name = |paths: &[PathBuf]| {
            let twice = groups.iter().filter(|(_, other)| short(other) == short(paths)).count() > 1;
            short(paths).filter(|_| !twice).unwrap_or_else(|| paths[0].display().to_string())
        };
        let open = |(_, paths): &(String, Vec<PathBuf>)| Ok((name(paths), StoredRun::open(paths)?));
        let runs = groups.iter().map(open).collect::<Result<Vec<_>, OpenError>>()?;
        Ok(Self::of(&runs.iter().map(|(name, run)| (name.clone(), run)).collect::<Vec<_>>()))
    }

    /// Compares runs by their names.
    pub fn of(runs: &[(String, &StoredRun)]) -> Self {
        let scoped: Vec<Vec<ScopedItems>> = runs.iter().map(|(_, run)| scoped_items::of(run.info(), run.settings(), run.facts())).collect();
        let mut comparison = Self {
            schema: SCHEMA,
            runs: runs.iter().map(compared).collect(),
            pairs: Vec::new(),
            warnings: Vec::new(),
            factor_names: runs.iter().flat_map(|(_, run)| run.info().factor_names.clone()).collect(),
            lang: runs.first().map_or(Lang::En, |(_, run)| run.lang()),
        };
        for (index, (a, run_a)) in runs.iter().enumerate() {
            for (other, (b, run_b)) in runs.iter().enumerate().skip(index + 1) {
                let pairs = scopes(&scoped[index], &scoped[other]);
                comparison.warnings.extend(warnings((a, run_a), (b, run_b), &pairs));
                comparison.pairs.extend(pairs.into_iter().map(|(one, two)| PairRow::of((a, b), one, two)));
            }
        }
        comparison
    }
}

fn compared((name, run): &(String, &StoredRun)) -> Compared {
    let RunInfo { run_id, started_at, source, .. } = run.info().clone();
    Compared { name: name.clone(), run_id, started_at, source, items: run.facts().items().len() }
}

/// Scopes to hold against each other: the same judge, rubric and sampler; where two runs have no judge in common, each one's only judge.
fn scopes<'l, 'a>(a: &'l [ScopedItems<'a>], b: &'l [ScopedItems<'a>]) -> Vec<(&'l ScopedItems<'a>, &'l ScopedItems<'a>)> {
    let same: Vec<_> = a.iter().filter_map(|one| Some((one, b.iter().find(|other| other.scope == one.scope)?))).collect();
    if !same.is_empty() {
        return same;
    }
    let alike = |one: &ScopedItems, other: &ScopedItems| one.scope.rubric == other.scope.rubric && one.scope.sampler == other.scope.sampler;
    let only = |one: &ScopedItems, all: &'l [ScopedItems<'a>]| -> Option<&'l ScopedItems<'a>> {
        let mut alike = all.iter().filter(|other| alike(one, other));
        alike.next().filter(|_| alike.next().is_none())
    };
    a.iter().filter_map(|one| only(one, a).and_then(|one| Some((one, only(one, b)?)))).collect()
}

fn warnings((a, run_a): (&str, &StoredRun), (b, run_b): (&str, &StoredRun), pairs: &[(&ScopedItems, &ScopedItems)]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if pairs.is_empty() {
        let message = format!("{a} and {b} have no judge, rubric and sampler that could be compared.");
        let korean = format!("{a}, {b}: 비교할 수 있는 판정 모델, 평가 기준, 샘플러가 없습니다.");
        warnings.push(Warning::new("nothing_to_compare", [message, korean]));
    }
    if pairs.iter().any(|(one, other)| !one.is_paired(other)) {
        let message = format!(
            "{a} and {b} share less than half of the scored items of the run with fewer, so they are compared as two groups of items."
        );
        let korean = format!("{a}, {b}: 공통으로 채점된 항목이 항목이 적은 쪽의 절반보다 적어 두 집단으로 비교했습니다.");
        warnings.push(Warning::new("unpaired", [message, korean]));
    }
    let fingerprint = |run: &StoredRun, judge: &str| run.info().experiment.judges.get(judge).cloned();
    let differ =
        |(one, other): &&(&ScopedItems, &ScopedItems)| fingerprint(run_a, &one.scope.judge) != fingerprint(run_b, &other.scope.judge);
    if let Some((one, other)) = pairs.iter().find(differ) {
        let (one, other) = (&one.scope.judge, &other.scope.judge);
        let judges = if one == other {
            [format!("two judges go by the name {one}"), format!("{one}라는 이름의 판정 모델이 둘임")]
        } else {
            [format!("{one} and {other}"), format!("{one}, {other}")]
        };
        let [english, korean] = judges;
        let message = format!("{a} and {b} were not judged alike ({english}): differences are those of models and judges together.");
        let korean = format!("{a}, {b}: 판정 방식이 다릅니다({korean}). 차이에는 모델의 차이와 판정의 차이가 함께 들어 있습니다.");
        warnings.push(Warning::new("judged_otherwise", [message, korean]));
    }
    let (one, other) = (&run_a.info().experiment, &run_b.info().experiment);
    let shared = |of: fn(&Experiment) -> &BTreeMap<String, String>| {
        of(one).iter().any(|(name, value)| of(other).get(name).is_some_and(|theirs| theirs != value))
    };
    let changed = [
        (["taxonomies", "분류 체계"], one.taxonomy != other.taxonomy),
        (["rubrics", "평가 기준"], shared(|experiment| &experiment.rubrics)),
        (["recipes", "전처리"], shared(|experiment| &experiment.recipes)),
        (["languages of the rubrics", "평가 기준의 언어"], one.lang != other.lang),
    ];
    let (english, korean): (Vec<&str>, Vec<&str>) = changed.into_iter().filter_map(|([en, ko], is)| is.then_some((en, ko))).unzip();
    if !english.is_empty() {
        let message = format!("{a} and {b} differ in their {}; what that does to scores is not known.", english.join(", "));
        let korean = format!("{a}, {b}: 서로 다른 것이 있습니다({}). 점수에 어떤 영향을 주는지 알 수 없습니다.", korean.join(", "));
        warnings.push(Warning::new("different_experiments", [message, korean]));
    }
    warnings
}
