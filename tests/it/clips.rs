//! Clips that are made here: too large, encrypted, cut within a packet, or going on in another stream.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{jsonl, run};

/// Makes a clip of one second with the ffmpeg tool.
fn clip(size: &str, codec: &str, format: &str) -> Vec<u8> {
    clip_with(size, codec, format, &[])
}

fn clip_with(size: &str, codec: &str, format: &str, more: &[&str]) -> Vec<u8> {
    let source = format!("testsrc2=size={size}:rate=10:duration=1");
    let args = ["-v", "error", "-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p", "-c:v", codec, "-preset", "ultrafast"];
    let dir = tempdir().unwrap();
    let path = dir.path().join(format!("clip.{format}"));
    let made = Command::new("ffmpeg").args(args).args(more).arg(&path).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::read(path).unwrap()
}

#[test]
fn a_video_is_admitted_by_the_pictures_that_its_decoder_holds() {
    let (work, small, large) = (tempdir().unwrap(), "320x240", "640x480");
    let folder = work.path().join("in");
    fs::create_dir(&folder).unwrap();
    let [before, behind] = [small, large].map(|size| clip(size, "libx264", "ts"));
    for (name, bytes) in [
        ("grows.ts", [&before[..], &behind].concat()),
        ("large.mp4", clip(large, "libx264", "mp4")),
        ("large_hevc.mkv", clip(large, "libx265", "mkv")),
        ("small.ts", before),
        ("small_hevc.mp4", clip(small, "libx265", "mp4")),
    ] {
        fs::write(folder.join(name), bytes).unwrap();
    }
    let prepare = |limits: &str| {
        let (out, config) = (work.path().join("out"), work.path().join("tribunal.toml"));
        fs::write(&config, format!("[limits.media]\n{limits}\n")).unwrap();
        let _ = fs::remove_dir_all(&out);
        let paths = [&folder, &out, &config].map(|path| path.to_str().unwrap().to_owned());
        run(&["prepare", &paths[0], "-o", &paths[1], "--config", &paths[2], "--sampler", "uniform:2"]);
        let rows = jsonl(&out.join("parts.jsonl"));
        move |name: &str| -> Vec<Value> { rows.iter().filter(|row| row["item_id"] == name).cloned().collect() }
    };
    // Ten pictures of the small size and two and a half of the large one; the codecs' most is twenty.
    let rows = prepare("decode_bytes = 1_200_000");
    for name in ["small.ts", "small_hevc.mp4"] {
        assert!(rows(name).len() == 2 && rows(name).iter().all(|row| row["width"] == 320), "{:?}", rows(name));
    }
    for name in ["grows.ts", "large.mp4", "large_hevc.mkv"] {
        let row = &rows(name)[0];
        assert_eq!((&row["outcome"], &row["reason"]), (&"media_rejected".into(), &"over_limit".into()), "{row}");
    }
    // Nothing is decoded of what is refused by its header.
    let rows = prepare("decode_bytes = 1_200_000\nframes = 0");
    for (name, what) in [("large.mp4", "memory for decoding"), ("large_hevc.mkv", "memory for decoding"), ("small.ts", "decoded frames")] {
        assert!(rows(name)[0]["message"].as_str().unwrap().contains(what), "{:?}", rows(name));
    }
    let rows = prepare("decode_bytes = 12_000_000");
    assert_eq!(rows("grows.ts").len(), 2, "{:?}", rows("grows.ts"));
}

/// Prepares clips under their names; the rows of `parts.jsonl` and `items.jsonl`.
fn prepared(clips: &[(&str, Vec<u8>)]) -> (Vec<Value>, Vec<Value>) {
    prepared_by("uniform:2", clips)
}

fn prepared_by(sampler: &str, clips: &[(&str, Vec<u8>)]) -> (Vec<Value>, Vec<Value>) {
    let work = tempdir().unwrap();
    let [folder, out] = ["in", "out"].map(|name| work.path().join(name));
    fs::create_dir(&folder).unwrap();
    clips.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
    run(&["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--sampler", sampler]);
    (jsonl(&out.join("parts.jsonl")), jsonl(&out.join("items.jsonl")))
}

