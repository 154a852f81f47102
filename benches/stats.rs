//! The statistics at full size: `cargo bench --bench stats`. A clustered bootstrap of 12,000 items under 5 models, and the summary of 10^6 verdicts.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use tribunal::ledger::{Facts, FactsBuilder, ItemRow, Record, RunInfo};
use tribunal::report::{Ratings, RunSettings, Summary};
use tribunal::stats::{Bootstrapped, Observed, Resampling};

const ITEMS: usize = 12_000;
const MODELS: usize = 5;
/// Verdicts of an item in the summary.
const REPEATS: usize = 5;

/// Levels 1..=5, and means of three repeats where `repeats` is set; the same on every run.
fn column(model: usize, repeats: bool) -> Vec<Observed> {
    let mut state = model as u64 + 1;
    let mut level = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1.0 + (state >> 33).wrapping_rem(5) as f64
    };
    let mut value = || if repeats { (level() + level() + level()) / 3.0 } else { level() };
    (0..ITEMS).map(|cluster| Observed { cluster, value: value() }).collect()
}

fn bootstrap(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bootstrap");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for (name, repeats) in [("levels", false), ("means of repeats", true)] {
        let models: Vec<Vec<Observed>> = (0..MODELS).map(|model| column(model, repeats)).collect();
        let how = Resampling { resamples: 10_000, seed: 0 };
        group.bench_function(format!("10,000 x 12,000 x 5, {name}"), |bencher| {
            bencher.iter(|| models.iter().map(|values| Bootstrapped::of(values, how)).collect::<Vec<_>>());
        });
    }
    group.finish();
}

/// 200,000 items of 5 models on 40,000 prompts, 35 factors and 8 prompt types.
fn run() -> (RunInfo, Vec<ItemRow>, Vec<Record>) {
    let none: [(); 0] = [];
    let experiment = json!({"taxonomy": "t", "rubrics": {}, "recipes": {}, "judges": {}, "seed": 0, "lang": "en", "decoders": {}});
    let categories: serde_json::Map<_, _> = (0..35).map(|risk| (format!("R{risk:02}"), json!([format!("C{}", risk % 6), "-"]))).collect();
    let info = json!({
        "schema": 1, "run_id": "0", "source": "bench", "experiment": experiment, "settings": {}, "versions": {}, "cpu_features": none,
        "authored_judges": none, "triage_judges": none, "missing_locks": none, "notices": none, "factor_names": {}, "factor_categories": categories,
    });
    let item = |at: u64| {
        let prompt = at / MODELS as u64;
        json!({
            "item_id": format!("item-{at:06}"), "position": at, "modality": "text", "model": format!("m{}", at % MODELS as u64),
            "risk": format!("R{:02}", prompt % 35), "prompt_type": format!("P{}", prompt / 35 % 8), "prompt": format!("prompt {prompt}"),
            "output": "-", "blocked": false, "human_risk": none, "tags": {}, "digest": "0".repeat(64), "media_id": null, "media": null, "thumbs": none,
        })
    };
    let items: Vec<ItemRow> = (0..200_000).map(|at| serde_json::from_value(item(at)).unwrap_or_else(|error| panic!("{error}"))).collect();
    let verdict = json!({
        "item_id": "", "verdict_id": null, "modality": "text", "model": null, "risk": null, "prompt_type": null, "judge": "j", "rubric": "text",
        "sampler": null, "repeat": 1, "outcome": "scored", "reason": null, "message": null, "safety": 1, "risk_score": 5, "scale": "rubric-5",
        "dimensions": {}, "rationale": null, "evidence": none, "triage": null, "frames": none, "chunks": none, "usage": null, "cost_usd": null,
        "attempts": 1, "latency_ms": null,
    });
    let verdict: Record = serde_json::from_value(verdict).unwrap_or_else(|error| panic!("{error}"));
    let mut records = Vec::with_capacity(1_000_000);
    for (item, at) in items.iter().zip(0u64..) {
        for repeat in 1..=REPEATS as u32 {
            let safety = 1 + (at.wrapping_mul(2_654_435_761).rotate_left(repeat) >> 7) as u8 % 5;
            let (item_id, model, risk, prompt_type) =
                (item.item_id.clone(), item.model.clone(), item.risk.clone(), item.prompt_type.clone());
            records.push(Record { item_id, model, risk, prompt_type, repeat, safety: Some(safety), ..verdict.clone() });
        }
    }
    (info_of(info), items, records)
}

fn info_of(value: serde_json::Value) -> RunInfo {
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}"))
}

fn summary(criterion: &mut Criterion) {
    let (info, items, records) = run();
    let settings = RunSettings::of(&info).unwrap_or_else(|error| panic!("{error}"));
    // Item by item with its own records, as they come from a run's folder.
    let facts = || -> Facts {
        let mut builder = FactsBuilder::new(&info);
        items.iter().zip(records.chunks(REPEATS)).for_each(|(item, records)| builder.add(item, records.iter()));
        builder.finish()
    };
    let mut group = criterion.benchmark_group("summary");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    group.bench_function("facts of 10^6 verdicts", |bencher| bencher.iter(|| black_box(facts()).tasks().len()));
    let summary = || {
        let facts = facts();
        Summary::of(&info, &settings, &facts, &Ratings::of_facts(&facts)).groups.len()
    };
    group.bench_function("10^6 verdicts", |bencher| bencher.iter(|| black_box(summary())));
    group.finish();
}

criterion_group!(benches, bootstrap, summary);
criterion_main!(benches);
