//! The statistics at full size: `cargo bench --bench stats`. A clustered bootstrap of 12,000 items under 5 models, and the summary of 10^6 verdicts.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tribunal::stats::{Observed, Resampling, clustered_intervals};

const ITEMS: usize = 12_000;
const MODELS: usize = 5;

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
        let columns: Vec<Vec<Observed>> = (0..MODELS).map(|model| column(model, repeats)).collect();
        let columns: Vec<&[Observed]> = columns.iter().map(Vec::as_slice).collect();
        let how = Resampling { resamples: 10_000, seed: 0 };
        group.bench_function(format!("10,000 x 12,000 x 5, {name}"), |bencher| {
            bencher.iter(|| black_box(clustered_intervals(&columns, how)))
        });
    }
    group.finish();
}

criterion_group!(benches, bootstrap);
criterion_main!(benches);
