//! `export --to batch` and `import --from batch`, with the mock judge behind a runner of files like `vllm run-batch`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::mock_process::MockProcess;
use crate::support::{json_to, jsonl, manifest, run_to, table};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A judge on the mock with a price and small batches.
fn setup(config: &Value, provider: &str, terms: &str) -> (TempDir, MockProcess, PathBuf) {
    let work = tempdir().unwrap();
    let mock = MockProcess::start(work.path(), config);
    let toml = work.path().join("tribunal.toml");
    let text = format!(
        "[judges.j]\nprovider = \"{provider}\"\nbase_url = \"{}/v1\"\nmodel = \"mock\"\n{terms}\n\
         [judges.j.price]\ninput_per_mtok = 1.0\noutput_per_mtok = 4.0\ndate = \"2026-11-01\"\n",
        mock.address
    );
    std::fs::write(&toml, text).unwrap();
    (work, mock, toml)
}

const PRICE: &str = r#"{"input_per_mtok": 1.0, "output_per_mtok": 4.0}"#;

fn priced(config: Value) -> Value {
    let mut config = config;
    config["price"] = serde_json::from_str(PRICE).unwrap();
    config
}

fn export(exit: i32, toml: &Path, run: &Path, more: &[&str]) -> Value {
    let args = ["export", path(&manifest()), "--to", "batch", "--judge", "j", "--config", path(toml), "-o", path(run)].map(str::to_owned);
    json_to(exit, &[&args.each_ref().map(String::as_str)[..], more].concat())
}

