//! The odd set: every strange, damaged or hostile file ends in a score or a named rejection, and every frame is the one it says it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::tempdir;

use crate::mock::{Manner, MockJudge};
use crate::support::{json_to, jsonl, manifest, root, run, run_to, table};

/// The folder that `tests/odd/make` fills; made once per build of the tests.
pub(crate) fn odd_set() -> &'static Path {
    static DEST: OnceLock<PathBuf> = OnceLock::new();
    DEST.get_or_init(|| {
        let dest = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("odd");
        let made = Command::new(root().join("tests/odd/make")).arg(&dest).status().unwrap();
        assert!(made.success(), "tests/odd/make failed; it needs the ffmpeg tool (scripts/setup tests)");
        dest
    })
}

/// name -> (what is odd, expect)
fn expectations() -> BTreeMap<String, (String, String)> {
    let list = fs::read_to_string(odd_set().join("odd.tsv")).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        (fields[0].to_owned(), (fields[1].to_owned(), fields[2].to_owned()))
    };
    list.lines().map(row).collect()
}

#[test]
fn every_odd_file_ends_in_a_score_or_a_named_rejection() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, Duration::ZERO)));
    let run = work.path().join("run");
    let media = odd_set().join("media");
    let done = json_to(1, &["score", media.to_str().unwrap(), "--judge", &judge.spec(), "-o", run.to_str().unwrap()]);
    assert_eq!(done["summary"]["pending"], 0);
    let rows = table(&run);
    let mut wrong = Vec::new();
    for (name, (odd, expect)) in expectations() {
        let row = rows.iter().find(|row| row["item_id"] == name.as_str()).unwrap_or_else(|| panic!("{name} is no item"));
        let ended = row["outcome"].as_str().unwrap();
        let reason = row["reason"].as_str().unwrap_or_default();
        let right = match expect.as_str() {
            "reject" => ended == "media_rejected" && ["unsupported", "malformed", "not_media", "empty"].contains(&reason),
            _ => ended == "scored",
        };
        if !right {
            wrong.push(format!("{name} ({odd}, {expect}): {ended} {} {}", row["reason"], row["message"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every item of a folder, with reason and message where `prepare` refuses it.
fn verdicts(folder: &Path) -> BTreeMap<String, (Value, Value)> {
    let out = tempdir().unwrap();
    run(&["prepare", folder.to_str().unwrap(), "-o", out.path().to_str().unwrap()]);
    let lines = jsonl(&out.path().join("parts.jsonl"));
    let told = |line: &Value| (line["item_id"].as_str().unwrap().to_owned(), (line["reason"].clone(), line["message"].clone()));
    lines.iter().map(told).collect()
}

#[test]
fn probe_promises_what_prepare_does() {
    manifest();
    let mut compared = 0;
    for folder in [odd_set().join("media"), root().join("fixtures/fetched"), root().join("fixtures/made")] {
        let expected = verdicts(&folder);
        let paths: Vec<String> = expected.keys().map(|item| folder.join(item).to_str().unwrap().to_owned()).collect();
        let args: Vec<&str> = ["probe", "--json"].into_iter().chain(paths.iter().map(String::as_str)).collect();
        let seen: Value = serde_json::from_slice(&run(&args).stdout).unwrap();
        for (row, (item, expected)) in seen["files"].as_array().unwrap().iter().zip(expected) {
            assert_eq!(row["path"], folder.join(&item).to_str().unwrap());
            assert_eq!((&row["reason"], &row["message"]), (&expected.0, &expected.1), "{item}");
            assert_eq!(row["accepted"], expected.0.is_null(), "{item}");
            compared += 1;
        }
    }
    assert!(compared > 100, "only {compared} files were compared");
}

#[test]
fn damage_is_said_even_where_every_frame_came_out() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, Duration::ZERO)));
    let (folder, run) = (work.path().join("in"), work.path().join("run"));
    fs::create_dir(&folder).unwrap();
    fs::copy(odd_set().join("media/hole.mp4"), folder.join("hole.mp4")).unwrap();
    fs::copy(odd_set().join("media/longgop.mp4"), folder.join("whole.mp4")).unwrap();
    let args = ["score", folder.to_str().unwrap(), "--sampler", "uniform:32", "--judge", &judge.spec(), "-o", run.to_str().unwrap()];
    let done = json_to(0, &args);
    let warnings = done["summary"]["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["code"] == "media_salvaged" && warning["count"] == 1), "{warnings:?}");
}

/// What follows a hole is built on what was in it.
#[test]
fn frames_after_a_hole_are_marked_up_to_the_next_keyframe() {
    let noise = ["noise_flv1.flv", "noise_theora.ogv", "noise_wmv2.wmv", "noise_vp9.webm", "noise_mpeg4.avi"];
    let lost = ["lost_longgop.mp4", "lost_hevc10.mp4"];
    let holes = ["hole.mp4", "hole_whole.ts", "hole_flv1.flv", "hole_theora.ogv", "hole_wmv2.wmv", "hole_vp9.webm"];
    for name in holes.into_iter().chain(noise).chain(lost) {
        let work = tempdir().unwrap();
        let (folder, out) = (work.path().join("in"), work.path().join("out"));
        fs::create_dir(&folder).unwrap();
        fs::copy(odd_set().join("media").join(name), folder.join(name)).unwrap();
        run_to(0, &["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", "linspace:1000"]);
        let whole = truth(name.split_once('_').map_or(name, |(_, whole)| whole));
        let (mut marked, mut wrong) = (0, Vec::new());
        for part in jsonl(&out.join("parts.jsonl")) {
            let t = part["t"].as_f64().unwrap();
            let is_marked = part["damaged"] == true || part["substituted"] == true;
            marked += u32::from(is_marked);
            let Some(truth) = whole.as_ref().filter(|_| !is_marked && name != "hole.mp4") else { continue };
            let index = truth.seconds.iter().position(|seconds| (seconds - truth.seconds[0] - t).abs() < 0.002).unwrap();
            let shown = difference(&out.join(part["path"].as_str().unwrap()), &truth.gray[index * 1024..][..1024]);
            if shown > SAME_PICTURE {
                wrong.push(format!("{t}: {shown:.1}"));
            }
        }
        assert!(wrong.is_empty(), "{name}: frames pass for whole that are not: {wrong:?}");
        assert!(marked > 0, "{name}: nothing is marked");
    }
}

/// Also frames that are shown before the damaged one which they refer to: what is not marked is what the whole file shows, byte for byte.
#[test]
fn every_frame_that_damage_changes_is_marked() {
    for name in ["longgop.mp4", "bframes.avi", "av1.mp4"] {
        let work = tempdir().unwrap();
        let (folder, out, half) = (work.path().join("in"), work.path().join("out"), format!("half_{name}"));
        fs::create_dir(&folder).unwrap();
        for name in [name, &half] {
            fs::copy(odd_set().join("media").join(name), folder.join(name)).unwrap();
        }
        run_to(0, &["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", "linspace:1000"]);
        let lines = jsonl(&out.join("parts.jsonl"));
        let of = |item: &str| lines.iter().filter(|line| line["item_id"] == item).collect::<Vec<_>>();
        let (whole, half) = (of(name), of(&half));
        assert_eq!((whole.len(), half.len()), (150, 150), "{name}");
        let changed: Vec<_> =
            whole.iter().zip(&half).filter(|(whole, half)| whole["sha256"] != half["sha256"]).map(|(_, half)| half).collect();
        let passing: Vec<_> = changed.iter().filter(|half| half["damaged"] != true).map(|half| &half["t"]).collect();
        assert!(!changed.is_empty() && passing.is_empty(), "{name}: {} changed, not marked: {passing:?}", changed.len());
    }
}

/// A keyframe that an edit list hides is decoded all the same, the picture before a join is not damaged by it, false keyframes are no places to
/// begin, and packets without a picture to show are no frames.
#[test]
fn frames_after_a_hidden_or_false_keyframe_are_whole() {
    let work = tempdir().unwrap();
    let (folder, out) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&folder).unwrap();
    let edited = ["edit_list.mp4", "edit_list_hevc10.mp4", "edit_list_vp9.mp4"];
    let false_keys = ["false_keys_mpeg4.mp4", "false_keys_hevc.mp4", "false_keys_h263.avi", "false_keys_wmv2.avi"];
    let others = ["joined.ts", "joined.ogv", "joined.mkv", "hidden_vp8.webm", "empty_sample.mov", "empty_chunk.avi"];
    for name in edited.into_iter().chain(false_keys).chain(others) {
        fs::copy(odd_set().join("media").join(name), folder.join(name)).unwrap();
    }
    run_to(0, &["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", "linspace:1000"]);
    let lines = jsonl(&out.join("parts.jsonl"));
    let marked = |line: &&Value| line["damaged"] == true || line["substituted"] == true;
    assert_eq!((lines.len(), lines.iter().filter(marked).count()), (351 + 4 * 150 + 3 * 125 + 150 + 149 + 150, 0));
}

/// Two packets are one frame of H.264 where each holds a field, and neither is decoded without the other.
#[test]
fn fields_in_packets_of_their_own_are_one_frame() {
    let work = tempdir().unwrap();
    let (folder, out) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&folder).unwrap();
    let names = ["fields.mkv", "fields.mp4", "fields.ts"];
    for name in names {
        fs::copy(odd_set().join("media").join(name), folder.join(name)).unwrap();
    }
    run_to(0, &["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", "uniform:8"]);
    let items = jsonl(&out.join("items.jsonl"));
    for (item, name) in items.iter().zip(names) {
        let codes: Vec<_> = item["notes"].as_array().unwrap().iter().map(|note| note["code"].as_str().unwrap()).collect();
        assert_eq!((&item["item_id"], &item["frames_total"]), (&name.into(), &100.into()));
        assert!(codes.iter().all(|code| ["interlaced", "deinterlaced"].contains(code)), "{name}: {codes:?}");
    }
    let parts = jsonl(&out.join("parts.jsonl"));
    let marked = |part: &&Value| part["damaged"] == true || part["substituted"] == true;
    assert_eq!((parts.len(), parts.iter().filter(marked).count()), (24, 0));
    for part in parts {
        let (name, t) = (part["item_id"].as_str().unwrap(), part["t"].as_f64().unwrap());
        let truth = truth(name).unwrap();
        let index = truth.seconds.iter().position(|seconds| (seconds - truth.seconds[0] - t).abs() < 0.002).unwrap();
        let shown = difference(&out.join(part["path"].as_str().unwrap()), &truth.gray[index * 1024..][..1024]);
        assert!(shown < SAME_PICTURE, "{name}: the frame at {t} is another one (difference {shown:.1})");
    }
}

