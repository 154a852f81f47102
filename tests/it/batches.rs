//! Judges with `batch = true`: through crashes, expiry and signals, against the mock judge's own bill.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tempfile::tempdir;

use crate::batch_bench::{asked, asks_for, bench, billed, mock, path, singles};
use crate::relay::Relay;
use crate::support::{manifest, run_to, table};

/// The whole way, and that it is the same table and bill as single requests at half the price.
fn through(provider: &str) {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({}));
    let bench = bench(&mock.address, provider);
    let summary = bench.score(0);
    assert_eq!((&summary["pending"], &summary["by_outcome"]["judge_unusable"]), (&json!(0), &json!(0)));
    assert!(asked(&mock).values().all(|count| *count == 1), "every request was asked once, in a batch");
    assert_eq!(singles(&mock), 1, "but the first");
    let cost = billed(&[&mock]);
    assert_eq!((bench.spent(), cost > 0), (cost, true));
    assert!(bench.states()["ended"] > 2, "{:?}", bench.states());
    assert_eq!(std::fs::read_dir(bench.run.join("parts")).unwrap().count(), 0, "spooled bodies are gone");
    // Asked singly, the same requests give the same table.
    let single = bench.work.path().join("single");
    bench.rewrite("batch = true\n", "");
    run_to(0, &["score", path(&manifest()), "--judge", "j", "--repeats", "2", "--config", path(&bench.toml), "-o", path(&single)]);
    assert_eq!(table(&bench.run), table(&single));
    bench.score(0);
    assert_eq!(bench.spent(), cost, "and a batched run is complete for both");
}

#[test]
fn openai_batches_go_the_whole_way() {
    through("openai");
}

#[test]
fn anthropic_batches_go_the_whole_way() {
    through("anthropic");
}

#[test]
fn responses_go_in_batches_too() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({}));
    let bench = bench(&mock.address, "responses");
    // Responses carry no sound: that task abstains.
    assert_eq!(bench.score(0)["pending"], 0);
    assert_eq!(bench.spent(), billed(&[&mock]));
}

/// Kills the run once its batches are at the server, and lets the next process end them.
fn killed(provider: &str) {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"held": true}));
    let bench = bench(&mock.address, provider);
    bench.killed();
    assert_eq!(mock.bill()["billed"], 1, "killed before any result of a batch");
    mock.release();
    assert_eq!(bench.score(0)["pending"], 0);
    assert!(asked(&mock).values().all(|count| *count == 1), "the new process took up the old batches: {:?}", bench.states());
    assert_eq!(bench.spent(), billed(&[&mock]));
}

#[test]
fn kill_nine_between_submit_and_results_asks_nothing_twice() {
    killed("openai");
}

#[test]
fn kill_nine_on_anthropic_asks_nothing_twice() {
    killed("anthropic");
}

#[test]
fn results_cost_what_their_batch_was_packed_for() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"held": true}));
    let bench = bench(&mock.address, "openai");
    bench.killed();
    mock.release();
    bench.rewrite("price_factor = 0.5", "price_factor = 1.0");
    bench.rewrite("input_per_mtok = 1.0", "input_per_mtok = 7.0");
    assert_eq!(bench.score(0)["pending"], 0);
    let sql = "SELECT attempts.cost, usage ->> 'input', usage ->> 'output' FROM batch_requests JOIN attempts ON attempts.id = batch_requests.attempt
               WHERE batch <= 3";
    let ledger = bench.ledger();
    let mut statement = ledger.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))).unwrap();
    let rows: Vec<(i64, i64, i64)> = rows.collect::<Result<_, _>>().unwrap();
    assert!(rows.len() >= 3 && rows.iter().all(|(cost, input, output)| *cost == (input + 4 * output + 1) / 2), "{rows:?}");
}

/// The crash between making a batch and noting its id: it is found on the server by our mark.
fn forgotten(provider: &str) {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"held": true}));
    let bench = bench(&mock.address, provider);
    bench.killed();
    // As if killed between the server's answer and the ledger.
    let forget = "UPDATE batches SET state = 'creating', batch_id = NULL WHERE id = 1 AND state = 'sent'";
    assert_eq!(bench.ledger().execute(forget, []).unwrap(), 1);
    mock.release();
    assert_eq!(bench.score(0)["pending"], 0);
    assert!(asked(&mock).values().all(|count| *count == 1), "{:?}", bench.states());
    assert_eq!(bench.spent(), billed(&[&mock]));
}

#[test]
fn a_batch_whose_id_was_lost_is_found_by_its_mark() {
    forgotten("openai");
}

#[test]
fn on_anthropic_it_is_found_by_time_and_size() {
    forgotten("anthropic");
}

#[test]
fn a_batch_that_nobody_can_find_is_counted_as_perhaps_billed() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"held": true}));
    let bench = bench(&mock.address, "openai");
    bench.killed();
    // Long enough ago that it must have come to light.
    let forget = "UPDATE batches SET state = 'creating', batch_id = NULL, token = 'x', file_id = 'y', since = since - 600 WHERE id = 1";
    assert_eq!(bench.ledger().execute(forget, []).unwrap(), 1);
    mock.release();
    assert_eq!(bench.score(0)["pending"], 0, "its requests are sent once more");
    let sql = "SELECT count(*), sum(charged > 0) FROM attempts WHERE class = 'ambiguous'";
    let lost: (i64, i64) = bench.ledger().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert!(lost.0 > 0 && lost.0 <= 5 && lost.0 == lost.1, "{lost:?}");
    assert_eq!(bench.spent(), billed(&[&mock]), "the lost one never ran in the end");
}

