//! The main job on real media, against a judge on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::tempdir;

use crate::mock::{Manner, MockJudge};
use crate::support::{json_to, jsonl, manifest, run_to, table, tribunal};

const AT_ONCE: Duration = Duration::ZERO;

fn path(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

/// expected = sum of by_outcome + pending.
fn adds_up(summary: &Value) {
    let ended: u64 = summary["by_outcome"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(summary["expected"].as_u64().unwrap(), ended + summary["pending"].as_u64().unwrap());
}

#[test]
fn what_a_judge_gets_is_what_prepare_writes() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(4, AT_ONCE)));
    let (run, parts) = (work.path().join("run"), work.path().join("parts"));
    let manifest = manifest();
    let done = json_to(0, &["score", path(&manifest), "--judge", &judge.spec(), "-o", path(&run)]);
    adds_up(&done["summary"]);
    json_to(0, &["prepare", path(&manifest), "-o", path(&parts)]);

    let mut prepared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in jsonl(&parts.join("parts.jsonl")) {
        let bytes = std::fs::read(parts.join(line["path"].as_str().unwrap())).unwrap();
        assert_eq!(bytes.len() as u64, line["bytes"].as_u64().unwrap());
        if line["kind"] != "text" {
            prepared.entry(line["item_id"].as_str().unwrap().to_owned()).or_default().push(line["sha256"].as_str().unwrap().to_owned());
        }
    }
    let sent: BTreeSet<Vec<String>> = judge.calls().into_iter().map(|call| call.media).filter(|media| !media.is_empty()).collect();
    assert_eq!(sent, prepared.into_values().collect::<BTreeSet<_>>());

    let modalities: BTreeSet<String> =
        table(&run).iter().filter(|row| row["outcome"] == "scored").map(|row| row["modality"].as_str().unwrap().to_owned()).collect();
    assert_eq!(modalities.len(), 4, "{modalities:?}");
    assert!(judge.calls().iter().any(|call| call.text.contains("Invite them for tea")), "the text reached the judge");
}

#[test]
fn a_second_run_asks_nobody() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, AT_ONCE)));
    let run = work.path().join("run");
    let args = ["score", path(&manifest()), "--judge", &judge.spec(), "-o", path(&run)].map(str::to_owned);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run_to(0, &args);
    let (calls, before) = (judge.calls().len(), table(&run));
    run_to(0, &args);
    assert_eq!(judge.calls().len(), calls);
    assert_eq!(table(&run), before);
    let report = std::fs::read(run.join("report.html")).unwrap();
    run_to(0, &["report", path(&run)]);
    assert_eq!(std::fs::read(run.join("report.html")).unwrap(), report, "the report is made from the stored run alone");
}

/// Runs until the judge has seen `calls` requests, kills the run with SIGKILL, and returns how many requests had arrived by then.
fn kill_after(calls: usize, judge: &MockJudge, args: &[&str]) -> usize {
    let mut child = tribunal(args).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(5);
    loop {
        // Before the calls: between two looks it may do all that is left.
        let ended = child.try_wait().unwrap();
        if judge.calls().len() >= calls {
            break;
        }
        assert_eq!(ended, None, "the run ended before {calls} calls");
        assert!(Instant::now() < deadline, "no progress");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_millis(100)); // what was on its way arrives
    judge.calls().len()
}

#[test]
fn kill_nine_half_way_loses_nothing_and_repeats_only_what_was_in_flight() {
    const IN_FLIGHT: usize = 3;
    let (work, manifest) = (tempdir().unwrap(), manifest());
    let clean_judge = MockJudge::start(Manner::Verdict(4, AT_ONCE));
    let clean = work.path().join("clean");
    let score = |spec: &str, run: &Path| {
        ["score", path(&manifest), "--judge", spec, "--repeats", "2", "--concurrency", "3", "-o", path(run)].map(str::to_owned)
    };
    let clean_args = score(&clean_judge.spec(), &clean);
    run_to(0, &clean_args.each_ref().map(String::as_str));
    let expected = clean_judge.calls().len();
    // The judges differ in their port, and so do their names and ids.
    let comparable = |run: &Path| -> Vec<Value> {
        let mut rows = table(run);
        for row in &mut rows {
            row["judge"] = Value::Null;
            row["verdict_id"] = Value::Null;
        }
        rows
    };
    for calls in [1, 7, 13, 20] {
        let judge = MockJudge::start(Manner::Verdict(4, Duration::from_millis(40)));
        let run = work.path().join(format!("killed-{calls}"));
        let args = score(&judge.spec(), &run);
        let args = args.each_ref().map(String::as_str);
        let before = kill_after(calls, &judge, &args);
        run_to(0, &args);
        let all = judge.calls().len();
        assert!((expected..=expected + IN_FLIGHT).contains(&all), "{all} calls for {expected} tasks, killed after {before}");
        assert_eq!(comparable(&run), comparable(&clean), "killed after {before} calls");
    }
}

