//! Decoders run on one thread: workers cannot start others, and bytes must not hang on how many there are.

use std::collections::BTreeMap;
use std::fs::{self, File};

use tribunal_media::{FrameView, Limits, Modality, PartHeader, PartSink, Pick, Recipe, SinkClosed, SoundSpec, Source, normalise, sniff};

use crate::odd::odd_set;
use crate::support::{alone, root};

/// Decoders of pictures that the files at hand must have met.
const MET: [&str; 18] = [
    "libav:flv",
    "libav:h263",
    "libav:h264",
    "libav:hevc",
    "libav:libdav1d",
    "libav:libvpx",
    "libav:mjpeg",
    "libav:mpeg1video",
    "libav:mpeg2video",
    "libav:mpeg4",
    "libav:prores",
    "libav:qtrle",
    "libav:rawvideo",
    "libav:theora",
    "libav:vp8",
    "libav:vp9",
    "libav:wmv1",
    "libav:wmv2",
];

#[test]
fn every_decoder_runs_on_one_thread() {
    alone("threads::every_decoder_runs_on_one_thread_here");
}

/// Threads are counted by process.
#[test]
#[ignore = "run by every_decoder_runs_on_one_thread, alone in its process"]
fn every_decoder_runs_on_one_thread_here() {
    tribunal_media::init();
    let before = threads();
    let mut met: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for folder in [odd_set().join("media"), root().join("fixtures/fetched/audio-lena"), root().join("fixtures/fetched/filetype")] {
        for path in walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
            let bytes = fs::read(path.path()).unwrap();
            let Some(format) = sniff(&bytes[..bytes.len().min(1 << 16)]) else { continue };
            let recipe = match format.modality {
                Modality::Text => continue,
                Modality::Image => Recipe::Image { sampler: Pick::First.into(), view: FrameView::default() },
                Modality::Video => Recipe::Video {
                    sampler: "uniform:4".parse().unwrap(),
                    view: FrameView::default(),
                    soundtrack: Some(SoundSpec::default()),
                },
                Modality::Audio => Recipe::Audio(SoundSpec::default()),
            };
            let mut sink = Threads::default();
            let source = Source::file(File::open(path.path()).unwrap(), bytes.len() as u64);
            if let Ok(report) = normalise(&source, &[recipe], &Limits::default(), &mut sink) {
                for decoder in report.decoder.split('+') {
                    met.entry(decoder.to_owned()).or_default().extend(&sink.0);
                }
            }
        }
    }
    for (decoder, counts) in &met {
        assert!(counts.iter().all(|count| *count == before), "{decoder}: {counts:?}, {before} before");
    }
    let missing: Vec<_> = MET.iter().filter(|name| !met.contains_key(**name)).collect();
    assert!(missing.is_empty(), "{missing:?} of {:?}", met.keys());
}

/// Counts this process's threads whenever a part is finished: those of a decoder live as long as it does.
#[derive(Default)]
struct Threads(Vec<usize>);

impl PartSink for Threads {
    fn part(&mut self, _: PartHeader, _: Vec<u8>) -> Result<(), SinkClosed> {
        self.0.push(threads());
        Ok(())
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}
