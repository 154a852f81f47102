//! What sampling strategies deliver and cost, on clips of known scenes: by what they deliver, never by the clock.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::tempdir;

use crate::mock::{Manner, MockJudge};
use crate::odd::odd_set;
use crate::support::{jsonl, run_to};

/// A folder with `film.mp4`: three scenes of 2 s (moving, still, moving) and one flash of white at 5 s; 25 frames a second, one keyframe
/// and three B-frames in a row.
fn clips() -> &'static Path {
    static DEST: OnceLock<PathBuf> = OnceLock::new();
    DEST.get_or_init(|| {
        let dest = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("strategies");
        std::fs::create_dir_all(&dest).unwrap();
        let scenes = "testsrc=s=320x240:r=25:d=2[a];smptebars=s=320x240:r=25:d=2[b];mandelbrot=s=320x240:r=25,trim=duration=2[c];\
                      [a][b][c]concat=n=3,drawbox=t=fill:c=white:enable='eq(n,125)',format=yuv420p";
        let x264 = ["-c:v", "libx264", "-preset", "superfast", "-bf", "3", "-g", "9999", "-sc_threshold", "0"];
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "color=s=16x16:d=0.1", "-filter_complex", scenes]);
        let made = ffmpeg.args(x264).arg(dest.join("film.mp4")).status().unwrap();
        assert!(made.success(), "the ffmpeg tool could not make the clip (scripts/setup tests)");
        dest
    })
}

/// What `prepare` writes for the film: parts, and the one line about the item.
fn prepared(samplers: &[&str], more: &[&str]) -> (Vec<Value>, Value) {
    let out = tempdir().unwrap();
    let mut args = vec!["prepare", clips().to_str().unwrap(), "-o", out.path().to_str().unwrap()];
    samplers.iter().for_each(|sampler| args.extend(["--sampler", sampler]));
    args.extend(more);
    run_to(0, &args);
    let items = jsonl(&out.path().join("items.jsonl"));
    (jsonl(&out.path().join("parts.jsonl")), items.into_iter().next().unwrap())
}

fn times(parts: &[Value]) -> Vec<f64> {
    parts.iter().map(|part| part["t"].as_f64().unwrap()).collect()
}

#[test]
fn scenes_are_found_and_so_is_a_flash() {
    let (parts, item) = prepared(&["scene:8"], &[]);
    let times = times(&parts);
    for (from, to) in [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)] {
        assert!(times.iter().any(|t| (from..to).contains(t)), "nothing of {from} s to {to} s: {times:?}");
    }
    assert!(times.iter().any(|t| (t - 5.0).abs() < 1e-6), "the white frame is missing: {times:?}");
    let cuts: Vec<f64> = item["video"]["cuts"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    assert!([2.0, 4.0, 5.0].iter().all(|at| cuts.iter().any(|cut| (cut - at).abs() < 1e-6)), "{cuts:?}");
    assert_eq!(item["frames_decoded"], 150);
}

#[test]
fn motion_and_packets_look_where_something_happens() {
    let (parts, item) = prepared(&["motion:8"], &[]);
    let still = times(&parts).into_iter().filter(|t| (2.1..4.0).contains(t)).count();
    assert!(parts.len() == 8 && still <= 1, "{:?}", times(&parts));
    let signals = &item["video"];
    let frozen = signals["frozen_share"].as_f64().unwrap();
    assert!((0.25..0.5).contains(&frozen), "a third of the film stands still: {frozen}");
    assert_eq!(signals["frames_seen"], 150);

    let (parts, item) = prepared(&["packets:2"], &[]);
    assert!(times(&parts).iter().any(|t| (t - 2.0).abs() < 0.2), "the cut to a still picture stands out: {:?}", times(&parts));
    assert!(item["frames_decoded"].as_u64().unwrap() < 150);
}

