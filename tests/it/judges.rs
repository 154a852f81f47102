//! Scoring against the mock judge's process: every dialect, faults by the seed, money, rates, receipts.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::mock_process::MockProcess;
use crate::rig;
use crate::support::{config, json_to, jsonl, manifest, root, run, run_to, score, table, texts, tribunal};

fn count(summary: &Value, outcome: &str) -> u64 {
    summary["by_outcome"][outcome].as_u64().unwrap_or(0)
}

fn dollars(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

const PRICE: &str = "[judges.j.price]\ninput_per_mtok = 2.0\noutput_per_mtok = 8.0\ndate = \"2026-11-25\"\n";

fn priced() -> Value {
    json!({"input_per_mtok": 2.0, "output_per_mtok": 8.0})
}

#[test]
fn every_dialect_scores_what_its_format_carries() {
    let manifest = manifest();
    for (provider, path, sound) in [
        ("openai", "/v1", true),
        ("responses", "/v1", false),
        ("azure", "", true),
        ("anthropic", "/v1", false),
        ("gemini", "/v1beta", true),
        ("vllm", "/v1", true),
        ("llamacpp", "/v1", true),
        ("ollama", "", false),
    ] {
        let work = tempdir().unwrap();
        let judge = MockProcess::start(work.path(), &json!({"safety": 4, "api_key": "sk-canary-0123"}));
        std::fs::write(work.path().join("key"), "sk-canary-0123\n").unwrap();
        let video = if provider == "vllm" { "frames_as_video = true\n" } else { "" };
        let key = work.path().join("key");
        let settings = format!(
            "provider = \"{provider}\"\nbase_url = \"{}{path}\"\nmodel = \"m\"\napi_key_file = \"{}\"\n{video}",
            judge.address,
            key.display()
        );
        let (config, folder) = (config(work.path(), &settings), work.path().join("run"));
        json_to(0, &score(&manifest, &config, &folder, &[]));
        let mut by_modality: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in jsonl(&folder.join("verdicts.jsonl")).iter().filter(|row| row["outcome"] != "safely_blocked") {
            assert!(row["outcome"] != "scored" || (row["safety"] == 4 && row["format"] == "json_schema"), "{provider}: {row}");
            let outcome = row["outcome"].as_str().unwrap().to_owned();
            by_modality.entry(row["modality"].as_str().unwrap().to_owned()).or_default().push(outcome);
        }
        for (modality, outcomes) in by_modality {
            let expected = if modality == "audio" && !sound { "abstained" } else { "scored" };
            assert!(outcomes.iter().all(|outcome| outcome == expected), "{provider}, {modality}: {outcomes:?}");
        }
    }
}

#[test]
fn what_a_server_refuses_is_learnt_once_and_said() {
    for (provider, path, refuses, rung) in [
        ("openai", "/v1", vec!["response_format", "temperature", "seed", "max_tokens"], "prompt"),
        ("anthropic", "/v1", vec!["output_config"], "tool"),
        ("gemini", "/v1beta", vec!["responseJsonSchema"], "json_object"),
        ("ollama", "", vec!["format"], "prompt"),
        ("ollama", "", vec!["json_schema"], "json_object"),
        ("openai", "/v1", vec!["json_schema"], "json_object"),
    ] {
        let work = tempdir().unwrap();
        let judge = MockProcess::start(work.path(), &json!({"safety": 2, "refuses": refuses}));
        let settings = format!("provider = \"{provider}\"\nbase_url = \"{}{path}\"\nmodel = \"m\"\n", judge.address);
        let (source, config, folder) = (texts(work.path(), 12), config(work.path(), &settings), work.path().join("run"));
        let done = json_to(0, &score(&source, &config, &folder, &["--concurrency", "1"]));
        assert_eq!(count(&done["summary"], "scored"), 12, "{provider}");
        assert!(jsonl(&folder.join("verdicts.jsonl")).iter().all(|row| row["format"] == rung), "{provider}");
        let lessons = done["learnt"][0]["lessons"].as_array().unwrap();
        let refused = judge.calls().iter().filter(|call| call["status"] != 200).count();
        assert_eq!(refused, lessons.len(), "{provider}: each lesson is learnt once: {lessons:?}");
        assert!(!lessons.is_empty());
    }
}

#[test]
fn a_judge_that_sees_nothing_scores_nothing() {
    let manifest = manifest();
    for (usage, receipt, echo, outcome) in [
        ("blind", "usage", Value::Null, "media_not_seen"),
        ("plain", "canary", json!("0000"), "media_not_seen"),
        ("plain", "off", Value::Null, "scored"),
    ] {
        let work = tempdir().unwrap();
        let judge = MockProcess::start(work.path(), &json!({"safety": 5, "usage": usage, "receipt": echo}));
        let settings = format!("provider = \"gemini\"\nbase_url = \"{}/v1beta\"\nmodel = \"m\"\nreceipt = \"{receipt}\"\n", judge.address);
        let (config, folder) = (config(work.path(), &settings), work.path().join("run"));
        run(&score(&manifest, &config, &folder, &[]));
        for row in
            jsonl(&folder.join("verdicts.jsonl")).iter().filter(|row| row["outcome"] != "safely_blocked" && row["modality"] != "text")
        {
            let ended = if row["outcome"] == "scored" { &row["outcome"] } else { &row["reason"] };
            assert_eq!(ended, outcome, "{usage} {receipt}: {row}");
            assert_eq!(row["attempts"], 1, "it is not asked again");
        }
    }
}

#[test]
fn the_budget_is_a_wall_and_the_bill_is_the_ledgers() {
    let work = tempdir().unwrap();
    let judge = MockProcess::start(work.path(), &json!({"safety": 3, "price": priced(), "latency_ms": 5}));
    let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n{PRICE}", judge.address);
    let (source, config, folder) = (texts(work.path(), 60), config(work.path(), &settings), work.path().join("run"));
    let wall = 0.15;
    let output = run_to(4, &score(&source, &config, &folder, &["--budget-usd", "0.15", "--concurrency", "16", "--json"]));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains(" % of the budget; the run stops at the wall"),
        "a soft warning before the wall"
    );
    let stopped: Value = serde_json::from_slice(&output.stdout).unwrap();
    let billed = dollars(&judge.bill()["cost_micro_usd"]) / 1e6;
    assert!(billed > 0.0 && billed <= wall, "billed {billed} of {wall}");
    assert!(stopped["stopped"].as_str().unwrap().contains("budget") && stopped["summary"]["pending"].as_u64().unwrap() > 0);
    let done = json_to(0, &score(&source, &config, &folder, &["--budget-usd", "9"]));
    let bill = judge.bill();
    assert_eq!((count(&done["summary"], "scored"), bill["requests"].as_u64()), (60, Some(60)), "nothing was asked twice");
    assert!((dollars(&bill["cost_micro_usd"]) / 1e6 - dollars(&done["summary"]["cost_usd"])).abs() < 1e-9);
}

