//! Media that nobody meant to be decoded: files that broke other decoders, and thousands of our own, altered in structure and in bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::tempdir;
use tribunal::sandbox::{Job, Pool, Settings};
use tribunal_media::{Digest, FrameView, Modality, PartHeader, Recipe, SoundSpec, sniff};

use crate::damage::{NEVER, seeds};
use crate::support::{first_case, next, root, sized};

/// Where the parts of a file are that one can take out, double or exchange, by the file's own structure.
fn pieces(bytes: &[u8]) -> Vec<Range<usize>> {
    let word = |at: usize| bytes.get(at..at + 4).map_or(0, |word| u32::from_be_bytes(word.try_into().unwrap()) as usize);
    let little = |at: usize| bytes.get(at..at + 4).map_or(0, |word| u32::from_le_bytes(word.try_into().unwrap()) as usize);
    let walk = |start: usize, length: &dyn Fn(usize) -> usize| {
        let (mut found, mut at) = (Vec::new(), start);
        while at < bytes.len() && found.len() < 20_000 {
            let end = (at + length(at).max(1)).min(bytes.len());
            found.push(at..end);
            at = end;
        }
        found
    };
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => walk(8, &|at| word(at) + 12),
        [0xff, 0xd8, ..] => walk(2, &|at| {
            if bytes[at] == 0xff && (0xc0..0xff).contains(&bytes.get(at + 1).copied().unwrap_or(0)) {
                2 + (word(at + 2) >> 16)
            } else {
                512
            }
        }),
        [b'R', b'I', b'F', b'F', ..] => {
            walk(12, &|at| if bytes[at..].starts_with(b"LIST") { 12 } else { 8 + little(at + 4).next_multiple_of(2) })
        }
        [b'O', b'g', b'g', b'S', ..] => starts(bytes, b"OggS"),
        [b'f', b'L', b'a', b'C', ..] => walk(4, &|at| if at < 9_000 { 4 + (word(at) & 0xff_ffff) } else { 4_096 }),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => walk(0, &|at| element(&bytes[at..])),
        [0x47, ..] => walk(0, &|_| 188),
        // Boxes hold boxes: those that are mere containers are entered.
        _ if bytes.get(4..8) == Some(&b"ftyp"[..]) => walk(0, &|at| {
            let enters = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"moof", b"traf"];
            if bytes.get(at + 4..at + 8).is_some_and(|kind| enters.iter().any(|name| *name == kind)) { 8 } else { word(at).min(1 << 24) }
        }),
        _ => walk(0, &|_| 256),
    }
}