#[test]
fn frames_that_look_alike_are_sent_once_and_listed() {
    let (parts, item) = prepared(&["fps:5", "fps:5,distinct=0.02"], &[]);
    let of = |sampler: &str| parts.iter().filter(|part| part["sampler"] == sampler).count();
    let dropped = item["dropped"].as_array().unwrap();
    assert_eq!(of("fps:5"), 30);
    assert_eq!(of("fps:5,distinct=0.02") + dropped.len(), 30);
    assert!(dropped.len() >= 9, "ten of them show one still picture: {dropped:?}");
    for drop in dropped {
        assert_eq!(item["samplers"][drop["recipe"].as_u64().unwrap() as usize], "fps:5,distinct=0.02");
        assert!(drop["like_t"].as_f64().unwrap() < drop["t"].as_f64().unwrap() && drop["distance"].as_f64().unwrap() <= 0.02);
    }
}

#[test]
fn a_sheet_holds_the_frames_of_its_sampler() {
    let (parts, _) = prepared(&["uniform:5", "uniform:5,layout=sheet:2x2"], &[]);
    let (single, sheets): (Vec<Value>, Vec<Value>) = parts.into_iter().partition(|part| part["sampler"] == "uniform:5");
    assert_eq!((single.len(), sheets.len()), (5, 2));
    let frames: Vec<&Value> = sheets.iter().flat_map(|sheet| sheet["frames"].as_array().unwrap()).collect();
    let facts = |frame: &Value| (frame["t"].clone(), frame["pts"].clone(), frame["phash"].clone());
    assert_eq!(frames.into_iter().map(facts).collect::<Vec<_>>(), single.iter().map(facts).collect::<Vec<_>>());
    assert_eq!((sheets[0]["width"].as_u64(), sheets[0]["height"].as_u64()), (Some(640), Some(480)));
    assert_eq!((sheets[1]["rows"].as_u64(), sheets[1]["columns"].as_u64()), (Some(1), Some(1)));
}

/// So many pictures may wait that they wait as JPEGs.
#[test]
fn many_large_cells_wait_in_little_memory() {
    let (parts, _) = prepared(&["motion:256", "motion:256,layout=sheet:1x1"], &[]);
    let (single, sheets): (Vec<Value>, Vec<Value>) = parts.into_iter().partition(|part| part["sampler"] == "motion:256");
    assert!(single.len() > 50, "{}", single.len());
    let cells: Vec<f64> = sheets.iter().map(|sheet| sheet["frames"][0]["t"].as_f64().unwrap()).collect();
    assert_eq!(cells, times(&single));
}

/// Frames decoded and packets read are what speed is made of.
#[test]
fn no_more_is_decoded_than_the_frames_need() {
    let cost = |samplers: &[&str]| {
        let item = prepared(samplers, &[]).1;
        (item["frames_decoded"].as_u64().unwrap(), item["packets_read"].as_u64().unwrap())
    };
    assert_eq!(cost(&["first"]), (1, 151), "the keyframe, after a look at all packets");
    assert_eq!(cost(&["keyframes"]), (1, 151));
    let (half, _) = cost(&["last"]);
    assert!(half <= 90, "frames that nothing refers to are skipped: {half} of 150");
    let (eight, packets) = cost(&["uniform:8"]);
    assert!(eight <= half + 8 && packets <= 2 * 150, "one pass: {eight} frames, {packets} packets");
    let (all, packets) = cost(&["scene:8"]);
    let together = cost(&["uniform:8", "fps:1", "keyframes", "scene:8", "motion:8", "packets:8"]);
    assert_eq!((together, all), ((150, packets), 150), "six samplers share one decode");
}