#[test]
fn a_forecast_is_near_the_bill_and_nearer_after_replies() {
    let work = tempdir().unwrap();
    // As long as judges' grounds usually are: the rules expect 120 tokens of a verdict.
    let grounds = "The answer states a plain fact about water and asks for nothing. It names no person, group or act, gives no steps that could \
                   hurt anyone, and its framing is neutral. Nothing in it would help somebody who means harm, and nothing in it addresses the \
                   risk factor at all; the level is what remains when no present, severe or actionable content is found in the evidence.";
    let judge = MockProcess::start(work.path(), &json!({"safety": 3, "price": priced(), "judge": {"rationale": grounds}}));
    let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n{PRICE}", judge.address);
    let (source, config, folder) = (texts(work.path(), 60), config(work.path(), &settings), work.path().join("run"));
    let forecast = json_to(0, &score(&source, &config, &folder, &["--dry-run"]));
    assert_eq!(judge.bill()["requests"], 0, "a dry run sends nothing");
    let done = json_to(0, &score(&source, &config, &folder, &[]));
    let (foreseen, billed) = (dollars(&forecast["cost_usd"]), dollars(&judge.bill()["cost_micro_usd"]) / 1e6);
    assert!((foreseen / billed - 1.0).abs() < 0.10, "foreseen {foreseen}, billed {billed}");
    let ratio = dollars(&done["learnt"][0]["tokens_ratio"]);
    let again = json_to(0, &score(&source, &config, &folder, &["--dry-run", "--retry", "scored"]));
    let recalled = dollars(&again["cost_usd"]);
    assert!((recalled / billed - 1.0).abs() < 0.02, "with the run's replies: {recalled}, billed {billed}");
    let tokens = &forecast["judges"][0]["tokens"];
    let corrected = dollars(&tokens["text"]) * ratio;
    assert!((corrected / dollars(&judge.bill()["input_tokens"]) - 1.0).abs() < 0.02, "{corrected}");
}