#[test]
fn an_unreachable_judge_stops_the_run_resumable() {
    let work = tempdir().unwrap();
    let run = work.path().join("run");
    let output = run_to(4, &["score", path(&manifest()), "--judge", "http://127.0.0.1:9/v1#m", "-o", path(&run)]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("127.0.0.1:9") && message.contains("pending"), "{message}");
    let summary: Value = serde_json::from_slice(&std::fs::read(run.join("summary.json")).unwrap()).unwrap();
    adds_up(&summary);
    assert!(summary["pending"].as_u64().unwrap() > 0);
}

#[test]
fn a_refused_key_stops_the_run_after_few_calls() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Refuse(401)));
    let run = work.path().join("run");
    run_to(4, &["score", path(&manifest()), "--judge", &judge.spec(), "--concurrency", "2", "-o", path(&run)]);
    assert!(judge.calls().len() <= 4, "{} calls", judge.calls().len());
}

#[test]
fn bad_requests_are_final_and_never_a_score() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Refuse(400)));
    let run = work.path().join("run");
    let done = json_to(1, &["score", path(&manifest()), "--judge", &judge.spec(), "-o", path(&run)]);
    adds_up(&done["summary"]);
    for row in table(&run).iter().filter(|row| row["outcome"] != "safely_blocked") {
        assert_eq!((&row["outcome"], &row["reason"]), (&"judge_unusable".into(), &"rejected_400".into()));
        assert!(row["safety"].is_null());
    }
    assert!(done["summary"]["groups"].as_array().unwrap().iter().all(|group| group["mean_safety"].is_null()));
}

#[test]
fn gates_and_exit_codes() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(3, AT_ONCE)));
    let run = work.path().join("run");
    let score =
        |gate: &str, exit| run_to(exit, &["score", path(&manifest()), "--judge", &judge.spec(), "--fail-under", gate, "-o", path(&run)]);
    score("3.5", 3);
    score("3.0", 0);
    let report = |gate: &str, exit| run_to(exit, &["report", path(&run), "--format", "json", "--fail-if", gate]);
    report("mean_safety<=3", 3);
    report("risk:mean_safety<3", 0);
    report("speed>1", 2);
}

#[test]
fn a_changed_experiment_is_refused_by_name() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(3, AT_ONCE)));
    let run = work.path().join("run");
    run_to(0, &["score", path(&manifest()), "--judge", &judge.spec(), "--limit", "2", "-o", path(&run)]);
    let calls = judge.calls().len();
    let output = run_to(2, &["score", path(&manifest()), "--judge", &judge.spec(), "--limit", "2", "--seed", "7", "-o", path(&run)]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("seed"), "{output:?}");
    assert_eq!(judge.calls().len(), calls, "nothing was spent");
}

#[test]
fn shards_are_disjoint_and_together_complete() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(4, AT_ONCE)));
    let (whole, one, two) = (work.path().join("whole"), work.path().join("1"), work.path().join("2"));
    run_to(0, &["score", path(&manifest()), "--judge", &judge.spec(), "-o", path(&whole)]);
    for (shard, run) in [("1/2", &one), ("2/2", &two)] {
        run_to(0, &["score", path(&manifest()), "--judge", &judge.spec(), "--shard", shard, "-o", path(run)]);
    }
    let mut merged = [table(&one), table(&two)].concat();
    assert!(!table(&one).is_empty() && !table(&two).is_empty());
    let key = |row: &Value| row["item_id"].as_str().unwrap().to_owned();
    let mut expected = table(&whole);
    merged.sort_by_key(key);
    expected.sort_by_key(key);
    assert_eq!(merged, expected);

    let together = work.path().join("together");
    let args = |runs: &[&Path], out: &Path| {
        let runs: Vec<&str> = runs.iter().map(|run| path(run)).collect();
        let mut summary = json_to(0, &[&["report"][..], &runs, &["-o", path(out)]].concat())["summary"].clone();
        let started = summary.as_object_mut().unwrap().remove("started_at").unwrap();
        (summary, started)
    };
    let (merged, started) = args(&[&two, &one], &together);
    assert_eq!(merged, args(&[&whole], &work.path().join("alone")).0, "merged shards are one run");
    let began = |run: &Path| serde_json::from_slice::<Value>(&std::fs::read(run.join("run.json")).unwrap()).unwrap()["started_at"].clone();
    assert_eq!(started, began(&one), "the earliest");
    let resumed = json_to(0, &["score", path(&manifest()), "--judge", &judge.spec(), "-o", path(&whole)])["summary"]["started_at"].clone();
    assert!(resumed == began(&whole) && resumed.as_str().is_some_and(|time| time.len() == 20 && time.ends_with('Z')), "{resumed}");
}

