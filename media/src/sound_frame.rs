//! Headers of sound that needs no container: each frame begins with one, and says how long it is.

/// A frame by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SoundFrame {
    /// What all frames of a stream share, as far as headers tell: version, layer and sample rate bits.
    pub kind: (u8, u8, u8),
    /// Bytes to the next header.
    pub length: usize,
}

/// So many bytes are enough for any header.
pub(crate) const SOUND_HEADER: usize = 7;

/// No frame is longer: the length of ADTS has 13 bits, others are shorter.
pub(crate) const LONGEST_SOUND_FRAME: usize = 8191;

/// MPEG-1 and -2 audio (ISO/IEC 11172-3 section 2.4.2.3 and 13818-3 section 2.4.2.3); not of a free bit rate, which leaves the length open.
pub(crate) fn mpeg_audio(bytes: &[u8]) -> Option<SoundFrame> {
    const V1: [[usize; 15]; 3] = [
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    ];
    const V2: [[usize; 15]; 3] = [
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    ];
    let &[0xff, second, third, _] = bytes.get(..4)? else { return None };
    let (version, layer) = ((second >> 3) & 3, (second >> 1) & 3);
    let (rate_bits, frequency_bits, padding) = ((third >> 4) as usize, (third >> 2) & 3, ((third >> 1) & 1) as usize);
    if second < 0xe0 || version == 1 || layer == 0 || rate_bits == 0 || rate_bits == 15 || frequency_bits == 3 {
        return None;
    }
    let rates = if version == 3 { &V1 } else { &V2 };
    let bit_rate = rates[layer as usize - 1][rate_bits] * 1000;
    let frequency = [44_100, 48_000, 32_000][frequency_bits as usize] / [4, 1, 2, 1][version as usize];
    let length = match (layer, version) {
        (3, _) => (12 * bit_rate / frequency + padding) * 4,
        (1, 0 | 2) => 72 * bit_rate / frequency + padding,
        _ => 144 * bit_rate / frequency + padding,
    };
    Some(SoundFrame { kind: (version, layer, frequency_bits), length })
}

/// What sound of this kind is called here.
pub(crate) const fn name_of(mpeg: SoundFrame) -> &'static str {
    ["", "mp3", "mp2", "mp1"][mpeg.kind.1 as usize & 3]
}

/// So many frames of one kind in a row are no accident.
const IN_A_ROW: usize = 3;

/// Bytes behind the header of a frame in which so many can be seen.
pub(crate) const AHEAD: usize = LONGEST_SOUND_FRAME * (IN_A_ROW - 1) + SOUND_HEADER;

/// What the sound is called whose frames follow one another from an offset of at most `most` on, and that offset: MPEG audio or AAC in ADTS that begins amid
/// a frame, or behind other bytes.
pub(crate) fn first_in_a_row(bytes: &[u8], most: usize) -> Option<(&'static str, usize)> {
    let row = |at: usize, header: fn(&[u8]) -> Option<SoundFrame>| {
        let first = bytes.get(at..).and_then(header)?;
        let mut next = at + first.length;
        for _ in 1..IN_A_ROW {
            next += bytes.get(next..).and_then(header).filter(|frame| frame.kind == first.kind)?.length;
        }
        Some(first)
    };
    let named = |at: usize| row(at, mpeg_audio).map(name_of).or_else(|| row(at, adts).map(|_| "aac")).map(|name| (name, at));
    (0..bytes.len().min(most + 1)).filter(|at| bytes[*at] == 0xff).find_map(named)
}

/// AAC in ADTS (ISO/IEC 14496-3 annex 1.A).
pub(crate) fn adts(bytes: &[u8]) -> Option<SoundFrame> {
    let bytes = bytes.get(..7)?;
    let length = (usize::from(bytes[3] & 3) << 11) | (usize::from(bytes[4]) << 3) | usize::from(bytes[5] >> 5);
    let synced = bytes[0] == 0xff && bytes[1] & 0xf6 == 0xf0 && (bytes[2] >> 2) & 15 < 13;
    (synced && length > 7).then_some(SoundFrame { kind: (bytes[1] & 8, 0, bytes[2] & 0xfc), length })
}

