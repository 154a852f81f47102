//! How memory and time grow with the number of items.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{sized, tribunal};

/// Bytes of resident memory that one more item may cost: the source and, at the end, the report hold every item.
const BYTES_PER_ITEM: f64 = 4_000.0;

/// A manifest whose items are settled without a judge, but for the last.
fn source(dir: &Path, items: usize) -> PathBuf {
    let source = dir.join(format!("{items}.jsonl"));
    let mut lines = std::io::BufWriter::new(fs::File::create(&source).unwrap());
    for item in 1..=items {
        let output = if item < items { json!({"blocked": true}) } else { json!({"output": {"text": "Water is wet."}}) };
        let mut row = json!({"id": format!("item-{item:07}"), "modality": "text", "risk": "R05", "model": "gen-a"});
        row["prompt"] = format!("Prompt number {item}, as long as prompts are").into();
        row.as_object_mut().unwrap().extend(output.as_object().unwrap().clone());
        writeln!(lines, "{row}").unwrap();
    }
    source
}

/// The peak of resident memory in bytes; the kernel keeps it, so that looking seldom misses nothing but the last moment.
fn peak(child: &mut Child) -> f64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
        peak = kib.map_or(peak, |kib| kib * 1024.0);
        std::thread::sleep(Duration::from_millis(3));
    }
    assert!(child.wait().unwrap().success());
    peak
}

/// Starts a run and kills it at its first request; returns the time until then.
fn until_first_request(args: &[&str], judge: &TcpListener) -> Duration {
    let start = Instant::now();
    let mut child = tribunal(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    judge.set_nonblocking(true).unwrap();
    let mut first = [0; 4];
    while first != *b"POST" {
        assert!(child.try_wait().unwrap().is_none(), "it ended without a request");
        match judge.accept() {
            Ok((mut stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                stream.read_exact(&mut first).unwrap();
            }
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    let took = start.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    took
}

#[test]
fn memory_grows_by_little_for_each_item_and_a_resumed_run_soon_asks() {
    // In memory where there is such a place: every item is a commit.
    let work = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let judge = TcpListener::bind("127.0.0.1:0").unwrap();
    let spec = format!("http://{}/v1#m", judge.local_addr().unwrap());
    // With fewer, it is not the items that decide.
    let sizes = [sized(5_000, 10_000).max(5_000), sized(25_000, 200_000).max(25_000)];
    let peaks = sizes.map(|items| {
        let (source, run) = (source(work.path(), items), work.path().join(format!("run-{items}")));
        let all = ["score", source.to_str().unwrap(), "--judge", &spec, "-o", run.to_str().unwrap()];
        let but_one = (items - 1).to_string();
        let limited = [&all[..], &["--limit", &but_one]].concat();
        let start = Instant::now();
        let peak = peak(&mut tribunal(&limited).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let took = start.elapsed();
        let (planned, resumed) = (until_first_request(&all, &judge), until_first_request(&all, &judge));
        println!(
            "{items} items: {:.0} MiB in {took:?}; one more is asked after {planned:?}, and after a kill {resumed:?}",
            peak / 1_048_576.0
        );
        peak
    });
    let slope = (peaks[1] - peaks[0]) / (sizes[1] - sizes[0]) as f64;
    println!("{slope:.0} bytes an item");
    assert!(slope < BYTES_PER_ITEM, "{slope:.0} bytes an item");
}
