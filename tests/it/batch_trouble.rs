//! Judges with `batch = true` in trouble: short budgets, full queues, lost answers, results that are gone, replies that are no verdicts.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::batch_bench::{Bench, asked, bench, billed, mock, path, singles};
use crate::mock_process::MockProcess;
use crate::support::{json_to, run_to};

fn all_once(mock: &MockProcess) -> bool {
    let asked = asked(mock);
    !asked.is_empty() && asked.values().all(|count| *count == 1)
}

/// A judge whose pictures are bounded by what the mock counts, with room.
fn thrifty(address: &str) -> Bench {
    let bench = bench(address, "openai");
    bench.rewrite("[judges.j.price]", "[judges.j.limits]\npicture_tokens = 800\n[judges.j.price]");
    bench
}

#[test]
fn a_budget_below_the_bounds_is_spent_in_rounds() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({}));
    let bench = thrifty(&mock.address);
    let summary = bench.score_with(0, &["--budget-usd", "0.06"])["summary"].clone();
    assert_eq!(summary["pending"], 0);
    let bounds: i64 = bench.ledger().query_row("SELECT sum(reserved) FROM attempts", [], |row| row.get(0)).unwrap();
    assert!(bounds > 60_000, "{bounds}: more than once what fits");
    assert!(all_once(&mock));
    assert_eq!(bench.spent(), billed(&[&mock]));
}

#[test]
fn a_budget_that_ends_sends_what_is_packed_and_goes_on_when_it_is_raised() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({}));
    let bench = thrifty(&mock.address);
    let stopped = bench.score_with(4, &["--budget-usd", "0.02"]);
    let summary = &stopped["summary"];
    assert!(stopped["stopped"].as_str().unwrap().contains("--budget-usd"), "{stopped}");
    assert!(summary["by_outcome"]["scored"].as_u64().unwrap() > 4 && summary["pending"].as_u64().unwrap() > 0, "{summary}");
    assert!(billed(&[&mock]) <= 20_000 && bench.states().keys().eq(["ended"]), "{:?}", bench.states());
    assert_eq!(bench.score_with(0, &["--budget-usd", "1"])["summary"]["pending"], 0);
    assert!(all_once(&mock));
    assert_eq!(bench.spent(), billed(&[&mock]));
}

#[test]
fn what_has_ended_is_taken_before_another_judge_stops_the_run() {
    let (good, closed) = (tempdir().unwrap(), tempdir().unwrap());
    let mock = mock(good.path(), &json!({"held": true}));
    let closed = MockProcess::start(closed.path(), &json!({"api_key": "another"}));
    let bench = bench(&mock.address, "openai");
    bench.killed();
    mock.release();
    let sent: Vec<String> = ids(&bench, "SELECT batch_id FROM batches WHERE state = 'sent'");
    for id in &sent {
        (0..2).for_each(|_| drop(mock.ask("GET", &format!("/v1/batches/{id}"), b"")));
    }
    let text = std::fs::read_to_string(&bench.toml).unwrap();
    let more = format!("[judges.k]\nprovider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"mock\"\n", closed.address);
    std::fs::write(&bench.toml, text + &more).unwrap();
    let stopped = bench.score_with(4, &["--judge", "k"]);
    assert!(stopped["stopped"].as_str().unwrap().contains("judge k was sent without one"), "{stopped}");
    assert!(stopped["summary"]["by_outcome"]["scored"].as_u64().unwrap() > 10, "{stopped}");
    assert!(all_once(&mock));
}

fn ids(bench: &Bench, sql: &str) -> Vec<String> {
    let ledger = bench.ledger();
    let mut statement = ledger.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// A gateway gives up, and the batch comes to light seconds later.
fn lost(provider: &str) {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"lost_creates": 1, "late_ms": 2500}));
    let bench = bench(&mock.address, provider);
    assert_eq!(bench.score(0)["pending"], 0);
    assert!(all_once(&mock), "{:?}", bench.states());
    assert_eq!(bench.spent(), billed(&[&mock]));
}

#[test]
fn a_batch_whose_answer_was_lost_is_waited_for() {
    lost("openai");
}

#[test]
fn on_anthropic_it_is_not_taken_for_the_next_one() {
    lost("anthropic");
}

