//! Mono samples to a 16-bit WAV file.

use std::io::Cursor;

use crate::Error;

/// A WAV file of `samples` (nominal range -1..=1, rounded half away from zero, clipped) and how many samples clipped.
pub(super) fn encode(samples: &[f32], rate: u32) -> Result<(Vec<u8>, u64), Error> {
    let spec = hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut file = Cursor::new(Vec::with_capacity(44 + 2 * samples.len()));
    let mut clipped = 0;
    let mut writer = hound::WavWriter::new(&mut file, spec).map_err(unwritten)?;
    for &sample in samples {
        clipped += u64::from(sample.abs() > 1.0);
        writer.write_sample(quantise(sample)).map_err(unwritten)?;
    }
    writer.finalize().map_err(unwritten)?;
    Ok((file.into_inner(), clipped))
}

/// -1.0 is -32768; +1.0 saturates at 32767, as it must.
fn quantise(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` calls")]
fn unwritten(error: hound::Error) -> Error {
    Error::Io(format!("the WAV chunk could not be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn sixteen_bit_samples_survive_and_louder_ones_clip() {
        let samples = [0.0, 0.5, -1.0, 1.0, 1.5, -2.0, 1.0 / 32_768.0, f32::MAX];
        let (bytes, clipped) = encode(&samples, 16_000).unwrap();
        assert_eq!(clipped, 3);
        assert_eq!(bytes.len(), 44 + 2 * samples.len());
        let read: Vec<i16> = hound::WavReader::new(&bytes[..]).unwrap().into_samples().map(Result::unwrap).collect();
        assert_eq!(read, [0, 16_384, -32_768, 32_767, 32_767, -32_768, 1, 32_767]);
    }
}
