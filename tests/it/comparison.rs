//! `tribunal report A B`: runs side by side.

use std::time::Duration;

use tempfile::tempdir;

use crate::mock::{Manner, MockJudge};
use crate::support::{json_to, manifest, run_to};

#[test]
fn different_runs_are_compared_and_shards_are_merged() {
    let work = tempdir().unwrap();
    let source = manifest();
    let path = |name: &str| work.path().join(name).to_str().unwrap().to_owned();
    for (name, safety) in [("low", 3), ("high", 4)] {
        let judge = MockJudge::start(Manner::Verdict(safety, Duration::ZERO));
        run_to(0, &["score", source.to_str().unwrap(), "--judge", &judge.spec(), "-o", &path(name)]);
    }
    let (low, high, out) = (path("low"), path("high"), path("out"));
    let done = json_to(0, &["report", &high, &low, "-o", &out]);
    let pair = &done["comparison"]["pairs"][0];
    assert_eq!((pair["a"].as_str(), pair["difference"]["mean"].as_f64()), (Some("high"), Some(1.0)), "{pair}");
    assert_eq!(pair["difference"]["n"], pair["items"]);
    let codes: Vec<&str> =
        done["comparison"]["warnings"].as_array().unwrap().iter().filter_map(|warning| warning["code"].as_str()).collect();
    assert_eq!(codes, ["judged_otherwise"], "the two servers have two addresses");
    for file in ["comparison.html", "comparison.json", "comparison.md", "comparison.csv"] {
        assert!(work.path().join("out").join(file).is_file(), "{file}");
    }
    let refused = run_to(2, &["report", &high, &low]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("-o DIR"));
    let text = run_to(0, &["report", &high, &low, "-o", &out]);
    assert!(String::from_utf8_lossy(&text.stdout).lines().all(|line| line.chars().count() <= 80));
}