#[test]
fn equal_tasks_that_never_get_a_verdict_end_together() {
    let folder = tempdir().unwrap();
    let mock = MockProcess::start(folder.path(), &json!({"safety": 9}));
    let bench = bench(&mock.address, "openai");
    let source = folder.path().join("equal.jsonl");
    let row = |id: &str, text: &str| {
        json!({"id": id, "modality": "text", "risk": "R03", "prompt_type": "pQO", "prompt": "p", "output": {"text": text}}).to_string()
    };
    std::fs::write(&source, [row("x", "other"), row("a", "same"), row("b", "same")].join("\n")).unwrap();
    let args = ["score", path(&source), "--judge", "j", "--threads", "1", "--config", path(&bench.toml), "-o", path(&bench.run)];
    let summary = json_to(1, &args)["summary"].clone();
    assert_eq!((&summary["pending"], &summary["by_outcome"]["judge_unusable"]), (&json!(0), &json!(3)), "{summary}");
    let counts: Vec<u64> = asked(&mock).into_values().collect();
    assert_eq!((singles(&mock), counts), (3, vec![3]), "each request once, and twice again");
}

#[test]
fn a_full_queue_takes_one_batch_after_another() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"queue_requests": 7}));
    let bench = bench(&mock.address, "openai");
    assert_eq!(bench.score(0)["pending"], 0);
    assert!(all_once(&mock));
    assert_eq!(bench.spent(), billed(&[&mock]));
}

#[test]
fn a_queue_too_small_for_a_batch_stops_the_run_until_batches_are_smaller() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"queue_requests": 3}));
    let bench = bench(&mock.address, "openai");
    let stopped = bench.score_with(4, &[]);
    assert!(stopped["stopped"].as_str().unwrap().contains("batch_terms"), "{stopped}");
    assert_eq!(billed(&[&mock]), bench.spent(), "only the first request was sent");
    bench.rewrite("requests = 5", "requests = 2");
    assert_eq!(bench.score(0)["pending"], 0);
    assert!(all_once(&mock));
}

#[test]
fn a_server_that_puts_batches_off_is_waited_for() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"busy_creates": 1, "busy_s": 5}));
    let bench = bench(&mock.address, "openai");
    assert_eq!(bench.score(0)["pending"], 0);
    assert!(all_once(&mock));
}

#[test]
fn results_that_are_gone_count_as_paid_and_are_asked_for_again() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"gone_results": 1}));
    let bench = bench(&mock.address, "openai");
    assert_eq!(bench.score(0)["pending"], 0);
    let sql = "SELECT count(*), sum(charged > 0) FROM attempts WHERE class = 'ambiguous'";
    let gone: (i64, i64) = bench.ledger().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let twice = asked(&mock).into_values().filter(|count| *count == 2).count() as i64;
    assert!(gone.0 > 0 && gone == (twice, twice), "{gone:?}, {twice} asked twice");
}

/// A server that shows less than it has, once or for a moment: what is said of the run.
fn catches_up(batch: &Value) -> String {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), batch);
    let bench = bench(&mock.address, "openai");
    let args = bench.args();
    let said = run_to(0, &args.iter().map(String::as_str).collect::<Vec<_>>()).stderr;
    assert!(all_once(&mock), "what was paid for was asked again");
    assert_eq!(bench.spent(), billed(&[&mock]));
    String::from_utf8(said).unwrap()
}

#[test]
fn results_that_cannot_be_had_yet_are_waited_for() {
    for late in [json!({"late_files": 2}), json!({"short_results": 3})] {
        let said = catches_up(&late);
        assert!(!said.contains("got no result"), "{said}");
    }
}

#[test]
fn a_file_without_an_id_is_none() {
    catches_up(&json!({"empty_ids": true}));
}

/// Somebody else's batch, as large as ours and made in the same minute, ends before ours comes to light.
#[test]
fn a_batch_of_others_is_not_taken_for_ours() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"lost_creates": 2, "late_ms": 2500}));
    let others = |number: u32| {
        let message = json!({"role": "user", "content": format!("nonce 0123456789abcdef hi {number}")});
        json!({"custom_id": format!("other{number}-x"), "params": {"model": "m", "max_tokens": 9, "messages": [message]}})
    };
    let order = json!({"requests": (0..5).map(others).collect::<Vec<_>>()}).to_string();
    mock.ask("POST", "/v1/messages/batches", order.as_bytes());
    (0..2).for_each(|_| drop(mock.ask("GET", "/v1/messages/batches/msgbatch_mock000001", b"")));
    // Theirs is listed by now.
    std::thread::sleep(std::time::Duration::from_millis(2600));
    let theirs = billed(&[&mock]);
    assert!(theirs > 0);
    let bench = bench(&mock.address, "anthropic");
    assert_eq!(bench.score(0)["pending"], 0);
    assert!(all_once(&mock), "{:?}", bench.states());
    assert_eq!(bench.spent(), billed(&[&mock]) - theirs);
    let lost: i64 = bench.ledger().query_row("SELECT count(*) FROM attempts WHERE class = 'ambiguous'", [], |row| row.get(0)).unwrap();
    assert_eq!(lost, 0, "what was theirs was taken for ours");
}

