//! `tribunal agree` on runs made by authored cassettes: judges against people, people and judges against each other.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::support::{json_to, run_to};

/// What three people said of twelve texts; the last one nobody labelled.
const RISKS: [[Option<u8>; 3]; 12] = [
    [Some(1), Some(1), Some(2)],
    [Some(2), Some(2), Some(2)],
    [Some(5), Some(5), Some(4)],
    [Some(3), Some(3), Some(1)],
    [Some(4), Some(4), Some(5)],
    [Some(1), Some(2), Some(1)],
    [Some(2), Some(3), Some(3)],
    [Some(1), None, Some(1)],
    [Some(4), Some(4), Some(4)],
    [Some(3), Some(2), Some(2)],
    [Some(1), Some(5), Some(3)],
    [None, None, None],
];
/// What each judge says of them.
const MINI: [u8; 12] = [5, 4, 4, 3, 2, 5, 3, 5, 2, 4, 3, 5];
const LARGE: [u8; 12] = [4, 3, 3, 2, 1, 4, 2, 4, 1, 3, 2, 4];

/// A manifest, and tribunal.toml with two judges whose replies are on file.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let row = |at: usize| {
            let text = format!("The library opens at {at}.");
            json!({"id": format!("t{at}"), "model": "gen-a", "risk": "R05", "output": {"text": text}, "human_risk": RISKS[at], "annotators": ["ann", "bo", "cho"]}).to_string()
        };
        fs::write(folder.path().join("m.jsonl"), (0..RISKS.len()).map(row).collect::<Vec<_>>().join("\n")).unwrap();
        let mut config = String::new();
        for (name, levels) in [("mini", MINI), ("large", LARGE)] {
            let cassette = folder.path().join(format!("{name}.jsonl"));
            fs::write(&cassette, levels.iter().enumerate().map(|(at, safety)| reply(at, *safety)).collect::<String>()).unwrap();
            // Models of their own: two cassettes under one model's name would be one judge, asked once.
            config.push_str(&format!("[judges.{name}]\nprovider = \"replay\"\nmodel = \"{name}\"\npath = \"{}\"\n", cassette.display()));
        }
        fs::write(folder.path().join("tribunal.toml"), config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn score(&self, judges: &[&str]) -> (PathBuf, Value) {
        let (run, manifest, config) = (self.path("run"), self.path("m.jsonl"), self.path("tribunal.toml"));
        let mut args = vec!["score", text(&manifest), "--config", text(&config), "-o", text(&run)];
        judges.iter().for_each(|judge| args.extend(["--judge", judge]));
        let done = json_to(0, &args);
        (run, done)
    }
}

