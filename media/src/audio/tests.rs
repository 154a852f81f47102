//! Sound made in code, end to end.

use std::f64::consts::TAU;
use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::normalise;
use crate::{Detail, Error, Limits, PartHeader, Recipe, Report, SoundSpec, Source};

pub(super) type Parts = Vec<(PartHeader, Vec<u8>)>;

pub(super) fn run(bytes: Vec<u8>, specs: &[SoundSpec]) -> Result<(Report, Parts), Error> {
    let recipes: Vec<Recipe> = specs.iter().cloned().map(Recipe::Audio).collect();
    let mut parts = Parts::new();
    let report = normalise(&Source::memory(bytes), &recipes, &Limits::default(), &mut parts)?;
    Ok((report, parts))
}

pub(super) fn spec(rate: u32, chunk_ms: u32) -> SoundSpec {
    SoundSpec { rate, chunk_ms, search_ms: 200, ..SoundSpec::default() }
}

pub(super) fn samples(parts: &[(PartHeader, Vec<u8>)]) -> Vec<f32> {
    let read = |bytes: &Vec<u8>| hound::WavReader::new(&bytes[..]).unwrap().into_samples::<i16>().map(Result::unwrap).collect::<Vec<_>>();
    parts.iter().flat_map(|(_, bytes)| read(bytes)).map(|sample| f32::from(sample) / 32_768.0).collect()
}

/// A WAV file whose every channel carries `wave(seconds, channel)`.
pub(super) fn wav(rate: u32, channels: u16, bits: u16, seconds: f64, wave: impl Fn(f64, u16) -> f64) -> Vec<u8> {
    let sample_format = if bits == 32 { SampleFormat::Float } else { SampleFormat::Int };
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format }).unwrap();
    for frame in 0..(seconds * f64::from(rate)).round() as u64 {
        for channel in 0..channels {
            let value = wave(frame as f64 / f64::from(rate), channel);
            match sample_format {
                SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                SampleFormat::Int => writer.write_sample((value * f64::from((1_i32 << (bits - 1)) - 1)).round() as i32).unwrap(),
            }
        }
    }
    writer.finalize().unwrap();
    file.into_inner()
}

pub(super) fn tone(frequency: f64) -> impl Fn(f64, u16) -> f64 {
    move |t, _| 0.5 * (TAU * frequency * t).sin()
}

/// Amplitude at one frequency (Goertzel's sum, written as a correlation).
pub(super) fn amplitude(samples: &[f32], rate: u32, frequency: f64) -> f64 {
    let step = TAU * frequency / f64::from(rate);
    let (re, im) = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, sample)| {
        let (sin, cos) = (step * n as f64).sin_cos();
        (re + f64::from(*sample) * cos, im + f64::from(*sample) * sin)
    });
    2.0 * f64::hypot(re, im) / samples.len() as f64
}

#[test]
fn a_tone_keeps_its_frequency_level_and_length_whatever_the_encoding() {
    for (rate, channels, bits) in [
        (8000, 1, 8),
        (11_025, 2, 16),
        (16_000, 1, 16),
        (22_050, 1, 24),
        (44_100, 2, 24),
        (48_000, 6, 16),
        (48_000, 8, 32),
        (96_000, 1, 32),
        (44_101, 1, 16),
        (192_000, 2, 24),
    ] {
        let (report, parts) = run(wav(rate, channels, bits, 1.5, tone(1000.0)), &[spec(16_000, 30_000)]).unwrap();
        let found = samples(&parts);
        let frames = (1.5 * f64::from(rate)).round();
        assert_eq!(found.len(), (frames * 16_000.0 / f64::from(rate)).round() as usize, "{rate} {channels} {bits}");
        assert!((amplitude(&found, 16_000, 1000.0) - 0.5).abs() < 0.01, "{rate} {channels} {bits}");
        assert!(amplitude(&found, 16_000, 1200.0) < 0.01, "{rate} {channels} {bits}");
        assert!((report.duration.unwrap() - frames / f64::from(rate)).abs() < 1e-9);
        assert_eq!((report.format.as_str(), report.notes.len()), ("wav", 0), "{rate} {channels} {bits} {:?}", report.notes);
        assert!(report.decoder.starts_with("symphonia:pcm"), "{}", report.decoder);
    }
}

#[test]
fn a_tone_above_the_new_range_is_gone() {
    let (_, parts) = run(wav(48_000, 1, 16, 1.0, tone(9000.0)), &[spec(16_000, 30_000)]).unwrap();
    assert!(amplitude(&samples(&parts)[1000..15_000], 16_000, 7000.0) < 0.001, "9 kHz would fold to 7 kHz");
}

