//! Odd files again: where they end, how long they last, and what a few of their frames tell of the rest.

use serde_json::Value;

use crate::odd_said::{PICTURES, SOUND, made, note, of, prepared};

/// What a browser or a server records: neither the segment nor its clusters know how long they are.
#[test]
fn a_live_recording_that_breaks_off_amid_a_block_says_so() {
    let film = made("film.webm", &[&PICTURES[..], &["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-live", "1"]].concat());
    let sound = made("sound.webm", &[&SOUND[..], &["-c:a", "libopus", "-live", "1"]].concat());
    let known =
        film.windows(4).position(|window| window == b"\x18\x53\x80\x67").map(|at| film[at + 5..at + 12].iter().all(|byte| *byte == 0xff));
    assert_eq!(known, Some(true), "the segment is of a size that is not known");
    let cut = |whole: &[u8]| whole[..whole.len() * 3 / 5].to_vec();
    let files = [("cut.webm", cut(&film)), ("cut_sound.webm", cut(&sound)), ("film.webm", film), ("sound.webm", sound)];
    let (_, items) = prepared("uniform:4", &files);
    for (name, code) in [("cut.webm", "broken_off"), ("cut_sound.webm", "truncated")] {
        let item = of(&items, name)[0];
        assert!((1.5..3.5).contains(&item["truncated_at"].as_f64().unwrap_or(0.0)), "{item}");
        assert!(note(item, code).is_some_and(|said| said.contains("the last element is cut")), "{item}");
    }
    for name in ["film.webm", "sound.webm"] {
        let item = of(&items, name)[0];
        assert!(item["truncated_at"].is_null() && item["notes"].as_array().is_none_or(Vec::is_empty), "{item}");
    }
}

/// Each frame has a fragment of its own; the last one's says that it lasts five seconds.
#[test]
fn the_last_frame_of_fragments_lasts_as_long_as_they_say() {
    let flags = ["-c:v", "libx264", "-bf", "0", "-movflags", "+frag_every_frame+empty_moov+default_base_moof"];
    let mut film = made("film.mp4", &[&PICTURES[..], &flags].concat());
    let usual = film.clone();
    let last = film.windows(4).rposition(|window| window == b"tfhd").unwrap();
    let flags = u32::from_be_bytes(film[last + 4..last + 8].try_into().unwrap());
    assert_eq!(flags & 0x0b, 8, "it says how long a sample lasts, and nothing before it");
    film[last + 12..last + 16].copy_from_slice(&(5 * 12_800_u32).to_be_bytes());
    let (_, items) = prepared("uniform:4", &[("film.mp4", film), ("usual.mp4", usual)]);
    for (name, lasting) in [("film.mp4", 3.96 + 5.0), ("usual.mp4", 4.0)] {
        let item = of(&items, name)[0];
        assert!((item["duration"].as_f64().unwrap() - lasting).abs() < 0.002, "{item}");
        assert!(item["notes"].as_array().is_none_or(Vec::is_empty), "{item}");
    }
}

/// Encoders choose frames that nothing refers to by how little moves: those that are decoded for a few pictures are no sample of all.
#[test]
fn a_few_frames_do_not_pass_for_how_much_stands_still() {
    let slow = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=8:duration=5", "-r", "24", "-pix_fmt", "yuv420p"];
    let film = made("film.mp4", &[&slow[..], &["-c:v", "libx264", "-crf", "18", "-g", "60"]].concat());
    let signals = |sampler: &str| -> Value { prepared(sampler, &[("film.mp4", film.clone())]).1.remove(0)["video"].clone() };
    let all = signals("motion:3");
    let (share, motion) = (all["frozen_share"].as_f64().unwrap(), all["motion"].as_f64().unwrap());
    assert!(share > 0.5 && all["pairs_seen"] == 119, "{all}");
    for sampler in ["uniform:4", "uniform:8", "middle"] {
        let few = signals(sampler);
        assert!(few["frozen_share"].as_f64().is_none_or(|few| (few - share).abs() < 0.1), "{sampler}: {few}, all: {all}");
        assert!(few["motion"].as_f64().is_none_or(|few| (few / motion - 1.0).abs() < 0.3), "{sampler}: {few}, all: {all}");
    }
}

/// The Matroska file with another length in milliseconds in its header.
fn lasting(file: &[u8], milliseconds: f64) -> Vec<u8> {
    let mut bytes = file.to_vec();
    let at = bytes.windows(3).position(|window| window == b"\x44\x89\x88").unwrap() + 3;
    bytes[at..at + 8].copy_from_slice(&milliseconds.to_be_bytes());
    bytes
}

#[test]
fn a_length_that_counts_from_the_first_frame_or_to_the_last_is_no_lie() {
    let made = |rate: &str, more: &[&str]| {
        let source = format!("testsrc2=size=320x240:rate={rate}:duration=4");
        let args = ["-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "0"];
        made("film.mkv", &[&args[..], more].concat())
    };
    let (late, slow) = (made("25", &["-output_ts_offset", "2"]), made("2", &[]));
    let files = [
        ("from_first.mkv", lasting(&late, 4000.0)),
        ("from_zero.mkv", lasting(&late, 6000.0)),
        ("neither.mkv", lasting(&late, 9000.0)),
        ("to_last.mkv", lasting(&slow, 3500.0)),
        ("too_short.mkv", lasting(&slow, 3000.0)),
    ];
    let (_, items) = prepared("uniform:4", &files);
    let said = |name: &str| note(of(&items, name)[0], "header_duration_differs");
    assert_eq!(["from_first.mkv", "from_zero.mkv", "to_last.mkv"].map(said), [None; 3]);
    assert_eq!(said("neither.mkv"), Some("the header says 9.000 s, 7.000 s from the first frame on, the frames last 4.000 s"));
    assert_eq!(said("too_short.mkv"), Some("the header says 3.000 s, the frames last 4.000 s"));
}

#[test]
fn a_wav_behind_a_wav_is_said() {
    let one = made("one.wav", &SOUND);
    let (_, items) = prepared("uniform:4", &[("one.wav", one.clone()), ("two.wav", one.repeat(2))]);
    assert_eq!(note(of(&items, "one.wav")[0], "goes_on_elsewhere"), None);
    let said = note(of(&items, "two.wav")[0], "goes_on_elsewhere").unwrap();
    assert!(said.contains(&format!("another file begins at byte {}", one.len())), "{said}");
}