fn files(export: &Value) -> Vec<PathBuf> {
    export["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap().into()).collect()
}

/// What `vllm run-batch` does: every line of a file, in an order of its own.
fn run_file(mock: &MockProcess, file: &Path) -> Vec<Value> {
    let mut results: Vec<Value> = jsonl(file).iter().map(|line| answer(mock, line)).collect();
    results.reverse();
    results
}

fn answer(mock: &MockProcess, line: &Value) -> Value {
    let custom_id = &line["custom_id"];
    let (url, body) =
        if line["params"].is_null() { (line["url"].as_str().unwrap(), &line["body"]) } else { ("/v1/messages", &line["params"]) };
    let (status, reply) = mock.ask("POST", url, body.to_string().as_bytes());
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    if line["params"].is_null() {
        return json!({"id": "b", "custom_id": custom_id, "response": {"status_code": status, "request_id": "r", "body": reply}, "error": null});
    }
    json!({"custom_id": custom_id, "result": {"type": "succeeded", "message": reply}})
}

fn write(path: &Path, lines: &[Value]) {
    std::fs::write(path, lines.iter().flat_map(|line| [line.to_string(), "\n".to_owned()]).collect::<String>()).unwrap();
}

fn import(exit: i32, results: &Path, run: &Path) -> Value {
    json_to(exit, &["import", path(results), "--from", "batch", "-o", path(run)])
}

/// Costs in the table, in micro-dollars.
fn spent(run: &Path) -> u64 {
    jsonl(&run.join("verdicts.jsonl")).iter().filter_map(|row| row["cost_usd"].as_f64()).map(|usd| (usd * 1e6).round() as u64).sum()
}

#[test]
fn files_and_a_live_server_give_the_same_table_and_the_same_bill() {
    let (work, mock, toml) = setup(&priced(json!({})), "vllm", "");
    let (files_run, live_run) = (work.path().join("files"), work.path().join("live"));
    let done = export(0, &toml, &files_run, &["--repeats", "2"]);
    assert!(mock.calls().is_empty(), "exporting sends nothing");
    let results = work.path().join("results.jsonl");
    write(&results, &files(&done).iter().flat_map(|file| run_file(&mock, file)).collect::<Vec<_>>());
    let imported = import(0, &results, &files_run);
    assert_eq!(imported["summary"]["pending"], 0);
    assert_eq!(imported["files"][0]["taken"], done["requests"]);
    let billed = mock.bill()["cost_micro_usd"].as_u64().unwrap();
    assert_eq!((spent(&files_run), billed > 0), (billed, true));
    run_to(0, &["score", path(&manifest()), "--judge", "j", "--repeats", "2", "--config", path(&toml), "-o", path(&live_run)]);
    assert_eq!(table(&files_run), table(&live_run));
    assert_eq!(mock.bill()["cost_micro_usd"].as_u64().unwrap(), 2 * billed);
    assert!(files_run.join("report.html").is_file());
    // Nothing is left to ask, and nothing is taken twice.
    let again = import(0, &results, &files_run);
    assert_eq!((&again["files"][0]["taken"], &again["files"][0]["before"]), (&json!(0), &done["requests"]));
    run_to(0, &["score", path(&manifest()), "--judge", "j", "--repeats", "2", "--config", path(&toml), "-o", path(&files_run)]);
    assert_eq!(mock.bill()["cost_micro_usd"].as_u64().unwrap(), 2 * billed);
}

#[test]
fn files_keep_to_count_and_bytes_and_the_index_knows_every_line() {
    let (work, _mock, toml) = setup(&json!({}), "openai", "batch_terms = { requests = 3, bytes = 400_000, price_factor = 0.5 }");
    let run = work.path().join("run");
    let done = export(0, &toml, &run, &[]);
    let (mut ids, mut lines) = (BTreeSet::new(), 0);
    for file in files(&done) {
        let requests = jsonl(&file);
        let bytes = file.metadata().unwrap().len();
        assert!(requests.len() <= 3 && (bytes <= 400_000 || requests.len() == 1), "{} requests, {bytes} bytes", requests.len());
        lines += requests.len();
        ids.extend(requests.iter().map(|line| line["custom_id"].as_str().unwrap().to_owned()));
        assert!(requests.iter().all(|line| line["body"]["model"] == "mock" && line["url"] == "/v1/chat/completions"));
    }
    assert_eq!((ids.len() as u64, lines as u64), (done["requests"].as_u64().unwrap(), done["requests"].as_u64().unwrap()));
    let index = jsonl(&run.join("batch/index.jsonl"));
    assert_eq!(index.iter().map(|line| line["custom_id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), ids);
    assert!(
        index.iter().all(|line| line["body_digest"].as_str().unwrap().len() == 64 && run.join(line["file"].as_str().unwrap()).is_file())
    );
    // What waits is not written a second time.
    let again = export(0, &toml, &run, &[]);
    assert_eq!((&again["requests"], &again["waiting"]), (&json!(0), &done["requests"]));
    // Money is reserved at the batch's price, and never beyond the wall.
    let poor = work.path().join("poor");
    let stopped = export(4, &toml, &poor, &["--budget-usd", "0.02"]);
    assert!(
        stopped["requests"].as_u64().unwrap() < done["requests"].as_u64().unwrap()
            && stopped["stopped"].as_str().unwrap().contains("budget")
    );
}

#[test]
fn equal_requests_are_written_once_and_end_together() {
    let (work, mock, toml) = setup(&priced(json!({"safety": 4})), "openai", "");
    let (folder, run) = (work.path().join("in"), work.path().join("run"));
    std::fs::create_dir(&folder).unwrap();
    for name in ["a.txt", "b.txt", "c.txt"] {
        std::fs::write(folder.join(name), "the same words").unwrap();
    }
    let done = json_to(0, &["export", path(&folder), "--to", "batch", "--judge", "j", "--config", path(&toml), "-o", path(&run)]);
    assert_eq!((&done["requests"], &done["shared"]), (&json!(1), &json!(2)));
    let results = run.join("results.jsonl");
    write(&results, &run_file(&mock, &files(&done)[0]));
    // The file lies in the run folder, so that need not be named.
    let imported = json_to(0, &["import", path(&results), "--from", "batch"]);
    assert_eq!((&imported["files"][0]["taken"], &imported["files"][0]["ended"]), (&json!(1), &json!(3)));
    assert_eq!(imported["summary"]["by_outcome"]["scored"], 3);
}

#[test]
fn bad_lines_cost_nothing_but_themselves() {
    let (work, mock, toml) = setup(&priced(json!({})), "vllm", "");
    let (run, results) = (work.path().join("run"), work.path().join("results.jsonl"));
    let done = export(0, &toml, &run, &[]);
    let all = run_file(&mock, &files(&done)[0]);
    let good: Vec<String> = all[2..].iter().map(Value::to_string).collect();
    let lost = json!({"custom_id": "00", "response": {"status_code": 200, "body": {}}}).to_string();
    let other = json!({"custom_id": all[3]["custom_id"], "error": {"code": "batch_expired", "message": "late"}}).to_string();
    let text = [&["{\"custom".to_owned(), lost][..], &good, &[good[0].clone(), other, String::new()]].concat().join("\n");
    std::fs::write(&results, text).unwrap();
    let imported = import(2, &results, &run);
    let file = &imported["files"][0];
    let counts = ["taken", "bad", "unknown", "doubled", "missing"].map(|name| file[name].as_u64().unwrap());
    assert_eq!(counts, [good.len() as u64, 1, 1, 2, 2], "{file}");
    let places: Vec<&str> = file["problems"].as_array().unwrap().iter().map(|problem| problem.as_str().unwrap()).collect();
    assert!(places[0].contains("results.jsonl:1:") && places[1].contains("results.jsonl:2:"), "{places:?}");
    assert!(places.len() == 3 && places[2].contains("another result for item "), "{places:?}");
    assert_eq!(imported["summary"]["pending"], 2);
    // The rest comes later; what is of no use is said.
    write(&results, &all[..2]);
    assert_eq!(import(0, &results, &run)["summary"]["pending"], 0);
    std::fs::write(&results, "no results at all\n").unwrap();
    import(2, &results, &run);
    assert!(
        String::from_utf8_lossy(&run_to(2, &["import", "no-such-file", "--from", "batch", "-o", path(&run)]).stderr)
            .contains("no-such-file")
    );
    let nowhere = run_to(2, &["import", path(&results), "--from", "batch", "-o", path(&work.path().join("nowhere"))]);
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("export --to batch"));
    assert_eq!(spent(&run), mock.bill()["cost_micro_usd"].as_u64().unwrap());
}

#[test]
fn a_result_of_a_later_file_that_contradicts_an_earlier_one_is_named() {
    let (work, mock, toml) = setup(&priced(json!({})), "openai", "");
    let run = work.path().join("run");
    let file = &files(&export(0, &toml, &run, &[]))[0];
    let mut results = run_file(&mock, file);
    let later = work.path().join("later.jsonl");
    write(&later, &results);
    let take = || import(0, &later, &run)["files"][0].clone();
    let first = take();
    assert_eq!((&first["before"], first["taken"].as_u64()), (&json!(0), Some(results.len() as u64)));
    let again = take();
    assert_eq!((again["before"].as_u64(), again["problems"].as_array().unwrap().len()), (Some(results.len() as u64), 0));
    results[0]["response"]["body"]["choices"][0]["message"]["content"] = "something else".into();
    write(&later, &results);
    let other = take();
    let problems = other["problems"].as_array().unwrap();
    assert_eq!((&other["before"], &other["taken"], problems.len()), (&again["before"], &json!(0), 1), "{other}");
    assert!(problems[0].as_str().unwrap().contains("another result for item "), "{other}");
}

#[test]
fn failed_and_faulty_lines_end_by_the_rules_and_score_completes_the_rest() {
    let (work, mock, toml) = setup(&priced(json!({})), "openai", "");
    let (run, results) = (work.path().join("run"), work.path().join("results.jsonl"));
    let done = export(0, &toml, &run, &[]);
    let mut all = run_file(&mock, &files(&done)[0]);
    let response = |status: u16, body: Value| json!({"status_code": status, "body": body});
    let error = json!({"error": {"message": "no", "type": "x"}});
    all[0]["response"] = response(400, error.clone());
    all[1]["response"] = response(500, error);
    (all[2]["response"], all[2]["error"]) = (Value::Null, json!({"code": "batch_expired", "message": "too late"}));
    all[3]["response"]["body"]["choices"][0]["finish_reason"] = json!("length");
    all[4]["response"]["body"]["choices"][0]["message"]["refusal"] = json!("I would rather not");
    write(&results, &all);
    let imported = import(4, &results, &run);
    assert_eq!((&imported["files"][0]["again"], &imported["summary"]["pending"]), (&json!(2), &json!(2)));
    let mut reasons: Vec<String> = table(&run).iter().filter_map(|row| row["reason"].as_str().map(str::to_owned)).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["refusal", "rejected_400", "truncated"]);
    // A server that is asked singly completes what is pending; --retry asks again what was faulty.
    let score = |more: &[&str], exit| {
        let args = ["score", path(&manifest()), "--judge", "j", "--config", path(&toml), "-o", path(&run)].map(str::to_owned);
        json_to(exit, &[&args.each_ref().map(String::as_str)[..], more].concat())["summary"].clone()
    };
    let before = mock.bill()["billed"].as_u64().unwrap();
    assert_eq!(score(&[], 1)["pending"], 0);
    assert_eq!(mock.bill()["billed"].as_u64().unwrap(), before + 2);
    assert_eq!(score(&["--retry", "judge_unusable,judge_refused"], 0)["by_outcome"]["judge_unusable"], 0);
}

/// Exports, takes results of which the last is `failed`, exports that one again, and imports both files, the older one again among them.
fn imported_again(failed: &Value, retry: &[&str], first: i32) {
    let (work, mock, toml) = setup(&priced(json!({"safety": 4})), "openai", "");
    let (run, older, newer) = (work.path().join("run"), work.path().join("older.jsonl"), work.path().join("newer.jsonl"));
    let mut all = run_file(&mock, &files(&export(0, &toml, &run, &[]))[0]);
    let last = all.last_mut().unwrap();
    for (name, value) in failed.as_object().unwrap() {
        last[name] = value.clone();
    }
    write(&older, &all);
    import(first, &older, &run);
    let again = export(0, &toml, &run, retry);
    assert_eq!(again["requests"], 1);
    let results = run_file(&mock, &files(&again)[0]);
    assert_ne!(results[0]["custom_id"], all.last().unwrap()["custom_id"], "another attempt, another id");
    write(&newer, &results);
    let done = json_to(0, &["import", path(&older), path(&newer), "--from", "batch", "-o", path(&run)]);
    let counts = |file: usize| (done["files"][file]["taken"].clone(), done["files"][file]["before"].clone());
    assert_eq!((counts(0), counts(1)), ((json!(0), json!(all.len())), (json!(1), json!(0))), "{done}");
    assert_eq!((&done["summary"]["pending"], done["summary"]["by_outcome"]["scored"].as_u64()), (&json!(0), Some(all.len() as u64)));
    // Nothing is left to ask: what was paid for is there.
    let before = mock.bill()["billed"].as_u64().unwrap();
    run_to(0, &["score", path(&manifest()), "--judge", "j", "--config", path(&toml), "-o", path(&run)]);
    assert_eq!(mock.bill()["billed"].as_u64().unwrap(), before);
}

#[test]
fn an_older_file_that_is_imported_again_takes_nothing_from_a_newer_one() {
    imported_again(&json!({"response": null, "error": {"code": "batch_expired", "message": "too late"}}), &[], 4);
    imported_again(&json!({"response": {"status_code": 500, "body": {"error": {"message": "boom"}}}}), &[], 4);
    let body = json!({"choices": [{"message": {"role": "assistant", "content": "prose"}, "finish_reason": "stop"}]});
    imported_again(&json!({"response": {"status_code": 200, "body": body}}), &["--retry", "judge_unusable"], 1);
}

#[test]
fn anthropic_files_have_params_and_their_results_are_read() {
    let (work, mock, toml) = setup(&priced(json!({})), "anthropic", "");
    let (run, results) = (work.path().join("run"), work.path().join("results.jsonl"));
    let done = export(0, &toml, &run, &[]);
    let file = &files(&done)[0];
    assert!(jsonl(file).iter().all(|line| line["params"]["model"] == "mock" && line["custom_id"].as_str().unwrap().len() <= 64));
    write(&results, &run_file(&mock, file));
    let imported = import(0, &results, &run);
    assert_eq!((&imported["summary"]["pending"], &imported["files"][0]["taken"]), (&json!(0), &done["requests"]));
    assert_eq!(spent(&run), mock.bill()["cost_micro_usd"].as_u64().unwrap());
}

#[test]
fn a_judge_that_reads_no_files_is_refused_before_any_work() {
    let work = tempdir().unwrap();
    let refused =
        run_to(2, &["export", path(&manifest()), "--to", "batch", "--judge", "gemini/gemini-x", "-o", path(&work.path().join("run"))]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("gemini"));
    assert!(!work.path().join("run").exists());
    run_to(2, &["export", path(&manifest()), "--to", "inspect", "--judge", "embedded", "-o", path(&work.path().join("x"))]);
}