#[test]
fn a_refusal_of_much_sound_says_what_makes_it_fit() {
    let work = tempdir().unwrap();
    let [folder, config] = ["in", "tribunal.toml"].map(|name| work.path().join(name));
    fs::create_dir(&folder).unwrap();
    let source = "sine=frequency=440:duration=60:sample_rate=16000";
    let path = folder.join("long.wav");
    let made = Command::new("ffmpeg").args(["-v", "error", "-f", "lavfi", "-i", source]).arg(path).status().unwrap();
    assert!(made.success());
    let prepare = |settings: &str| {
        fs::write(&config, settings).unwrap();
        let out = work.path().join("out");
        let _ = fs::remove_dir_all(&out);
        run(&["prepare", folder.to_str().unwrap(), "-o", out.to_str().unwrap(), "--config", config.to_str().unwrap()]);
        jsonl(&out.join("parts.jsonl"))
    };
    let limit = "[limits]\nreply_bytes = 1_500_000\n"; // a minute is 1.9 MB
    let refused = &prepare(limit)[0];
    assert_eq!(refused["reason"], "over_limit", "{refused}");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("`sound = \"flac\"`") && message.contains("[recipe]") && message.contains("`reply_bytes`"), "{message}");
    for heeded in [format!("{limit}[recipe]\nsound = \"flac\"\n"), "[limits]\nreply_bytes = 3_000_000\n".to_owned()] {
        let parts = prepare(&heeded);
        assert_eq!(parts.last().unwrap()["end"], 60.0, "{heeded}: {parts:?}");
    }
}

#[test]
fn what_is_encrypted_is_refused_by_that_name() {
    let key = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "00112233445566778899aabbccddeeff", "-encryption_kid"];
    let more = [&key[..], &["ffeeddccbbaa99887766554433221100"]].concat();
    let clips = [("a.mp4", "libx264"), ("b.mp4", "libx265"), ("c.mp4", "mpeg4")];
    let (rows, _) = prepared(&clips.map(|(name, codec)| (name, clip_with("320x240", codec, "mp4", &more))));
    assert_eq!(rows.len(), 3, "{rows:?}");
    for row in rows {
        assert_eq!((&row["outcome"], &row["reason"]), (&"media_rejected".into(), &"unsupported".into()), "{row}");
        assert!(row["message"].as_str().unwrap().contains("encrypted"), "{row}");
    }
}

#[test]
fn a_broadcast_that_goes_on_in_another_stream_says_so() {
    let clip = |more: &[&str]| clip_with("320x240", "libx264", "ts", more);
    let first = clip(&[]);
    let later = clip(&["-output_ts_offset", "1", "-mpegts_start_pid", "0x300"]);
    let elsewhere = clip(&["-output_ts_offset", "1", "-mpegts_start_pid", "0x300", "-mpegts_pmt_start_pid", "0x200"]);
    let same = clip(&["-output_ts_offset", "1"]);
    let restarted = clip(&["-mpegts_start_pid", "0x300"]);
    let long = clip(&["-vf", "tpad=stop_mode=clone:stop_duration=12"]);
    let lasting = clip(&["-vf", "tpad=stop_mode=clone:stop_duration=2", "-mpegts_start_pid", "0x300"]);
    let rare = clip(&["-map", "0:v", "-map", "0:v", "-filter:v:0", "fps=1,tpad=stop_mode=clone:stop_duration=9", "-filter:v:1", "fps=30"]);
    let map_alone = &later[..3 * 188];
    let (_, items) = prepared(&[
        ("and_back.ts", [&long[..], &later, &first].concat()),
        ("and_soon_back.ts", [&first[..], &lasting, &first].concat()),
        ("at_once.ts", clip(&["-map", "0:v", "-map", "0:v"])),
        ("clock_restarts.ts", [&first[..], &restarted].concat()),
        ("elsewhere.ts", [&first[..], &elsewhere].concat()),
        ("empty.ts", [&first[..], map_alone].concat()),
        ("later.ts", [&first[..], &later].concat()),
        ("rare.ts", rare),
        ("same.ts", [&first[..], &same].concat()),
    ]);
    let told = |item: &Value| item.to_string().contains("goes_on_elsewhere");
    let told: Vec<_> = items.iter().map(|item| (item["item_id"].as_str().unwrap(), told(item))).collect();
    let expected = [
        ("and_back.ts", true),
        ("and_soon_back.ts", true),
        ("at_once.ts", false),
        ("clock_restarts.ts", true),
        ("elsewhere.ts", true),
        ("empty.ts", false),
        ("later.ts", true),
        ("rare.ts", false),
        ("same.ts", false),
    ];
    assert_eq!(told, expected, "{items:?}");
}

