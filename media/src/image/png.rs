//! What a PNG says of its colours beside an ICC profile. The decoder at hand keeps most of that to itself.

use std::io::{self, BufReader, Read as _};

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, MatrixCoefficients, ToneReprCurve,
    TransferCharacteristics, XyY,
};

use crate::Source;

/// A code and a message for the report.
pub(super) type Oddity = (&'static str, String);

/// The gAMA of sRGB, which no single power describes: what is within 5 % of it is taken for sRGB where no primaries are told, as browsers do.
const GAMMA_OF_SRGB: u32 = 45_455;
const NEAR: u32 = GAMMA_OF_SRGB / 20;

/// The cHRM of sRGB: white, red, green, blue.
const CORNERS_OF_SRGB: [f32; 8] = [0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06];

/// The chunks before the picture that tell of colours. PNG (third edition, section 4.3) ranks them: cICP, iCCP, sRGB, gAMA with cHRM.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    cicp: Option<[u8; 4]>,
    /// Whether there is an ICC profile, read or not.
    pub(super) has_profile: bool,
    srgb: bool,
    /// 100,000 / the power that makes light of levels.
    gamma: Option<u32>,
    /// x and y of white, red, green and blue.
    corners: Option<[f32; 8]>,
}

impl Told {
    /// Of a file that tells no more than a profile, if that.
    pub(super) fn by_profile(has_profile: bool) -> Self {
        Self { has_profile, ..Self::default() }
    }

    /// Reads the chunks up to the picture. Broken ones tell nothing; of two of a kind the first counts.
    pub(super) fn of(source: &Source) -> io::Result<Self> {
        let mut told = Self::default();
        let mut input = BufReader::new(source.reader());
        input.seek_relative(SIGNATURE)?;
        let mut has_palette = false;
        loop {
            let mut head = [0; 8];
            if input.read(&mut head[..1])? == 0 || input.read_exact(&mut head[1..]).is_err() {
                return Ok(told); // the decoder says what is wrong with it
            }
            let ([long, kind], []) = head.as_chunks::<4>() else { return Ok(told) };
            let length = u32::from_be_bytes(*long) as usize;
            match kind {
                b"IDAT" | b"IEND" => return Ok(told),
                b"PLTE" => has_palette = true,
                b"iCCP" => told.has_profile = true,
                b"cICP" | b"sRGB" | b"gAMA" | b"cHRM" if length <= LONGEST => {
                    let mut rest = vec![0; length + CHECKSUM];
                    if input.read_exact(&mut rest).is_err() {
                        return Ok(told);
                    }
                    let (content, sum) = rest.split_at(length);
                    if checksum(kind, content).to_be_bytes() == sum {
                        told.take(kind, content, has_palette);
                    }
                    continue;
                }
                _ => {}
            }
            input.seek_relative((length + CHECKSUM) as i64)?;
        }
    }

    fn take(&mut self, kind: &[u8], content: &[u8], has_palette: bool) {
        let number = |four: &[u8; 4]| u32::from_be_bytes(*four);
        match (kind, content) {
            (b"cICP", &[a, b, c, d]) if !has_palette => _ = self.cicp.get_or_insert([a, b, c, d]),
            (b"sRGB", [0..=3]) => self.srgb = true,
            (b"gAMA", &[a, b, c, d]) if number(&[a, b, c, d]) > 0 => _ = self.gamma.get_or_insert(number(&[a, b, c, d])),
            (b"cHRM", _) if content.len() == 32 => {
                let mut corners = [0.0; 8];
                corners.iter_mut().zip(content.as_chunks().0).for_each(|(corner, four)| *corner = number(four) as f32 / 100_000.0);
                self.corners.get_or_insert(corners);
            }
            _ => {}
        }
    }

    /// The colour space that cICP names, which comes before a profile: a reason why not when it cannot be followed.
    pub(super) fn by_code_points(&self) -> Option<Result<ColorProfile, Oddity>> {
        let told = self.cicp?;
        let [primaries, transfer, _, full_range] = told; // a matrix is refused by the decoder
        if matches!(transfer, PQ | HLG) {
            return Some(Err(("hdr_not_tone_mapped", "HDR brightness is shown as it is stored".to_owned())));
        }
        let space = code_points(primaries, transfer).filter(|_| full_range == 1);
        Some(space.ok_or_else(|| ("cicp_not_applied", format!("colours by cICP {told:?} are none that can be converted"))))
    }