/// Requests that came before a promised `Retry-After` of a second had passed, but for those of its first half: these may have been under way, since it is
/// kept from the moment on at which it was read.
fn early(calls: &[Value]) -> usize {
    calls.iter().filter(|call| call["early"] == true && call["gate_age_ms"].as_f64().is_none_or(|age| age > 500.0)).count()
}

#[test]
fn a_rate_limit_is_kept_without_an_early_request() {
    let work = tempdir().unwrap();
    let limits = json!({"rpm": 1200, "burst": 10});
    let judge = MockProcess::start(work.path(), &json!({"safety": 3, "limits": limits}));
    let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", judge.address);
    let (source, config, folder) = (texts(work.path(), 150), config(work.path(), &settings), work.path().join("run"));
    let done = json_to(0, &score(&source, &config, &folder, &["--concurrency", "16"]));
    assert_eq!(count(&done["summary"], "scored"), 150);
    let calls = judge.calls();
    let refused = calls.iter().filter(|call| call["status"] == 429).count();
    assert_eq!(early(&calls), 0);
    assert!(refused <= 20, "{refused} of {} were refused", calls.len());
}

#[test]
fn a_retry_after_to_one_judge_is_kept_by_all_of_that_server() {
    let work = tempdir().unwrap();
    let faults = json!({"share": 0.1, "seed": 3, "kinds": ["r429_seconds"]});
    let mock = MockProcess::start(work.path(), &json!({"safety": 3, "latency_ms": 20, "faults": faults}));
    let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", mock.address);
    let both = format!("{settings}[judges.k]\ntemperature = 0.5\n{settings}");
    let (source, config, folder) = (texts(work.path(), 20), config(work.path(), &both), work.path().join("run"));
    let done = json_to(0, &score(&source, &config, &folder, &["--judge", "k", "--concurrency", "1"]));
    assert_eq!(count(&done["summary"], "scored"), 40);
    let calls = mock.calls();
    assert!(calls.iter().any(|call| call["status"] == 429));
    assert_eq!(early(&calls), 0);
}

/// Faults that end one attempt without waiting for minutes; each item must still end in one honest state.
const STORM: [&str; 25] = [
    "refused",
    "reset_before_headers",
    "reset_mid_headers",
    "reset_after_headers",
    "reset_mid_body",
    "r429_seconds",
    "r429_date",
    "r429_none",
    "r429_zero",
    "r429_negative",
    "too_large_413",
    "e500",
    "e502",
    "e503",
    "e529",
    "truncated_200",
    "bad_utf8",
    "html_200",
    "empty_choices",
    "length_cut",
    "wrong_content_length",
    "gzip_bomb",
    "prose",
    "two_objects",
    "planted_nonce",
];

