//! Cut and altered files: each gives parts or a named refusal, and none takes a worker down.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::odd::odd_set;
use crate::support::{jsonl, manifest, next, root, run, run_to};

/// Small and large containers, sound and pictures.
const SEEDS: [&str; 14] = [
    "longgop.mp4",
    "fragmented.mp4",
    "no_duration.mkv",
    "vp9.webm",
    "mpeg4.avi",
    "whole.ts",
    "mpeg2.mpg",
    "theora.ogv",
    "wmv2.wmv",
    "flv1.flv",
    "anim.gif",
    "s.mp3",
    "s.opus",
    "s.flac",
];
/// A worker that had to be killed or replaced is a fault of ours, whatever the file holds.
pub(crate) const NEVER: [&str; 6] = ["crashed", "timed_out", "over_memory", "protocol", "panic", "no_worker"];

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    manifest();
    let odd = SEEDS.iter().map(|name| (*name, odd_set().join("media").join(name)));
    let real =
        ["sample.jpg", "sample.png", "sample.gif", "sample.m4a"].map(|name| (name, root().join("fixtures/fetched/filetype").join(name)));
    odd.chain(real).map(|(name, path)| (name.to_owned(), fs::read(path).unwrap())).collect()
}

/// Every file of `folder` is listed with parts or with one refusal; returns the refusals that must never be.
fn faults(folder: &Path, files: usize) -> Vec<String> {
    let out = tempdir().unwrap();
    run(&["prepare", folder.to_str().unwrap(), "--sampler", "uniform:3", "--sampler", "last", "-o", out.path().to_str().unwrap()]);
    let lines = jsonl(&out.path().join("parts.jsonl"));
    let mut items: Vec<&str> = lines.iter().map(|line| line["item_id"].as_str().unwrap()).collect();
    items.dedup();
    assert_eq!(items.len(), files);
    let never = |line: &&Value| line["reason"].as_str().is_some_and(|reason| NEVER.contains(&reason));
    lines.iter().filter(never).map(|line| format!("{}: {} {}", line["item_id"], line["reason"], line["message"])).collect()
}

#[test]
fn files_cut_anywhere_are_salvaged_or_refused_by_name() {
    let folder = tempdir().unwrap();
    let mut files = 0;
    for (name, bytes) in seeds() {
        for cut in [1, 5, 20, 50, 80, 95, 99] {
            fs::write(folder.path().join(format!("{cut:02}_{name}")), &bytes[..bytes.len() * cut / 100]).unwrap();
            files += 1;
        }
    }
    assert_eq!(faults(folder.path(), files), [""; 0]);
}

#[test]
fn altered_files_are_decoded_or_refused_by_name() {
    let folder = tempdir().unwrap();
    let (mut state, mut files) = (1, 0);
    for (name, bytes) in seeds() {
        for round in 0..6 {
            let mut altered = bytes.clone();
            for _ in 0..=round * 8 {
                // Half of the changes hit the head, where the structure is.
                let reach = if next(&mut state).is_multiple_of(2) { altered.len().min(2048) } else { altered.len() };
                let at = (next(&mut state) % reach as u64) as usize;
                altered[at] = next(&mut state) as u8;
            }
            fs::write(folder.path().join(format!("{round}_{name}")), &altered).unwrap();
            files += 1;
        }
    }
    assert_eq!(faults(folder.path(), files), [""; 0]);
}

#[test]
fn how_much_of_a_cut_video_must_be_left_is_a_setting() {
    let work = tempdir().unwrap();
    let folder = work.path().join("in");
    fs::create_dir(&folder).unwrap();
    fs::copy(odd_set().join("media/cut_moov_front.mp4"), folder.join("cut.mp4")).unwrap();
    let config = work.path().join("tribunal.toml");
    fs::write(&config, "[limits.media]\nleast_share = 0.9\n").unwrap();
    let prepare = |exit: i32, out: &str, more: &[&str]| {
        let out = work.path().join(out);
        let mut args = vec!["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", "uniform:2"];
        args.extend(more);
        run_to(exit, &args);
        jsonl(&out.join("parts.jsonl"))
    };
    let kept = prepare(0, "kept", &[]);
    assert_eq!(kept.len(), 2, "over half of it is left");
    let refused = prepare(1, "refused", &["--config", config.to_str().unwrap()]);
    assert_eq!((&refused[0]["outcome"], &refused[0]["reason"]), (&"media_rejected".into(), &"truncated".into()), "{refused:?}");
}
