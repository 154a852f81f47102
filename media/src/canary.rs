//! Canaries: a picture and a sound with a code, made here, by which a judge proves that it sees and hears.

use crate::audio::wav;
use crate::frame::{Rgb, write_number};
use crate::{Detail, Encoding, Error, FrameDetail, FrameView, PartHeader};

/// Pixels of the picture: one 512-pixel tile or less for every published token rule, and large digits.
const SIZE: (u32, u32) = (256, 128);
/// Pixels of a dot: the digits are 50 pixels high.
const DOT: u32 = 10;
/// A quiet blue, so that the digits' black box stands out.
const GROUND: [u8; 3] = [96, 128, 176];
/// Samples per second of the sound.
const RATE: u32 = 16_000;
/// Pitch of a beep in Hz, far inside what speech encoders keep.
const PITCH: f32 = 880.0;
/// Samples of a beep, and of the silence around each.
const BEEP: usize = RATE as usize / 5;
const SILENCE: usize = RATE as usize * 3 / 10;
/// Loudness of a beep; 1 is full scale.
const LEVEL: f32 = 0.4;

/// A JPEG of 256 x 128 pixels that shows `code`, 1 to 5 digits, white on black.
///
/// # Errors
/// A JPEG that cannot be encoded.
pub fn canary_picture(code: u16) -> Result<(PartHeader, Vec<u8>), Error> {
    let (width, height) = SIZE;
    let mut rgb = Rgb { width, height, pixels: GROUND.repeat(width as usize * height as usize) };
    let digits = code.to_string().len() as u32;
    let place = ((width - (digits * 4 + 1) * DOT) / 2, (height - 7 * DOT) / 2);
    write_number(&mut rgb, usize::from(code), place, DOT);
    let view = FrameView::Jpeg { long_edge: width, quality: 85, background: GROUND };
    let (encoding, width, height, bytes) = crate::frame::encode(&view, &rgb)?;
    Ok((PartHeader { recipes: Vec::new(), encoding, detail: Detail::Frame(FrameDetail::still(width, height)) }, bytes))
}

/// A WAV file, 16 bit mono at 16 kHz, with `beeps` beeps of 0.2 s, 0.3 s apart.
///
/// # Errors
/// A WAV file that cannot be written.
pub fn canary_sound(beeps: u8) -> Result<(PartHeader, Vec<u8>), Error> {
    let beep = (0..BEEP).map(|sample| {
        // Faded in and out over a tenth, or it would click.
        let edge = sample.min(BEEP - 1 - sample) as f32 / (BEEP as f32 / 10.0);
        (std::f32::consts::TAU * PITCH * sample as f32 / RATE as f32).sin() * LEVEL * edge.min(1.0)
    });
    let once: Vec<f32> = beep.chain(std::iter::repeat_n(0.0, SILENCE)).collect();
    let sound = [vec![0.0; SILENCE], once.repeat(usize::from(beeps))].concat();
    let mut samples = Vec::new();
    wav::quantise(&sound, &mut samples);
    let end = samples.len() as f64 / f64::from(RATE);
    let header = PartHeader { recipes: Vec::new(), encoding: Encoding::Wav, detail: Detail::Sound { start: 0.0, end } };
    Ok((header, wav::encode(&samples, RATE)?))
}

#[cfg(test)]
mod tests {
    use super::{canary_picture, canary_sound};
    use crate::{Detail, Encoding};

    #[test]
    fn pictures_differ_by_their_code_and_are_small() {
        let (header, bytes) = canary_picture(4071).unwrap();
        assert_eq!((header.encoding, &bytes[..2]), (Encoding::Jpeg, &[0xff, 0xd8][..]));
        assert!(bytes.len() < 8192 && bytes != canary_picture(4072).unwrap().1 && bytes == canary_picture(4071).unwrap().1);
    }

    #[test]
    fn beeps_can_be_counted() {
        let (header, bytes) = canary_sound(3).unwrap();
        let samples: Vec<i16> = hound::WavReader::new(&bytes[..]).unwrap().into_samples().map(Result::unwrap).collect();
        let loud: Vec<bool> = samples.chunks(1600).map(|tenth| tenth.iter().any(|sample| sample.unsigned_abs() > 8000)).collect();
        assert_eq!(loud.windows(2).filter(|pair| !pair[0] && pair[1]).count(), 3, "{loud:?}");
        assert!(matches!(header.detail, Detail::Sound { end, .. } if (end - 1.8).abs() < 1e-9), "{header:?}");
    }
}
