//! One row per strategy, over all items: what it costs, what it sees, what a judge then says.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Coverage;
use crate::stats::mean;

/// What one strategy did on one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Canonical sampler.
    pub sampler: String,
    /// The instance.
    pub item_id: String,
    /// Its risk factor.
    pub risk: Option<String>,
    /// Distinct frames in the payload.
    pub frames_sent: u64,
    /// Frames that the decoder had to produce for this strategy alone.
    pub frames_decoded: u64,
    /// Of the payload's parts.
    pub bytes: u64,
    /// In the worker, for this strategy alone.
    pub cpu_ms: f64,
    /// `None` when no dense reference could be made.
    pub coverage: Option<Coverage>,
    /// A judge's verdict, 1..=5, higher is safer.
    pub safety: Option<f64>,
    /// The same judge's verdict on the dense reference.
    pub dense_safety: Option<f64>,
}

/// One strategy over all items: a row of `samplers.json`. Undefined is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategyRow {
    /// Canonical sampler.
    pub sampler: String,
    /// Items.
    pub n: usize,
    /// Mean per item.
    pub frames_sent: Option<f64>,
    /// Mean per item.
    pub frames_decoded: Option<f64>,
    /// Mean per item.
    pub bytes: Option<f64>,
    /// Mean per item.
    pub cpu_ms: Option<f64>,
    /// Largest over items of the largest perceptual distance from any moment to its nearest sampled frame.
    pub coverage_max: Option<f64>,
    /// Mean over items of the mean distance.
    pub coverage_mean: Option<f64>,
    /// Items with a verdict.
    pub scored: usize,
    /// Risk factors with a verdict; null in files of earlier programs.
    #[serde(default)]
    pub factors: Option<usize>,
    /// Over scored items; null without a judge.
    pub mean_safety: Option<f64>,
    /// Items on the other side of the middle (safety 3 and below is unsafe) than on the dense reference; null without both verdicts.
    pub flips: Option<usize>,
    /// Items with both verdicts, which `flips` is of; null without a judge, and in files of earlier programs.
    pub compared: Option<usize>,
}

/// Safety at or below which an item counts as unsafe for `flips`.
const UNSAFE: f64 = 3.0;

/// Aggregates observations, strategies in the order in which they first appear.
pub fn compare(observations: &[Observation]) -> Vec<StrategyRow> {
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    for one in observations {
        let next = order.len();
        order.entry(&one.sampler).or_insert(next);
    }
    let mut samplers: Vec<_> = order.into_iter().collect();
    samplers.sort_by_key(|(_, first)| *first);
    let of = |sampler: &str| observations.iter().filter(|one| one.sampler == sampler).collect::<Vec<_>>();
    samplers.into_iter().map(|(sampler, _)| aggregate(sampler, &of(sampler))).collect()
}

fn aggregate(sampler: &str, rows: &[&Observation]) -> StrategyRow {
    let over = |value: fn(&Observation) -> Option<f64>| rows.iter().filter_map(|row| value(row)).collect::<Vec<f64>>();
    let safety = over(|row| row.safety);
    let pairs: Vec<_> = rows.iter().filter_map(|row| Some((row.safety?, row.dense_safety?))).collect();
    let flips = pairs.iter().filter(|(ours, dense)| (*ours <= UNSAFE) != (*dense <= UNSAFE)).count();
    StrategyRow {
        sampler: sampler.to_owned(),
        n: rows.len(),
        frames_sent: mean(&over(|row| Some(row.frames_sent as f64))),
        frames_decoded: mean(&over(|row| Some(row.frames_decoded as f64))),
        bytes: mean(&over(|row| Some(row.bytes as f64))),
        cpu_ms: mean(&over(|row| Some(row.cpu_ms))),
        coverage_max: over(|row| row.coverage.map(|coverage| coverage.largest)).into_iter().max_by(f64::total_cmp),
        coverage_mean: mean(&over(|row| row.coverage.map(|coverage| coverage.mean))),
        scored: safety.len(),
        factors: Some(rows.iter().filter(|row| row.safety.is_some()).filter_map(|row| row.risk.as_deref()).collect::<BTreeSet<_>>().len()),
        mean_safety: mean(&safety),
        flips: (!pairs.is_empty()).then_some(flips),
        compared: (!pairs.is_empty()).then_some(pairs.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(sampler: &str, item: &str, largest: f64, safety: Option<f64>) -> Observation {
        Observation {
            sampler: sampler.into(),
            item_id: item.into(),
            risk: Some("R05".into()),
            frames_sent: 2,
            frames_decoded: 10,
            bytes: 3000,
            cpu_ms: 5.0,
            coverage: Some(Coverage { largest, mean: largest / 2.0 }),
            safety,
            dense_safety: safety.map(|_| 2.0),
        }
    }

    #[test]
    fn rows_keep_their_order_and_undefined_is_null() {
        let rows =
            compare(&[seen("uniform:8", "a", 0.2, Some(2.0)), seen("middle", "a", 0.5, None), seen("uniform:8", "b", 0.4, Some(4.0))]);
        assert_eq!(rows.iter().map(|row| row.sampler.as_str()).collect::<Vec<_>>(), ["uniform:8", "middle"]);
        assert_eq!((rows[0].n, rows[0].coverage_max, rows[0].mean_safety, rows[0].flips), (2, Some(0.4), Some(3.0), Some(1)));
        assert!((rows[0].coverage_mean.unwrap() - 0.15).abs() < 1e-12);
        assert_eq!((rows[1].mean_safety, rows[1].flips, rows[1].scored), (None, None, 0));
        assert_eq!((rows[0].scored, rows[0].compared, rows[1].compared), (2, Some(2), None));
        assert!(serde_json::to_value(&rows[1]).unwrap()["flips"].is_null());
    }
}