#[test]
fn chunks_join_into_the_whole_and_their_times_say_so() {
    let file = wav(44_100, 2, 16, 5.3, |t, _| 0.3 * (TAU * 300.0 * t).sin() * (TAU * 0.7 * t).sin());
    let (_, whole) = run(file.clone(), &[spec(16_000, 60_000)]).unwrap();
    let (_, parts) = run(file, &[spec(16_000, 1000)]).unwrap();
    assert_eq!(samples(&parts), samples(&whole));
    let mut at = 0.0_f64;
    for (header, bytes) in &parts {
        let Detail::Sound { start, end } = header.detail else { panic!("{header:?}") };
        assert!((start - at).abs() < 1e-9);
        assert!((end - start - (bytes.len() - 44) as f64 / 32_000.0).abs() < 1e-9);
        assert!(end - start <= 1.0);
        at = end;
    }
    assert!((at - 5.3).abs() < 1e-3);
}

#[test]
fn equal_specifications_share_parts() {
    let (one, other) = (spec(16_000, 700), spec(8000, 900));
    let (_, parts) = run(wav(16_000, 1, 16, 1.0, tone(440.0)), &[one.clone(), other.clone(), one.clone()]).unwrap();
    let of =
        |recipe: usize| parts.iter().filter(|(header, _)| header.recipes.contains(&recipe)).map(|(_, bytes)| bytes).collect::<Vec<_>>();
    assert_eq!(of(0), of(2));
    assert_eq!(parts.iter().map(|(header, _)| header.recipes.clone()).filter(|recipes| *recipes == [1]).count(), 2);
    let (_, alone) = run(wav(16_000, 1, 16, 1.0, tone(440.0)), &[other]).unwrap();
    assert_eq!(of(1), alone.iter().map(|(_, bytes)| bytes).collect::<Vec<_>>());
}

#[test]
fn what_is_odd_is_noted() {
    let codes = |file| run(file, &[SoundSpec::default()]).unwrap().0.notes.into_iter().map(|note| note.code).collect::<Vec<_>>();
    assert_eq!(codes(wav(16_000, 1, 16, 0.5, |_, _| 0.0)), ["silent"]);
    assert_eq!(codes(wav(16_000, 1, 32, 0.5, |t, _| 4.0 * (TAU * 50.0 * t).sin())), ["clipping"]);
    assert_eq!(codes(wav(16_000, 1, 32, 0.5, |t, _| if t < 0.1 { f64::NAN } else { 0.3 })), ["not_a_number"]);
    let opposite = wav(16_000, 2, 16, 0.5, |t, channel| if channel == 0 { 0.3 } else { -0.3 } * t);
    assert_eq!(codes(opposite), ["silent", "lost_in_mix"]);
}

#[test]
fn a_cut_file_gives_what_is_left_or_a_reason() {
    let file = wav(16_000, 1, 16, 1.0, tone(440.0));
    for len in (0..file.len()).step_by(97) {
        match run(file[..len].to_vec(), &[SoundSpec::default()]) {
            Ok((report, parts)) => {
                assert_eq!(samples(&parts).len(), (len - 44) / 2);
                let cut = report.truncated_at.is_some();
                assert_eq!(cut, report.notes.iter().any(|note| note.code == "truncated"));
                assert!(cut || len > file.len() * 8 / 10, "{len} of {}", file.len());
            }
            Err(error) => assert!(len < 44 + file.len() / 20, "{len}: {error}"), // less than `least_share`
        }
    }
}

#[test]
fn limits_hold() {
    let limited = |limits: Limits| {
        let source = Source::memory(wav(8000, 1, 16, 3.0, tone(440.0)));
        normalise(&source, &[Recipe::Audio(SoundSpec::default())], &limits, &mut Parts::new()).unwrap_err()
    };
    assert!(matches!(limited(Limits { seconds: 2, ..Limits::default() }), Error::Limit { what: "seconds of sound", .. }));
    assert!(matches!(limited(Limits { packets: 3, ..Limits::default() }), Error::Limit { what: "packets", .. }));
}

#[test]
fn a_file_without_samples_is_empty() {
    let error = run(wav(16_000, 1, 16, 0.0, tone(1.0)), &[SoundSpec::default()]).unwrap_err();
    assert_eq!(error.reason_code(), "empty", "{error}");
}
