//! Odd files again: what is encrypted, missing or told falsely is said, and what is clear is shown.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::odd::odd_set;
use crate::support::{json_to, jsonl, run};

/// A file of two seconds or more that the ffmpeg tool makes.
pub(crate) fn made(name: &str, args: &[&str]) -> Vec<u8> {
    let dir = tempdir().unwrap();
    let path = dir.path().join(name);
    let done = Command::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(args).arg(&path).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::read(path).unwrap()
}

pub(crate) const PICTURES: [&str; 6] = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=4", "-pix_fmt", "yuv420p"];
pub(crate) const SOUND: [&str; 4] = ["-f", "lavfi", "-i", "sine=330:sample_rate=44100:duration=4"];

/// Prepares files under their names; rows of parts and items.
pub(crate) fn prepared(sampler: &str, files: &[(&str, Vec<u8>)]) -> (Vec<Value>, Vec<Value>) {
    let work = tempdir().unwrap();
    let [folder, out] = ["in", "out"].map(|name| work.path().join(name));
    fs::create_dir(&folder).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
    run(&["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", sampler]);
    (jsonl(&out.join("parts.jsonl")), jsonl(&out.join("items.jsonl")))
}

pub(crate) fn of<'r>(rows: &'r [Value], name: &str) -> Vec<&'r Value> {
    rows.iter().filter(|row| row["item_id"] == name).collect()
}

pub(crate) fn note<'i>(item: &'i Value, code: &str) -> Option<&'i str> {
    item["notes"].as_array()?.iter().find(|note| note["code"] == code)?["message"].as_str()
}

/// The transport stream with a share of the packets of one stream encrypted, as a receiver keeps what it has no key for.
fn scrambled(clear: &[u8], stream: u16, share: std::ops::Range<f64>) -> Vec<u8> {
    let (mut bytes, mut noise) = (clear.to_vec(), 5);
    let count = bytes.len() / 188;
    let within = |packet: usize| share.contains(&(packet as f64 / count as f64));
    for (_, packet) in bytes.chunks_exact_mut(188).enumerate().filter(|(number, _)| within(*number)) {
        if u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff == stream && packet[3] & 0x10 != 0 {
            let content = if packet[3] & 0x20 != 0 { 5 + usize::from(packet[4]) } else { 4 };
            packet[3] |= 0x80;
            packet[content..].iter_mut().for_each(|byte| *byte = crate::support::next(&mut noise) as u8);
        }
    }
    bytes
}

const FIRST: u16 = 0x100;

