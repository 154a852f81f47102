//! `tribunal report A B`: runs side by side.

use std::path::Path;
use std::time::Duration;

use tempfile::tempdir;

use crate::mock::{Manner, MockJudge};
use crate::support::{json_to, manifest, run_to};

#[test]
fn different_runs_are_compared() {
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

#[test]
fn shards_find_their_own_whatever_the_order_and_no_run_meets_itself() {
    let work = tempdir().unwrap();
    let source = manifest();
    let path = |name: &str| work.path().join(name).to_str().unwrap().to_owned();
    let judge = MockJudge::start(Manner::Verdict(4, Duration::ZERO));
    for (name, shard) in [("one", "1/2"), ("two", "2/2")] {
        run_to(0, &["score", source.to_str().unwrap(), "--judge", &judge.spec(), "--shard", shard, "-o", &path(name)]);
        copy(&work.path().join(name), &work.path().join(format!("{name}-again")));
    }
    let (one, one_again, two, two_again) = (path("one"), path("one-again"), path("two"), path("two-again"));
    let done = json_to(0, &["report", &one, &one_again, &two, &two_again, "-o", &path("out")]);
    let comparison = &done["comparison"];
    let names: Vec<&str> = comparison["runs"].as_array().unwrap().iter().filter_map(|run| run["name"].as_str()).collect();
    assert_eq!(names, ["one", "one-again"]);
    let apart = |pair: &serde_json::Value| pair["only_a"].as_u64().unwrap() + pair["only_b"].as_u64().unwrap();
    assert_eq!(comparison["pairs"].as_array().unwrap().iter().map(apart).sum::<u64>(), 0, "both are whole: {comparison}");
    assert!(comparison["warnings"].as_array().unwrap().is_empty());
    let refused = run_to(2, &["report", &one, &two, &format!("{one}/."), "-o", &path("out")]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("named twice"));
}

/// A run folder that nobody writes into, copied.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