/// From each place where `magic` stands to the next.
fn starts(bytes: &[u8], magic: &[u8]) -> Vec<Range<usize>> {
    let mut at: Vec<usize> = (0..bytes.len().saturating_sub(magic.len())).filter(|&at| bytes[at..].starts_with(magic)).collect();
    at.push(bytes.len());
    at.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// Length of an EBML element; of a segment or cluster only its head, so that what it holds is reached.
fn element(bytes: &[u8]) -> usize {
    let id = bytes[0].leading_zeros() as usize + 1;
    let Some(&first) = bytes.get(id) else { return bytes.len() };
    let width = first.leading_zeros() as usize + 1;
    let held = bytes
        .get(id + 1..id + width)
        .unwrap_or_default()
        .iter()
        .fold(usize::from(first) & (0xff >> width.min(8)), |size, byte| ((size << 8) | usize::from(*byte)) & 0xff_ffff_ffff);
    let enters = [[0x18, 0x53, 0x80, 0x67], [0x1f, 0x43, 0xb6, 0x75], [0x16, 0x54, 0xae, 0x6b]];
    if bytes.get(..4).is_some_and(|id| enters.iter().any(|enter| enter == id)) { id + width } else { id + width + held }
}

/// Numbers that lengths, counts and sizes are seldom tried with.
const ODD: [u32; 10] = [0, 1, 2, 7, 0x7f, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];

/// Alters `bytes` once or a few times: pieces taken out, doubled, exchanged or moved, their heads given odd numbers, bytes and bits changed.
fn altered(bytes: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=next(state) % 3 {
        let found = pieces(&bytes);
        if found.is_empty() {
            return bytes;
        }
        let mut any = |most: usize| (next(state) % most.max(1) as u64) as usize;
        let (one, other) = (found[any(found.len())].clone(), found[any(found.len())].clone());
        match any(8) {
            0 => drop(bytes.drain(one)),
            1 => {
                let double = bytes[one.clone()].to_vec();
                bytes.splice(one.end..one.end, double);
            }
            2 => {
                let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
                if first.end <= second.start {
                    let (a, b) = (bytes[first.clone()].to_vec(), bytes[second.clone()].to_vec());
                    bytes.splice(second, a);
                    bytes.splice(first, b);
                }
            }
            3 | 4 => {
                let at = one.start + any(one.len().min(64));
                let number = ODD[any(ODD.len())];
                let number = if any(2) == 0 { number.to_be_bytes() } else { number.to_le_bytes() };
                let end = (at + 4).min(bytes.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            5 => bytes.truncate(one.start + any(one.len())),
            6 => {
                for _ in 0..=any(24) {
                    let at = one.start + any(one.len());
                    bytes[at] = any(256) as u8;
                }
            }
            _ => {
                let at = one.start + any(one.len());
                bytes[at] ^= 1 << any(8);
            }
        }
    }
    if bytes.starts_with(b"\x89PNG") && !next(state).is_multiple_of(4) { checked(bytes) } else { bytes }
}

/// A PNG with right checksums, so that what was altered is read at all.
fn checked(mut bytes: Vec<u8>) -> Vec<u8> {
    for piece in pieces(&bytes) {
        if piece.len() >= 12 {
            let mut sum = flate2::Crc::new();
            sum.update(&bytes[piece.start + 4..piece.end - 4]);
            bytes[piece.end - 4..piece.end].copy_from_slice(&sum.sum().to_be_bytes());
        }
    }
    bytes
}

fn recipes(modality: Modality) -> Vec<Recipe> {
    let sampler = || "uniform:3".parse().unwrap();
    vec![match modality {
        Modality::Text => Recipe::Text { max_characters: 10_000 },
        Modality::Image => Recipe::Image { sampler: sampler(), view: FrameView::default() },
        Modality::Video => Recipe::Video { sampler: sampler(), view: FrameView::default(), soundtrack: Some(SoundSpec::default()) },
        Modality::Audio => Recipe::Audio(SoundSpec::default()),
    }]
}

/// Whether the limit of memory ended it where it promises to, a tenth above itself at most: that is what it is for, and seldom needed.
fn stopped_in_time(end: &str, message: &str) -> bool {
    let numbers: Vec<u64> = message.split(|char: char| !char.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    end == "over_memory" && matches!(numbers[..], [used, limit] if used * 10 <= limit * 11)
}

/// Runs `make(0..count)` through one pool on two threads; how jobs ended, and those that took a worker down.
fn through(count: usize, make: impl Fn(usize) -> (String, Modality, Vec<u8>) + Sync) -> (BTreeMap<String, usize>, Vec<String>) {
    let zygote = [env!("CARGO_BIN_EXE_tribunal"), "__zygote"].map(std::ffi::OsString::from);
    let pool = Pool::start(Settings::default(), &zygote).unwrap();
    let (at, ends, bad) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let number = at.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let (name, modality, bytes) = make(number);
            let mut input = tempfile::tempfile_in("/dev/shm").or_else(|_| tempfile::tempfile()).unwrap();
            input.write_all(&bytes).unwrap();
            let mut parts: Vec<(PartHeader, Vec<u8>)> = Vec::new();
            let done =
                pool.run(Job { input, len: bytes.len() as u64, content: Digest::of(&bytes), recipes: recipes(modality) }, &mut parts);
            let (end, message) = done.map_or_else(|failure| (failure.reason, failure.message), |_| ("parts".to_owned(), String::new()));
            if NEVER.contains(&end.as_str()) && !stopped_in_time(&end, &message) {
                let kept = root().join("target/tmp/broke").join(&name);
                fs::create_dir_all(kept.parent().unwrap()).unwrap();
                fs::write(&kept, &bytes).unwrap();
                bad.lock().unwrap().push(format!("{end}: {}", kept.display()));
            }
            *ends.lock().unwrap().entry(end).or_insert(0) += 1;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    assert_eq!(pool.counts().zygote_restarts, 0);
    (ends.into_inner().unwrap(), bad.into_inner().unwrap())
}

/// What the tiny clips are made with: name and arguments. Of a small file more of what is altered is structure, and less time goes by.
const TINY: [(&str, &str); 26] = [
    ("h264.mp4", "-c:v libx264 -g 6 -c:a aac"),
    ("fragments.mp4", "-c:v libx264 -g 4 -movflags frag_keyframe+empty_moov -c:a aac"),
    ("hevc.mp4", "-c:v libx265 -x265-params log-level=error -tag:v hvc1 -c:a aac"),
    ("h264.mkv", "-c:v libx264 -bf 2 -c:a libvorbis"),
    ("vp8.webm", "-c:v libvpx -c:a libvorbis"),
    ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -c:a libopus"),
    ("av1.webm", "-c:v libsvtav1 -preset 12 -c:a libopus"),
    ("mpeg4.avi", "-c:v mpeg4 -bf 2 -c:a libmp3lame"),
    ("mjpeg.avi", "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le"),
    ("h264.ts", "-c:v libx264 -g 6 -c:a mp2"),
    ("mpeg2.ts", "-c:v mpeg2video -r 25 -c:a aac"),
    ("mpeg1.mpg", "-c:v mpeg1video -r 25 -c:a mp2"),
    ("theora.ogv", "-c:v libtheora -c:a libvorbis"),
    ("wmv2.wmv", "-c:v wmv2 -c:a wmav2"),
    ("flv1.flv", "-c:v flv -ar 22050 -c:a libmp3lame"),
    ("prores.mov", "-c:v prores_ks -pix_fmt yuv422p10le -c:a pcm_s24be"),
    ("qtrle.mov", "-c:v qtrle -pix_fmt rgb24 -an"),
    ("bare.h264", "-c:v libx264 -g 6 -an"),
    ("moving.gif", "-an"),
    ("moving.webp", "-c:v libwebp -loop 0 -an"),
    ("moving.png", "-c:v apng -f apng -an"),
    ("s.wav", "-vn"),
    ("s.flac", "-vn"),
    ("s.mp3", "-vn -c:a libmp3lame"),
    ("s.m4a", "-vn -c:a aac"),
    ("s.opus", "-vn -c:a libopus"),
];
/// Bytes of a file that are taken for its head.
const HEAD: usize = 128;
/// Of so many altered files one comes from a large seed, six from tiny clips, and the others from the corpus.
const IN_TURN: usize = 16;
/// Files of the corpus up to so many bytes are altered.
const SMALL: u64 = 32 << 10;

/// Clips of a second, 128 pixels wide.
fn tiny(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let one = |(name, with): &(&str, &str)| {
        let (path, sources) = (folder.join(name), "-f lavfi -i testsrc2=size=128x72:rate=10:duration=1 -f lavfi -i sine=duration=1");
        let args = format!("-v error {sources} -pix_fmt yuv420p {with}");
        let made = Command::new("ffmpeg").args(args.split(' ')).arg(&path).env("SVT_LOG", "1").output().unwrap();
        assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
        ((*name).to_owned(), fs::read(path).unwrap())
    };
    TINY.iter().map(one).collect()
}

/// Those of the corpus that are small, and media at all.
fn small_of_corpus() -> Vec<(String, Vec<u8>)> {
    let is_small = |path: &PathBuf| fs::metadata(path).unwrap().len() <= SMALL;
    let read = |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap());
    corpus().into_iter().filter(is_small).map(read).filter(|(_, bytes)| sniff(bytes).is_some()).collect()
}

#[test]
fn altered_media_take_no_worker_down() {
    let folder = tempdir().unwrap();
    let (large, tiny, small) = (seeds(), tiny(folder.path()), small_of_corpus());
    let make = |number: usize| {
        let number = first_case() + number;
        let kind = match number % IN_TURN {
            0 => &large,
            1..=6 => &tiny,
            _ => &small,
        };
        let mut state = number as u64 + 1;
        let (name, bytes) = &kind[(next(&mut state) % kind.len() as u64) as usize];
        let bytes = altered(bytes, &mut state);
        // What it became decides how it is read, as in a folder.
        let modality = sniff(&bytes[..bytes.len().min(4096)]).map_or(Modality::Video, |format| format.modality);
        (format!("{number}_{name}"), modality, bytes)
    };
    let count = sized(5_000, 1_000_000);
    let (ends, bad) = through(count, make);
    println!("{ends:?}");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    let over_memory = ends.get("over_memory").map_or(0, |count| *count);
    assert!(over_memory <= (count + 50_000) / 100_000, "memory is admitted by arithmetic, and watched for what that cannot know: {ends:?}");
    assert!(ends.len() > 3 && ends["parts"] > 500, "the changes are too mild or too harsh: {ends:?}");
}

fn files_beneath(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files_beneath(&path) } else { vec![path] }).collect()
}

fn corpus() -> Vec<PathBuf> {
    let corpus = root().join("fixtures/fetched/corpus");
    assert!(corpus.is_dir(), "the corpus is missing: run `make corpus`");
    files_beneath(&corpus)
}

#[test]
fn files_that_broke_decoders_take_no_worker_down() {
    // Those of others, and what once broke ours.
    let files = [corpus(), files_beneath(&root().join("fixtures/broke"))].concat();
    let make = |number: usize| {
        let (file, bytes) = (&files[number], fs::read(&files[number]).unwrap());
        let modality = sniff(&bytes[..bytes.len().min(4096)]).map_or(Modality::Image, |format| format.modality);
        (file.file_name().unwrap().to_str().unwrap().to_owned(), modality, bytes)
    };
    let (ends, bad) = through(files.len(), make);
    println!("{} files: {ends:?}", files.len());
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(files.len() > 900 && ends["parts"] > 300, "{ends:?}");
}

/// Every field that the head of a small sound file may hold, one at a time with the values that break arithmetic: nothing, one, the most and the sign.
#[test]
fn no_field_of_a_header_takes_a_worker_down() {
    let folder = tempdir().unwrap();
    let seeds = ["s.wav", "s.aiff", "s.flac"].map(|name| {
        let path = folder.path().join(name);
        let made =
            Command::new("ffmpeg").args("-v error -f lavfi -i sine=duration=0.05:sample_rate=8000".split(' ')).arg(&path).output().unwrap();
        assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
        (name, fs::read(path).unwrap())
    });
    let mut fields = Vec::new();
    for (width, values) in [(1, &[0, 1, 0xff, 0x80][..]), (2, &[0, 1, 0xffff, 0x8000]), (4, &[0, 1, 0xffff_ffff, 0x8000_0000_u32])] {
        for at in 0..HEAD {
            for value in values {
                fields.push((at, value.to_le_bytes()[..width].to_vec()));
                if value.is_power_of_two() && width > 1 {
                    fields.push((at, value.to_be_bytes()[4 - width..].to_vec()));
                }
            }
        }
    }
    let make = |number: usize| {
        let ((name, bytes), (at, value)) = (&seeds[number % seeds.len()], &fields[number / seeds.len()]);
        let mut bytes = bytes.clone();
        bytes[*at..at + value.len()].copy_from_slice(value);
        (format!("field_{at}_{value:x?}_{name}"), Modality::Audio, bytes)
    };
    let (ends, bad) = through(fields.len() * seeds.len(), make);
    println!("{ends:?}");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(ends["parts"] > 500 && ends.contains_key("malformed") && ends.contains_key("unsupported"), "{ends:?}");
    assert!(!ends.contains_key("out_of_memory"), "a small file asks for little: {ends:?}");
}

#[test]
fn pieces_are_those_of_the_format() {
    let png = fs::read(root().join("fixtures/made/gradient.png")).unwrap();
    let found = pieces(&png);
    assert_eq!((&png[found[0].start + 4..found[0].start + 8], &png[png.len() - 8..png.len() - 4]), (&b"IHDR"[..], &b"IEND"[..]));
    assert_eq!(found.last().unwrap().end, png.len());
    assert_eq!(checked(png.clone()), png, "the sums of a whole file are right already");
    let wav = fs::read(root().join("fixtures/made/tone.wav")).unwrap();
    assert!(wav[pieces(&wav)[0].start..].starts_with(b"fmt "));
}