#[test]
fn fragments_and_files_that_follow_where_none_should_are_noted() {
    let fragmented = clip_with("320x240", "libx264", "mp4", &["-g", "5", "-movflags", "frag_keyframe+empty_moov"]);
    let starts = fragmented.windows(4).enumerate().filter(|(_, window)| window == b"moof").map(|(at, _)| at - 4);
    let [first, second] = starts.take(2).collect::<Vec<_>>()[..] else { panic!("{} bytes", fragmented.len()) };
    let flash = clip("320x240", "flv1", "flv");
    let (_, items) = prepared(&[
        ("joined.flv", flash.repeat(2)),
        ("overlap.mp4", [&fragmented[..], &fragmented[first..second]].concat()),
        ("whole.flv", flash),
        ("whole.mp4", fragmented),
    ]);
    let codes = |item: &Value| {
        let codes = item["notes"].as_array().unwrap().iter().map(|note| note["code"].as_str().unwrap().to_owned());
        codes.filter(|code| !code.starts_with("header_")).collect::<Vec<_>>()
    };
    let told: Vec<_> = items.iter().map(|item| (item["item_id"].as_str().unwrap(), codes(item).join(" "))).collect();
    let expected = [("joined.flv", "goes_on_elsewhere"), ("overlap.mp4", "fragments_overlap"), ("whole.flv", ""), ("whole.mp4", "")];
    assert_eq!(told.iter().map(|(name, codes)| (*name, codes.as_str())).collect::<Vec<_>>(), expected, "{items:?}");
}

/// Where fragments say at which byte of the file theirs are, one that comes again moves what follows; and behind a jump libav reads others.
#[test]
fn no_frame_passes_for_another_where_fragments_are_moved() {
    let whole = clip_with("320x240", "libx264", "mp4", &["-g", "3", "-movflags", "frag_keyframe+empty_moov"]);
    let starts = whole.windows(4).enumerate().filter(|(_, window)| window == b"moof").map(|(at, _)| at - 4);
    let [first, second, third, ..] = starts.collect::<Vec<_>>()[..] else { panic!("{} bytes", whole.len()) };
    let moved = [&whole[..third], &whole[first..second], &whole[third..]].concat();
    let (rows, _) = prepared_by("linspace:20", &[("moved.mp4", moved), ("whole.mp4", whole)]);
    let of = |name: &str| rows.iter().filter(|row| row["item_id"] == name).collect::<Vec<_>>();
    let whole = of("whole.mp4");
    assert_eq!(whole.len(), 10);
    for row in of("moved.mp4") {
        let is_marked = row["substituted"] == true || row["damaged"] == true;
        assert!(is_marked || whole.iter().any(|whole| (&whole["t"], &whole["sha256"]) == (&row["t"], &row["sha256"])), "{row}");
    }
}

#[test]
fn a_recording_may_begin_within_a_packet() {
    let whole = clip("320x240", "mpeg4", "ts"); // which nothing else tells from its middle
    let (rows, _) = prepared(&[("cut.ts", whole[100..].to_vec()), ("noise.ts", vec![0x11; 188 * 40])]);
    assert!(rows[0]["width"] == 320 && rows[1]["width"] == 320, "{rows:?}");
    assert_eq!(rows[2]["reason"], "not_media", "{rows:?}");
}

#[test]
fn a_recording_may_begin_within_a_picture() {
    let short = |codec: &str, format: &str| clip_with("320x240", codec, format, &["-g", "5", "-r", "25"]);
    let whole = [("a.mpg", "mpeg2video"), ("b.mpg", "mpeg1video"), ("c.m2v", "mpeg2video"), ("d.h264", "libx264"), ("e.hevc", "libx265")];
    let whole = whole.map(|(name, codec)| (name, short(codec, &name[2..])));
    let cut = |from: usize, name: &'static str, bytes: &[u8]| (name, bytes[from..].to_vec());
    for from in [10, 100, 3000] {
        let (rows, items) = prepared(&whole.each_ref().map(|(name, bytes)| cut(from, name, bytes)));
        assert_eq!(rows.len(), 2 * whole.len(), "{from}: {rows:?}");
        assert!(rows.iter().all(|row| row["width"] == 320 && row["damaged"] != true), "{from}: {rows:?}");
        // Twenty of 25 pictures come behind the first and those that refer to it; a little further in front there are headers that come again.
        assert!(items.iter().all(|item| item["frames_total"] == 20 || from < 3000 && item["frames_total"] == 25), "{from}: {items:?}");
    }
    // What merely holds such bytes is no recording.
    let holding = |bytes: &[u8]| [&[7; 999][..], &bytes[..40], &[7; 9000]].concat();
    let (rows, _) = prepared(&whole.each_ref().map(|(name, bytes)| (*name, holding(bytes))));
    assert!(rows.iter().all(|row| row["outcome"] == "media_rejected"), "{rows:?}");
}
