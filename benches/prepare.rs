//! What one source of each modality costs to prepare, in this process, on the fetched fixtures (`make fixtures`).

use std::fs::File;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use tribunal_media::{FrameView, Limits, PartHeader, Pick, Recipe, SoundSpec, Source, normalise};

fn recipes() -> [(&'static str, &'static str, Recipe); 7] {
    let view = FrameView::default;
    [
        ("image/jpeg", "filetype/sample.jpg", Recipe::Image { sampler: Pick::First.into(), view: view() }),
        ("video/uniform:8", "filetype/sample.mp4", frames(Pick::Uniform(8))),
        ("video/middle", "filetype/sample.mp4", frames(Pick::Middle)),
        ("video/keyframes", "filetype/sample.mp4", frames(Pick::Keyframes(None))),
        ("video/scene:8", "filetype/sample.mp4", frames(Pick::Scene(8))),
        ("audio/flac", "audio-lena/lena.flac", Recipe::Audio(SoundSpec::default())),
        ("audio/opus", "audio-lena/lena.opus", Recipe::Audio(SoundSpec::default())),
    ]
}

fn frames(pick: Pick) -> Recipe {
    Recipe::Video { sampler: pick.into(), view: FrameView::default(), soundtrack: None }
}

fn prepare(criterion: &mut Criterion) {
    tribunal_media::init();
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fetched");
    let mut group = criterion.benchmark_group("prepare");
    for (name, path, recipe) in recipes() {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let file = File::open(fetched.join(path)).unwrap_or_else(|error| panic!("{path}: {error}; run `make fixtures`"));
                let len = file.metadata().map_or(0, |meta| meta.len());
                let mut parts: Vec<(PartHeader, Vec<u8>)> = Vec::new();
                let report = normalise(&Source::file(file, len), std::slice::from_ref(&recipe), &Limits::default(), &mut parts);
                black_box((report.is_ok(), parts.len()))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, prepare);
criterion_main!(benches);
