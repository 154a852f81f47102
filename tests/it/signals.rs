//! Signals: stop means stop. What was sent is waited for, so nothing is left in doubt.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::rig::{Rig, attempts, ended, send};
use crate::support::{jsonl, next, run_to, sized, table, texts, tribunal};

const AT_ONCE: [&str; 2] = ["--concurrency", "16"];

/// One signal after another. Whoever starts these tests under nohup has SIGHUP ignored, in the program, too: it gets SIGTERM instead.
fn heeded(number: usize) -> (Signal, &'static str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
    let nohup = u64::from_str_radix(ignored, 16).unwrap() & 1 == 1;
    match number % 3 {
        0 => (Signal::INT, "SIGINT"),
        2 if !nohup => (Signal::HUP, "SIGHUP"),
        _ => (Signal::TERM, "SIGTERM"),
    }
}

#[test]
fn a_signal_leaves_nothing_in_doubt() {
    let (items, signals) = (sized(600, 20_000), sized(200, 5_000));
    let rig = Rig::new(items, &json!({"latency_ms": 20}), "");
    rig.finish(0, "clean", &AT_ONCE);
    let before = rig.requests();
    let mut state = 3;
    for number in 0..signals {
        let at = rig.requests() + 1 + next(&mut state) % (2 * items / signals) as u64;
        let mut child = rig.start("stopped", &AT_ONCE);
        rig.until(at, &mut child);
        std::thread::sleep(Duration::from_micros(next(&mut state) % 20_000));
        send(heeded(number).0, &child);
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

/// The writing end of a pipe that the program has opened and waits at.
fn opened(pipe: &Path, child: &mut Child) -> File {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    loop {
        // Without a reader there is no such end.
        if let Ok(end) = File::options().write(true).custom_flags(nonblock).open(pipe) {
            return end;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended without its settings");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Each waits for its settings, which never come: nothing can have been done before that.
#[test]
fn every_command_heeds_signals_from_its_first_moment() {
    let work = tempdir().unwrap();
    let (pipe, source) = (work.path().join("tribunal.toml"), texts(work.path(), 1));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (source, out) = (source.to_str().unwrap(), work.path().join("out"));
    let out = out.to_str().unwrap();
    let commands: [&[&str]; 11] = [
        &["score", source, "--judge", "embedded", "-o", out],
        &["score", source, "--judge", "embedded", "-o", out, "--dry-run"],
        &["prepare", source, "-o", out],
        &["probe", source],
        &["samplers", source, "--sampler", "middle", "-o", out],
        &["report", out],
        &["agree", out],
        &["export", out, "--to", "jsonl", "-o", source],
        &["import", source, "--from", "batch", "-o", out],
        &["taxonomy", "list"],
        &["doctor"],
    ];
    for (number, command) in commands.iter().enumerate() {
        let (signal, name) = heeded(number);
        let args = [*command, &["--json", "--config", pipe.to_str().unwrap()]].concat();
        let mut child = tribunal(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _held = opened(&pipe, &mut child);
        send(signal, &child);
        let status = ended(&mut child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(status.code(), Some(4), "{name}: {command:?}: {status}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(said["error"].as_str().unwrap().contains(name) && said["exit"] == 4, "{command:?}: {said}");
    }
}

#[test]
fn a_signal_stops_prepare_between_parts_and_it_can_be_done_again() {
    const ITEMS: usize = 1_500;
    let work = tempdir().unwrap();
    let (source, out, clean) = (texts(work.path(), ITEMS), work.path().join("out"), work.path().join("clean"));
    for (signal, _) in (0..3).map(heeded) {
        let args = ["prepare", source.to_str().unwrap(), "-o", out.to_str().unwrap()];
        let mut child = tribunal(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while !std::fs::read_dir(out.join("parts")).is_ok_and(|parts| parts.count() > 1) {
            assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        }
        send(signal, &child);
        let status = ended(&mut child);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(status.code(), Some(4), "{signal:?}: {status}: {stderr}");
        assert!(stderr.contains("stopped early") && stderr.contains("the same command"), "{stderr}");
        assert!(!out.join("parts.jsonl").exists(), "a list that is not whole has no name");
        let unfinished = std::fs::read_to_string(out.join("parts.jsonl.unfinished")).unwrap();
        assert!(unfinished.is_empty() || unfinished.ends_with('\n'));
        assert!(jsonl(&out.join("parts.jsonl.unfinished")).len() < ITEMS);
        std::fs::remove_dir_all(out.join("parts")).unwrap();
    }
    for folder in [&out, &clean] {
        run_to(0, &["prepare", source.to_str().unwrap(), "-o", folder.to_str().unwrap()]);
    }
    let list = |folder: &Path| std::fs::read(folder.join("parts.jsonl")).unwrap();
    assert!(list(&out) == list(&clean), "the lists differ");
}

#[test]
fn a_signal_while_the_ledger_is_opened_ends_at_once() {
    let rig = Rig::new(2, &json!({}), "");
    ended(&mut rig.start("run", &[]));
    let held = rusqlite::Connection::open(rig.work.path().join("run/ledger.sqlite")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    // It waits for whoever holds the database, ten seconds long, and nothing is sent before.
    let mut child = rig.start("run", &[]);
    let is_ledger = |fd: std::fs::DirEntry| std::fs::read_link(fd.path()).is_ok_and(|path| path.ends_with("ledger.sqlite"));
    while !std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().flatten().any(is_ledger) {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    let start = Instant::now();
    send(Signal::TERM, &child);
    assert_eq!(ended(&mut child).code(), Some(4));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(held);
}
