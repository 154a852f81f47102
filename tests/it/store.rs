//! What a run keeps of its media: words, digests and thumbnails, not the media again.

use std::path::Path;
use std::time::Duration;

use tempfile::tempdir;

use crate::mock::{Manner, MockJudge};
use crate::support::{next, run_to};

/// A picture that no encoder makes small, 12 megapixels.
fn photograph(path: &Path) {
    let mut state = 1;
    let noise = image::RgbImage::from_fn(4000, 3000, |_, _| image::Rgb(next(&mut state).to_le_bytes()[..3].try_into().unwrap()));
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 75).encode_image(&noise).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A minute of a tone, 16 bit stereo.
fn recording(path: &Path) {
    let data: Vec<u8> =
        (0..60 * 44_100u32).flat_map(|at| [((f64::from(at) * 0.06).sin() * 12_000.0) as i16; 2]).flat_map(i16::to_le_bytes).collect();
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data\0\0\0\0".to_vec();
    wav[4..8].copy_from_slice(&(36 + data.len() as u32).to_le_bytes());
    wav[40..44].copy_from_slice(&(data.len() as u32).to_le_bytes());
    wav.extend(data);
    std::fs::write(path, wav).unwrap();
}

fn bytes(folder: &Path) -> u64 {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap().metadata().unwrap())
        .filter(std::fs::Metadata::is_file)
        .map(|meta| meta.len())
        .sum()
}

#[test]
fn a_run_keeps_less_than_a_twentieth_of_its_media() {
    let work = tempdir().unwrap();
    let (media, run) = (work.path().join("media"), work.path().join("run"));
    std::fs::create_dir(&media).unwrap();
    photograph(&media.join("a.jpg"));
    recording(&media.join("b.wav"));
    std::fs::write(media.join("c.txt"), "A few words.").unwrap();
    let judge = MockJudge::start(Manner::Verdict(4, Duration::ZERO));
    run_to(0, &["score", media.to_str().unwrap(), "--judge", &judge.spec(), "-o", run.to_str().unwrap()]);
    let (kept, of) = (bytes(&run), bytes(&media));
    assert!(run.join("report.html").is_file() && run.join("thumbs").is_dir());
    assert!(kept * 20 < of, "{kept} bytes of {of}");
}