#[test]
fn headers_are_read_as_they_are_meant() {
    let work = tempdir().unwrap();
    let (folder, out) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&folder).unwrap();
    let wide = [480, 270];
    let expected = [
        ("raw.m1v", wide),
        ("sar43.mp4", wide),
        ("square_box.mkv", [360, 270]),
        ("start_12s.mkv", wide),
        ("raw.h264", wide),
        ("hole_in_sound.webm", wide),
    ];
    for (name, _) in expected {
        fs::copy(odd_set().join("media").join(name), folder.join(name)).unwrap();
    }
    run_to(0, &["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", "first"]);
    let items = jsonl(&out.join("items.jsonl"));
    for (name, dimensions) in expected {
        let item = items.iter().find(|item| item["item_id"] == name).unwrap();
        assert_eq!(item["dimensions"], serde_json::json!(dimensions), "{name}");
        let notes = item["notes"].as_array().unwrap();
        let expected = |code: &Value| code == "timestamps_estimated" || name == "hole_in_sound.webm" && code == "header_duration_differs";
        assert!(notes.iter().all(|note| expected(&note["code"])), "{name}: {notes:?}");
    }
}

#[test]
fn a_cut_file_says_that_it_is_cut() {
    let by_structure = ["cut_start_12s.mkv", "cut_vp9.webm", "cut_theora.ogv", "cut_wmv2.wmv", "cut_whole.ts"];
    for name in ["cut_moov_front.mp4", "cut.avi", "cut.flv", "cut_bare.mp3", "cut_s.ac3"].into_iter().chain(by_structure) {
        let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, Duration::ZERO)));
        let (folder, run) = (work.path().join("in"), work.path().join("run"));
        fs::create_dir(&folder).unwrap();
        fs::copy(odd_set().join("media").join(name), folder.join(name)).unwrap();
        let done = json_to(0, &["score", folder.to_str().unwrap(), "--judge", &judge.spec(), "-o", run.to_str().unwrap()]);
        let warnings = done["summary"]["warnings"].as_array().unwrap();
        assert!(warnings.iter().any(|warning| warning["code"] == "media_salvaged"), "{name}: {warnings:?}");
    }
}

