//! 16-bit mono samples to a FLAC file.

use flacenc::bitsink::ByteSink;
use flacenc::component::BitRepr as _;
use flacenc::config;
use flacenc::error::Verify as _;
use flacenc::source::MemSource;

use crate::Error;

/// Samples in a frame: the length that encoders use for 16 kHz and more.
const BLOCK: usize = 4096;

/// A FLAC file of 16-bit `samples` at `rate`; every sample comes back.
pub(super) fn encode(samples: &[i16], rate: u32) -> Result<Vec<u8>, Error> {
    let mut settings = config::Encoder::default();
    settings.block_size = BLOCK;
    settings.multithread = false;
    let settings = settings.into_verified().map_err(|(_, error)| unwritten(&error))?;
    let samples: Vec<i32> = samples.iter().copied().map(i32::from).collect();
    let source = MemSource::from_samples(&samples, 1, 16, rate as usize);
    let mut stream = flacenc::encode_with_fixed_block_size(&settings, source, BLOCK).map_err(|error| unwritten(&error))?;
    // The encoder counts the short last frame, too, which makes readers expect frames of changing lengths.
    stream.stream_info_mut().set_block_sizes(BLOCK, BLOCK).map_err(|error| unwritten(&error))?;
    let mut sink = ByteSink::with_capacity(stream.count_bits() / 8 + 1);
    stream.write(&mut sink).map_err(|error| unwritten(&error))?;
    Ok(sink.into_inner())
}

fn unwritten(error: &dyn std::fmt::Display) -> Error {
    Error::Unsupported(format!("the FLAC chunk could not be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::encode;
    use crate::audio::decode::{Block, Decoder as _, Step};
    use crate::audio::symphonia::Symphonia;
    use crate::{Limits, Source};

    fn decoded(file: Vec<u8>) -> Vec<i16> {
        let source = Source::memory(file);
        let mut decoder = Symphonia::open(&source, &Limits::default()).unwrap();
        let (mut block, mut samples) = (Block::default(), Vec::new());
        loop {
            match decoder.next(&mut block).unwrap() {
                Step::Samples => samples.extend(block.samples.iter().map(|sample| (sample * 32_768.0) as i16)),
                Step::End => return samples,
                other => panic!("{other:?}"),
            }
        }
    }

    /// A small generator of noise (xorshift).
    fn noise(count: usize) -> Vec<i16> {
        let mut state = 0x2545_f491_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as i16
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn every_sample_comes_back() {
        let tone: Vec<i16> = (0..20_000).map(|n| ((f64::from(n) * 0.07).sin() * 12_000.0) as i16).collect();
        let square: Vec<i16> = (0..9000).map(|n| if n / 50 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let mut pause = noise(5000);
        pause[1000..4500].fill(0);
        for samples in [vec![0; 16_000], vec![-1; 4096], noise(12_345), tone, square, pause] {
            assert_eq!(decoded(encode(&samples, 16_000).unwrap()), samples);
        }
        for count in [1, 2, 3, 4, 15, 16, 17, 31, 32, 33, 63, 64, 65, 191, 192, 193, 4095, 4096, 4097, 4099] {
            assert_eq!(decoded(encode(&noise(count), 16_000).unwrap()), noise(count), "{count} samples of noise");
            assert_eq!(decoded(encode(&vec![7; count], 8000).unwrap()), vec![7; count], "{count} equal samples");
        }
    }

    #[test]
    fn odd_rates_work_or_are_refused() {
        for rate in [1, 7, 8000, 11_025, 22_050, 44_101, 48_000, 96_000, 192_000, 655_350, 768_000] {
            if let Ok(file) = encode(&[1, 2, 3], rate) {
                assert_eq!(decoded(file), [1, 2, 3], "{rate}");
            }
        }
        assert!(encode(&[1, 2, 3], 16_000).is_ok() && encode(&[1, 2, 3], 48_000).is_ok());
    }

    #[test]
    fn speechlike_sound_takes_less_room_than_wav() {
        let tone: Vec<i16> = (0..16_000).map(|n| ((f64::from(n) * 0.05).sin() * 8000.0) as i16).collect();
        assert!(encode(&tone, 16_000).unwrap().len() < 16_000);
    }
}
