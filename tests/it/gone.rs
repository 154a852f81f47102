//! What is taken away while a run is at it: the folder of its source, its own folder, its lock.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::mock_process::MockProcess;
use crate::rig::{Rig, attempts, ended};
use crate::support::{config, json_to, jsonl, run_to, score, tribunal};

const ITEMS: usize = 60;
const TWO: [&str; 2] = ["--concurrency", "2"];

/// A folder of short texts, each a file, and a judge that takes its time.
struct Files {
    work: TempDir,
    source: PathBuf,
    config: String,
    mock: MockProcess,
}

impl Files {
    fn new() -> Self {
        let work = tempdir().unwrap();
        let source = work.path().join("in");
        fs::create_dir(&source).unwrap();
        (0..ITEMS).for_each(|number| fs::write(source.join(format!("{number:02}.txt")), format!("Answer {number}.")).unwrap());
        let mock = MockProcess::start(work.path(), &json!({"latency_ms": 40}));
        let config = config(work.path(), &format!("provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", mock.address));
        Self { work, source, config, mock }
    }

    fn run(&self) -> PathBuf {
        self.work.path().join("run")
    }

    fn requests(&self) -> u64 {
        self.mock.bill()["requests"].as_u64().unwrap()
    }

    /// Scores, and does this to the source once some requests have been made.
    fn disturbed(&self, act: impl FnOnce()) -> Output {
        let mut child = started(&score(&self.source, &self.config, &self.run(), &TWO));
        let before = self.requests();
        until(&mut child, || self.requests() >= before + 4);
        act();
        child.wait_with_output().unwrap()
    }

    fn rows(&self) -> Vec<Value> {
        jsonl(&self.run().join("verdicts.jsonl"))
    }

    fn finish(&self, exit: i32) -> Value {
        json_to(exit, &score(&self.source, &self.config, &self.run(), &[]))
    }
}