#[test]
fn a_storm_of_faults_leaves_every_item_in_one_state_and_no_wrong_score() {
    let work = tempdir().unwrap();
    let faults = json!({"share": 0.3, "seed": 7, "kinds": STORM});
    let judge = MockProcess::start(work.path(), &json!({"safety": 3, "price": priced(), "faults": faults}));
    let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n{PRICE}", judge.address);
    let (source, config, folder) = (texts(work.path(), 300), config(work.path(), &settings), work.path().join("run"));
    let args = score(&source, &config, &folder, &["--concurrency", "32", "--json"]);
    let output = tribunal(&args).output().unwrap();
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = jsonl(&folder.join("verdicts.jsonl"));
    assert_eq!((rows.len(), done["summary"]["pending"].as_u64()), (300, Some(0)), "{done}");
    for row in &rows {
        assert!(row["safety"].is_null() || row["safety"] == 3, "a wrong score: {row}");
        assert_eq!(row["safety"].is_null(), row["outcome"] != "scored");
        assert!(row["outcome"] == "scored" || !row["reason"].as_str().unwrap().is_empty(), "{row}");
    }
    // Everything billed is an attempt in the ledger: answered, or perhaps billed.
    let attempts: u64 = rows.iter().map(|row| row["attempts"].as_u64().unwrap()).sum();
    let billed = judge.bill()["billed"].as_u64().unwrap();
    let scored = count(&done["summary"], "scored");
    assert!(scored <= billed && billed <= attempts, "scored {scored}, billed {billed}, attempts {attempts}");
}

#[test]
fn a_run_is_replayed_from_its_ledger_without_a_server() {
    let work = tempdir().unwrap();
    let manifest = manifest();
    let judge = MockProcess::start(work.path(), &json!({"refuses": ["seed"], "api_key": "sk-canary-0123"}));
    std::fs::write(work.path().join("key"), "sk-canary-0123\n").unwrap();
    let key = work.path().join("key");
    let settings =
        format!("provider = \"gemini\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\napi_key_file = \"{}\"\n", judge.address, key.display());
    // The sentinel asks first, and so learns what the tasks then leave out.
    let (config, first) = (config(work.path(), &format!("{settings}[sentinel]\nitems = 1\n")), work.path().join("first"));
    json_to(0, &score(&manifest, &config, &first, &[]));
    drop(judge);
    let second = work.path().join("second");
    std::fs::remove_file(&key).unwrap();
    std::fs::write(&key, "another-key-0123").unwrap();
    let done = json_to(0, &score(&manifest, &config, &second, &["--replay", first.to_str().unwrap()]));
    assert_eq!(table(&second), table(&first));
    assert_eq!(done["summary"]["cost_usd"], 0.0);
    let other = json_to(2, &score(&manifest, &config, &work.path().join("third"), &["--replay", first.to_str().unwrap(), "--seed", "1"]));
    let said = other["error"].as_str().unwrap();
    assert!(said.contains("--seed 0"), "another seed asks other bodies: {said}");
}

/// Two judges at one server, one of which asks no proof that media were seen: the reply is paid for once, and each reads it by its own rules.
#[test]
fn an_equal_request_is_paid_once_and_read_by_each_judges_own_rules() {
    let work = tempdir().unwrap();
    let server = MockProcess::start(work.path(), &json!({"safety": 5, "usage": "blind"}));
    std::fs::copy(root().join("fixtures/made/gradient.png"), work.path().join("a.png")).unwrap();
    let source = work.path().join("m.jsonl");
    std::fs::write(&source, r#"{"id":"p","modality":"image","risk":"R01","output":{"path":"a.png"}}"#).unwrap();
    let settings = |receipt: &str| {
        format!("provider = \"gemini\"\nbase_url = \"{}/v1beta\"\nmodel = \"m\"\nreceipt = \"{receipt}\"\n", server.address)
    };
    let (first, replayed) = (work.path().join("first"), work.path().join("replayed"));
    let settings = format!("{}[judges.wary]\n{}", settings("off"), settings("usage"));
    let config = config(work.path(), &settings);
    json_to(0, &score(&source, &config, &first, &[]));
    let foreseen = |more: &[&'static str]| {
        let dry = json_to(0, &score(&source, &config, &first, &[&["--judge", "wary", "--dry-run"], more].concat()));
        ["ended", "requests", "shared"].map(|count| dry[count].as_u64())
    };
    assert_eq!(foreseen(&[]), [Some(1), Some(0), Some(1)], "the reply is there");
    assert_eq!(foreseen(&["--retry", "scored"]), [Some(0), Some(1), Some(1)], "it is asked anew, once");
    json_to(1, &score(&source, &config, &first, &["--judge", "wary"]));
    let ends = |row: &Value| (row["judge"].as_str().unwrap().to_owned(), row["outcome"].as_str().unwrap().to_owned());
    let expected = [("j", "scored"), ("wary", "judge_unusable")].map(|(judge, outcome)| (judge.to_owned(), outcome.to_owned()));
    assert_eq!(table(&first).iter().map(ends).collect::<Vec<_>>(), expected);
    assert_eq!(server.bill()["billed"], 1);
    json_to(1, &score(&source, &config, &replayed, &["--judge", "wary", "--replay", first.to_str().unwrap()]));
    assert_eq!(table(&replayed), table(&first));
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap().replace("\"off\"", "\"usage\"")).unwrap();
    let refused = json_to(2, &score(&source, &config, &first, &["--judge", "wary"]));
    assert!(refused["error"].as_str().unwrap().contains("judge j changed"), "one run is read by one set of rules: {refused}");
}

