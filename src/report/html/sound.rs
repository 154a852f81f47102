//! The outline of a kept part of sound, for a waveform.

/// Columns of a waveform.
const COLUMNS: usize = 160;
/// Length of the plain header of the WAV files that this program writes.
const HEADER: usize = 44;

/// The peak of each of at most 160 equal stretches, 0..=100 percent of full scale; empty unless `wav` is 16-bit mono PCM as judges are sent.
pub(super) fn peaks(wav: &[u8]) -> Vec<u8> {
    let field = |at: usize| wav.get(at..at + 2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let ours = wav.get(8..12) == Some(b"WAVE") && wav.get(36..40) == Some(b"data");
    if !ours || (field(20), field(22), field(34)) != (Some(1), Some(1), Some(16)) {
        return Vec::new();
    }
    let samples: Vec<u16> =
        wav.get(HEADER..).unwrap_or_default().chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs()).collect();
    let percent = |stretch: &[u16]| stretch.iter().max().map_or(0, |peak| (u32::from(*peak) * 100 / 32_768) as u8);
    samples.chunks(samples.len().div_ceil(COLUMNS).max(1)).map(percent).collect()
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, HEADER, peaks};

    fn wav(samples: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF....WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data....".to_vec();
        assert_eq!(bytes.len(), HEADER);
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    #[test]
    fn peaks_are_shares_of_full_scale() {
        assert_eq!(peaks(&wav(&[0, 16_384, -32_768])), [0, 50, 100]);
        let long = peaks(&wav(&vec![327; 100_000]));
        assert!(long.len() <= COLUMNS && long.iter().all(|peak| *peak == 0));
        assert!(peaks(b"fLaC").is_empty() && peaks(&wav(&[])).is_empty());
    }
}