fn reply(at: usize, safety: u8) -> String {
    let verdict = json!({"nonce": "{{nonce}}", "rationale": "Opening hours.", "safety": safety}).to_string();
    let body = json!({"model": "authored", "choices": [{"message": {"role": "assistant", "content": verdict}, "finish_reason": "stop"}]});
    json!({"v": 1, "item_id": format!("t{at}"), "rubric": "text", "body": body, "origin": "authored"}).to_string() + "\n"
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn codes(summary: &Value) -> Vec<&str> {
    summary["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

#[test]
fn judges_are_held_against_the_peoples_labels_of_the_manifest() {
    let bench = Bench::new();
    let (run, done) = bench.score(&["mini", "large"]);
    let found = json_to(0, &["agree", text(&run)]);
    assert_eq!((found["conversion"].as_str(), found["rule"].as_str()), (Some("safety = 6 - risk"), Some("median")));
    let judges = found["judges"].as_array().unwrap();
    assert_eq!(judges.iter().map(|row| row["judge"].as_str().unwrap()).collect::<Vec<_>>(), ["large (authored)", "mini (authored)"]);
    let mini = &judges[1];
    assert_eq!((mini["n"].as_u64(), mini["items"].as_u64(), mini["unlabelled"].as_u64()), (Some(11), Some(12), Some(1)));
    assert_eq!(mini["farthest"][0], json!({"item_id": "t2", "safety": 4.0, "human_safety": 1.0, "human_risk": 5.0, "difference": 3.0}));
    assert_eq!(mini["bias"]["value"].as_f64(), Some(3.0 / 11.0));
    let counted: u64 =
        mini["confusion"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap()).map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counted, 11);
    for field in ["alpha", "kappa"] {
        let estimates = mini[field].as_object().unwrap();
        assert!(
            estimates.values().all(|one| one["value"].is_number() && one["ci95"][0].as_f64() < one["ci95"][1].as_f64()),
            "{estimates:?}"
        );
    }
    assert!(mini["icc"]["icc2"]["ci95"].is_array() && mini["spearman"]["ci95"].is_array() && mini["mae"]["ci95"].is_array());
    let among = &found["judges_among"];
    assert_eq!((among.as_array().unwrap().len(), among[0]["bias"]["value"].as_f64(), among[0]["n"].as_u64()), (1, Some(-1.0), Some(12)));

    let quality = &done["summary"]["quality"];
    assert_eq!(quality["judges"][1]["alpha"], mini["alpha"]["ordinal"]["value"], "the summary says the same");
    assert_eq!(quality["judges_among"][0]["bias"].as_f64(), Some(-1.0));
    assert!(quality["variance"][0]["components"].as_array().unwrap().iter().any(|one| one["component"] == "judge"));
    assert!(codes(&done["summary"]).contains(&"judge_mismatch"), "{:?}", codes(&done["summary"]));
}

#[test]
fn people_are_held_against_each_other_without_a_run() {
    let bench = Bench::new();
    let found = json_to(0, &["agree", text(&bench.path("m.jsonl")), "--rule", "majority"]);
    assert!(found["judges"].as_array().unwrap().is_empty() && found["judges_among"].as_array().unwrap().is_empty());
    let people = &found["annotators"];
    let counts = ["labelled", "pairable", "complete", "to_adjudicate"].map(|of| people[of].as_u64());
    assert_eq!(counts, [11, 11, 10, 2].map(Some));
    assert_eq!(people["disputed"][0]["item_id"], "t10");
    assert!(people["fleiss"].is_number() && people["alpha"]["ordinal"]["ci95"].is_array());
    assert_eq!(people["annotators"].as_array().unwrap().len(), 3);
    assert_eq!(found["aggregated"].as_array().unwrap().len(), 10, "t10 has no majority, t11 no label");
    let shown = run_to(0, &["agree", text(&bench.path("m.jsonl"))]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("safety = 6 - risk") && shown.contains("to adjudicate: 2"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
}

#[test]
fn labels_of_a_file_go_before_the_manifests_and_its_faults_are_named() {
    let bench = Bench::new();
    let (run, _) = bench.score(&["mini"]);
    let labels = bench.path("labels.csv");
    let rows: Vec<String> = (0..12).map(|at| format!("t{at},dana,{}\n", 6 - MINI[at])).collect();
    fs::write(&labels, format!("item_id,annotator,risk\n{}", rows.concat())).unwrap();
    let found = json_to(0, &["agree", text(&run), "--labels", text(&labels)]);
    assert_eq!((found["judges"][0]["n"].as_u64(), found["judges"][0]["alpha"]["ordinal"]["value"].as_f64()), (Some(12), Some(1.0)));
    assert!(found["annotators"]["alpha"]["ordinal"]["value"].is_null(), "one annotator");

    fs::write(&labels, "item_id,annotator,risk\nt1,dana,3\nzz,dana,3\nt1,dana,4\nt2,dana,9\n").unwrap();
    for source in [&run, &bench.path("m.jsonl")] {
        let refused = run_to(2, &["agree", text(source), "--labels", text(&labels)]);
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        for fault in
            ["labels.csv:3: the item `zz` is not known", "labels.csv:4: `dana` already labelled `t1`", "labels.csv:5: the human risk 9"]
        {
            assert!(words.contains(fault), "{words}");
        }
    }
}

#[test]
fn nothing_to_hold_against_is_an_error_that_says_what_to_do() {
    let bench = Bench::new();
    let manifest = bench.path("bare.jsonl");
    fs::write(&manifest, r#"{"id":"a","output":{"text":"x"}}"#).unwrap();
    let refused = run_to(2, &["agree", text(&manifest)]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--labels FILE"));
}

#[test]
fn labels_go_to_label_studio_and_come_back_as_they_were() {
    let bench = Bench::new();
    let (run, _) = bench.score(&["mini"]);
    let (project, labels) = (bench.path("project"), bench.path("labels.jsonl"));
    let exported = json_to(0, &["export", text(&run), "--to", "label-studio", "-o", text(&project)]);
    assert_eq!((exported["tasks"].as_u64(), exported["left_out"].as_u64()), (Some(12), Some(0)));
    let tasks: Value = serde_json::from_slice(&fs::read(project.join("text.json")).unwrap()).unwrap();
    let first = &tasks[0];
    assert_eq!((&first["data"]["output"], first["annotations"].as_array().unwrap().len()), (&json!("The library opens at 0."), 3));
    let predicted = &first["predictions"][0];
    assert_eq!(
        (&predicted["model_version"], &predicted["result"][0]["value"]["choices"]),
        (&json!("mini (authored) / text"), &json!(["1"]))
    );
    let imported = json_to(0, &["import", text(&project.join("text.json")), "--from", "label-studio", "-o", text(&labels)]);
    assert_eq!((imported["labels"].as_u64(), imported["tasks"].as_u64()), (Some(32), Some(12)));
    let own = json_to(0, &["agree", text(&run)]);
    let theirs = json_to(0, &["agree", text(&run), "--labels", text(&labels)]);
    for part in ["annotators", "aggregated", "judges"] {
        assert_eq!(own[part], theirs[part], "{part}");
    }
    let bad = json_to(2, &["import", text(&run.join("run.json")), "--from", "label-studio", "-o", text(&labels)]);
    assert!(bad["error"].as_str().unwrap().contains("is no list of tasks"), "{bad}");
    run_to(2, &["export", text(&bench.path("m.jsonl")), "--to", "label-studio", "-o", text(&project)]);
}

#[test]
fn a_run_becomes_one_log_a_judge() {
    let bench = Bench::new();
    let (run, _) = bench.score(&["mini", "large"]);
    let logs = bench.path("logs");
    let exported = json_to(0, &["export", text(&run), "--to", "inspect-log", "-o", text(&logs)]);
    assert_eq!(exported["samples"].as_u64(), Some(24));
    let log: Value = serde_json::from_slice(&fs::read(exported["logs"][1].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(
        (&log["eval"]["model"], &log["status"], log["samples"].as_array().unwrap().len()),
        (&json!("mini (authored)"), &json!("success"), 12)
    );
    let mean = f64::from(MINI.iter().map(|safety| u32::from(*safety)).sum::<u32>()) / 12.0;
    let told = log["results"]["scores"][0]["metrics"]["mean"]["value"].as_f64().unwrap();
    assert!((told - mean).abs() < 1e-12, "{told}");
    assert_eq!((&log["samples"][0]["scores"]["safety"]["value"], &log["samples"][0]["target"]), (&json!(5), &json!("5.00")));
}
