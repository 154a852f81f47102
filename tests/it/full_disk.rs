//! A full disk: the run stops, says so and has sent nothing that it does not know of; with room again it goes on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;

use crate::rig::{Rig, attempts};
use crate::support::{run_to, table, tribunal};

const ITEMS: usize = 400;
const AT_ONCE: [&str; 2] = ["--concurrency", "16"];

/// A file system in memory that can be made larger.
struct Disk(PathBuf);

impl Disk {
    /// `None` where this user may not mount.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tribunal-test"]).arg(at).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self(at.to_owned()))
    }

    fn resize(&self, size: &str) {
        let mounted = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0).status();
        assert!(mounted.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Holds a run that met the end of its disk, and then its end, against one that never did.
fn stopped_and_went_on(rig: &Rig, run: &str, stopped: &Output, says: &str) {
    let stderr = String::from_utf8_lossy(&stopped.stderr);
    assert_eq!(stopped.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains(says), "{stderr}");
    let (asked, known) = (rig.requests(), attempts(&rig.run(run), "answered") + attempts(&rig.run(run), "open"));
    assert!(0 < asked && asked < ITEMS as u64, "{asked} requests: the disk was full too early or too late");
    // An intent whose request the end of the run overtook is open too, and reached no server.
    assert!(asked <= known, "{asked} requests, and the ledger knows of {known}");
}

fn same_as_clean(rig: &Rig, run: &str) {
    let open = attempts(&rig.run(run), "open");
    rig.finish(0, run, &AT_ONCE);
    let asked = rig.requests();
    assert!(asked - ITEMS as u64 <= open, "{asked} requests for {ITEMS} items, and {open} were in flight");
    rig.finish(0, "clean", &AT_ONCE);
    assert!(table(&rig.run(run)) == table(&rig.run("clean")), "the tables differ");
}

#[test]
fn a_full_disk_stops_the_run_and_room_lets_it_go_on() {
    let rig = Rig::new(ITEMS, &json!({"latency_ms": 5}), "");
    let Some(disk) = Disk::mount(&rig.run("disk"), "1500k") else { return println!("skipped: this user may not mount a small disk") };
    let run = rig.run("disk/run");
    let stopped = tribunal(&rig.args(&run, &AT_ONCE)).output().unwrap();
    stopped_and_went_on(&rig, "disk/run", &stopped, "full");
    disk.resize("64m");
    same_as_clean(&rig, "disk/run");
    let Some(small) = Disk::mount(&rig.run("small"), "32k") else { return };
    for to in ["jsonl", "csv", "cassette"] {
        let file = small.0.join(to);
        run_to(4, &["export", run.to_str().unwrap(), "--to", to, "-o", file.to_str().unwrap()]);
        assert!(!file.exists(), "{to}: half a file is left");
        for no_place in [small.0.join("none/file"), small.0.clone()] {
            run_to(2, &["export", run.to_str().unwrap(), "--to", to, "-o", no_place.to_str().unwrap()]);
        }
    }
}

/// Rows of a source go to disk before anything else does.
#[test]
fn a_source_without_room_for_its_rows_is_no_fault_of_the_source() {
    let work = tempfile::tempdir().unwrap();
    let (source, run) = (work.path().join("m.jsonl"), work.path().join("run"));
    std::fs::write(&source, "{\"id\":\"a\",\"output\":{\"text\":\"Water is wet.\"}}\n").unwrap();
    let args = ["score", source.to_str().unwrap(), "--judge", "embedded", "-o", run.to_str().unwrap()];
    let stopped = tribunal(&args).env("TMPDIR", work.path().join("gone")).output().unwrap();
    let stderr = String::from_utf8_lossy(&stopped.stderr);
    assert!(stopped.status.code() == Some(4) && stderr.contains("TMPDIR") && !run.exists(), "{stderr}");
}

#[test]
fn a_file_that_may_not_grow_stops_the_run_likewise() {
    let rig = Rig::new(ITEMS, &json!({"latency_ms": 5}), "");
    let run = rig.run("run");
    // Without the signal, a write beyond the limit fails as one to a full disk does.
    let limited = "ulimit -S -f 3000; exec \"$0\" \"$@\"";
    let program = env!("CARGO_BIN_EXE_tribunal");
    let stopped = Command::new("sh").args(["-c", limited, program]).args(rig.args(&run, &AT_ONCE)).output().unwrap();
    stopped_and_went_on(&rig, "run", &stopped, "ledger.sqlite");
    same_as_clean(&rig, "run");
}