/// Expired requests go once more, alone; finished siblings are kept and paid once.
fn expired(provider: &str) {
    let folder = tempdir().unwrap();
    let (late, good) = (mock(folder.path(), &json!({"expire_share": 0.4})), mock(folder.path(), &json!({})));
    let relay = Relay::start(&late.address);
    let bench = bench(&relay.address, provider);
    // The mock lets the same requests expire again, and that is when the run stops.
    let stopped = bench.score(4);
    let pending = stopped["pending"].as_u64().unwrap();
    assert!(pending > 0 && pending < stopped["expected"].as_u64().unwrap() / 2 + 5, "{stopped}");
    let mut expired: BTreeMap<String, u64> = BTreeMap::new();
    for call in late.calls().iter().filter(|call| call["fault"] == "expired") {
        *expired.entry(asks_for(&call["custom_id"]).unwrap()).or_default() += 1;
    }
    assert!(expired.len() as u64 <= pending && expired.values().all(|count| *count == 2), "{expired:?}");
    let kept = asked(&late);
    assert!(kept.values().all(|count| *count == 1) && kept.keys().all(|id| !expired.contains_key(id)));
    assert_eq!(bench.spent(), billed(&[&late]));
    relay.to(&good.address);
    assert_eq!(bench.score(0)["pending"], 0);
    assert_eq!(asked(&good).keys().collect::<BTreeSet<_>>(), expired.keys().collect::<BTreeSet<_>>(), "only what expired");
    assert_eq!(bench.spent(), billed(&[&late, &good]));
}

#[test]
fn only_what_expired_is_sent_again() {
    expired("openai");
}

#[test]
fn only_what_expired_is_sent_again_to_anthropic() {
    expired("anthropic");
}

/// Items that a server fails at: once more, and then unresolved. What may have been billed for them, in dollars.
fn failed(provider: &str) -> f64 {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"fail_share": 0.3}));
    let bench = bench(&mock.address, provider);
    let summary = bench.score(1);
    let unresolved = summary["by_outcome"]["unresolved"].as_u64().unwrap();
    assert!(unresolved > 0 && summary["pending"] == 0, "{summary}");
    let failed = mock.calls().iter().filter(|call| call["fault"] == "failed").count() as u64;
    assert!(failed >= 2 && failed.is_multiple_of(2), "{failed} failures for {unresolved} tasks");
    assert_eq!(bench.spent(), billed(&[&mock]));
    summary["perhaps_billed_usd"].as_f64().unwrap_or(0.0)
}

#[test]
fn failed_items_are_sent_once_more_and_then_unresolved() {
    assert!(failed("openai") > 0.0);
}

#[test]
fn on_anthropic_they_are_not_billed() {
    assert!(failed("anthropic").abs() < 1e-12);
}

/// What Anthropic's server is too busy for is asked again of the next, and costs nothing until then; what it refuses ends.
#[test]
fn overloaded_items_wait_and_invalid_ones_end() {
    let folder = tempdir().unwrap();
    let (busy, good) = (mock(folder.path(), &json!({"fail_share": 0.3, "fail_as": "overloaded"})), mock(folder.path(), &json!({})));
    let relay = Relay::start(&busy.address);
    let waiting = bench(&relay.address, "anthropic");
    let stopped = waiting.score(4);
    assert!(stopped["pending"].as_u64().unwrap() > 0 && stopped["perhaps_billed_usd"].is_null(), "{stopped}");
    relay.to(&good.address);
    assert_eq!(waiting.score(0)["pending"], 0);
    assert_eq!(waiting.spent(), billed(&[&busy, &good]));
    let strict = mock(folder.path(), &json!({"fail_share": 0.3, "fail_as": "invalid"}));
    let bench = bench(&strict.address, "anthropic");
    let summary = bench.score(1);
    let refused = summary["by_outcome"]["judge_unusable"].as_u64().unwrap();
    assert!(refused > 0 && summary["pending"] == 0 && summary["perhaps_billed_usd"].is_null(), "{summary}");
    let failures = strict.calls().iter().filter(|call| call["fault"] == "failed").count() as u64;
    assert!(failures <= refused, "each is asked once: {failures} for {refused} tasks");
    assert_eq!(bench.spent(), billed(&[&strict]));
}

#[test]
fn a_signal_leaves_batches_running_and_the_next_run_takes_their_results() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"held": true}));
    let bench = bench(&mock.address, "openai");
    let child = bench.spawn();
    bench.until_sent();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(bench.states().keys().eq(["sent"]), "{:?}", bench.states());
    mock.release();
    assert_eq!(bench.score(0)["pending"], 0);
    assert!(asked(&mock).values().all(|count| *count == 1));
    assert_eq!(bench.spent(), billed(&[&mock]));
}

#[test]
fn judges_without_batches_say_so() {
    let bench = bench("http://127.0.0.1:9", "vllm");
    let args = bench.args();
    let refused = run_to(2, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("export --to batch"));
}
