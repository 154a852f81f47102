//! Running the real binary on the real fixtures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// The checkout's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The manifest of the committed and fetched fixtures; says what to run when they are missing.
pub(crate) fn manifest() -> PathBuf {
    let fetched = root().join("fixtures/fetched/filetype/sample.jpg");
    assert!(fetched.is_file(), "the real media are missing: run `make fixtures`");
    root().join("fixtures/manifest.jsonl")
}

/// A command of the built binary, with a clean environment but for the path and home.
pub(crate) fn tribunal(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tribunal"));
    command.env_clear();
    for name in ["PATH", "HOME", "XDG_CACHE_HOME", "TRIBUNAL_MODEL"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.args(args);
    command
}

/// Runs an ignored test of this binary in a process of its own.
pub(crate) fn alone(test: &str) {
    let done = Command::new(std::env::current_exe().unwrap()).args(["--exact", test, "--ignored"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

/// Runs to the end.
pub(crate) fn run(args: &[&str]) -> Output {
    tribunal(args).output().unwrap()
}

/// Runs and demands an exit code.
pub(crate) fn run_to(exit: i32, args: &[&str]) -> Output {
    let output = run(args);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(exit), "{args:?}\n--stdout\n{stdout}\n--stderr\n{stderr}");
    output
}

/// Runs with `--json` and demands an exit code.
pub(crate) fn json_to(exit: i32, args: &[&str]) -> Value {
    let mut args = args.to_vec();
    args.push("--json");
    let output = run_to(exit, &args);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// Lines of a JSONL file.
pub(crate) fn jsonl(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The table of a run: verdicts without what two equal runs may differ in.
pub(crate) fn table(run: &Path) -> Vec<Value> {
    let mut rows = jsonl(&run.join("verdicts.jsonl"));
    for row in &mut rows {
        for field in ["attempts", "latency_ms", "usage", "cost_usd"] {
            row.as_object_mut().unwrap().remove(field);
        }
    }
    rows
}

/// One text item per number, each its own request.
pub(crate) fn texts(dir: &Path, count: usize) -> PathBuf {
    let lines: Vec<String> = (0..count)
        .map(|item| {
            json!({"id": format!("t{item:05}"), "risk": "R01", "output": {"text": format!("Answer number {item}: water is wet.")}})
                .to_string()
        })
        .collect();
    let file = dir.join("texts.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    file
}

/// tribunal.toml with the one judge `j`.
pub(crate) fn config(dir: &Path, settings: &str) -> String {
    let file = dir.join("tribunal.toml");
    std::fs::write(&file, format!("[judges.j]\n{settings}")).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Scores `source` by the judge `j` of [`config`].
pub(crate) fn score<'a>(source: &'a Path, config: &'a str, run: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["score", source.to_str().unwrap(), "--config", config, "--judge", "j", "-o", run.to_str().unwrap()];
    [&fixed, more].concat()
}

/// The first number in everyday tests, the second under `make soak`: `TRIBUNAL_SOAK=1`, or a share of it such as 0.1.
pub(crate) fn sized(everyday: usize, soak: usize) -> usize {
    let Ok(share) = std::env::var("TRIBUNAL_SOAK") else { return everyday };
    let share: f64 = share.parse().expect("TRIBUNAL_SOAK is a number");
    (soak as f64 * share).ceil() as usize
}

/// Number of the first case, so that a soak goes on where another ended: `TRIBUNAL_SOAK_FROM`, or 0.
pub(crate) fn first_case() -> usize {
    std::env::var("TRIBUNAL_SOAK_FROM").map_or(0, |number| number.parse().expect("TRIBUNAL_SOAK_FROM is a number"))
}

/// SplitMix64 (Steele, Lea and Flood 2014), so that a failure can be made again.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