    /// The colour space that gAMA and cHRM describe, which counts where there is no profile; `None` for sRGB.
    pub(super) fn by_gamma(&self) -> Option<Result<ColorProfile, Oddity>> {
        if self.srgb {
            return None;
        }
        let Some(gamma) = self.gamma else {
            let wide = self.corners.filter(|corners| corners.iter().zip(CORNERS_OF_SRGB).any(|(is, srgb)| (is - srgb).abs() > 0.002))?;
            let message = format!("colours of primaries {wide:?} are shown as if they were sRGB's, since no gAMA is told");
            return Some(Err(("primaries_not_converted", message)));
        };
        if self.corners.is_none() && gamma.abs_diff(GAMMA_OF_SRGB) <= NEAR {
            return None;
        }
        let mut profile = ColorProfile::new_srgb();
        match self.corners {
            Some(corners) if !span_a_plane(&corners) => {
                return Some(Err(("gamma_not_applied", format!("gAMA with cHRM {corners:?}, which are the primaries of nothing"))));
            }
            Some(corners) => {
                let [white, red, green, blue] = [0, 2, 4, 6].map(|at| Chromaticity::new(corners[at], corners[at + 1]));
                let white = XyY { x: white.x.into(), y: white.y.into(), yb: 1.0 };
                profile.update_rgb_colorimetry(white, ColorPrimaries { red, green, blue });
            }
            None => {}
        }
        set_power(&mut profile, 100_000.0 / gamma as f32);
        Some(Ok(profile))
    }
}

/// Bytes of the signature, of the longest chunk that is read here, and of what follows a chunk's content.
const SIGNATURE: i64 = 8;
const LONGEST: usize = 32;
const LONGEST_EXIF: usize = 1 << 20;
const CHECKSUM: usize = 4;

/// ITU-T H.273: transfer characteristics of HDR.
const PQ: u8 = 16;
const HLG: u8 = 18;

/// The colour space of these numbers of ITU-T H.273, unless they are reserved, say nothing, or are rare. Curves are those of screens, as browsers
/// take them: BT.709 and its sisters tell how a camera's light is stored, and screens show that by a power of 2.4 (ITU-R BT.1886).
fn code_points(primaries: u8, transfer: u8) -> Option<ColorProfile> {
    let power = match transfer {
        1 | 6 | 14 | 15 => Some(2.4),
        4 => Some(2.2),
        5 => Some(2.8),
        8 => Some(1.0),
        13 => None, // sRGB's own curve
        _ => return None,
    };
    let mut profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::Srgb,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    profile.red_trc.as_ref()?; // primaries that are none
    power.into_iter().for_each(|power| set_power(&mut profile, power));
    Some(profile)
}

fn set_power(profile: &mut ColorProfile, power: f32) {
    let curve = Some(ToneReprCurve::Parametric(vec![power]));
    (profile.cicp, profile.red_trc, profile.green_trc, profile.blue_trc) = (None, curve.clone(), curve.clone(), curve);
}

/// Whether white and the primaries are colours, and the primaries differ.
fn span_a_plane(corners: &[f32; 8]) -> bool {
    let away = |at: usize| (corners[at] - corners[6], corners[at + 1] - corners[7]); // from blue
    let (red, green) = (away(2), away(4));
    let area = red.0 * green.1 - green.0 * red.1;
    corners.iter().all(|part| *part <= 1.0) && corners.iter().skip(1).step_by(2).all(|y| *y > 0.0) && area.abs() > 1e-3
}

/// The EXIF of a PNG wherever it stands, also behind the pixels (PNG, third edition, 5.6). A broken or huge one is none.
pub(super) fn exif_of(source: &Source) -> io::Result<Option<Vec<u8>>> {
    let mut at = SIGNATURE.unsigned_abs();
    loop {
        let head = source.read(at, 8)?;
        let ([long, kind], []) = head.as_chunks::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*long) as usize;
        if kind == b"eXIf" && length <= LONGEST_EXIF {
            let mut content = source.read(at + 8, length + CHECKSUM)?;
            let sum = content.split_off(length.min(content.len()));
            return Ok((checksum(kind, &content).to_be_bytes()[..] == sum).then_some(content));
        }
        if kind == b"IEND" {
            return Ok(None);
        }
        at += (8 + length + CHECKSUM) as u64;
    }
}