#[test]
fn a_broadcast_without_its_key_is_refused_by_that_name_and_what_is_clear_is_shown() {
    let film = |codec: &str| made("film.ts", &[&PICTURES[..], &["-c:v", codec, "-g", "25", "-bf", "0"]].concat());
    let sound = made("sound.ts", &[&SOUND[..], &["-c:a", "mp2"]].concat());
    let films = [("h264", film("libx264")), ("mpeg2", film("mpeg2video"))];
    for (codec, clear) in &films {
        let (parts, items) = prepared(
            "linspace:1000",
            &[
                ("all.ts", scrambled(clear, FIRST, 0.0..1.0)),
                ("clear.ts", clear.clone()),
                ("from_middle.ts", scrambled(clear, FIRST, 0.5..1.0)),
                ("in_middle.ts", scrambled(clear, FIRST, 0.4..0.5)),
                ("sound.ts", scrambled(&sound, FIRST, 0.0..1.0)),
                ("sound_from_middle.ts", scrambled(&sound, FIRST, 0.5..1.0)),
            ],
        );
        for name in ["all.ts", "sound.ts"] {
            let row = of(&parts, name)[0];
            assert_eq!((&row["outcome"], &row["reason"]), (&"media_rejected".into(), &"unsupported".into()), "{codec}: {row}");
            assert!(row["message"].as_str().unwrap().contains("encrypted"), "{codec}: {row}");
        }
        let whole = of(&parts, "clear.ts");
        assert_eq!(whole.len(), 100);
        for name in ["from_middle.ts", "in_middle.ts"] {
            let (shown, item) = (of(&parts, name), of(&items, name)[0]);
            let said = note(item, "encrypted").unwrap_or_else(|| panic!("{codec} {name}: {item}"));
            assert!(said.contains("first of them at byte"), "{said}");
            assert!(shown.len() > 30 && shown.len() < 100, "{codec} {name}: {} frames", shown.len());
            let marked = |row: &&&Value| row["damaged"] == true || row["substituted"] == true;
            let others: Vec<_> =
                shown.iter().filter(|row| !marked(row) && !whole.iter().any(|whole| whole["sha256"] == row["sha256"])).collect();
            assert!(others.is_empty(), "{codec} {name}: frames pass for clear that are not: {others:?}");
        }
        let (ends, passes) = (of(&items, "from_middle.ts")[0], of(&items, "in_middle.ts")[0]);
        assert_eq!((&ends["truncated_at"], passes["truncated_at"].is_null()), (&ends["duration"], true), "{codec}");
        assert!(note(ends, "encrypted").unwrap().contains("what is clear ends after"));
        assert!(note(of(&items, "clear.ts")[0], "encrypted").is_none());
        let heard = of(&items, "sound_from_middle.ts")[0];
        assert!(note(heard, "encrypted").is_some() && note(heard, "truncated").is_some_and(|why| why.contains("encrypted")), "{heard}");
        let end = heard["truncated_at"].as_f64().unwrap();
        assert!((1.5..2.5).contains(&end), "{heard}");
    }
}

/// The MP4 `clear`, whose list of tracks comes last, with another name for the first description of samples that has the name `old`, and in it the old one.
fn protected(clear: &[u8], old: [u8; 4], new: [u8; 4]) -> Vec<u8> {
    let number = |at: usize| u32::from_be_bytes(clear[at..at + 4].try_into().unwrap());
    let last = |kind: &[u8], end: usize| clear[..end].windows(4).rposition(|window| window == kind).unwrap();
    let entry = last(&old, clear.len()) - 4;
    let end = entry + number(entry) as usize;
    let scheme = [&[0, 0, 0, 20][..], b"sinf", &[0, 0, 0, 12], b"frma", &old].concat();
    let mut bytes = [&clear[..entry + 4], &new, &clear[entry + 8..end], &scheme, &clear[end..]].concat();
    for kind in [&b"stsd"[..], b"stbl", b"minf", b"mdia", b"trak", b"moov"] {
        let at = last(kind, entry) - 4;
        bytes[at..at + 4].copy_from_slice(&(number(at) + 20).to_be_bytes());
    }
    bytes[entry..entry + 4].copy_from_slice(&(number(entry) + 20).to_be_bytes());
    bytes
}

/// The Matroska file, whose track is said to be encrypted in the place of its language.
fn said_of_track(clear: &[u8]) -> Vec<u8> {
    let encryption = b"\x6d\x80\x8a\x62\x40\x87\x50\x33\x81\x01\x50\x35\x80"; // an encoding, of the kind of encryption
    let language = clear.windows(7).position(|window| window == b"\x22\xb5\x9c\x83und").expect("the track has a language");
    let before = |kind: &[u8]| clear[..language].windows(kind.len()).rposition(|window| window == kind).unwrap() + kind.len();
    let mut bytes = [&clear[..language], &encryption[..], &clear[language + 7..]].concat();
    // The list of tracks and the track, each with its size behind its id, grow by six bytes.
    for at in [before(b"\x16\x54\xae\x6b"), before(b"\xae\x01\0\0\0\0\0\0") - 7] {
        let length = clear[at].leading_zeros() as usize + 1;
        bytes[at + length - 1] += 6;
    }
    bytes
}