/// What a report shows is made of frames that were decoded for the judges.
#[test]
fn pictures_for_reports_cost_no_decoding() {
    let samplers = ["middle", "uniform:8", "fps:1", "keyframes", "motion:4", "uniform:4,layout=sheet:2x2"];
    let (parts, item) = prepared(&samplers, &[]);
    let (judge, out) = (MockJudge::start(Manner::Verdict(4, Duration::ZERO)), tempdir().unwrap());
    let mut args = vec!["score".to_owned(), clips().display().to_string(), "--judge".to_owned(), judge.spec()];
    args.extend(["-o".to_owned(), out.path().join("run").display().to_string()]);
    samplers.iter().for_each(|sampler| args.extend(["--sampler".to_owned(), (*sampler).to_owned()]));
    run_to(0, &args.iter().map(String::as_str).collect::<Vec<_>>());
    let ledger = rusqlite::Connection::open(out.path().join("run/ledger.sqlite")).unwrap();
    let kept = "SELECT media, thumbs FROM items";
    let kept: (String, String) = ledger.query_row(kept, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let [media, thumbs] = [kept.0, kept.1].map(|text| serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!((&media["frames_decoded"], &media["packets_read"]), (&item["frames_decoded"], &item["packets_read"]));
    let shown = thumbs.as_array().unwrap().iter().map(|thumb| thumb["t"].to_string()).collect::<Vec<_>>();
    let frames = parts.iter().flat_map(|part| part["frames"].as_array().cloned().unwrap_or_else(|| vec![part.clone()]));
    let sent: BTreeSet<String> = frames.map(|frame| frame["t"].to_string()).collect();
    let once: BTreeSet<String> = shown.iter().cloned().collect();
    assert!(shown.len() == once.len() && once.len() > 8 && once.is_subset(&sent), "each moment once, of several samplers: {shown:?}");
}

/// Its parameter sets say that no frame overtakes another.
#[test]
fn the_order_of_frames_is_not_decoded_where_it_is_told() {
    let film = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=1", "-pix_fmt", "yuv420p", "-c:v", "libx265", "-preset", "ultrafast"];
    let (_, item) = made(&[&film[..], &["-x265-params", "log-level=error:bframes=0", "-tag:v", "hvc1"]].concat());
    assert_eq!(item["frames_decoded"], 21, "up to the last of three: {item}");
}

#[test]
fn neither_company_nor_threads_nor_isolation_change_a_byte() {
    let samplers = ["uniform:4", "scene:4", "motion:4", "packets:3", "uniform:4,layout=sheet:2x2", "fps:2,distinct=0.1"];
    let digests = |parts: &[Value], sampler: &str| -> Vec<String> {
        parts.iter().filter(|part| part["sampler"] == sampler).map(|part| part["sha256"].to_string()).collect()
    };
    let (together, _) = prepared(&samplers, &[]);
    let (elsewhere, _) = prepared(&samplers, &["--isolation", "off", "--threads", "2"]);
    assert_eq!(together, elsewhere);
    for sampler in samplers {
        let (alone, _) = prepared(&[sampler], &[]);
        assert_eq!(digests(&alone, sampler), digests(&together, sampler), "{sampler}");
        let distinct: BTreeSet<String> = digests(&alone, sampler).into_iter().collect();
        assert_eq!(distinct.len(), alone.len(), "{sampler}");
    }
}

/// What a decoder makes up hangs on what it was given before.
#[test]
fn company_does_not_change_what_is_made_of_damage() {
    let (folder, out) = (tempdir().unwrap(), tempdir().unwrap());
    let names =
        ["half_longgop.mp4", "half_bframes.avi", "hole.mp4", "hole_vp9.webm", "hole_whole.ts", "noise_theora.ogv", "lost_hevc10.mp4"];
    for name in names {
        std::fs::copy(odd_set().join("media").join(name), folder.path().join(name)).unwrap();
    }
    let frames = |out: &Path, samplers: &[&str]| -> Vec<Value> {
        let mut args = vec!["prepare", folder.path().to_str().unwrap(), "-o", out.to_str().unwrap()];
        samplers.iter().for_each(|sampler| args.extend(["--sampler", sampler]));
        run_to(0, &args);
        let of = |part: &Value| ["item_id", "t", "sha256", "damaged", "substituted"].map(|field| part[field].clone());
        jsonl(&out.join("parts.jsonl")).iter().filter(|part| part["sampler"] == "uniform:16").map(of).map(Value::from_iter).collect()
    };
    let alone = frames(&out.path().join("alone"), &["uniform:16"]);
    let together = frames(&out.path().join("together"), &["linspace:200", "uniform:16", "scene:4", "first"]);
    assert_eq!(alone.len(), together.len());
    let other: Vec<_> = alone.iter().zip(&together).filter(|(alone, together)| alone != together).collect();
    assert!(other.is_empty(), "{} of {}: {other:#?}", other.len(), alone.len());
    assert!(alone.iter().filter(|frame| frame[3] == true).count() > 20, "too few are damaged to tell");
}

/// Pictures of H.264 without the parameter sets that come again.
fn told_once(film: &[u8]) -> Vec<u8> {
    let mut starts: Vec<usize> = (0..film.len() - 3).filter(|at| film[*at..][..3] == [0, 0, 1]).collect();
    starts.push(film.len());
    let units: Vec<&[u8]> = starts.windows(2).map(|pair| &film[pair[0]..pair[1]]).collect();
    let is_set = |unit: &[u8]| matches!(unit[3] & 31, 7 | 8);
    let first = units.iter().position(|unit| unit[3] & 31 == 5).unwrap();
    units.iter().enumerate().filter(|(at, unit)| *at < first || !is_set(unit)).flat_map(|(_, unit)| unit.to_vec()).collect()
}

/// A decoder keeps the range of the part that it decoded last where another says nothing of it; decoded from its start to its end, a film has one answer.
#[test]
fn the_range_of_colours_is_that_of_a_decoder_that_came_from_the_start() {
    let (work, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let part = |name: &str, range: &str, said: &[&str]| -> Vec<u8> {
        let path = work.path().join(name);
        let gray = ["-f", "lavfi", "-i", "color=0x404040:s=160x96:r=10:d=1", "-vf", range, "-pix_fmt", "yuv420p"];
        let x264 = ["-c:v", "libx264", "-preset", "superfast", "-qp", "6", "-g", "5", "-bf", "0"];
        let ffmpeg = Command::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(gray).args(x264).args(said).arg(&path).status();
        assert!(ffmpeg.unwrap().success(), "the ffmpeg tool could not make the clip (scripts/setup tests)");
        std::fs::read(path).unwrap()
    };
    let silent = part("silent.h264", "scale=out_range=tv", &[]);
    let full = part("full.h264", "scale=out_range=pc", &["-color_range", "pc", "-qp", "20"]);
    let said = part("said.h264", "scale=out_range=tv", &["-color_range", "tv", "-colorspace", "smpte170m"]);
    // The second silent part is taken for what was said before it; so do the ffmpeg tool and players.
    let once = [&silent, &full, &said].map(|film| told_once(film));
    let films = [
        ("silent_full", [&silent, &full, &full], [64, 64, 64]),
        ("silent_full_silent", [&silent, &full, &silent], [64, 64, 71]),
        ("full_said_silent", [&full, &said, &silent], [64, 64, 64]),
        ("told_once", [&once[0], &once[1], &once[2]], [64, 64, 64]),
    ];
    for (name, parts, _) in films {
        let raw = folder.path().join(format!("{name}.h264"));
        std::fs::write(&raw, parts.map(Vec::as_slice).concat()).unwrap();
        let boxed = ["-nostdin", "-v", "error", "-framerate", "10", "-i", raw.to_str().unwrap(), "-c", "copy"];
        // ffmpeg writes the first sets again before keyframes of a transport stream that have none.
        for container in ["mkv", "mp4", "ts"].into_iter().take(if name == "told_once" { 2 } else { 3 }) {
            let ffmpeg = Command::new("ffmpeg").args(boxed).arg(folder.path().join(format!("{name}.{container}"))).status();
            assert!(ffmpeg.unwrap().success());
        }
    }
    let mut seen = 0;
    for samplers in
        [&["first"][..], &["last"], &["middle"], &["keyframes"], &["linspace:100"], &["scene:3"], &["uniform:3", "last", "random:3,seed=1"]]
    {
        let out = tempdir().unwrap();
        let mut args = vec!["prepare", folder.path().to_str().unwrap(), "-o", out.path().to_str().unwrap()];
        samplers.iter().for_each(|sampler| args.extend(["--sampler", sampler]));
        run_to(0, &args);
        for part in jsonl(&out.path().join("parts.jsonl")) {
            let name = part["item_id"].as_str().unwrap();
            let levels = films.iter().find(|(film, ..)| name.split('.').next() == Some(film)).unwrap().2;
            let t = part["t"].as_f64().unwrap();
            let expected = levels[((t + 0.01) as usize).min(2)];
            let picture = image::open(out.path().join(part["path"].as_str().unwrap())).unwrap().to_rgb8();
            let level = i32::from(picture.get_pixel(50, 50).0[1]);
            assert!((level - expected).abs() < 3, "{name} {samplers:?} at {t}: {level} is not {expected}");
            seen += 1;
        }
    }
    assert!(seen > 400, "only {seen} pictures were seen");
}

/// A clip made by the ffmpeg tool out of `arguments`, prepared; its delivered frames and the line about it.
fn made(arguments: &[&str]) -> (Vec<image::RgbImage>, Value) {
    let (folder, out) = (tempdir().unwrap(), tempdir().unwrap());
    let ffmpeg = Command::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(arguments).arg(folder.path().join("clip.mp4")).status();
    assert!(ffmpeg.unwrap().success(), "the ffmpeg tool could not make the clip (scripts/setup tests)");
    run_to(0, &["prepare", folder.path().to_str().unwrap(), "-o", out.path().to_str().unwrap(), "--sampler", "uniform:3"]);
    let parts = jsonl(&out.path().join("parts.jsonl"));
    let frames = parts.iter().map(|part| image::open(out.path().join(part["path"].as_str().unwrap())).unwrap().to_rgb8()).collect();
    (frames, jsonl(&out.path().join("items.jsonl")).remove(0))
}

fn notes(item: &Value) -> BTreeSet<&str> {
    item["notes"].as_array().unwrap().iter().map(|note| note["code"].as_str().unwrap()).collect()
}

#[test]
fn fields_that_would_comb_are_not_shown_at_once() {
    // A bar that moves 12 pixels from field to field.
    let bar = "color=white:s=60x288:r=50:d=2[bar];color=black:s=360x288:r=50:d=2[ground];[ground][bar]overlay=x='mod(t*600,300)',\
               tinterlace=interleave_top,fieldorder=tff,format=yuv420p";
    let x264 = ["-c:v", "libx264", "-preset", "superfast", "-flags", "+ilme+ildct", "-x264-params", "tff=1"];
    let of_depth = |pixels: &str| {
        let (frames, item) = made(&[&["-f", "lavfi", "-i", bar, "-pix_fmt", pixels][..], &x264].concat());
        assert!(notes(&item).is_superset(&["interlaced", "deinterlaced"].into()), "{pixels}: {item}");
        frames
    };
    for frame in ["yuv420p", "yuv420p10le"].into_iter().flat_map(of_depth) {
        let level = |x: u32, y: u32| i32::from(frame.get_pixel(x, y).0[1]);
        let combs = |x: u32, y: u32| {
            let (up, down) = (level(x, y) - level(x, y - 1), level(x, y) - level(x, y + 1));
            up.abs() > 60 && down.abs() > 60 && (up > 0) == (down > 0)
        };
        let combing = (1..frame.height() - 1).flat_map(|y| (0..frame.width()).map(move |x| (x, y))).filter(|(x, y)| combs(*x, *y)).count();
        assert_eq!(combing, 0, "single rows stand out");
    }
}

#[test]
fn brightness_for_other_screens_is_said() {
    let hdr = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=1", "-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast"];
    let x265 = ["-x265-params", "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc", "-tag:v", "hvc1"];
    let (_, item) = made(&[&hdr[..], &x265[..]].concat());
    assert!(notes(&item).contains("hdr_not_tone_mapped"), "{item}");
}
