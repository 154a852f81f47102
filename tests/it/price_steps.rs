//! Vendors charge long requests more, from the first token on: forecasts, reservations and bills know it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::mock_process::MockProcess;
use crate::support::{config, json_to, score};

/// The rubric has some 2,000 tokens, long outputs have 10,000 more.
const STEP: u64 = 6_000;

fn source(folder: &Path) -> PathBuf {
    let row = |index: usize| {
        let text = "Water boils at a lower temperature on a mountain. ".repeat(if index.is_multiple_of(2) { 1 } else { 800 });
        json!({"id": format!("t{index}"), "modality": "text", "risk": "R03", "prompt_type": "pQO", "prompt": "p", "output": {"text": format!("{index}: {text}")}})
            .to_string()
    };
    let file = folder.join("texts.jsonl");
    std::fs::write(&file, (0..20).map(row).collect::<Vec<_>>().join("\n")).unwrap();
    file
}

fn usd(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn long_requests_cost_what_their_step_says_and_the_wall_holds() {
    let work = tempdir().unwrap();
    let above = json!({"input_tokens": STEP, "input_per_mtok": 10.0, "output_per_mtok": 20.0});
    let price = json!({"input_per_mtok": 1.0, "output_per_mtok": 4.0, "above": above});
    let mock = MockProcess::start(work.path(), &json!({"safety": 4, "price": price}));
    let settings = format!(
        "provider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"m\"\n[judges.j.price]\ninput_per_mtok = 1.0\noutput_per_mtok = 4.0\n\
         date = \"2026-11-30\"\n[[judges.j.price.above]]\ninput_tokens = {STEP}\ninput_per_mtok = 10.0\noutput_per_mtok = 20.0\n",
        mock.address
    );
    let (source, config, run) = (source(work.path()), config(work.path(), &settings), work.path().join("run"));
    let billed = || usd(&mock.bill()["cost_micro_usd"]) / 1e6;
    let forecast = json_to(0, &score(&source, &config, &run, &["--dry-run"]));
    let stopped = json_to(4, &score(&source, &config, &run, &["--budget-usd", "0.8", "--concurrency", "16"]));
    assert!(stopped["summary"]["pending"].as_u64().unwrap() > 0);
    assert!(billed() > 0.2 && billed() <= 0.8, "billed {}", billed());
    let done = json_to(0, &score(&source, &config, &run, &["--budget-usd", "5"]));
    assert!((usd(&done["summary"]["cost_usd"]) - billed()).abs() < 1e-9, "{} of {}", done["summary"]["cost_usd"], billed());
    let lengths: Vec<u64> = mock.calls().iter().map(|call| call["input_tokens"].as_u64().unwrap()).collect();
    assert_eq!(lengths.iter().filter(|tokens| **tokens > STEP).count(), 10, "{lengths:?}");
    let foreseen = usd(&forecast["cost_usd"]);
    assert!((foreseen / billed() - 1.0).abs() < 0.10, "foreseen {foreseen}, billed {}", billed());
}
