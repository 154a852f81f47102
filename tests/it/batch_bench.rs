//! What the tests of batches share: a judge with `batch = true`, its run, and the mock's bill.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::mock_process::MockProcess;
use crate::support::{json_to, jsonl, manifest, tribunal};

/// Nothing that is waited for here takes as long on a machine that is not stuck.
const STUCK: Duration = Duration::from_mins(5);

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A judge that is set to batches, and a run of the fixtures.
pub(crate) struct Bench {
    pub(crate) work: TempDir,
    pub(crate) toml: PathBuf,
    pub(crate) run: PathBuf,
}

/// A judge with a price, small batches and half the price for them.
pub(crate) fn bench(address: &str, provider: &str) -> Bench {
    let work = tempdir().unwrap();
    let (toml, run) = (work.path().join("tribunal.toml"), work.path().join("run"));
    let text = format!(
        "[judges.j]\nprovider = \"{provider}\"\nbase_url = \"{address}/v1\"\nmodel = \"mock\"\nbatch = true\n\
         batch_terms = {{ requests = 5, bytes = 3_000_000, price_factor = 0.5 }}\n\
         [judges.j.price]\ninput_per_mtok = 1.0\noutput_per_mtok = 4.0\ndate = \"2026-11-01\"\n"
    );
    std::fs::write(&toml, text).unwrap();
    Bench { work, toml, run }
}

pub(crate) fn mock(folder: &Path, batch: &Value) -> MockProcess {
    MockProcess::start(folder, &json!({"price": {"input_per_mtok": 1.0, "output_per_mtok": 4.0}, "batch": batch}))
}

impl Bench {
    pub(crate) fn args(&self) -> Vec<String> {
        ["score", path(&manifest()), "--judge", "j", "--repeats", "2", "--config", path(&self.toml), "-o", path(&self.run)]
            .map(str::to_owned)
            .to_vec()
    }

    /// The summary.
    pub(crate) fn score(&self, exit: i32) -> Value {
        self.score_with(exit, &[])["summary"].clone()
    }

    /// What `--json` prints, with more arguments.
    pub(crate) fn score_with(&self, exit: i32, more: &[&str]) -> Value {
        let args = self.args();
        json_to(exit, &[&args.iter().map(String::as_str).collect::<Vec<_>>()[..], more].concat())
    }

    /// Kills a run once all of its batches are at the server, which must hold them until then.
    pub(crate) fn killed(&self) {
        let mut child = self.spawn();
        self.until_sent();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Replaces words of tribunal.toml.
    pub(crate) fn rewrite(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.toml).unwrap();
        assert!(text.contains(from));
        std::fs::write(&self.toml, text.replace(from, to)).unwrap();
    }

    pub(crate) fn spawn(&self) -> Child {
        let args = self.args();
        tribunal(&args.iter().map(String::as_str).collect::<Vec<_>>()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Costs in the table, in micro-dollars.
    pub(crate) fn spent(&self) -> u64 {
        let rows = jsonl(&self.run.join("verdicts.jsonl"));
        rows.iter().filter_map(|row| row["cost_usd"].as_f64()).map(|usd| (usd * 1e6).round() as u64).sum()
    }

    pub(crate) fn ledger(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.run.join("ledger.sqlite")).unwrap()
    }

    /// How many batches are in each state.
    pub(crate) fn states(&self) -> BTreeMap<String, i64> {
        let ledger = self.ledger();
        let mut statement = ledger.prepare("SELECT state, count(*) FROM batches GROUP BY state").unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// Waits until there is nothing but batches at the server, three or more: then the run only waits for them, and whatever happens to it meets none on
    /// its way (of two in doubt, neither would be found).
    pub(crate) fn until_sent(&self) {
        let deadline = Instant::now() + STUCK;
        while self.waits_for_batches() != Some(true) {
            assert!(Instant::now() < deadline, "its batches are not sent");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `None`: its ledger cannot be read (yet).
    fn waits_for_batches(&self) -> Option<bool> {
        let file = self.run.join("ledger.sqlite");
        let ledger = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let sql = "SELECT (SELECT count(*) FROM batches) >= 3 AND NOT EXISTS (SELECT 1 FROM batches WHERE state != 'sent')
                   AND NOT EXISTS (SELECT 1 FROM tasks WHERE outcome IS NULL AND id NOT IN (SELECT task FROM batch_requests))";
        ledger.query_row(sql, [], |row| row.get(0)).ok()
    }
}

pub(crate) fn billed(mocks: &[&MockProcess]) -> u64 {
    mocks.iter().map(|mock| mock.bill()["cost_micro_usd"].as_u64().unwrap()).sum()
}

/// What stands before the `-` in the id of a line: the verdict that it asks for, in whatever batch.
pub(crate) fn asks_for(custom_id: &Value) -> Option<String> {
    custom_id.as_str()?.split('-').next().map(str::to_owned)
}

/// Items of batches by how often they were billed.
pub(crate) fn asked(mock: &MockProcess) -> BTreeMap<String, u64> {
    let mut asked = BTreeMap::new();
    let calls = mock.calls();
    for custom_id in calls.iter().filter(|call| call["billed"] == true).filter_map(|call| asks_for(&call["custom_id"])) {
        *asked.entry(custom_id).or_default() += 1;
    }
    asked
}

/// How often it was asked singly and billed.
pub(crate) fn singles(mock: &MockProcess) -> usize {
    mock.calls().iter().filter(|call| call["billed"] == true && call["custom_id"].is_null()).count()
}
