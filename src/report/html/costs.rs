//! What each judge was sent and what it cost.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ledger::Record;
use crate::stats;

/// One judge over all its tasks.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Cost<'a> {
    judge: &'a str,
    tasks: usize,
    scored: usize,
    attempts: u32,
    input: Option<u64>,
    output: Option<u64>,
    /// Null when a price is unknown.
    dollars: Option<f64>,
    /// `dollars` over scored tasks.
    per_verdict: Option<f64>,
    /// Mean wall time of last attempts.
    latency_ms: Option<f64>,
}

/// One row a judge, by name.
pub(super) fn costs(records: &[Record]) -> Vec<Cost<'_>> {
    let mut judges: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records {
        judges.entry(&record.judge).or_default().push(record);
    }
    judges.into_iter().map(|(judge, records)| cost(judge, &records)).collect()
}

fn cost<'a>(judge: &'a str, records: &[&Record]) -> Cost<'a> {
    let usages = || records.iter().filter_map(|record| record.usage);
    let scored = records.iter().filter(|record| record.safety.is_some()).count();
    let dollars = crate::report::summary::cost(records.iter().map(|record| (record.usage.is_some(), record.cost_usd)));
    let counted = usages().next().is_some();
    Cost {
        judge,
        tasks: records.len(),
        scored,
        attempts: records.iter().map(|record| record.attempts).sum(),
        input: counted.then(|| usages().map(|usage| usage.input).sum()),
        output: counted.then(|| usages().map(|usage| usage.output).sum()),
        dollars,
        per_verdict: dollars.filter(|_| scored > 0).map(|cost| cost / scored as f64),
        latency_ms: stats::mean(&records.iter().filter_map(|record| record.latency_ms).map(|ms| ms as f64).collect::<Vec<_>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::costs;
    use crate::judge::Usage;
    use crate::report::summary::tests::run;

    #[test]
    fn an_unpriced_reply_leaves_the_cost_unknown() {
        let (_, _, mut records) = run();
        records[0].usage = Some(Usage { input: 10, output: 2, ..Usage::default() });
        records[0].cost_usd = Some(0.5);
        let known = costs(&records);
        assert_eq!((known[0].tasks, known[0].scored, known[0].input, known[0].dollars), (12, 6, Some(10), Some(0.5)));
        records[1].usage = records[0].usage;
        assert_eq!((costs(&records)[0].dollars, costs(&records)[0].input), (None, Some(20)));
    }
}
