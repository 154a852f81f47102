//! A cascade's cases as a stratified sample: all of those that were flagged, and of the others those that the seed drew.

use std::collections::BTreeSet;

use super::wanted::{Escalation, audited, escalation};
use super::{Cascade, CascadeEstimate};
use crate::judge::OutcomeName;
use crate::ledger::{Facts, ItemFacts, Name, TaskFacts};
use crate::stats::{self, NoInterval};

/// One case as both judges left it.
pub(super) struct Seen {
    pub(super) model: Option<Name>,
    risk: Option<Name>,
    pub(super) flagged: bool,
    /// The audit's sample holds it, flagged or not.
    drawn: bool,
    pub(super) then: Option<f64>,
    /// The second judge was asked, and gave no score.
    unscored: bool,
    pub(super) cost: Option<f64>,
}

impl Seen {
    /// `None` while the first judge has not ended, and of outputs that were blocked. `first` and `then` are the tasks of one case.
    pub(super) fn of((cascade, seed): (&Cascade, u64), facts: &Facts, first: &[&TaskFacts], then: &[&TaskFacts]) -> Option<Self> {
        let flagged = match escalation(cascade, first) {
            Escalation::Unknown => return None,
            escalation => escalation == Escalation::Flagged,
        };
        if first.iter().all(|task| task.outcome == Some(OutcomeName::SafelyBlocked)) {
            return None;
        }
        let levels: Vec<f64> = then.iter().filter_map(|task| task.safety).map(f64::from).collect();
        let unscored = levels.is_empty() && !then.is_empty() && then.iter().all(|task| task.outcome.is_some());
        let costs: Vec<f64> = then.iter().filter_map(|task| task.cost_usd).collect();
        let ItemFacts { model, risk, .. } = *facts.item(first[0].item);
        let drawn = audited(cascade, facts.id(first[0].item), seed);
        let cost = (!costs.is_empty()).then(|| costs.iter().sum());
        Some(Self { model, risk, flagged, drawn, then: stats::mean(&levels), unscored, cost })
    }

    /// The second judge has ended with it.
    const fn is_answered(&self) -> bool {
        self.then.is_some() || self.unscored
    }
}

/// What the second judge said of some cases that stand for a stratum.
struct Answers {
    levels: Vec<f64>,
    /// Those of which it gave no score, and will give none.
    unscored: usize,
}

impl Answers {
    fn of<'s>(seen: impl Iterator<Item = &'s Seen> + Clone) -> Self {
        Self { levels: seen.clone().filter_map(|one| one.then).collect(), unscored: seen.filter(|one| one.unscored).count() }
    }

    const fn count(&self) -> usize {
        self.levels.len() + self.unscored
    }
}

/// Both strata of some cases: those that were passed on, and those of which only a sample was.
pub(super) struct Strata {
    /// Passed on.
    sent: usize,
    flagged: Answers,
    /// The others.
    passed: usize,
    audited: Answers,
    beside: usize,
    /// Risk factors with a score.
    factors: usize,
}

impl Strata {
    pub(super) fn of(seen: &[&Seen]) -> Self {
        let flagged = || seen.iter().copied().filter(|one| one.flagged);
        let passed = || seen.iter().copied().filter(|one| !one.flagged);
        // Asked of all, it needs no sample. Else the draw alone says which cases speak for others.
        let all = passed().all(Seen::is_answered);
        let sample = || passed().filter(|one| all || one.drawn);
        let factors: BTreeSet<Name> = flagged().chain(sample()).filter(|one| one.then.is_some()).filter_map(|one| one.risk).collect();
        Self {
            sent: flagged().count(),
            flagged: Answers::of(flagged()),
            passed: passed().count(),
            audited: Answers::of(sample()),
            beside: passed().filter(|one| !all && !one.drawn && one.is_answered()).count(),
            factors: factors.len(),
        }
    }

    pub(super) fn estimate(&self) -> CascadeEstimate {
        let interval = self.interval();
        CascadeEstimate {
            cases: self.sent + self.passed,
            flagged: self.sent,
            audited: self.audited.levels.len(),
            scored: self.flagged.levels.len() + self.audited.levels.len(),
            unscored: self.flagged.unscored + self.audited.unscored,
            beside: self.beside,
            factors: self.factors,
            mean_safety: self.mean(),
            ci95: interval.ok(),
            ci95_null: interval.err(),
        }
    }

    /// How many of the sample lie at or below a level.
    pub(super) fn at_most(&self, level: u8) -> usize {
        self.audited.levels.iter().filter(|&&one| one <= f64::from(level)).count()
    }

    /// Cases of both strata that the second judge scores, or would score: of the sample the share that it did.
    fn scorable(&self) -> [f64; 2] {
        let Answers { levels, .. } = &self.audited;
        [(self.sent - self.flagged.unscored) as f64, self.passed as f64 * levels.len() as f64 / self.audited.count().max(1) as f64]
    }

    fn mean(&self) -> Option<f64> {
        let [flagged, passed] = self.scorable();
        let part = |cases: usize, weight: f64, levels: &[f64]| if cases > 0 { Some(stats::mean(levels)? * weight) } else { Some(0.0) };
        let sum = part(self.sent, flagged, &self.flagged.levels)? + part(self.passed, passed, &self.audited.levels)?;
        Some(sum / (flagged + passed)).filter(|mean| mean.is_finite())
    }

    /// Every flagged case is asked, so only the audited stratum has an error of sampling: of its levels, and of how many of its cases get one.
    fn interval(&self) -> Result<[f64; 2], &'static str> {
        let mean = self.mean().ok_or("no_estimate")?;
        let count = self.audited.count();
        if self.passed == count {
            return Err("all_asked");
        }
        let code = |why| match why {
            NoInterval::TooFewClusters => "too_few_audited",
            other => other.code(),
        };
        stats::mean_interval(&self.audited.levels).map_err(code)?;
        // What each sampled case adds to the ratio's error: its level's distance from the mean, and nothing where it is in neither sum.
        let mut errors: Vec<f64> = self.audited.levels.iter().map(|level| level - mean).collect();
        errors.resize(count, 0.0);
        let [lo, hi] = stats::mean_interval(&errors).map_err(code)?;
        let correction = (1.0 - count as f64 / self.passed as f64).sqrt();
        let half = self.passed as f64 / self.scorable().iter().sum::<f64>() * (hi - lo) / 2.0 * correction;
        Ok([mean - half, mean + half])
    }
}
