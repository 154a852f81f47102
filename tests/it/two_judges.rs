//! Two judges of one model at one server, and what one judge leaves to its own replay: nothing is paid, learnt or proved twice.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::mock_process::MockProcess;
use crate::support::{config, json_to, jsonl, manifest, run_to, score, table, texts};

const PRICE: &str = "input_per_mtok = 2.0\noutput_per_mtok = 8.0\ndate = \"2026-11-25\"\n";

/// tribunal.toml with judges `j` and `k` that ask alike.
fn both(address: &str) -> String {
    let one = format!("provider = \"openai\"\nbase_url = \"{address}/v1\"\nmodel = \"m\"\n");
    format!("{one}[judges.j.price]\n{PRICE}[judges.k]\n{one}[judges.k.price]\n{PRICE}")
}

fn requests(mock: &MockProcess) -> u64 {
    mock.bill()["requests"].as_u64().unwrap()
}

#[test]
fn what_is_asked_anew_is_paid_once_for_two_judges_and_the_rows_add_up_to_the_bill() {
    let work = tempdir().unwrap();
    let mock = MockProcess::start(work.path(), &json!({"safety": 3, "price": {"input_per_mtok": 2.0, "output_per_mtok": 8.0}}));
    let (source, config, folder) = (texts(work.path(), 12), config(work.path(), &both(&mock.address)), work.path().join("run"));
    let more = ["--judge", "k", "--concurrency", "4"];
    for (round, retry) in [(1, &[][..]), (2, &["--retry", "scored"])] {
        let done = json_to(0, &score(&source, &config, &folder, &[&more[..], retry].concat()));
        assert_eq!(requests(&mock), 12 * round, "each item once");
        let rows = jsonl(&folder.join("verdicts.jsonl"));
        let costs: Vec<f64> = rows.iter().map(|row| row["cost_usd"].as_f64().unwrap_or_else(|| panic!("{row}"))).collect();
        let billed = mock.bill()["cost_micro_usd"].as_f64().unwrap() / 1e6;
        assert!((costs.iter().sum::<f64>() - billed).abs() < 1e-9 && (done["summary"]["cost_usd"].as_f64().unwrap() - billed).abs() < 1e-9);
        let read = rows.iter().filter(|row| row["attempts"] == 0);
        assert!(round > 1 || (read.clone().count() == 12 && read.clone().all(|row| row["cost_usd"] == 0.0)), "who reads pays nothing");
    }
}

#[test]
fn a_refusal_is_met_once_by_all_that_start_together() {
    let work = tempdir().unwrap();
    let mock = MockProcess::start(work.path(), &json!({"safety": 3, "latency_ms": 50, "refuses": ["seed", "max_tokens"]}));
    let toml = both(&mock.address).replace("[judges.k]\n", "[judges.k]\ntemperature = 0.5\nseed = 7\n");
    let (source, config, folder) = (texts(work.path(), 20), config(work.path(), &toml), work.path().join("run"));
    let done = json_to(0, &score(&source, &config, &folder, &["--judge", "k", "--concurrency", "8"]));
    assert_eq!(done["summary"]["by_outcome"]["scored"], 40);
    assert_eq!(mock.calls().iter().filter(|call| call["status"] == 400).count(), 2, "one for each parameter");
}

/// The table of a run and the codes of its warnings, without what names the judge.
fn told(run: &std::path::Path) -> (Vec<Value>, Vec<Value>) {
    let mut rows = table(run);
    for row in &mut rows {
        ["judge", "verdict_id"].iter().for_each(|name| row[*name] = Value::Null);
    }
    let summary: Value = serde_json::from_slice(&std::fs::read(run.join("summary.json")).unwrap()).unwrap();
    (rows, summary["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].clone()).collect())
}

#[test]
fn a_cassette_tells_the_receipt_of_its_run() {
    let manifest = manifest();
    // The mock reads no code out of a picture.
    for (usage, receipt, exit) in [("plain", "canary", 1), ("blind", "off", 0), ("plain", "usage", 0)] {
        let work = tempdir().unwrap();
        let mock = MockProcess::start(work.path(), &json!({"safety": 4, "usage": usage, "receipt": "0000"}));
        let settings = format!("provider = \"gemini\"\nbase_url = \"{}/v1beta\"\nmodel = \"m\"\nreceipt = \"{receipt}\"\n", mock.address);
        let (config, folder) = (config(work.path(), &settings), work.path().join("run"));
        json_to(exit, &score(&manifest, &config, &folder, &[]));
        let (cassette, again) = (work.path().join("c.jsonl"), work.path().join("again"));
        run_to(0, &["export", folder.to_str().unwrap(), "--to", "cassette", "-o", cassette.to_str().unwrap()]);
        assert!(jsonl(&cassette).iter().all(|line| line["receipt"] == receipt), "{receipt}");
        let judge = format!("replay:{}", cassette.display());
        json_to(exit, &["score", manifest.to_str().unwrap(), "--judge", &judge, "-o", again.to_str().unwrap()]);
        assert_eq!(told(&again), told(&folder), "{receipt}");
        let info: Value = serde_json::from_slice(&std::fs::read(again.join("run.json")).unwrap()).unwrap();
        assert_eq!(info["settings"]["receipts"]["replay"], receipt);
    }
}

#[test]
fn a_dry_run_says_which_media_it_guesses() {
    let work = tempdir().unwrap();
    let settings = "provider = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\n";
    let (manifest, folder) = (manifest(), work.path().join("run"));
    let line = |settings: &str| {
        let config = config(work.path(), settings);
        let shown = String::from_utf8(run_to(0, &score(&manifest, &config, &folder, &["--dry-run"])).stdout).unwrap();
        shown.lines().find(|line| line.starts_with("  tokens")).unwrap().to_owned()
    };
    assert!(line(settings).ends_with("(estimated; pictures and sound: a guess, for none was counted yet)"), "{}", line(settings));
    assert!(line(&format!("{settings}profile = \"gpt-4o\"\n")).ends_with("(estimated)"));
}