/// ISO 3309, over kind and content.
pub(super) fn checksum(kind: &[u8], content: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !kind.iter().chain(content).fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::slice::from_ref;

    use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};

    use super::{checksum, exif_of};
    use crate::{FrameView, Limits, PartHeader, Recipe, Report, Source, normalise};

    fn chunk(kind: &[u8], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32).to_be_bytes()[..], kind, content, &checksum(kind, content).to_be_bytes()].concat()
    }

    fn gamma(told: u32) -> Vec<u8> {
        chunk(b"gAMA", &told.to_be_bytes())
    }

    fn corners(told: [u32; 8]) -> Vec<u8> {
        chunk(b"cHRM", &told.map(u32::to_be_bytes).concat())
    }

    const P3: [u32; 8] = [31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6000];
    const SRGB: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6000];

    /// What a picture with `chunks` behind its header shows, and the codes of its notes.
    fn shown(picture: &DynamicImage, chunks: &[Vec<u8>]) -> (Vec<u8>, Vec<String>) {
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, ImageFormat::Png).unwrap();
        let mut png = png.into_inner();
        png.splice(33..33, chunks.concat());
        let recipe = Recipe::Image { sampler: "first".parse().unwrap(), view: FrameView::Tensor { resize: 8, crop: 8 } };
        let mut parts: Vec<(PartHeader, Vec<u8>)> = Vec::new();
        let report: Report = normalise(&Source::memory(png), &[recipe], &Limits::default(), &mut parts).unwrap();
        (parts[0].1[..3].to_vec(), report.notes.into_iter().map(|note| note.code).collect())
    }

    fn pixel(rgb: [u8; 3], chunks: &[Vec<u8>]) -> (Vec<u8>, Vec<String>) {
        shown(&RgbImage::from_pixel(8, 8, Rgb(rgb)).into(), chunks)
    }

    /// A name, chunks, and what is seen.
    type Case<T> = (&'static str, Vec<Vec<u8>>, T);

    /// Each expected colour is what Chromium 156 shows of such a file.
    #[test]
    fn colours_are_those_that_a_browser_shows() {
        let cicp = |told: [u8; 4]| chunk(b"cICP", &told);
        let srgb = chunk(b"sRGB", &[0]);
        let (red, dark, mixed) = ([230, 20, 20], [30, 30, 30], [200, 100, 60]);
        // Of a red, a dark grey and an orange.
        let cases: &[Case<[[u8; 3]; 3]>] = &[
            ("nothing told", vec![], [red, dark, mixed]),
            ("linear", vec![gamma(100_000)], [[244, 79, 79], [96; 3], [229, 168, 133]]),
            ("nearly sRGB", vec![gamma(45_455)], [red, dark, mixed]),
            ("nearly sRGB, 3 % off", vec![gamma(47_000)], [red, dark, mixed]),
            ("a power of 2", vec![gamma(50_000)], [[233, 18, 18], [31; 3], [206, 109, 67]]),
            ("a power of 2.2 and sRGB's primaries", vec![gamma(45_455), corners(SRGB)], [[231, 12, 12], [24; 3], [201, 100, 57]]),
            ("a power of 2.2 and Display P3's", vec![gamma(45_455), corners(P3)], [[252, 0, 0], [24; 3], [216, 93, 43]]),
            ("Display P3", vec![cicp([12, 13, 0, 1])], [[251, 0, 0], dark, [215, 93, 47]]),
            ("BT.709", vec![cicp([1, 1, 0, 1])], [[229, 7, 7], [18; 3], [197, 91, 49]]),
            ("BT.2020", vec![cicp([9, 14, 0, 1])], [[255, 0, 0], [18; 3], [239, 63, 31]]),
            ("sRGB comes before gAMA", vec![gamma(100_000), srgb.clone()], [red, dark, mixed]),
            ("cICP comes before sRGB", vec![srgb, cicp([1, 8, 0, 1])], [[244, 79, 79], [96; 3], [229, 168, 133]]),
            ("the first of two", vec![gamma(45_455), gamma(100_000)], [red, dark, mixed]),
            ("gAMA of 0", vec![gamma(0)], [red, dark, mixed]),
            ("too long", vec![chunk(b"gAMA", &[0, 1, 0x86, 0xa0, 0])], [red, dark, mixed]),
        ];
        for (name, chunks, [reds, darks, mixes]) in cases {
            for (stored, expected) in [(red, reds), (dark, darks), (mixed, mixes)] {
                let (seen, notes) = pixel(stored, chunks);
                assert!(seen.iter().zip(expected).all(|(is, wanted)| is.abs_diff(*wanted) <= 2), "{name}: {stored:?} became {seen:?}");
                assert_eq!(notes, [""; 0], "{name}");
            }
        }
        let grey = |level, chunks: &[Vec<u8>]| shown(&GrayImage::from_pixel(8, 8, Luma([level])).into(), chunks).0;
        assert!(grey(50, &[gamma(100_000)])[0].abs_diff(122) <= 2 && grey(50, &[cicp([12, 8, 0, 1])])[0].abs_diff(122) <= 2);
        assert_eq!((grey(50, &[gamma(45_455)]), grey(50, &[cicp([12, 13, 0, 1])])), (vec![50; 3], vec![50; 3]));
    }

    #[test]
    fn what_is_not_converted_is_noted_and_the_next_in_rank_counts() {
        let (as_stored, linear) = ([120; 3], [183; 3]);
        let (broken, bomb) = (chunk(b"iCCP", b"x\0\0no profile"), chunk(b"iCCP", b"x\0\x01"));
        let cicp = |told: [u8; 4]| chunk(b"cICP", &told);
        let cases: &[Case<[u8; 3]>] = &[
            ("hdr_not_tone_mapped", vec![cicp([9, 16, 0, 1])], as_stored),
            ("hdr_not_tone_mapped", vec![cicp([9, 18, 0, 1])], as_stored),
            ("cicp_not_applied", vec![cicp([1, 13, 0, 0])], as_stored),
            ("cicp_not_applied", vec![cicp([12, 11, 0, 1])], as_stored),
            ("cicp_not_applied", vec![cicp([1, 2, 0, 1]), gamma(100_000)], linear),
            ("cicp_not_applied", vec![cicp([200, 13, 0, 1])], as_stored),
            ("primaries_not_converted", vec![corners(P3)], as_stored),
            ("gamma_not_applied", vec![gamma(100_000), corners([0; 8])], as_stored),
            ("gamma_not_applied", vec![gamma(100_000), corners([31_270, 32_900, 64_000, 33_000, 64_000, 33_000, 15_000, 6000])], as_stored),
            ("icc_not_applied", vec![broken.clone()], as_stored),
            ("icc_not_applied", vec![broken, gamma(100_000)], linear),
            ("icc_not_applied", vec![bomb], as_stored),
        ];
        for (code, chunks, expected) in cases {
            let (seen, notes) = pixel([120; 3], chunks);
            assert_eq!(notes, [*code], "{chunks:?}");
            assert!(seen.iter().zip(expected).all(|(is, wanted)| is.abs_diff(*wanted) <= 2), "{code}: {seen:?}");
        }
        let mut damaged = gamma(100_000);
        damaged[8] ^= 1;
        for silent in [vec![damaged], vec![corners(SRGB)], vec![chunk(b"PLTE", &[0; 768]), cicp([1, 8, 0, 1])]] {
            assert_eq!(pixel([120; 3], &silent), (vec![120; 3], vec![]), "{silent:?}");
        }
    }

    /// PNG, third edition, 5.6: anywhere between IHDR and IEND.
    #[test]
    fn a_turn_is_followed_wherever_it_stands() {
        let mut png = Cursor::new(Vec::new());
        RgbImage::new(20, 10).write_to(&mut png, ImageFormat::Png).unwrap();
        let png = png.into_inner();
        let turn = |orientation: u8| [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0, 0, 0, 0, 0]].concat();
        let with = |at: usize, chunks: &[Vec<u8>]| [&png[..at], &chunks.concat(), &png[at..]].concat();
        let recipe = Recipe::Image { sampler: "first".parse().unwrap(), view: FrameView::default() };
        let shown = |file: Vec<u8>| {
            let report = normalise(&Source::memory(file), from_ref(&recipe), &Limits::default(), &mut Vec::new()).unwrap();
            assert!(report.notes.is_empty(), "{:?}", report.notes);
            report.dimensions.unwrap()
        };
        let (front, back, exif) = (33, png.len() - 12, chunk(b"eXIf", &turn(6)));
        assert_eq!(
            (shown(png.clone()), shown(with(front, from_ref(&exif))), shown(with(back, from_ref(&exif)))),
            ((20, 10), (10, 20), (10, 20))
        );
        let mut broken = exif.clone();
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!((shown(with(back, &[broken])), shown(with(back, &[chunk(b"eXIf", b"")]))), ((20, 10), (20, 10)));
        let source = |file: &[u8]| exif_of(&Source::memory(file.to_vec())).unwrap();
        let whole = with(back, &[exif]);
        assert_eq!(source(&whole), Some(turn(6)));
        assert!((0..whole.len() - 12).all(|end| source(&whole[..end]).is_none()), "cut files");
    }

    #[test]
    fn extreme_powers_are_no_trouble() {
        for told in [1, 2, 4_000_000_000, u32::MAX] {
            let (seen, notes) = pixel([120; 3], &[gamma(told)]);
            assert_eq!((seen, notes.len()), (vec![if told < 10 { 0 } else { 255 }; 3], 0), "{told}");
        }
    }
}
