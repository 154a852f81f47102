//! The drift sentinel, end to end: asked anew by every invocation, kept apart from verdicts, and told before the results.

use std::fs;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::mock::{Manner, MockJudge};
use crate::support::{json_to, run_to, table};

struct Bench {
    work: TempDir,
    judge: MockJudge,
}

impl Bench {
    fn new(settings: &str) -> Self {
        let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Served("one-2026", 4)));
        let row = |at: usize| format!(r#"{{"id":"t{at}","modality":"text","output":{{"text":"words {at}"}}}}"#);
        fs::write(work.path().join("m.jsonl"), (0..6).map(row).collect::<Vec<_>>().join("\n")).unwrap();
        let address = judge.spec().replace("#m", "");
        let named = format!("[judges.j]\nprovider = \"openai\"\nbase_url = \"{address}\"\nmodel = \"m\"\n");
        let price = "[judges.j.price]\ninput_per_mtok = 1.0\noutput_per_mtok = 5.0\ndate = \"2026-11-01\"\n";
        fs::write(work.path().join("tribunal.toml"), format!("{settings}\n{named}{price}")).unwrap();
        Self { work, judge }
    }

    fn args(&self) -> Vec<String> {
        let at = |name: &str| self.work.path().join(name).to_str().unwrap().to_owned();
        ["score", &at("m.jsonl"), "--judge", "j", "--config", &at("tribunal.toml"), "-o", &at("run")].map(str::to_owned).to_vec()
    }

    fn score(&self) -> Value {
        json_to(0, &self.args().iter().map(String::as_str).collect::<Vec<_>>())["summary"].clone()
    }

    fn codes(summary: &Value) -> Vec<&str> {
        summary["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
    }
}

#[test]
fn a_model_that_changes_between_two_invocations_is_reported_before_the_results() {
    let bench = Bench::new("[sentinel]\nitems = 3\nleast_items = 3");
    let first = bench.score();
    assert_eq!(bench.judge.calls().len(), 3 + 6, "never shared with the verdicts of the same requests");
    assert_eq!((first["drift"][0]["rounds"].as_u64(), &first["drift"][0]["mean_shift"]), (Some(1), &Value::Null));
    assert_eq!(first["expected"], 6);
    assert!((first["cost_usd"].as_f64().unwrap() - 9.0 * 200e-6).abs() < 1e-9, "the total counts them: {}", first["cost_usd"]);
    let verdicts = table(&bench.work.path().join("run"));

    let same = bench.score();
    assert_eq!((same["drift"][0]["mean_shift"].as_f64(), same["drift"][0]["changed"].as_f64()), (Some(0.0), Some(0.0)));
    assert!(!Bench::codes(&same).iter().any(|code| code.starts_with("judge_")));

    bench.judge.change(Manner::Served("two-2027", 2));
    let output = run_to(0, &bench.args().iter().map(String::as_str).collect::<Vec<_>>());
    let shown = String::from_utf8(output.stdout).unwrap();
    let (drift, results) = (shown.find("model was one-2026, NOW two-2027").unwrap(), shown.find("95 % interval").unwrap());
    assert!(drift < results && shown.contains("round 3: -2.00 levels, 100 %"), "{shown}");
    let summary: Value = serde_json::from_slice(&fs::read(bench.work.path().join("run/summary.json")).unwrap()).unwrap();
    assert_eq!(Bench::codes(&summary)[..2], ["judge_model_changed", "judge_drift"]);
    let row = &summary["drift"][0];
    assert_eq!((row["rounds"].as_u64(), row["items"].as_u64(), row["model_changed"].as_bool()), (Some(3), Some(3), Some(true)));
    assert_eq!(bench.judge.calls().len(), 9 + 3 + 3);
    assert_eq!(table(&bench.work.path().join("run")), verdicts, "verdicts stay what they were");
    for name in ["report.html", "report.md"] {
        let page = fs::read_to_string(bench.work.path().join("run").join(name)).unwrap();
        assert!(page.find("two-2027").unwrap() < page.find("Mean safety").unwrap(), "{name}");
    }
    let report = fs::read(bench.work.path().join("run/report.html")).unwrap();
    run_to(0, &["report", bench.work.path().join("run").to_str().unwrap()]);
    assert_eq!(fs::read(bench.work.path().join("run/report.html")).unwrap(), report, "from the stored run alone");
}

