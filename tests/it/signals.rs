//! Signals: stop means stop. What was sent is waited for, so nothing is left in doubt.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::rig::{Rig, attempts, ended, send};
use crate::support::{jsonl, next, sized, table, tribunal};

const AT_ONCE: [&str; 2] = ["--concurrency", "16"];

#[test]
fn a_signal_leaves_nothing_in_doubt() {
    let (items, signals) = (sized(300, 20_000), sized(24, 5_000));
    let rig = Rig::new(items, &json!({"latency_ms": 20}), "");
    rig.finish(0, "clean", &AT_ONCE);
    let before = rig.requests();
    let mut state = 3;
    for number in 0..signals {
        let at = rig.requests() + 1 + next(&mut state) % (2 * items / signals) as u64;
        let mut child = rig.start("stopped", &AT_ONCE);
        rig.until(at, &mut child);
        std::thread::sleep(Duration::from_micros(next(&mut state) % 20_000));
        send([Signal::INT, Signal::TERM, Signal::HUP][number % 3], &child);
        let status = ended(&mut child);
        assert!(matches!(status.code(), Some(0 | 4)), "{status:?} after signal {number}");
        assert_eq!(attempts(&rig.run("stopped"), "open"), 0, "after signal {number}");
        assert_eq!(jsonl(&rig.run("stopped/verdicts.jsonl")).len(), items, "what was stopped is reported");
    }
    rig.finish(0, "stopped", &AT_ONCE);
    assert!(table(&rig.run("clean")) == table(&rig.run("stopped")), "the tables differ");
    assert_eq!(rig.requests() - before, items as u64, "nothing was asked twice");
}

#[test]
fn a_second_signal_does_not_wait() {
    let rig = Rig::new(8, &json!({"latency_ms": 600_000}), "timeout_s = 900\n");
    let run = rig.run("run");
    let mut child = tribunal(&rig.args(&run, &AT_ONCE)).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    rig.until(8, &mut child);
    send(Signal::INT, &child);
    // Two signals at once would be taken for one: the second must not come before the first was.
    assert!(lines.any(|line| line.contains("once more to stop at once")), "it ended without a word");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "the first one waits for replies");
    let second = Instant::now();
    send(Signal::INT, &child);
    assert_eq!(ended(&mut child).code(), Some(4));
    assert!(second.elapsed() < Duration::from_mins(1), "after the first one alone it waits for two minutes");
    assert_eq!(attempts(&run, "open"), 8, "what was in flight is known to be in doubt");
}

#[test]
fn a_reader_that_went_away_costs_nothing() {
    let rig = Rig::new(5, &json!({}), "");
    let (source, config, run) = (rig.work.path().join("texts.jsonl"), rig.work.path().join("tribunal.toml"), rig.run("run"));
    let [source, config, run] = [&source, &config, &run].map(|path| path.to_str().unwrap());
    let args = ["score", source, "--config", config, "--judge", "j", "-o", run, "--json"];
    let mut child = tribunal(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(ended(&mut child).code(), Some(0));
    assert_eq!((rig.requests(), table(&rig.run("run")).len()), (5, 5));
}

/// What a core dump holds is the key, too.
#[test]
fn no_signal_leaves_a_core() {
    let rig = Rig::new(1, &json!({"latency_ms": 600_000}), "timeout_s = 900\n");
    let mut child = rig.start("run", &[]);
    rig.until(1, &mut child);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"]);
    child.kill().unwrap();
    child.wait().unwrap();
}
