//! Sample formats, channel layouts and pass-through, on headers written by hand.

use std::f64::consts::TAU;

use super::tests::{amplitude, run, samples, spec, tone, wav};
use crate::{Encoding, Error, Report, SoundEncoding, SoundSpec};

/// A WAV file with this format tag around `data`.
fn wav_of(tag: u16, rate: u32, channels: u16, bits: u16, mask: Option<u32>, data: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut format = Vec::new();
    format.extend(if mask.is_some() { 0xfffe_u16 } else { tag }.to_le_bytes());
    format.extend(channels.to_le_bytes());
    format.extend(rate.to_le_bytes());
    format.extend((rate * u32::from(block)).to_le_bytes());
    format.extend(block.to_le_bytes());
    format.extend(bits.to_le_bytes());
    if let Some(mask) = mask {
        format.extend(22_u16.to_le_bytes());
        format.extend(bits.to_le_bytes());
        format.extend(mask.to_le_bytes());
        format.extend(tag.to_le_bytes());
        format.extend(*b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"); // the rest of KSDATAFORMAT_SUBTYPE
    }
    let mut file = b"RIFF".to_vec();
    file.extend((20 + format.len() as u32 + data.len() as u32).to_le_bytes());
    file.extend(*b"WAVEfmt ");
    file.extend((format.len() as u32).to_le_bytes());
    file.extend(format);
    file.extend(*b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

/// A mono AIFF file of big-endian samples at 16 kHz.
fn aiff_of(bits: u16, data: &[u8]) -> Vec<u8> {
    let mut common = 1_u16.to_be_bytes().to_vec();
    common.extend((data.len() as u32 * 8 / u32::from(bits)).to_be_bytes());
    common.extend(bits.to_be_bytes());
    common.extend([0x40, 0x0c, 0xfa, 0, 0, 0, 0, 0, 0, 0]); // 16 000 as an 80-bit float
    let mut file = b"FORM".to_vec();
    file.extend((4 + 8 + common.len() as u32 + 16 + data.len() as u32).to_be_bytes());
    file.extend(*b"AIFFCOMM");
    file.extend((common.len() as u32).to_be_bytes());
    file.extend(common);
    file.extend(*b"SSND");
    file.extend((8 + data.len() as u32).to_be_bytes());
    file.extend([0; 8]);
    file.extend(data);
    file
}

fn half_tone() -> impl Iterator<Item = f64> {
    (0..16_000).map(|n| 0.5 * (TAU * 1000.0 * f64::from(n) / 16_000.0).sin())
}

/// G.711: the sign, a chord by the highest bit, and four bits of it.
fn mu_law(value: f64) -> u8 {
    let level = ((value.abs() * 32_768.0) as i32 + 132).min(32_767);
    let chord = level.ilog2().max(7) - 7;
    let sign = if value < 0.0 { 0x80 } else { 0 };
    !(sign | (chord << 4) as u8 | ((level >> (chord + 3)) & 15) as u8)
}

fn a_law(value: f64) -> u8 {
    let level = ((value.abs() * 32_768.0) as i32).min(32_767);
    let code = if level < 256 { level >> 4 } else { (((level.ilog2() - 7) << 4) as i32) | ((level >> (level.ilog2() - 4)) & 15) };
    (code as u8 | if value < 0.0 { 0 } else { 0x80 }) ^ 0x55
}

#[test]
fn every_sample_format_has_the_right_level() {
    let whole = |bits: u32| half_tone().map(move |value| (value * f64::from(2_u32.pow(bits - 1))).round() as i32);
    let bytes = |samples: &mut dyn Iterator<Item = Vec<u8>>| samples.flatten().collect::<Vec<u8>>();
    let pcm = |bits: u16, data: &[u8]| wav_of(1, 16_000, 1, bits, None, data);
    let files = [
        ("u8", pcm(8, &bytes(&mut whole(8).map(|v| vec![(v + 128) as u8])))),
        ("s16", pcm(16, &bytes(&mut whole(16).map(|v| (v as i16).to_le_bytes().to_vec())))),
        ("s24", pcm(24, &bytes(&mut whole(24).map(|v| v.to_le_bytes()[..3].to_vec())))),
        ("s32", pcm(32, &bytes(&mut whole(32).map(|v| v.to_le_bytes().to_vec())))),
        ("f32", wav_of(3, 16_000, 1, 32, None, &bytes(&mut half_tone().map(|v| (v as f32).to_le_bytes().to_vec())))),
        ("f64", wav_of(3, 16_000, 1, 64, None, &bytes(&mut half_tone().map(|v| v.to_le_bytes().to_vec())))),
        ("a-law", wav_of(6, 16_000, 1, 8, None, &bytes(&mut half_tone().map(|v| vec![a_law(v)])))),
        ("mu-law", wav_of(7, 16_000, 1, 8, None, &bytes(&mut half_tone().map(|v| vec![mu_law(v)])))),
        ("aiff s8", aiff_of(8, &bytes(&mut whole(8).map(|v| vec![v as u8])))),
        ("aiff s16", aiff_of(16, &bytes(&mut whole(16).map(|v| (v as i16).to_be_bytes().to_vec())))),
        ("aiff s24", aiff_of(24, &bytes(&mut whole(24).map(|v| v.to_be_bytes()[1..].to_vec())))),
        ("aiff s32", aiff_of(32, &bytes(&mut whole(32).map(|v| v.to_be_bytes().to_vec())))),
    ];
    for (name, file) in files {
        let (report, parts) = run(file, &[SoundSpec::default()]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = samples(&parts);
        assert_eq!(found.len(), 16_000, "{name}");
        assert!((amplitude(&found, 16_000, 1000.0) - 0.5).abs() < 0.005, "{name}: {}", amplitude(&found, 16_000, 1000.0));
        let off = found.iter().zip(half_tone()).map(|(found, value)| (f64::from(*found) - value).abs()).fold(0.0, f64::max);
        assert!(off < 0.02, "{name}: {off}");
        assert_eq!(report.notes, [], "{name}");
    }
}

/// The level at which each channel of a layout arrives in the mono mix.
fn levels(channels: u16, mask: Option<u32>) -> (Report, Vec<f64>) {
    let mut report = Report::default();
    let each = (0..channels).map(|loud| {
        let frame = |value: f64| (0..channels).flat_map(move |n| (if n == loud { (value * 32_767.0) as i16 } else { 0 }).to_le_bytes());
        let data: Vec<u8> = half_tone().flat_map(frame).collect();
        let (found, parts) = run(wav_of(1, 16_000, channels, 16, mask, &data), &[SoundSpec::default()]).unwrap();
        report = found;
        2.0 * amplitude(&samples(&parts), 16_000, 1000.0)
    });
    let each = each.collect();
    (report, each)
}

#[test]
fn surround_layouts_mix_by_bs_775_and_no_channel_of_unknown_ones_is_lost() {
    let sum = 2.0_f64.sqrt() + 2.0; // L and R at 0.7071, the centre at 1, two surrounds at 0.5
    let (front, centre, back) = (0.5_f64.sqrt() / sum, 1.0 / sum, 0.5 / sum);
    let (report, found) = levels(6, Some(0x3f));
    let sound = report.sound.unwrap();
    assert_eq!((sound.channels, sound.mixdown.as_str()), (6, "ITU-R BS.775 of 6"));
    for (found, expected) in found.iter().zip([front, front, centre, 0.0, back, back]) {
        assert!((found - expected).abs() < 0.005, "5.1: {found} for {expected}");
    }
    let (_, found) = levels(8, Some(0x63f));
    let whole: f64 = found.iter().sum();
    assert!(found[3] < 0.001 && (whole - 1.0).abs() < 0.01 && (found[6] - found[4]).abs() < 0.001, "7.1: {found:?}");
    for channels in [3, 4, 5] {
        let (_, found) = levels(channels, Some(0));
        let whole: f64 = found.iter().sum();
        assert!((whole - 1.0).abs() < 0.01 && found.iter().all(|level| *level > 0.1), "no layout given: {found:?}");
    }
}

#[test]
fn many_channels_without_a_layout_all_count() {
    for channels in [7, 9, 16] {
        let (report, found) = levels(channels, Some(0));
        assert_eq!(report.sound.unwrap().mixdown, format!("mean of {channels}"));
        assert!(found.iter().all(|level| (level - 1.0 / f64::from(channels)).abs() < 0.005), "{channels}: {found:?}");
    }
}

#[test]
fn what_the_mix_loses_is_noted() {
    let lost = |channels: u16, wave: &dyn Fn(f64, u16) -> f64| {
        let (report, _) = run(wav(16_000, channels, 16, 4.0, wave), &[SoundSpec::default()]).unwrap();
        report.notes.into_iter().find(|note| note.code == "lost_in_mix").map(|note| note.message)
    };
    let sign = |channel: u16| if channel == 0 { 1.0 } else { -1.0 };
    let opposite = lost(2, &|t, channel| sign(channel) * tone(440.0)(t, channel));
    assert!(opposite.as_ref().is_some_and(|message| message.starts_with("in 4.0 s ")), "{opposite:?}");
    let at_times = lost(2, &|t, channel| if t < 1.0 { sign(channel) } else { 1.0 } * tone(440.0)(t, channel));
    assert!(at_times.as_ref().is_some_and(|message| message.starts_with("in 1.0 s ")), "{at_times:?}");
    assert!(lost(6, &|t, channel| if channel == 3 { tone(440.0)(t, 0) } else { 0.0 }).is_some(), "the low-frequency channel alone");
    assert_eq!(lost(2, &|t, channel| if channel == 0 { tone(440.0)(t, 0) } else { 0.0 }), None, "one side alone");
    assert_eq!(lost(2, &|t, channel| tone(440.0 + 50.0 * f64::from(channel))(t, channel)), None, "two sides of their own");
    assert_eq!(lost(2, &|t, channel| sign(channel) * tone(440.0)(t, channel) / 1000.0), None, "silence");
    assert_eq!(lost(1, &|t, _| tone(440.0)(t, 0)), None, "one channel");
}

#[test]
fn plain_speech_passes_through_byte_for_byte() {
    let all: Vec<u8> = (i16::MIN..=i16::MAX).flat_map(i16::to_le_bytes).collect();
    for data in [&all[..], &all[..2], &[]] {
        let file = wav_of(1, 16_000, 1, 16, None, data);
        assert_eq!(file.len(), 44 + data.len());
        match run(file.clone(), &[SoundSpec::default()]) {
            Ok((_, parts)) => assert!(parts.len() == 1 && parts[0].1 == file, "{} bytes", data.len()),
            Err(error) => assert!(data.is_empty(), "{error}"),
        }
    }
}

/// Noise as FLAC in frames of 4096 samples at 48 kHz, its samples, and where each frame begins.
fn noisy_flac(count: usize) -> (Vec<u8>, Vec<i16>, Vec<usize>) {
    let samples: Vec<i16> = (0..count as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 18) as i16).collect();
    let file = super::flac::encode(&samples, 48_000).unwrap();
    let mut frames = Vec::new();
    for (at, header) in file.windows(5).enumerate().skip(42) {
        if header[..2] == [0xff, 0xf8] && usize::from(header[4]) == frames.len() {
            frames.push(at);
        }
    }
    (file, samples, frames)
}

#[test]
fn frames_of_flac_that_are_lost_leave_silence_of_their_length() {
    let (file, _, frames) = noisy_flac(4096 * 40);
    assert_eq!(frames.len(), 40);
    let heard = |file: &[u8]| {
        let (report, parts) = run(file.to_vec(), &[spec(48_000, 60_000)]).unwrap();
        (samples(&parts), report.notes.into_iter().map(|note| note.code).collect::<Vec<_>>())
    };
    let (whole, none) = heard(&file);
    assert_eq!((whole.len(), none.len()), (4096 * 40, 0));
    for lost in [&[0][..], &[1], &[7, 20, 21, 33], &[0, 38]] {
        let mut damaged = file.clone();
        lost.iter().for_each(|frame| damaged[frames[*frame] + 2000] ^= 8);
        let (heard, notes) = heard(&damaged);
        assert_eq!((heard.len(), notes), (whole.len(), vec!["holes".to_owned()]), "{lost:?}");
        for frame in 0..40 {
            let stretch = 4096 * frame..4096 * (frame + 1);
            let expected = if lost.contains(&frame) { &vec![0.0; 4096] } else { &whole[stretch.clone()] };
            assert_eq!(&heard[stretch], expected, "{lost:?}: {frame}");
        }
    }
    let mut last = file.clone();
    last[frames[39] + 2000] ^= 8;
    let (rest, notes) = heard(&last);
    assert_eq!((rest.len(), notes), (4096 * 39, vec!["truncated".to_owned()]));
    let (later, notes) = heard(&[&file[..frames[0]], &file[frames[30]..]].concat());
    assert_eq!((later.len(), notes.len()), (4096 * 10, 1), "cut out of a longer one, which its header still counts");
}

#[test]
fn a_header_that_promises_more_than_the_file_has_packets_is_not_believed() {
    let (mut file, _, frames) = noisy_flac(4096 * 10);
    file[22..26].copy_from_slice(&9_000_000_u32.to_be_bytes());
    let heard = |file: &[u8]| run(file.to_vec(), &[spec(48_000, 60_000)]).map(|(report, _)| report.notes[0].code.clone());
    assert_eq!(heard(&file), Ok("header_duration_differs".to_owned()));
    assert!(matches!(heard(&file[..frames[9] + 100]), Err(Error::Truncated(_))));
    file[22..26].copy_from_slice(&(4096_u32 * 11).to_be_bytes());
    assert_eq!(heard(&file[..frames[9] + 100]), Ok("truncated".to_owned()));
}

#[test]
fn flac_chunks_hold_what_wav_chunks_hold() {
    let file = wav(44_100, 2, 16, 3.3, |t, channel| tone(300.0 + f64::from(channel))(t, channel) * (1.0 - t / 4.0));
    let (_, wavs) = run(file.clone(), &[spec(16_000, 1000)]).unwrap();
    let (_, flacs) = run(file, &[SoundSpec { encoding: SoundEncoding::Flac, ..spec(16_000, 1000) }]).unwrap();
    assert_eq!(wavs.len(), flacs.len());
    for ((wav_header, wav), (flac_header, flac)) in wavs.iter().zip(flacs) {
        assert_eq!((flac_header.encoding, &flac_header.detail), (Encoding::Flac, &wav_header.detail));
        assert!(flac.starts_with(b"fLaC") && flac.len() < wav.len());
        let tag = [&b"TAG"[..], &[0; 125]].concat();
        for file in [flac.clone(), [flac, tag].concat()] {
            let (report, again) = run(file, &[SoundSpec::default()]).unwrap();
            assert!(
                again.len() == 1 && again[0].1 == *wav && report.notes.is_empty(),
                "decoded again it is the WAV chunk: {:?}",
                report.notes
            );
        }
    }
}

#[test]
fn signals_say_what_was_heard() {
    let signals = |file| run(file, &[SoundSpec::default()]).unwrap().0.sound.unwrap();
    let tone = signals(wav(48_000, 2, 16, 2.0, |t, _| if t < 1.0 { (TAU * 997.0 * t).sin() / 10.0 } else { 0.0 }));
    assert_eq!((tone.channels, tone.mixdown.as_str()), (2, "mean of 2"));
    assert!((tone.peak_dbfs.unwrap() + 20.0).abs() < 0.1 && (tone.silent_share - 0.5).abs() < 0.051, "{tone:?}");
    assert!((tone.loudness_lufs.unwrap() + 23.0).abs() < 1.0 && tone.clipped_share < 1e-9, "{tone:?}");
    let clipped = signals(wav(16_000, 2, 16, 1.0, |t, channel| if channel == 0 && t < 0.5 { 1.0 } else { 0.0 }));
    assert!((clipped.clipped_share - 0.25).abs() < 1e-9, "a quarter of both channels' samples: {clipped:?}");
    let silence = signals(wav(16_000, 1, 16, 1.0, |_, _| 0.0));
    assert_eq!((silence.loudness_lufs, silence.peak_dbfs, silence.silent_share), (None, None, 1.0));
}

#[test]
fn work_is_counted() {
    let (report, parts) = run(wav(48_000, 2, 16, 61.0, tone(440.0)), &[SoundSpec::default()]).unwrap();
    let frames = 61 * 48_000_u64;
    assert!(report.packets_read <= frames.div_ceil(1152), "{} packets: each is read once", report.packets_read);
    assert_eq!(samples(&parts).len(), 61 * 16_000);
    assert_eq!(parts.len(), 3);
}

/// Whoever writes to a pipe cannot go back to the header when it is done.
#[test]
fn a_wav_that_does_not_know_its_length_is_whole() {
    let data: Vec<u8> = half_tone().flat_map(|value| ((value * 32_767.0) as i16).to_le_bytes()).collect();
    for size in [u32::MAX, u32::MAX - 36, 0x7fff_f000, 0x7fff_ffff, 0x8000_0000, 0] {
        for (tag, everywhere) in [(1, false), (1, true), (6, true)] {
            let mut file = wav_of(tag, 16_000, 1, if tag == 1 { 16 } else { 8 }, None, &data[..data.len() - 602]);
            let at = file.windows(4).position(|window| window == b"data").unwrap();
            file[at + 4..at + 8].copy_from_slice(&size.to_le_bytes());
            if everywhere {
                file[4..8].copy_from_slice(&size.to_le_bytes());
            }
            let (report, parts) = run(file, &[SoundSpec::default()]).unwrap();
            assert_eq!((report.notes, samples(&parts).len()), (vec![], 15_699 * if tag == 1 { 1 } else { 2 }), "{size:#x}, format {tag}");
        }
    }
    let mut cut = wav_of(1, 16_000, 1, 16, None, &data);
    cut[40..44].copy_from_slice(&40_000_u32.to_le_bytes());
    assert_eq!(run(cut, &[SoundSpec::default()]).unwrap().0.notes[0].code, "truncated", "an honest length");
}