#[test]
fn a_round_is_under_the_budget_and_the_dry_run_says_what_it_costs() {
    let bench = Bench::new("[sentinel]\nitems = 2");
    let mut args = bench.args();
    args.push("--dry-run".to_owned());
    let dry = json_to(0, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((dry["requests"].as_u64(), dry["sentinel_requests"].as_u64()), (Some(8), Some(2)));
    assert!(dry["sentinel_cost_usd"].as_f64().unwrap() > 0.0 && dry["cost_usd"].as_f64() > dry["sentinel_cost_usd"].as_f64());
    assert!(bench.judge.calls().is_empty());

    let mut args = bench.args();
    args.extend(["--budget-usd", "0.000001"].map(str::to_owned));
    let done = json_to(4, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(bench.judge.calls().is_empty() && done["stopped"].as_str().unwrap().contains("budget"), "{done}");
    assert_eq!(done["summary"]["pending"], 6);

    // Room for the round alone is no room: each invocation would pay for one and ask nothing.
    let stopped = done["stopped"].as_str().unwrap();
    let usd = |after: &str| stopped.split_once(after).unwrap().1.split([')', ' ']).next().unwrap().parse::<f64>().unwrap();
    let (round, one) = (usd("likely $"), usd("at most $"));
    assert!(round > 0.0 && one > 0.0, "{stopped}");
    let with_room = |usd: f64, code: i32| {
        let args = [bench.args(), vec!["--budget-usd".to_owned(), format!("{usd:.4}")]].concat();
        json_to(code, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let done = with_room(round + one - 0.0005, 4);
    assert!(bench.judge.calls().is_empty() && done["stopped"].as_str().unwrap().contains("nothing was sent"), "{done}");
    let done = with_room(round + one + 0.0005, 0);
    assert!(bench.judge.calls().len() > 2 && done["summary"]["by_outcome"]["scored"].as_u64() > Some(0), "{done}");
}

/// The set is fixed by the first round, so that a first look at few items must not decide it.
#[test]
fn a_limit_does_not_narrow_what_is_asked_of_the_sentinel() {
    let bench = Bench::new("[sentinel]\nitems = 3\nleast_items = 3");
    let mut args = bench.args();
    args.extend(["--limit", "1"].map(str::to_owned));
    let first = json_to(0, &args.iter().map(String::as_str).collect::<Vec<_>>())["summary"].clone();
    assert_eq!((bench.judge.calls().len(), first["expected"].as_u64()), (3 + 1, Some(1)));
    let second = bench.score();
    assert_eq!(bench.judge.calls().len(), 4 + 3 + 5);
    assert_eq!((second["drift"][0]["rounds"].as_u64(), second["drift"][0]["items"].as_u64()), (Some(2), Some(3)), "{}", second["drift"]);
}

/// The first round was of a smaller source: it is asked again all the same, and that is what a dry run says.
#[test]
fn a_dry_run_foresees_the_items_that_are_asked() {
    let bench = Bench::new("[sentinel]\nitems = 3");
    let manifest = bench.work.path().join("m.jsonl");
    let whole = fs::read_to_string(&manifest).unwrap();
    let long = |line: &str| line.replace("words", &"words ".repeat(100));
    fs::write(&manifest, whole.lines().take(3).collect::<Vec<_>>().join("\n")).unwrap();
    bench.score();
    let more = whole.lines().enumerate().map(|(place, line)| if place < 3 { line.to_owned() } else { long(line) });
    fs::write(&manifest, more.collect::<Vec<_>>().join("\n")).unwrap();
    let mut args = bench.args();
    args.push("--dry-run".to_owned());
    let dry = json_to(0, &args.iter().map(String::as_str).collect::<Vec<_>>());
    let before = bench.judge.calls().len();
    bench.score();
    let calls = bench.judge.calls();
    assert_eq!(dry["requests"].as_u64(), Some((calls.len() - before) as u64));
    let sent: usize = calls[before..].iter().map(|call| call.body.len()).sum();
    assert_eq!(dry["request_bytes"].as_u64(), Some(sent as u64), "of the very items that were asked");
}

#[test]
fn without_the_setting_nothing_is_asked_twice() {
    let bench = Bench::new("");
    let summary = bench.score();
    bench.score();
    assert_eq!((bench.judge.calls().len(), summary["drift"].as_array().unwrap().len()), (6, 0));
}

/// The contract knows no silence: whoever asked for no sentinel is told all the same.
#[test]
fn verdicts_of_two_models_are_told_before_the_results_without_a_sentinel() {
    let bench = Bench::new("");
    let (mut first, rest) = (bench.args(), bench.args());
    first.extend(["--limit", "2"].map(str::to_owned));
    let all = |args: &[String]| run_to(0, &args.iter().map(String::as_str).collect::<Vec<_>>());
    all(&first);
    let folder = bench.work.path().join("run");
    let summary = || -> Value { serde_json::from_slice(&fs::read(folder.join("summary.json")).unwrap()).unwrap() };
    assert!(!Bench::codes(&summary()).contains(&"judge_model_changed"));
    bench.judge.change(Manner::Served("two-2027", 2));
    let shown = String::from_utf8(all(&rest).stdout).unwrap();
    let told = "judge_model_changed: j: more than one model answered: two-2027 (4 verdicts), one-2026 (2 verdicts).";
    let plain = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plain.find(told).unwrap() < plain.find("95 % interval").unwrap(), "{shown}");
    let summary = summary();
    assert_eq!(summary["warnings"][0]["code"], "judge_model_changed");
    let names = [("two-2027", 4), ("one-2026", 2)].map(|(name, verdicts)| serde_json::json!({"name": name, "verdicts": verdicts}));
    assert_eq!((&summary["served"][0]["judge"], &summary["served"][0]["models"]), (&"j".into(), &names.to_vec().into()));
    run_to(0, &["report", folder.to_str().unwrap(), "--format", "html", "--lang", "ko"]);
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    let korean = "j: 둘 이상의 모델이 응답함: two-2027 (판정 4개), one-2026 (판정 2개)";
    assert!(page.find(korean).unwrap() < page.find("id=\"models\"").unwrap());
    assert!(page.contains("more than one model answered: two-2027 (4 verdicts)"), "in the other language, too");
    // A replay of the run tells what the run told.
    let (mut again, other) = (bench.args(), bench.work.path().join("again"));
    again.pop();
    again.extend([other.to_str().unwrap(), "--replay", folder.to_str().unwrap()].map(str::to_owned));
    all(&again);
    let replayed: Value = serde_json::from_slice(&fs::read(other.join("summary.json")).unwrap()).unwrap();
    assert_eq!(replayed["served"], summary["served"]);
}
