//! What each judge was sent and what it cost.

use serde::Serialize;

use crate::judge::Usage;
use crate::ledger::{Facts, ScopeFacts};
use crate::report::summary::Spent;

/// One judge over all its tasks.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Cost<'a> {
    judge: &'a str,
    tasks: usize,
    scored: usize,
    attempts: u64,
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
pub(super) fn costs(facts: &Facts) -> Vec<Cost<'_>> {
    let scopes = facts.scopes().chunk_by(|one, other| one.scope.judge == other.scope.judge); // ascending: by judge first
    scopes.map(|scopes| cost(facts, scopes)).collect()
}

fn cost<'a>(facts: &'a Facts, scopes: &'a [ScopeFacts]) -> Cost<'a> {
    let judge = scopes[0].scope.judge.as_str();
    let tasks = || facts.tasks().iter().filter(|task| facts.scope(task).judge == judge);
    let scored = tasks().filter(|task| task.safety.is_some()).count();
    let dollars = Spent::total(Spent::on_scopes(tasks(), scopes));
    let usage = scopes.iter().filter_map(|scope| scope.usage).reduce(|one, other| one + other);
    let (timed, sum) = scopes.iter().map(|scope| scope.latency_ms).fold((0, 0), |(n, sum), (more, ms)| (n + more, sum + ms));
    Cost {
        judge,
        tasks: scopes.iter().map(|scope| scope.tasks).sum(),
        scored,
        attempts: scopes.iter().map(|scope| scope.attempts).sum(),
        input: usage.map(|Usage { input, .. }| input),
        output: usage.map(|Usage { output, .. }| output),
        dollars,
        per_verdict: dollars.filter(|_| scored > 0).map(|cost| cost / scored as f64),
        latency_ms: (timed > 0).then(|| sum as f64 / timed as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::costs;
    use crate::judge::Usage;
    use crate::ledger::{Facts, Record};
    use crate::report::summary::tests::run;

    #[test]
    fn an_unpriced_reply_leaves_the_cost_unknown() {
        let (info, items, mut records) = run();
        let facts = |records: &[Record]| Facts::of(&info, &items, records);
        records[0].usage = Some(Usage { input: 10, output: 2, ..Usage::default() });
        records[0].cost_usd = Some(0.5);
        (records[0].latency_ms, records[1].latency_ms) = (Some(10), Some(20));
        let first = facts(&records);
        let known = &costs(&first)[0];
        assert_eq!((known.tasks, known.scored, known.input, known.dollars, known.latency_ms), (12, 6, Some(10), Some(0.5), Some(15.0)));
        records[1].usage = records[0].usage;
        let second = facts(&records);
        assert_eq!((costs(&second)[0].dollars, costs(&second)[0].input), (None, Some(20)));
    }
}