#[test]
fn sound_without_a_container_says_what_is_missing() {
    let work = tempdir().unwrap();
    let (folder, out) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&folder).unwrap();
    let expected = [
        ("cut_s.ac3", "truncated"),
        ("cut_bare.mp3", "truncated"),
        ("hole_s.ac3", "holes"),
        ("hole_bare.mp3", "holes"),
        ("joined.flac", "truncated"),
        ("amid_bare.mp3", "holes"),
        ("two_chunks.wav", "goes_on_elsewhere"),
    ];
    for (name, _) in expected {
        fs::copy(odd_set().join("media").join(name), folder.join(name)).unwrap();
    }
    run_to(0, &["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let items = jsonl(&out.join("items.jsonl"));
    for (name, code) in expected {
        let notes = &items.iter().find(|line| line["item_id"] == name).unwrap()["notes"];
        let note = notes.as_array().unwrap().iter().find(|note| note["code"] == code).unwrap_or_else(|| panic!("{name}: {notes}"));
        assert!(
            code != "holes" || note["message"].as_str().unwrap().contains("unknown"),
            "{name}: torn frames are filled, what lay between is not"
        );
    }
}

/// What stands before the first packet, a track without samples and a length that nothing bears out are no reason to miss anything.
#[test]
fn whole_files_with_odd_heads_are_whole() {
    let work = tempdir().unwrap();
    let (folder, out) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&folder).unwrap();
    for name in ["behind_rubbish.ts", "empty_first.mp4", "lying.mp3"] {
        fs::copy(odd_set().join("media").join(name), folder.join(name)).unwrap();
    }
    run_to(0, &["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    for line in jsonl(&out.join("items.jsonl")) {
        let codes: Vec<&str> = line["notes"].as_array().unwrap().iter().map(|note| note["code"].as_str().unwrap()).collect();
        let expected = if line["item_id"] == "lying.mp3" { vec!["header_duration_differs"] } else { vec![] };
        assert_eq!((codes, line["truncated_at"].is_null()), (expected, true), "{line}");
    }
}

/// Tags and padding are neither damage nor holes; a second film or song that nobody sees or hears is said.
#[test]
fn joined_files_say_what_is_left_out_and_nothing_else() {
    let work = tempdir().unwrap();
    let (folder, out) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&folder).unwrap();
    let expected = [("joined.m4a", "goes_on_elsewhere"), ("joined.mp3", ""), ("joined.mp4", "goes_on_elsewhere"), ("padded.mp3", "")];
    for (name, _) in expected {
        fs::copy(odd_set().join("media").join(name), folder.join(name)).unwrap();
    }
    run_to(0, &["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let items = jsonl(&out.join("items.jsonl"));
    for (item, (name, code)) in items.iter().zip(expected) {
        let codes: Vec<_> = item["notes"].as_array().unwrap().iter().map(|note| note["code"].as_str().unwrap()).collect();
        assert_eq!((&item["item_id"], codes.join(" ").as_str()), (&name.into(), code));
    }
    let parts = jsonl(&out.join("parts.jsonl"));
    let ends = parts.iter().filter(|part| part["item_id"] == "joined.mp3").filter_map(|part| part["end"].as_f64()).fold(0.0, f64::max);
    assert!((ends - 12.0).abs() < 0.1, "it ends at {ends}");
}

/// Only the manifest says that it is sound.
#[test]
fn sound_of_a_program_stream_that_begins_amid_a_packet_is_heard() {
    let work = tempdir().unwrap();
    let out = work.path().join("out");
    for name in ["sound.mpg", "lpcm.mpg"] {
        fs::write(work.path().join(name), &fs::read(odd_set().join("media").join(name)).unwrap()[1201..]).unwrap();
    }
    let row = |name: &str| format!("{{\"id\":\"{name}\",\"modality\":\"audio\",\"output\":{{\"path\":\"{name}\"}}}}\n");
    let manifest = work.path().join("m.jsonl");
    fs::write(&manifest, row("sound.mpg") + &row("lpcm.mpg")).unwrap();
    run_to(0, &["prepare", manifest.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let lines = jsonl(&out.join("parts.jsonl"));
    let heard =
        |name: &str| lines.iter().filter(|line| line["item_id"] == name).filter_map(|line| line["end"].as_f64()).fold(0.0, f64::max);
    assert!(heard("sound.mpg") > 5.7 && heard("lpcm.mpg") > 5.7, "{lines:?}");
}

#[test]
fn a_refusal_names_what_is_not_decoded() {
    let refused = verdicts(&odd_set().join("media"));
    for (name, what) in [("tta.mkv", "codec tta"), ("rifx.wav", "rifx")] {
        assert_eq!(refused[name], ("unsupported".into(), format!("{what} is not decoded here").into()), "{name}");
    }
}

struct Truth {
    seconds: Vec<f64>,
    gray: Vec<u8>,
}

fn truth(name: &str) -> Option<Truth> {
    let folder = odd_set().join("truth");
    let listing = fs::read_to_string(folder.join(format!("{name}.tsv"))).ok()?;
    let seconds: Vec<f64> = listing.lines().filter_map(|line| line.split('\t').next()?.parse().ok()).collect();
    let gray = fs::read(folder.join(format!("{name}.gray"))).ok()?;
    (!seconds.is_empty() && gray.len() == 1024 * seconds.len()).then_some(Truth { seconds, gray })
}

/// Mean absolute difference between a JPEG's 32x32 grey picture and a true one, in levels of 255.
fn difference(jpeg: &Path, gray: &[u8]) -> f64 {
    let picture = image::open(jpeg).unwrap().to_rgb8();
    // BT.601, the matrix that the set's small pictures are encoded with.
    let luma = |x: u32, y: u32| {
        let [r, g, b] = picture.get_pixel(x, y).0.map(f64::from);
        0.299 * r + 0.587 * g + 0.114 * b
    };
    let (width, height) = picture.dimensions();
    let cell = |n: u32, of: u32| (n * of / 32, ((n + 1) * of / 32).max(n * of / 32 + 1));
    let mut sum = 0.0;
    for row in 0..32 {
        for column in 0..32 {
            let ((left, right), (top, bottom)) = (cell(column, width), cell(row, height));
            let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
            let (total, count) = pixels.fold((0.0, 0.0), |(total, count), (x, y)| (total + luma(x, y), count + 1.0));
            sum += (total / count - f64::from(gray[(row * 32 + column) as usize])).abs();
        }
    }
    sum / 1024.0
}

/// Scaling filters and range rounding differ a little; another frame of the test picture differs far more (checked below).
const SAME_PICTURE: f64 = 6.0;

/// Oddities of files that do not tell when frames are presented.
const INFERRED: [&str; 3] = ["clock restarts", "copied stamps", "no container"];

#[test]
fn the_frame_is_the_frame_we_say() {
    let work = tempdir().unwrap();
    let out = work.path().join("parts");
    let media = odd_set().join("media");
    let mut args = vec!["prepare", media.to_str().unwrap(), "-o", out.to_str().unwrap()];
    let samplers = ["first", "last", "uniform:5", "linspace:3", "keyframes:3", "random:4,seed=2"];
    samplers.iter().for_each(|sampler| args.extend(["--sampler", sampler]));
    assert_eq!(run(&args).status.code(), Some(1));

    let expected = expectations();
    let mut wrong = Vec::new();
    let mut checked = 0;
    let mut farthest: BTreeMap<(String, String), (f64, f64)> = BTreeMap::new();
    for line in jsonl(&out.join("parts.jsonl")).iter().filter(|line| line["pts"].is_i64() && line["sampler"].is_string()) {
        let name = line["item_id"].as_str().unwrap();
        // Without timestamps in the file there is no true time to compare with.
        let Some(truth) = truth(name) else { continue };
        let t = line["t"].as_f64().unwrap();
        let sampler = line["sampler"].as_str().unwrap();
        let first = truth.seconds[0];
        let Some(index) = truth.seconds.iter().position(|seconds| (seconds - first - t).abs() < 0.002) else {
            wrong.push(format!("{name} {sampler}: no frame is shown at {t}"));
            continue;
        };
        if !INFERRED.contains(&expected[name].0.as_str()) {
            let (pts, base) = (line["pts"].as_f64().unwrap(), [0, 1].map(|at| line["time_base"][at].as_f64().unwrap()));
            if line["estimated"] == true || (pts * base[0] / base[1] - truth.seconds[index]).abs() > 0.001 {
                wrong.push(format!("{name} {sampler}: {pts} x {base:?} is not {}, or estimated", truth.seconds[index]));
            }
        }
        let shown = difference(&out.join(line["path"].as_str().unwrap()), &truth.gray[index * 1024..][..1024]);
        // What a decoder makes of a damaged frame depends on where it started; which frame it is does not.
        if shown > SAME_PICTURE && expected[name].1 == "ok" {
            wrong.push(format!("{name} {sampler}: the frame at {t} is another one (difference {shown:.1})"));
        }
        checked += 1;
        let ends = farthest.entry((name.to_owned(), sampler.to_owned())).or_insert((t, t));
        *ends = (ends.0.min(t), ends.1.max(t));
    }
    for (name, (odd, expect)) in expected {
        let Some(truth) = truth(&name).filter(|_| expect == "ok" && odd != "animation") else {
            continue;
        };
        let (first, last) = (truth.seconds[0], truth.seconds[truth.seconds.len() - 1]);
        for (sampler, wanted) in [("first", 0.0), ("last", last - first)] {
            match farthest.get(&(name.clone(), sampler.to_owned())) {
                Some((t, _)) if (t - wanted).abs() < 0.002 => {}
                found => wrong.push(format!("{name} {sampler}: wanted {wanted}, got {found:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} frames checked\n{}", checked, wrong.join("\n"));
    assert!(checked > 400, "only {checked} frames were checked");
}

/// Palettes and parameter sets come with one packet, and hold for all that follow: wherever decoding starts, and whatever was decoded before.
#[test]
fn what_is_attached_once_holds_for_every_start() {
    let (work, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let names = ["palette.mov", "palette_raw.mov", "palette.avi", "palettes.avi", "second_header.flv", "two_descriptions.mp4"];
    for name in names {
        fs::copy(odd_set().join("media").join(name), folder.path().join(name)).unwrap();
    }
    let mut seen = 0;
    for sampler in ["first", "middle", "last", "keyframes:4", "random:3,seed=7", "linspace:9", "scene:4"] {
        let out = work.path().join(sampler);
        run_to(0, &["prepare", folder.path().to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", sampler]);
        for part in jsonl(&out.join("parts.jsonl")) {
            let (name, t) = (part["item_id"].as_str().unwrap(), part["t"].as_f64().unwrap());
            let truth = truth(name).unwrap();
            let index = truth.seconds.iter().position(|seconds| (seconds - truth.seconds[0] - t).abs() < 0.002).unwrap();
            let shown = difference(&out.join(part["path"].as_str().unwrap()), &truth.gray[index * 1024..][..1024]);
            assert!(shown < SAME_PICTURE, "{name} {sampler}: the frame at {t} is another one (difference {shown:.1})");
            assert!(part["damaged"] != true && part["substituted"] != true, "{name} {sampler}: {part}");
            seen += 1;
        }
        let items = jsonl(&out.join("items.jsonl"));
        let notes = items.iter().flat_map(|item| item["notes"].as_array().unwrap());
        let others: Vec<_> = notes.filter(|note| note["code"] != "header_duration_differs").collect(); // FLV's is that of its first half
        assert!(others.is_empty(), "{sampler}: {others:?}");
    }
    assert!(seen > 100, "only {seen} frames were seen");
}

#[test]
fn the_picture_check_tells_frames_apart() {
    let truth = truth("longgop.mp4").unwrap();
    let far = |a: usize, b: usize| -> f64 {
        let (a, b) = (&truth.gray[a * 1024..][..1024], &truth.gray[b * 1024..][..1024]);
        a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / 1024.0
    };
    assert!(far(10, 40) > SAME_PICTURE, "{}", far(10, 40));
}

#[test]
fn sound_is_whole_and_in_place() {
    let work = tempdir().unwrap();
    let out = work.path().join("parts");
    run(&["prepare", odd_set().join("media").to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let lines = jsonl(&out.join("parts.jsonl"));
    let sounds: Vec<String> = expectations().into_iter().filter(|(_, (odd, _))| odd == "sound").map(|(name, _)| name).collect();
    assert_eq!(sounds.len(), 25, "containers that usually hold pictures among them");
    let of = |name: &str| lines.iter().filter(|line| line["item_id"] == name).cloned().collect::<Vec<_>>();
    for name in sounds {
        let end = of(&name).iter().filter_map(|line| line["end"].as_f64()).fold(0.0, f64::max);
        assert!((end - 6.0).abs() < 0.15, "{name} ends at {end}");
    }
    let cut = |line: &&Value| line["notes"].as_array().is_some_and(|notes| notes.iter().any(|note| note["code"] == "truncated"));
    let items = jsonl(&out.join("items.jsonl"));
    let cut: Vec<_> = items.iter().filter(|line| line["item_id"] == "rate8k.mp3").filter(cut).collect();
    assert!(cut.is_empty(), "priming and padding are no loss: {cut:?}");
    let samples = |name: &str| of(name).iter().flat_map(|line| samples(&out.join(line["path"].as_str().unwrap()))).collect::<Vec<f64>>();
    let (four, one) = (samples("quad.ogg"), samples("s24.wav"));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let alike = product(&four, &one) / (product(&four, &four) * product(&one, &one)).sqrt();
    assert!(alike > 0.95, "four channels of one sound are that sound: {alike}");
}

/// Of a WAV of ours: 16 bits, one channel, a header of 44 bytes.
fn samples(wav: &Path) -> Vec<f64> {
    fs::read(wav).unwrap()[44..].chunks_exact(2).map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]]))).collect()
}
