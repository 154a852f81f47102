//! A clock of the day that is set while a run is at it: dates change, and nothing else.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::rig::{Rig, ended};
use crate::support::{table, tribunal};

const ITEMS: usize = 40;
const FOUR: [&str; 2] = ["--concurrency", "4"];

/// Faketime's library, which puts offsets from a file onto the clock of the day, and leaves the clock alone that only goes on.
fn library() -> PathBuf {
    let listed = Command::new("dpkg").args(["--listfiles", "libfaketime"]).output().unwrap();
    let files = String::from_utf8(listed.stdout).unwrap();
    let found = files.lines().find(|file| file.ends_with("/libfaketimeMT.so.1"));
    found.expect("faketime is not installed: scripts/setup tests brings it").into()
}

fn started_in(rig: &Rig, run: &str) -> String {
    let info: Value = serde_json::from_slice(&fs::read(rig.run(run).join("run.json")).unwrap()).unwrap();
    info["started_at"].as_str().unwrap()[..4].to_owned()
}

#[test]
fn a_clock_that_jumps_changes_no_verdict_and_no_bill() {
    // Refusals name a date to come back at, which is the server's.
    let limits = json!({"latency_ms": 20, "price": {"input_per_mtok": 1.0, "output_per_mtok": 4.0}, "limits": {"rpm": 900.0, "burst": 8.0, "retry_after": "date"}});
    let rig = Rig::new(ITEMS, &limits, "");
    rig.finish(0, "steady", &FOUR);
    let once = rig.billed();

    let offsets = rig.work.path().join("offsets");
    let set = |offset: &str| fs::write(&offsets, offset).unwrap();
    set("-30y");
    let run = rig.run("jumping");
    let mut child = tribunal(&rig.args(&run, &FOUR))
        .env("LD_PRELOAD", library())
        .env("FAKETIME_TIMESTAMP_FILE", &offsets)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = rig.requests();
    for (requests, offset) in [(4, "+10y"), (10, "-40y"), (18, "+0"), (26, "-1h"), (34, "+500d")] {
        rig.until(start + requests, &mut child);
        set(offset);
    }
    assert_eq!(ended(&mut child).code(), Some(0));

    assert!(started_in(&rig, "jumping") < started_in(&rig, "steady"), "the clock was not set");
    assert_eq!(table(&rig.run("jumping")), table(&rig.run("steady")));
    assert_eq!(rig.billed(), 2 * once);
}
