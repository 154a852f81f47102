//! `tribunal export RUN --to jsonl|csv|parquet` and the tables of reports.

use std::time::Duration;

use tempfile::tempdir;

use crate::mock::{Manner, MockJudge};
use crate::support::{json_to, run_to, texts};

#[test]
fn verdicts_leave_a_run_as_lines_and_as_tables() {
    let work = tempdir().unwrap();
    let path = |name: &str| work.path().join(name).to_str().unwrap().to_owned();
    let source = texts(work.path(), 5);
    let judge = MockJudge::start(Manner::Verdict(4, Duration::ZERO));
    let run = path("run");
    run_to(0, &["score", source.to_str().unwrap(), "--judge", &judge.spec(), "-o", &run]);
    let export = |format: &str| {
        let file = path(format);
        let done = json_to(0, &["export", &run, "--to", format, "-o", &file]);
        assert_eq!(done["verdicts"].as_u64(), Some(5), "{done}");
        std::fs::read(file).unwrap()
    };
    assert!(export("jsonl") == std::fs::read(work.path().join("run/verdicts.jsonl")).unwrap());
    assert!(export("csv") == std::fs::read(work.path().join("run/verdicts.csv")).unwrap());
    if cfg!(feature = "parquet") {
        run_to(0, &["report", &run, "--format", "parquet"]);
        let table = export("parquet");
        assert!(table.starts_with(b"PAR1") && table == std::fs::read(work.path().join("run/verdicts.parquet")).unwrap());
    } else {
        let refused = run_to(2, &["report", &run, "--format", "parquet"]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("--features parquet"));
    }
    let refused = run_to(2, &["export", source.to_str().unwrap(), "--to", "csv", "-o", &path("x")]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no run folder"));
}