#[test]
fn what_a_server_does_not_know_is_learnt_before_the_first_batch() {
    let folder = tempdir().unwrap();
    let mock = MockProcess::start(folder.path(), &json!({"refuses": ["max_tokens", "temperature"]}));
    let bench = bench(&mock.address, "openai");
    assert_eq!(bench.score(0)["pending"], 0);
    let in_batches = |call: &&Value| !call["custom_id"].is_null();
    let calls = mock.calls();
    assert!(calls.iter().filter(in_batches).all(|call| call["status"] == 200), "no lesson cost a batch");
    assert_eq!(calls.iter().filter(|call| call["status"] == 400).count(), 2);
}

#[test]
fn a_dry_run_counts_batches_at_their_price_and_says_what_hangs_on_answers() {
    let bench = bench("http://127.0.0.1:9", "openai");
    let dry = |bench: &Bench| bench.score_with(0, &["--dry-run"]);
    let batched = dry(&bench);
    let usd = |dry: &Value| dry["judges"][0]["cost_usd"].as_f64().unwrap();
    assert_eq!((batched["at_most"].as_bool(), &batched["judges"][0]["seconds"]), (Some(false), &Value::Null));
    bench.rewrite("batch = true\n", "");
    let single = dry(&bench);
    assert!((usd(&batched) * 2.0 - usd(&single)).abs() < 1e-9, "{batched} {single}");
    let second = format!("[cascade]\nfirst = \"k\"\nthen = \"j\"\n[judges.k]{}", judge(&bench.toml));
    std::fs::write(&bench.toml, std::fs::read_to_string(&bench.toml).unwrap() + &second).unwrap();
    let cascade = bench.score_with(0, &["--judge", "k", "--dry-run"]);
    assert_eq!((&cascade["judges"][0]["at_most"], &cascade["judges"][1]["at_most"]), (&json!(true), &json!(false)));
    let args = bench.args();
    let args: Vec<&str> = args.iter().map(String::as_str).chain(["--judge", "k", "--dry-run"]).collect();
    assert!(String::from_utf8_lossy(&run_to(0, &args).stdout).contains("cost    at most $"));
}

/// The settings of judge j, without its price.
fn judge(toml: &Path) -> String {
    let text = std::fs::read_to_string(toml).unwrap();
    text["[judges.j]".len()..text.find("[judges.j.price]").unwrap()].to_owned()
}

/// Every result comes twice, the second one as `how`: what is said of it.
fn doubled(provider: &str, how: &str) -> String {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({"doubles": how}));
    let bench = bench(&mock.address, provider);
    let args = bench.args();
    let said = run_to(0, &args.iter().map(String::as_str).collect::<Vec<_>>()).stderr;
    assert!(all_once(&mock));
    assert_eq!(bench.spent(), billed(&[&mock]), "the second of two lines costs nothing");
    String::from_utf8(said).unwrap()
}

#[test]
fn results_that_come_twice_count_once() {
    for provider in ["openai", "anthropic"] {
        let said = doubled(provider, "same");
        assert!(said.contains("5 results came twice, alike; each counts once") && !said.contains("contradict"), "{said}");
        // OpenAI's second ones lie in the other file.
        let said = doubled(provider, "expired");
        let items = said.lines().filter(|line| line.contains("the results for item ") && line.contains("contradict")).count();
        assert!(items > 5 && !said.contains("alike"), "{said}");
    }
}

/// Two judges with batches: what one has in a batch the other waits for, and reads by its own rules.
#[test]
fn equal_requests_of_two_judges_lie_in_one_batch() {
    let folder = tempdir().unwrap();
    let mock = mock(folder.path(), &json!({}));
    let bench = bench(&mock.address, "openai");
    let text = std::fs::read_to_string(&bench.toml).unwrap();
    std::fs::write(&bench.toml, format!("{text}{}", text.replace("judges.j", "judges.k"))).unwrap();
    let dry = bench.score_with(0, &["--judge", "k", "--dry-run"]);
    let summary = bench.score_with(0, &["--judge", "k"])["summary"].clone();
    assert_eq!(summary["pending"], 0);
    let billed_requests = mock.bill()["billed"].as_u64();
    assert!(all_once(&mock), "{:?}", asked(&mock));
    assert_eq!((dry["requests"].as_u64(), dry["shared"].as_u64()), (billed_requests, billed_requests), "half of them, as was foreseen");
    assert_eq!(bench.spent(), billed(&[&mock]));
    let by = |judge: &str| {
        crate::support::table(&bench.run)
            .into_iter()
            .filter(|row| row["judge"] == judge)
            .map(|row| row["safety"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(by("j"), by("k"));
}
