//! Many small texts, a judge that keeps its own bill, and runs that can be stopped anywhere.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::mock_process::MockProcess;
use crate::support::{config, json_to, score, texts, tribunal};

/// Nothing that is waited for here takes as long on a machine that is not stuck.
const STUCK: Duration = Duration::from_mins(5);

pub(crate) struct Rig {
    pub(crate) work: TempDir,
    pub(crate) mock: MockProcess,
    source: PathBuf,
    config: String,
}

impl Rig {
    /// `settings` are added to those of the judge `j`; they may go on with other judges, for whom `MOCK` is the address of the mock.
    pub(crate) fn new(items: usize, mock: &Value, settings: &str) -> Self {
        let work = tempdir().unwrap();
        let mock = MockProcess::start(work.path(), mock);
        let settings = format!(
            "provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n{}",
            mock.address,
            settings.replace("MOCK", &mock.address)
        );
        let (source, config) = (texts(work.path(), items), config(work.path(), &settings));
        Self { work, mock, source, config }
    }

    /// More items behind those that there are, so many in all.
    pub(crate) fn extend(&self, items: usize) {
        texts(self.work.path(), items);
    }

    /// The folder of a run by name.
    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Scores to the end.
    pub(crate) fn finish(&self, exit: i32, name: &str, more: &[&str]) -> Value {
        json_to(exit, &score(&self.source, &self.config, &self.run(name), more))
    }

    /// The arguments that score into the folder `run`.
    pub(crate) fn args<'a>(&'a self, run: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
        score(&self.source, &self.config, run, more)
    }

    /// Starts scoring.
    pub(crate) fn start(&self, name: &str, more: &[&str]) -> Child {
        let run = self.run(name);
        tribunal(&score(&self.source, &self.config, &run, more)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Requests that the judge has entered into its ledger so far.
    pub(crate) fn requests(&self) -> u64 {
        self.mock.bill()["requests"].as_u64().unwrap()
    }

    /// What the judge has billed so far, in micro-dollars.
    pub(crate) fn billed(&self) -> u64 {
        self.mock.bill()["cost_micro_usd"].as_u64().unwrap()
    }

    /// Waits for this many requests, or for the end of the run.
    pub(crate) fn until(&self, requests: u64, child: &mut Child) {
        let start = Instant::now();
        while self.requests() < requests && child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < STUCK, "no progress");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Waits for the end of a run.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < STUCK, "the run does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn send(signal: Signal, child: &Child) {
    // It may have ended by itself in this moment.
    let _ = kill_process(Pid::from_child(child), signal);
}

/// Attempts that a run's ledger holds, by class; those without an end are `open`.
pub(crate) fn attempts(run: &Path, class: &str) -> u64 {
    attempts_of(run, "%", class)
}

/// The same of one judge; `%` is every one.
pub(crate) fn attempts_of(run: &Path, judge: &str, class: &str) -> u64 {
    let connection = rusqlite::Connection::open(run.join("ledger.sqlite")).unwrap();
    let sql = "SELECT count(*) FROM attempts JOIN tasks ON tasks.id = task WHERE judge LIKE ?1 AND coalesce(class, 'open') = ?2";
    connection.query_row(sql, [judge, class], |row| row.get::<_, i64>(0)).unwrap() as u64
}