fn started(args: &[&str]) -> Child {
    tribunal(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for something, which must come before the process ends.
fn until(child: &mut Child, there: impl Fn() -> bool) {
    while !there() {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stopped(output: &Output, says: &[&str]) {
    assert_eq!(output.status.code(), Some(4), "{}", stderr(output));
    assert!(says.iter().all(|word| stderr(output).contains(word)), "{}", stderr(output));
}

/// Unmounted, say, or renamed: with an empty folder of its name in its place or without.
#[test]
fn a_source_that_goes_away_leaves_its_items_pending() {
    let files = Files::new();
    let away = files.work.path().join("away");
    for emptied in [false, true] {
        let output = files.disturbed(|| {
            fs::rename(&files.source, &away).unwrap();
            if emptied {
                fs::create_dir(&files.source).unwrap();
            }
        });
        stopped(&output, &["stopped early", files.source.to_str().unwrap(), "the same command"]);
        let ends: Vec<_> = files.rows().iter().map(|row| row["outcome"].clone()).filter(|end| *end != "scored").collect();
        assert!(!ends.is_empty() && ends.iter().all(Value::is_null), "{ends:?}");
        if emptied {
            fs::remove_dir(&files.source).unwrap();
        }
        fs::rename(&away, &files.source).unwrap();
    }
    files.finish(0);
    assert_eq!(files.requests(), ITEMS as u64, "each item was asked once");
}

#[test]
fn a_file_that_goes_away_is_missing_where_its_folder_stays() {
    let files = Files::new();
    let output = files.disturbed(|| fs::remove_file(files.source.join("59.txt")).unwrap());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let rows = files.rows();
    let (last, others) = rows.split_last().unwrap();
    assert_eq!((&last["outcome"], &last["reason"]), (&json!("media_rejected"), &json!("missing")));
    assert!(others.iter().all(|row| row["outcome"] == "scored"));
}

#[test]
fn a_source_that_goes_away_under_other_commands_is_no_fault_of_its_items() {
    let files = Files::new();
    // A pool of workers and as many threads as there are cores: what is at hand is few of these.
    (ITEMS..20 * ITEMS).for_each(|number| fs::write(files.source.join(format!("{number:04}.txt")), format!("Answer {number}.")).unwrap());
    let (away, out) = (files.work.path().join("away"), files.work.path().join("out"));
    let mut child = started(&["prepare", files.source.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    until(&mut child, || fs::read_dir(out.join("parts")).is_ok_and(|parts| parts.count() > 1));
    fs::rename(&files.source, &away).unwrap();
    stopped(&child.wait_with_output().unwrap(), &[files.source.to_str().unwrap()]);
    assert!(!out.join("parts.jsonl").exists());
    fs::rename(&away, &files.source).unwrap();
    run_to(0, &["prepare", files.source.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    assert_eq!(jsonl(&out.join("parts.jsonl")).len(), 20 * ITEMS);
}

const AT_ONCE: [&str; 2] = ["--concurrency", "4"];

/// Starts a run and does this once some requests have been made.
fn run_disturbed(rig: &Rig, name: &str, act: impl FnOnce(&Path)) -> Output {
    let run = rig.run(name);
    let mut child = started(&rig.args(&run, &AT_ONCE));
    let before = rig.requests();
    until(&mut child, || rig.requests() >= before + 4);
    act(&run);
    ended(&mut child);
    child.wait_with_output().unwrap()
}

#[test]
fn a_lock_that_is_removed_lets_nobody_in() {
    const ITEMS: usize = 16;
    // Until the first reply the first process has no reason to look.
    let rig = Rig::new(ITEMS, &json!({"latency_ms": 4000}), "");
    let output = run_disturbed(&rig, "run", |run| {
        fs::remove_file(run.join("ledger.lock")).unwrap();
        let second = tribunal(&rig.args(run, &AT_ONCE)).output().unwrap();
        assert_eq!(second.status.code(), Some(2), "{}", stderr(&second));
        assert!(stderr(&second).contains("another process"), "{}", stderr(&second));
    });
    stopped(&output, &["ledger.lock", "the same command"]);
    let open = attempts(&rig.run("run"), "open");
    assert!(rig.requests() < ITEMS as u64, "it went on to the end");
    rig.finish(0, "run", &["--concurrency", "16"]);
    assert!(rig.requests() <= ITEMS as u64 + open, "{} requests, {open} were in flight", rig.requests());
}

#[test]
fn a_run_folder_that_goes_away_is_not_paid_into() {
    const ITEMS: usize = 200;
    for emptied in [false, true] {
        let rig = Rig::new(ITEMS, &json!({"latency_ms": 40}), "");
        let away = rig.run("away");
        let output = run_disturbed(&rig, "run", |run| {
            fs::rename(run, &away).unwrap();
            if emptied {
                fs::create_dir(run).unwrap();
            }
        });
        stopped(&output, &["moved or removed", rig.run("run").to_str().unwrap()]);
        let (asked, known, open) = (rig.requests(), attempts(&away, "answered") + attempts(&away, "open"), attempts(&away, "open"));
        assert!(asked < ITEMS as u64 && asked <= known, "{asked} requests, and the ledger knows of {known}");
        if emptied {
            fs::remove_dir(rig.run("run")).unwrap();
        }
        fs::rename(&away, rig.run("run")).unwrap();
        rig.finish(0, "run", &AT_ONCE);
        assert!(rig.requests() <= ITEMS as u64 + open, "{} requests, {open} were in flight", rig.requests());
    }
}

#[test]
fn a_ledger_that_is_removed_stops_what_it_pays_for() {
    const ITEMS: usize = 200;
    for what in [".", "ledger.sqlite"] {
        let rig = Rig::new(ITEMS, &json!({"latency_ms": 40}), "");
        let output = run_disturbed(&rig, "run", |run| {
            if what == "." { fs::remove_dir_all(run).unwrap() } else { fs::remove_file(run.join(what)).unwrap() }
        });
        stopped(&output, &["moved or removed", rig.run("run").to_str().unwrap()]);
        assert!(rig.requests() < ITEMS as u64 / 2, "{what}: {} requests", rig.requests());
        assert!(!rig.run("run/ledger.sqlite").exists(), "{what}");
    }
}

/// What had been written is in the database all the same.
#[test]
fn a_write_ahead_log_that_is_removed_takes_nothing_with_it() {
    const ITEMS: usize = 200;
    let rig = Rig::new(ITEMS, &json!({"latency_ms": 40}), "");
    let output = run_disturbed(&rig, "run", |run| fs::remove_file(run.join("ledger.sqlite-wal")).unwrap());
    stopped(&output, &["moved or removed", "ledger.sqlite-wal"]);
    let (asked, known) = (rig.requests(), attempts(&rig.run("run"), "answered") + attempts(&rig.run("run"), "open"));
    assert!(asked < ITEMS as u64 && asked <= known, "{asked} requests, and the ledger knows of {known}");
    let open = attempts(&rig.run("run"), "open");
    rig.finish(0, "run", &AT_ONCE);
    assert!(rig.requests() <= ITEMS as u64 + open, "{} requests, {open} were in flight", rig.requests());
}

/// What was paid for once is neither asked again nor overwritten, where the one record of it is lost.
#[test]
fn a_run_whose_ledger_is_lost_or_damaged_is_not_begun_anew() {
    let files = Files::new();
    files.finish(0);
    let (run, ledger) = (files.run(), files.run().join("ledger.sqlite"));
    let (whole, verdicts, paid) = (fs::read(&ledger).unwrap(), fs::read(run.join("verdicts.jsonl")).unwrap(), files.requests());
    let mut damaged = whole.clone();
    let half = whole.len() / 2 / 4096 * 4096;
    damaged[half..].fill(0xff);
    for (lost, bytes, advice) in
        [("gone", None, "put the ledger back"), ("empty", Some(vec![]), "put the ledger back"), ("damaged", Some(damaged), ".recover")]
    {
        for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
            let _ = fs::remove_file(run.join(name));
        }
        if let Some(bytes) = &bytes {
            fs::write(&ledger, bytes).unwrap();
        }
        let (scored, dry) = (score(&files.source, &files.config, &run, &[]), score(&files.source, &files.config, &run, &["--dry-run"]));
        for args in [scored, dry, vec!["report", run.to_str().unwrap()]] {
            let said = String::from_utf8(run_to(2, &args).stderr).unwrap();
            assert!(said.contains(advice) && said.contains(run.to_str().unwrap()), "{lost}, {}: {said}", args[0]);
        }
        assert_eq!((files.requests(), fs::read(run.join("verdicts.jsonl")).unwrap() == verdicts), (paid, true), "{lost}");
    }
    fs::write(&ledger, whole).unwrap();
    files.finish(0);
    assert_eq!(files.requests(), paid);
}