/// The ASF file with one more object in its header.
fn with_protection(clear: &[u8]) -> Vec<u8> {
    let object = [&b"\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e"[..], &40_u64.to_le_bytes(), &[0; 16]].concat();
    let mut bytes = [&clear[..30], &object, &clear[30..]].concat();
    let length = u64::from_le_bytes(clear[16..24].try_into().unwrap()) + 40;
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    bytes[24] += 1;
    bytes
}

#[test]
fn what_headers_call_encrypted_is_refused_by_that_name() {
    let with_sound = |name: &str, more: &[&str]| made(name, &[&PICTURES[..4], &SOUND, &PICTURES[4..], more].concat());
    let film = with_sound("film.mp4", &["-c:v", "libx264", "-c:a", "aac"]);
    let song = made("song.m4a", &[&SOUND[..], &["-c:a", "aac"]].concat());
    let key = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "00112233445566778899aabbccddeeff", "-encryption_kid"];
    let (parts, _) = prepared(
        "uniform:2",
        &[
            ("cenc.m4a", made("song.m4a", &[&SOUND[..], &["-c:a", "aac"], &key, &["ffeeddccbbaa99887766554433221100"]].concat())),
            ("drmi.mp4", protected(&film, *b"avc1", *b"drmi")),
            ("drms.m4a", protected(&song, *b"mp4a", *b"drms")),
            ("enca.m4a", protected(&song, *b"mp4a", *b"enca")),
            ("encv.mp4", protected(&film, *b"avc1", *b"encv")),
            ("song.mka", said_of_track(&made("song.mka", &[&SOUND[..], &["-c:a", "aac"]].concat()))),
            ("film.mkv", said_of_track(&made("film.mkv", &[&PICTURES[..], &["-c:v", "libx264"]].concat()))),
            ("film.wmv", with_protection(&with_sound("film.wmv", &["-c:v", "wmv2", "-c:a", "wmav2"]))),
            ("song.wma", with_protection(&made("song.wma", &[&SOUND[..], &["-c:a", "wmav2"]].concat()))),
        ],
    );
    assert_eq!(parts.len(), 9, "{parts:?}");
    for row in &parts {
        assert_eq!((&row["outcome"], &row["reason"]), (&"media_rejected".into(), &"unsupported".into()), "{row}");
        assert!(row["message"].as_str().unwrap().contains("encrypted"), "{row}");
    }
    // Only what is asked for counts.
    let (parts, _) = prepared("uniform:2", &[("enca.mp4", protected(&film, *b"mp4a", *b"enca")), ("film.mp4", film)]);
    assert!(parts.len() == 4 && parts.iter().all(|row| row["width"] == 320), "{parts:?}");
}

/// The Ogg file without the page of pictures that comes after a share of it.
fn without_page(ogg: &[u8], share: f64) -> Vec<u8> {
    let pictures = &ogg[14..18];
    let starts: Vec<usize> = (0..ogg.len() - 4).filter(|at| ogg[*at..].starts_with(b"OggS\0")).collect();
    let from = (ogg.len() as f64 * share) as usize;
    let page = starts.iter().position(|at| *at > from && &ogg[at + 14..at + 18] == pictures).unwrap();
    [&ogg[..starts[page]], &ogg[starts[page + 1]..]].concat()
}

#[test]
fn pages_of_pictures_that_are_missing_or_damaged_are_noted() {
    let whole = fs::read(odd_set().join("media/theora.ogv")).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let files = [("damaged.ogv", damaged), ("missing.ogv", without_page(&whole, 0.4)), ("whole.ogv", whole)];
    let (parts, items) = prepared("linspace:1000", &files);
    let pages = |name: &str| note(of(&items, name)[0], "holes").is_some_and(|said| said.contains("1 Ogg pages"));
    assert_eq!(["damaged.ogv", "missing.ogv", "whole.ogv"].map(pages), [true, true, false], "{items:?}");
    let whole = of(&parts, "whole.ogv");
    let missing = of(&parts, "missing.ogv");
    let passing = missing.iter().filter(|row| row["damaged"] != true && !whole.iter().any(|whole| whole["sha256"] == row["sha256"]));
    assert_eq!((whole.len(), passing.count()), (150, 0));
    assert!(missing.iter().any(|row| row["damaged"] == true));
}

