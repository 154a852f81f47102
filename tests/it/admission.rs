//! What is too large to decode is refused by arithmetic, by what the file says of itself: before the first frame, and where it changes on the way.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{jsonl, run};

/// Makes a clip of one second with the ffmpeg tool.
fn clip(size: &str, codec: &str, format: &str) -> Vec<u8> {
    let source = format!("testsrc2=size={size}:rate=10:duration=1");
    let args = ["-v", "error", "-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p", "-c:v", codec, "-preset", "ultrafast"];
    let dir = tempdir().unwrap();
    let path = dir.path().join(format!("clip.{format}"));
    let made = Command::new("ffmpeg").args(args).arg(&path).output().unwrap();
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