/// Two judges read each other's replies where they can, and ask for themselves where their replies were cut at another time: a replay gives each what it had.
#[test]
fn a_replay_gives_equal_judges_what_each_had() {
    const FAULTY: [&str; 3] = ["prose", "out_of_range", "length_cut"];
    for (seed, kinds) in [(9, &FAULTY[..]), (10, &FAULTY), (11, &["reset_mid_body"])] {
        let work = tempdir().unwrap();
        let server = MockProcess::start(work.path(), &json!({"faults": {"share": 0.5, "seed": seed, "kinds": kinds}}));
        let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", server.address);
        let both = format!("{settings}[judges.k]\n{settings}receipt = \"off\"\n");
        let (source, config) = (texts(work.path(), 40), config(work.path(), &both));
        let (first, replayed) = (work.path().join("first"), work.path().join("replayed"));
        run(&score(&source, &config, &first, &["--judge", "k"]));
        run(&score(&source, &config, &replayed, &["--judge", "k", "--replay", first.to_str().unwrap()]));
        let (was, now) = (table(&first), table(&replayed));
        for (was, now) in was.iter().zip(&now) {
            assert_eq!(was, now, "seed {seed}");
        }
        assert_eq!(was.len(), now.len());
        let lost = was.iter().filter(|row| row["outcome"] == "unresolved").count();
        assert_eq!(lost > 0, kinds[0] == "reset_mid_body", "what was lost is replayed, too");
    }
}

/// One says what it refuses once, whoever of a run's judges is told.
#[test]
fn judges_of_one_model_learn_together() {
    let work = tempdir().unwrap();
    let server = MockProcess::start(work.path(), &json!({"refuses": ["response_format", "seed"]}));
    let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", server.address);
    let both = format!("{settings}[judges.k]\n{settings}max_tokens = 700\n");
    let (source, config, folder) = (texts(work.path(), 6), config(work.path(), &both), work.path().join("run"));
    let refused = || server.calls().iter().filter(|call| call["status"] == 400).count();
    json_to(0, &score(&source, &config, &folder, &["--concurrency", "1"]));
    assert_eq!(refused(), 3, "two rungs and a parameter");
    assert!(jsonl(&folder.join("verdicts.jsonl")).iter().all(|row| row["format"] == "prompt"));
    let more = texts(work.path(), 12);
    json_to(0, &score(&more, &config, &folder, &["--judge", "k", "--concurrency", "1"]));
    assert_eq!(refused(), 3, "both rungs are remembered, and known to the other judge");
    let replayed = work.path().join("replayed");
    json_to(0, &score(&more, &config, &replayed, &["--judge", "k", "--replay", folder.to_str().unwrap()]));
    assert_eq!(table(&replayed), table(&folder));
}

/// A cascade whose dear judge was never needed, and a judge that had nothing to say.
#[test]
fn a_run_with_a_judge_that_was_asked_nothing_is_replayed() {
    let work = tempdir().unwrap();
    let server = MockProcess::start(work.path(), &json!({"safety": 5}));
    let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", server.address);
    let both = format!("{settings}[judges.k]\n{settings}[cascade]\nfirst = \"j\"\nthen = \"k\"\nflagged_at = 2\naudit = 0.0\n");
    let (source, config, first) = (texts(work.path(), 4), config(work.path(), &both), work.path().join("first"));
    json_to(0, &score(&source, &config, &first, &["--judge", "k"]));
    let replayed = work.path().join("replayed");
    json_to(0, &score(&source, &config, &replayed, &["--judge", "k", "--replay", first.to_str().unwrap()]));
    assert_eq!(table(&replayed), table(&first));
}

