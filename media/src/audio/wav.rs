//! Mono samples to a 16-bit WAV file.

use std::io::Cursor;

use crate::Error;

/// A WAV file of 16-bit `samples` at `rate`, with the plain header of 44 bytes.
pub(crate) fn encode(samples: &[i16], rate: u32) -> Result<Vec<u8>, Error> {
    let count = u32::try_from(samples.len()).map_err(|_| Error::Unsupported("a chunk too long for WAV".to_owned()))?;
    let spec = hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut file = Cursor::new(Vec::with_capacity(44 + 2 * samples.len()));
    let mut writer = hound::WavWriter::new(&mut file, spec).map_err(unwritten)?;
    let mut block = writer.get_i16_writer(count);
    samples.iter().for_each(|sample| block.write_sample(*sample));
    block.flush().map_err(unwritten)?;
    writer.finalize().map_err(unwritten)?;
    Ok(file.into_inner())
}

/// 16-bit samples (nominal range -1..=1, rounded half away from zero, clipped) in place of those in `out`, and how many clipped.
///
/// -1.0 is -32768; +1.0 saturates at 32767, as it must.
pub(crate) fn quantise(samples: &[f32], out: &mut Vec<i16>) -> u64 {
    out.clear();
    // Adding half and cutting off is rounding that SIMD can do; `round` is a call a sample.
    out.extend(samples.iter().map(|sample| {
        let scaled = (sample * 32_768.0).clamp(-32_768.0, 32_767.0);
        (scaled + 0.5_f32.copysign(scaled)) as i32 as i16
    }));
    samples.chunks(1 << 20).map(|some| u64::from(some.iter().map(|sample| u32::from(sample.abs() > 1.0)).sum::<u32>())).sum()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` calls")]
fn unwritten(error: hound::Error) -> Error {
    Error::Io(format!("the WAV chunk could not be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{encode, quantise};

    #[test]
    fn sixteen_bit_samples_survive_and_louder_ones_clip() {
        let samples = [0.0, 0.5, -1.0, 1.0, 1.5, -2.0, 1.0 / 32_768.0, f32::MAX, 0.5 / 32_768.0, -0.5 / 32_768.0, 0.4 / 32_768.0];
        let expected = [0, 16_384, -32_768, 32_767, 32_767, -32_768, 1, 32_767, 1, -1, 0];
        let mut quantised = Vec::new();
        assert_eq!((quantise(&samples, &mut quantised), quantised.as_slice()), (3, &expected[..]));
        let bytes = encode(&quantised, 16_000).unwrap();
        assert_eq!(bytes.len(), 44 + 2 * samples.len());
        let read: Vec<i16> = hound::WavReader::new(&bytes[..]).unwrap().into_samples().map(Result::unwrap).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn every_16_bit_sample_comes_back() {
        let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let floats: Vec<f32> = all.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        let mut back = Vec::new();
        assert_eq!(quantise(&floats, &mut back), 0);
        assert_eq!(back, all);
    }
}