#[test]
fn a_length_that_the_times_of_a_track_do_not_bear_out_is_noted() {
    let film = made("film.mp4", &[&PICTURES[..], &["-c:v", "libx264"]].concat());
    let song = made("song.m4a", &[&SOUND[..], &["-c:a", "aac"]].concat());
    let lying = |whole: &[u8], factor: u32| {
        let at = whole.windows(4).position(|window| window == b"mdhd").unwrap();
        let (mut bytes, length) = (whole.to_vec(), at + 20..at + 24);
        let ticks = u32::from_be_bytes(bytes[length.clone()].try_into().unwrap());
        bytes[length].copy_from_slice(&(ticks / 4 * factor).to_be_bytes());
        bytes
    };
    let cut = made("cut.mp4", &["-ss", "1.3", "-i", odd_set().join("media/longgop.mp4").to_str().unwrap(), "-c", "copy"]);
    let files = [
        ("cut.mp4", cut),
        ("long.m4a", lying(&song, 3600)),
        ("long.mp4", lying(&film, 3600)),
        ("short.mp4", lying(&film, 1)),
        ("whole.m4a", song),
        ("whole.mp4", film),
    ];
    let (_, items) = prepared("uniform:2", &files);
    let said = |name: &str| note(of(&items, name)[0], "header_duration_differs").map(str::to_owned);
    assert_eq!(said("long.mp4").as_deref(), Some("the header says 3600.000 s, the frames last 4.000 s"), "{items:?}");
    assert_eq!(said("short.mp4").as_deref(), Some("the header says 1.000 s, the frames last 4.000 s"), "{items:?}");
    assert!(said("long.m4a").is_some_and(|said| said.contains("the header of the track says 36")), "{items:?}");
    assert_eq!((said("whole.mp4"), said("cut.mp4"), said("whole.m4a")), (None, None, None), "{items:?}");
}