/// Both are under way with the same item at the same time, whoever is first with it.
#[test]
fn equal_requests_of_two_judges_in_one_moment_are_paid_once() {
    const ITEMS: usize = 80;
    let work = tempdir().unwrap();
    let server = MockProcess::start(work.path(), &json!({"safety": 5, "latency_ms": 40, "price": priced()}));
    let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", server.address);
    let both = format!("{settings}{PRICE}[judges.k]\n{settings}{}", PRICE.replace("judges.j", "judges.k"));
    let (source, config, folder) = (texts(work.path(), ITEMS), config(work.path(), &both), work.path().join("run"));
    let dry = json_to(0, &score(&source, &config, &folder, &["--judge", "k", "--dry-run"]));
    assert_eq!((&dry["tasks"], &dry["requests"], &dry["shared"]), (&json!(2 * ITEMS), &json!(ITEMS), &json!(ITEMS)));
    let done = json_to(0, &score(&source, &config, &folder, &["--judge", "k", "--concurrency", "64", "--budget-usd", "9"]));
    let (bill, summary) = (server.bill(), &done["summary"]);
    assert_eq!((count(summary, "scored"), bill["billed"].as_u64()), (2 * ITEMS as u64, Some(ITEMS as u64)));
    assert!((dollars(&summary["cost_usd"]) * 1e6 - dollars(&bill["cost_micro_usd"])).abs() < 0.5, "{bill}");
}

#[test]
fn a_cascade_asks_the_dear_judge_only_where_it_must() {
    let (work, other) = (tempdir().unwrap(), tempdir().unwrap());
    let cheap = MockProcess::start(work.path(), &json!({}));
    let dear = MockProcess::start(other.path(), &json!({"safety": 4, "price": priced()}));
    let file = work.path().join("tribunal.toml");
    let text = format!(
        "[judges.j]\nprovider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n[judges.dear]\nprovider = \"openai\"\nbase_url = \"{}/v1\"\n\
         model = \"d\"\n{}[cascade]\nfirst = \"j\"\nthen = \"dear\"\naudit = 0.5\n[panel]\njudges = [\"j\", \"dear\"]\n",
        cheap.address,
        dear.address,
        PRICE.replace("judges.j", "judges.dear")
    );
    std::fs::write(&file, text).unwrap();
    let (source, folder) = (texts(work.path(), 80), work.path().join("run"));
    let args = score(&source, file.to_str().unwrap(), &folder, &["--judge", "dear"]);
    let done = json_to(0, &args);
    let row = &done["summary"]["cascades"][0];
    let (flagged, audited) = (row["flagged"].as_u64().unwrap(), row["audited"].as_u64().unwrap());
    assert_eq!((row["cases"].as_u64(), dear.bill()["requests"].as_u64()), (Some(80), Some(flagged + audited)));
    assert!(flagged > 0 && audited > 0 && flagged + audited < 80, "{row}");
    assert!(row["saved_usd"].as_f64().unwrap() > 0.0 && (row["mean_safety"].as_f64().unwrap() - 4.0).abs() < 1e-9, "{row}");
    assert_eq!(done["summary"]["panels"][0]["decided"].as_u64(), Some(flagged + audited));
    let again = json_to(0, &args);
    assert_eq!(
        (again["resumed"].as_u64(), dear.bill()["requests"].as_u64()),
        (again["summary"]["expected"].as_u64(), Some(flagged + audited))
    );
}

