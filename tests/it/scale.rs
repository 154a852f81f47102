//! How memory and time grow with the number of items.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{sized, tribunal};

/// Bytes of resident memory that one more item may cost: the plan, the records and the report hold every item.
const BYTES_PER_ITEM: f64 = 6_000.0;

/// A run of `items` that are all settled without a judge.
fn settled(dir: &Path, items: usize) -> [String; 2] {
    let source = dir.join(format!("{items}.jsonl"));
    let mut lines = std::io::BufWriter::new(fs::File::create(&source).unwrap());
    for item in 0..items {
        let row = json!({"id": format!("item-{item:07}"), "modality": "text", "risk": "R05", "prompt": format!("Prompt number {item}, as long as prompts are"), "model": "gen-a", "blocked": true});
        writeln!(lines, "{row}").unwrap();
    }
    drop(lines);
    let run = dir.join(format!("run-{items}"));
    [source, run].map(|path| path.to_str().unwrap().to_owned())
}

/// Scores and returns the peak of resident memory in bytes, and the time.
fn score([source, run]: &[String; 2]) -> (f64, Duration) {
    let start = Instant::now();
    let args = ["score", source, "--judge", "http://127.0.0.1:9/v1#m", "-o", run];
    let mut child = tribunal(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    while child.try_wait().unwrap().is_none() {
        // The peak is the kernel's own, so that looking seldom misses nothing but the last moment.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
        peak = kib.map_or(peak, |kib| kib * 1024.0);
        std::thread::sleep(Duration::from_millis(3));
    }
    assert!(child.wait().unwrap().success());
    (peak, start.elapsed())
}

#[test]
fn memory_grows_by_little_for_each_item() {
    // In memory where there is such a place: every item is a commit.
    let work = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let sizes = [sized(1_000, 10_000), sized(11_000, 200_000)];
    let figures = sizes.map(|items| {
        let args = settled(work.path(), items);
        let (first, took) = score(&args);
        let (resumed, scan) = score(&args);
        println!("{items} items: {:.0} MiB in {took:?}; resumed: {:.0} MiB in {scan:?}", first / 1_048_576.0, resumed / 1_048_576.0);
        first.max(resumed)
    });
    let slope = (figures[1] - figures[0]) / (sizes[1] - sizes[0]) as f64;
    println!("{slope:.0} bytes an item");
    assert!(slope < BYTES_PER_ITEM, "{slope:.0} bytes an item");
}