/// AC-3 and its later version (ETSI TS 102 366 section 4.4.1, table 4.13 and annex E.1.3.1).
pub(crate) fn ac3(bytes: &[u8]) -> Option<SoundFrame> {
    const KILOBITS: [usize; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
    let &[0x0b, 0x77, third, fourth, fifth, sixth] = bytes.get(..6)? else { return None };
    let words = match sixth >> 3 {
        0..=10 => {
            let kilobits = KILOBITS.get(usize::from(fifth & 63) >> 1)?;
            match fifth >> 6 {
                0 => kilobits * 2,
                1 => kilobits * 96_000 / 44_100 + usize::from(fifth & 1),
                2 => kilobits * 3,
                _ => return None,
            }
        }
        11..=16 => ((usize::from(third & 7) << 8) | usize::from(fourth)) + 1,
        _ => return None,
    };
    let later = sixth >> 3 > 10;
    Some(SoundFrame { kind: (later.into(), 0, if later { 0 } else { fifth >> 6 }), length: words * 2 })
}

#[cfg(test)]
mod tests {
    use super::{SoundFrame, ac3, adts, first_in_a_row, mpeg_audio};

    #[test]
    fn a_header_says_how_long_its_frame_is() {
        let length = |frame: Option<SoundFrame>| frame.map(|frame| frame.length);
        assert_eq!(length(mpeg_audio(&[0xff, 0xfb, 0x90, 0])), Some(417), "128 kb/s at 44.1 kHz");
        assert_eq!(length(mpeg_audio(&[0xff, 0xfb, 0x92, 0])), Some(418));
        assert_eq!(length(mpeg_audio(&[0xff, 0xfb, 0x00, 0])), None, "a free bit rate");
        assert_eq!(length(adts(&[0xff, 0xf1, 0x50, 0x80, 0x0c, 0x9f, 0xfc])), Some(100));
        assert_eq!(length(ac3(&[0x0b, 0x77, 0, 0, 0b00_011100, 0x40])), Some(1536), "384 kb/s at 48 kHz");
        assert_eq!(length(ac3(&[0x0b, 0x77, 0, 0, 0b01_000000, 0x40])), Some(138), "69 words, by the table");
        assert_eq!(length(ac3(&[0x0b, 0x77, 0, 0, 0b01_000001, 0x40])), Some(140));
        assert_eq!(length(ac3(&[0x0b, 0x77, 0, 0xcf, 0x72, 0x87])), Some(416));
        assert_eq!(length(ac3(&[0x0b, 0x77, 0, 0, 0b11_000000, 0x40])), None);
    }

    #[test]
    fn three_frames_in_a_row_are_found_wherever_they_begin() {
        let frame = |header: &[u8], length: usize| [header, &vec![0x55; length - header.len()]].concat();
        let (mp3, faster) = (frame(&[0xff, 0xfb, 0x90, 0], 417), frame(&[0xff, 0xfb, 0xa0, 0], 522));
        let (mp2, aac) = (frame(&[0xff, 0xfd, 0x90, 0], 500), frame(&[0xff, 0xf1, 0x50, 0x80, 0x0c, 0x9f, 0xfc], 100));
        let found = |parts: &[&[u8]]| first_in_a_row(&parts.concat(), 5000);
        for lead in [&[][..], &mp3[17..], &[0; 5000], &[0xff; 300], &mp3[..99]] {
            assert_eq!(found(&[lead, &mp3.repeat(3)]), Some(("mp3", lead.len())), "{} bytes", lead.len());
            assert_eq!(found(&[lead, &aac.repeat(3)]), Some(("aac", lead.len())), "{} bytes", lead.len());
        }
        assert_eq!(found(&[&[7], &mp3, &faster, &mp3[..4]]), Some(("mp3", 1)), "whatever their bit rates");
        assert_eq!(found(&[&mp3[17..], &mp3.repeat(2)]), None, "two are not enough");
        let other_rate = frame(&[0xff, 0xfb, 0x94, 0], 384);
        assert_eq!(found(&[&mp3, &other_rate.repeat(3)]), Some(("mp3", 417)), "of one kind");
        assert_eq!(found(&[&mp3, &aac.repeat(3)]), Some(("aac", 417)));
        assert_eq!(found(&[&mp2.repeat(3)]), None, "not where the headers say");
        assert_eq!(found(&[&[0; 5001], &mp3.repeat(3)]), None, "too far down");
    }
}