/// Upright by Pillow for all but bytes, and for all that hold one whole number here.
#[test]
fn a_picture_is_turned_by_its_first_exif_whatever_number_it_is() {
    let upright = made("picture.jpg", &["-f", "lavfi", "-i", "testsrc2=size=64x32", "-frames:v", "1", "-q:v", "2"]);
    let exif = |kind: u8, value: u8| {
        let tiff = [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01"[..], &[kind, 0, 1, 0, 0, 0, value, 0, 0, 0], &[0; 4]].concat();
        [&[0xff, 0xe1, 0, tiff.len() as u8 + 2][..], &tiff].concat()
    };
    let with = |segments: &[Vec<u8>]| [&upright[..2], &segments.concat(), &upright[2..]].concat();
    let files = [
        ("byte.jpg", with(&[exif(1, 6)])),
        ("first_1.jpg", with(&[exif(3, 1), exif(3, 6)])),
        ("first_6.jpg", with(&[exif(3, 6), exif(3, 1)])),
        ("long.jpg", with(&[exif(4, 6)])),
        ("none.jpg", upright.clone()),
        ("short.jpg", with(&[exif(3, 6)])),
    ];
    let (parts, _) = prepared("uniform:2", &files);
    let sizes: Vec<_> = parts.iter().map(|row| (row["width"].as_u64().unwrap(), row["height"].as_u64().unwrap())).collect();
    assert_eq!(sizes, [(32, 64), (64, 32), (32, 64), (32, 64), (64, 32), (32, 64)], "{parts:?}");
}

/// Chromium shows all of a first frame, however small the canvas is said to be.
#[test]
fn a_canvas_holds_its_first_frame() {
    let whole = made("moves.gif", &["-f", "lavfi", "-i", "testsrc2=size=64x32:rate=5:duration=1"]);
    let with = |width: u8, height: u8| [&whole[..6], &[width, 0, height, 0], &whole[10..]].concat();
    let (parts, items) = prepared("first", &[("none.gif", with(0, 0)), ("small.gif", with(16, 16)), ("whole.gif", whole.clone())]);
    assert!(items.iter().all(|item| item["dimensions"] == serde_json::json!([64, 32]) && item["frames_total"] == 5), "{items:?}");
    let pictures = |name: &str| of(&parts, name).into_iter().map(|row| row["sha256"].clone()).collect::<Vec<_>>();
    assert!(
        pictures("whole.gif").len() == 4 && pictures("none.gif") == pictures("whole.gif") && pictures("small.gif") == pictures("whole.gif")
    );
}

/// Chroma of half the width and height has one sample for such a row or column.
#[test]
fn pictures_of_one_row_or_column_keep_their_colour() {
    let red = |size: &str, name: &str, more: &[&str]| {
        let (large, small) =
            ("color=red:size=66x66:rate=5:duration=1,format=yuv444p".to_owned(), format!("crop={}:0:0", size.replace('x', ":")));
        made(name, &[&["-f", "lavfi", "-i", &large, "-vf", &small][..], more].concat())
    };
    let half = |pixels: &'static str| ["-frames:v", "1", "-pix_fmt", pixels, "-q:v", "1"];
    let film = ["-pix_fmt", "yuv444p", "-c:v", "libvpx-vp9", "-lossless", "1"];
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for size in ["1x1", "1x33", "33x1", "2x2"] {
        files.push((format!("{size}.jpg"), red(size, "a.jpg", &half("yuvj444p"))));
        files.push((format!("{size}.png"), red(size, "a.png", &half("rgb24"))));
        files.push((format!("{size}.webm"), red(size, "a.webm", &film)));
    }
    for (size, pixels) in [("2x34", "yuvj420p"), ("34x2", "yuvj420p"), ("1x34", "yuvj440p"), ("34x1", "yuvj422p")] {
        files.push((format!("{size}_{pixels}.jpg"), red(size, "a.jpg", &half(pixels))));
    }
    files.push(("2x34.mp4".to_owned(), red("2x34", "a.mp4", &["-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "1"])));
    let work = tempdir().unwrap();
    let [folder, out] = ["in", "out"].map(|name| work.path().join(name));
    fs::create_dir(&folder).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
    run(&["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", "first"]);
    let parts = jsonl(&out.join("parts.jsonl"));
    assert_eq!(parts.len(), files.len(), "{parts:?}");
    for part in parts {
        let picture = image::open(out.join(part["path"].as_str().unwrap_or_else(|| panic!("{part}")))).unwrap().to_rgb8();
        let odd = picture.pixels().find(|pixel| pixel[0] < 245 || pixel[1] > 10 || pixel[2] > 10);
        assert!(odd.is_none(), "{}: {odd:?}", part["item_id"]);
    }
}

/// What a judge was not shown is a warning of the run.
#[test]
fn a_run_warns_of_what_was_encrypted() {
    let clear = made("film.ts", &[&PICTURES[..], &["-c:v", "libx264", "-g", "25", "-bf", "0"]].concat());
    let (work, judge) = (tempdir().unwrap(), crate::mock::MockJudge::start(crate::mock::Manner::Verdict(5, std::time::Duration::ZERO)));
    let [folder, run] = ["in", "run"].map(|name| work.path().join(name));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("film.ts"), scrambled(&clear, FIRST, 0.5..1.0)).unwrap();
    let done = json_to(0, &["score", folder.to_str().unwrap(), "--judge", &judge.spec(), "-o", run.to_str().unwrap()]);
    let warnings = done["summary"]["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["code"] == "media_salvaged"), "{warnings:?}");
}