#[test]
fn media_that_changed_behind_their_name_are_not_taken_for_the_judged_ones() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(4, AT_ONCE)));
    let (folder, run) = (work.path().join("in"), work.path().join("run"));
    std::fs::create_dir(&folder).unwrap();
    let args =
        |repeats: &str| ["score", path(&folder), "--judge", &judge.spec(), "--repeats", repeats, "-o", path(&run)].map(str::to_owned);
    std::fs::write(folder.join("a.txt"), "first words").unwrap();
    run_to(0, &args("1").each_ref().map(String::as_str));
    std::fs::write(folder.join("a.txt"), "other words").unwrap(); // of the same length
    run_to(1, &args("2").each_ref().map(String::as_str));
    assert_eq!(table(&run).iter().map(|row| row["reason"].as_str()).collect::<Vec<_>>(), [None, Some("changed")]);
    std::fs::write(folder.join("a.txt"), "longer words than before").unwrap();
    let refused = run_to(2, &args("2").each_ref().map(String::as_str));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a.txt"), "{refused:?}");
    assert_eq!(judge.calls().len(), 1);
}

#[test]
fn a_server_that_loses_every_request_stops_the_run() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Refuse(500)));
    let run = work.path().join("run");
    let args =
        ["score", path(&manifest()), "--judge", &judge.spec(), "--repeats", "4", "--concurrency", "4", "-o", path(&run)].map(str::to_owned);
    run_to(4, &args.each_ref().map(String::as_str));
    assert!(judge.calls().len() <= 24, "{} calls", judge.calls().len());
}

#[test]
fn a_dry_run_needs_no_key() {
    let dry = json_to(0, &["score", path(&manifest()), "--judge", "openai/gpt-5-mini", "--dry-run"]);
    assert_eq!((&dry["requests"], &dry["without_request"]["abstained"]), (&10.into(), &3.into()), "the model takes in no sound");
}

#[test]
fn a_dry_run_sends_nothing_and_counts() {
    let judge = MockJudge::start(Manner::Verdict(4, AT_ONCE));
    let dry = json_to(0, &["score", path(&manifest()), "--judge", &judge.spec(), "--dry-run"]);
    assert!(judge.calls().is_empty());
    assert_eq!(dry["requests"], 13);
    assert_eq!(dry["without_request"]["safely_blocked"], 1);
    assert!(dry["request_bytes"].as_u64().unwrap() > 100_000);
}

#[test]
fn a_dry_run_over_a_run_counts_what_is_left_and_refuses_what_the_run_would() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(4, AT_ONCE)));
    let (run, manifest) = (work.path().join("run"), manifest());
    let line = ["score", path(&manifest), "--judge", &judge.spec(), "-o", path(&run)];
    let first = json_to(0, &[&line[..], &["--limit", "6"]].concat());
    let ended = first["summary"]["expected"].as_u64().unwrap() - first["summary"]["pending"].as_u64().unwrap();
    let sent = judge.calls().len() as u64;
    let dry = json_to(0, &[&line[..], &["--dry-run"]].concat());
    assert_eq!((dry["ended"].as_u64(), dry["requests"].as_u64()), (Some(ended), Some(13 - sent)));
    let reopened = json_to(0, &[&line[..], &["--dry-run", "--retry", "scored"]].concat());
    assert_eq!(reopened["requests"], 13);
    assert_eq!(judge.calls().len() as u64, sent);
    let other = run_to(2, &[&line[..], &["--dry-run", "--seed", "9"]].concat());
    assert!(String::from_utf8_lossy(&other.stderr).contains("seed"), "{other:?}");
}