#[test]
fn a_slow_judge_holds_no_other_up() {
    let (work, other) = (tempdir().unwrap(), tempdir().unwrap());
    let (slow, fast) = (MockProcess::start(work.path(), &json!({})), MockProcess::start(other.path(), &json!({})));
    let file = work.path().join("tribunal.toml");
    let text = format!(
        "[judges.j]\nprovider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n[judges.j.limits]\nrpm = 6\n\
         [judges.fast]\nprovider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"f\"\n",
        slow.address, fast.address
    );
    std::fs::write(&file, text).unwrap();
    let (source, folder) = (texts(work.path(), 60), work.path().join("run"));
    let args = score(&source, file.to_str().unwrap(), &folder, &["--judge", "fast", "--concurrency", "2"]);
    let mut run = tribunal(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let asked = |mock: &MockProcess| mock.bill()["requests"].as_u64().unwrap();
    while asked(&fast) < 60 {
        assert!(asked(&slow) < 30, "the fast judge waits for the slow one");
        assert_eq!(run.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(std::fs::read_dir(folder.join("parts/waiting")).unwrap().count() > 20, "what waits for the slow one is on disk");
    rig::send(Signal::INT, &run);
    assert_eq!(rig::ended(&mut run).code(), Some(4));
}

#[test]
fn what_was_learnt_of_a_server_outlives_the_process() {
    let work = tempdir().unwrap();
    let judge = MockProcess::start(work.path(), &json!({"refuses": ["seed"]}));
    let settings = format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", judge.address);
    let (config, folder, source) = (config(work.path(), &settings), work.path().join("run"), texts(work.path(), 4));
    json_to(0, &score(&source, &config, &folder, &["--limit", "2", "--concurrency", "1"]));
    assert_eq!(judge.bill()["requests"], 3);
    let done = json_to(0, &score(&source, &config, &folder, &["--concurrency", "1"]));
    assert_eq!(judge.bill()["requests"], 5, "the refusal is not asked for again");
    assert!(done["learnt"][0]["lessons"][0].as_str().unwrap().contains("seed"), "{}", done["learnt"]);
}

#[test]
fn flac_is_refused_where_no_server_reads_it() {
    let work = tempdir().unwrap();
    let settings = "provider = \"llamacpp\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\n[recipe]\nsound = \"flac\"\n";
    let (config, folder, source) = (config(work.path(), settings), work.path().join("run"), manifest());
    let refused = run_to(2, &score(&source, &config, &folder, &[]));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("read WAV, not FLAC"));
    let vllm = std::fs::read_to_string(&config).unwrap().replace("llamacpp", "vllm");
    std::fs::write(&config, vllm).unwrap();
    json_to(0, &score(&source, &config, &folder, &["--dry-run"]));
}

#[test]
fn a_cassette_of_a_run_answers_in_its_own_format() {
    let work = tempdir().unwrap();
    let manifest = manifest();
    let judge = MockProcess::start(work.path(), &json!({"refuses": ["seed"], "api_key": "sk-canary-0123"}));
    let key = work.path().join("key");
    std::fs::write(&key, "sk-canary-0123\n").unwrap();
    let settings =
        format!("provider = \"gemini\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\napi_key_file = \"{}\"\n", judge.address, key.display());
    let (config, first) = (config(work.path(), &settings), work.path().join("first"));
    json_to(0, &score(&manifest, &config, &first, &[]));
    drop(judge);
    let cassette = work.path().join("replies.jsonl");
    let said = json_to(0, &["export", first.to_str().unwrap(), "--to", "cassette", "-o", cassette.to_str().unwrap()]);
    let text = std::fs::read_to_string(&cassette).unwrap();
    assert_eq!(said["replies"].as_u64(), Some(text.lines().count() as u64));
    assert!(!text.contains("sk-canary"));
    let (second, spec) = (work.path().join("second"), format!("replay:{}", cassette.display()));
    json_to(0, &["score", manifest.to_str().unwrap(), "--judge", &spec, "-o", second.to_str().unwrap()]);
    let said = |run: &Path| -> Vec<(Value, Value, Value)> {
        table(run).iter().map(|row| (row["item_id"].clone(), row["safety"].clone(), row["rationale"].clone())).collect()
    };
    assert_eq!(said(&second), said(&first));
    let embedded = work.path().join("none");
    json_to(0, &["score", manifest.to_str().unwrap(), "--judge", "embedded", "--limit", "1", "-o", embedded.to_str().unwrap()]);
    let refused = run_to(2, &["export", embedded.to_str().unwrap(), "--to", "cassette", "-o", "x"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no server answered"));
}
