//! Refuses by arithmetic what decoding would need more memory for than there is.

use super::hevc::holding;
use super::sets::{sequence_set, units_of};
use crate::libav::Held;
use crate::{Error, Limits};

/// Pictures in flight beside those that a decoder holds: the one being decoded, the one being viewed, and what is scaled from it.
const IN_FLIGHT: u64 = 4;
/// H.264 and HEVC have no more.
const MOST: u64 = 16;

/// Checks one picture, and all that are held at once.
pub(super) fn admit(held: u64, size: (u32, u32), bytes_per_two_pixels: u64, limits: &Limits) -> Result<(), Error> {
    let pixels = u64::from(size.0) * u64::from(size.1);
    Limits::check("pixels of a frame", pixels, limits.pixels)?;
    Limits::check("memory for decoding in bytes", (held + IN_FLIGHT) * pixels * bytes_per_two_pixels / 2, limits.decode_bytes)
}

/// How many pictures a decoder holds, by `extradata`: the parameter sets that come before the first picture, or nothing.
pub(super) fn pictures(codec: &str, extradata: &[u8], size: (u32, u32)) -> u64 {
    match codec {
        "h264" => {
            let sets = units_of(extradata).into_iter().filter_map(sequence_set);
            let most = sets.map(|set| of_h264(set.level, set.references, size)).max();
            most.unwrap_or(MOST)
        }
        "hevc" => holding(extradata)
            .map_or(MOST, |told| told.pictures.map_or_else(|| of_hevc(told.level, size), |pictures| MOST.min(pictures.into()))),
        _ => of_others(codec),
    }
}

/// The same, by what the decoder was told last.
pub(super) fn pictures_now(codec: &str, held: Held, size: (u32, u32)) -> u64 {
    match (codec, held.level) {
        ("h264", Some(level)) => of_h264(level, held.references, size),
        ("hevc", Some(level)) => of_hevc(level, size),
        ("h264" | "hevc", None) => MOST,
        _ => of_others(codec),
    }
}

fn of_others(codec: &str) -> u64 {
    match codec {
        "vp9" | "av1" => 8,
        _ => 3,
    }
}

/// ISO/IEC 14496-10, table A-1 (`MaxDpbMbs`) and A.3.1 h: pictures by how many blocks of 16x16 there is room for, or as many as are said to be referred to.
fn of_h264(level: u32, references: u32, size: (u32, u32)) -> u64 {
    let room = match level {
        0 => return MOST,
        1..=10 => 396,
        11 => 900,
        12..=20 => 2376,
        21 => 4752,
        22..=30 => 8100,
        31 => 18_000,
        32 => 20_480,
        40..=41 => 32_768,
        42 => 34_816,
        50 => 110_400,
        51..=52 => 184_320,
        _ => 696_320,
    };
    let blocks = u64::from(size.0.div_ceil(16)) * u64::from(size.1.div_ceil(16));
    (room / blocks.max(1)).max(references.into()).clamp(1, MOST)
}

/// ISO/IEC 23008-2, table A.8 (`MaxLumaPs`) and A.4.2: the smaller the pictures are for their level, the more there are.
fn of_hevc(level: u32, size: (u32, u32)) -> u64 {
    let largest: u64 = match level {
        0 => return MOST,
        1..=30 => 36_864,
        31..=60 => 122_880,
        61..=63 => 245_760,
        64..=90 => 552_960,
        91..=93 => 983_040,
        94..=123 => 2_228_224,
        124..=156 => 8_912_896,
        157..=186 => 35_651_584,
        _ => 80_216_064,
    };
    match u64::from(size.0) * u64::from(size.1) {
        pixels if pixels <= largest / 4 => 16,
        pixels if pixels <= largest / 2 => 12,
        pixels if pixels <= largest * 3 / 4 => 8,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::packed;
    use super::*;

    const EIGHT_K: (u32, u32) = (7680, 4320);
    const ACTION: (u32, u32) = (5312, 2988);

    #[test]
    fn a_level_says_how_many_pictures_there_is_room_for() {
        // What the tables of both standards come to for usual sizes.
        let of = |level, size| of_h264(level, 1, size);
        assert_eq!((of(40, (1920, 1080)), of(31, (1280, 720)), of(51, (3840, 2160))), (4, 5, 5));
        assert_eq!((of(60, EIGHT_K), of(62, (1920, 1080)), of(10, EIGHT_K), of(0, EIGHT_K)), (5, 16, 1, 16));
        assert_eq!((of_hevc(120, (1920, 1080)), of_hevc(153, (3840, 2160)), of_hevc(153, (1920, 1080))), (6, 6, 16));
        assert_eq!((of_hevc(186, EIGHT_K), of_hevc(180, ACTION), of_hevc(123, (1280, 720)), of_hevc(0, EIGHT_K)), (6, 12, 12, 16));
    }

    #[test]
    fn a_stream_that_refers_to_more_than_its_level_allows_is_taken_at_the_larger_word() {
        assert_eq!((of_h264(60, 9, EIGHT_K), of_h264(60, 4000, EIGHT_K)), (9, 16));
        let told = |codec, level| pictures_now(codec, Held { level: Some(level), references: 3 }, EIGHT_K);
        assert_eq!((told("h264", 60), told("hevc", 180)), (5, 6), "of other sizes on the way");
    }

    #[test]
    fn what_says_nothing_of_itself_is_taken_for_the_most_that_its_codec_allows() {
        for codec in ["h264", "hevc"] {
            assert_eq!((pictures(codec, &[], EIGHT_K), pictures_now(codec, Held::default(), EIGHT_K)), (16, 16), "{codec}");
        }
        assert_eq!((pictures("av1", &[], EIGHT_K), pictures_now("mpeg2video", Held::default(), EIGHT_K)), (8, 3));
    }

    #[test]
    fn eight_thousand_pixels_a_row_are_decoded_and_what_would_not_fit_is_not() {
        let fits = |pictures, bytes| admit(pictures, EIGHT_K, bytes, &Limits::default()).is_ok();
        assert!(fits(of_h264(60, 3, EIGHT_K), 3) && fits(of_hevc(180, EIGHT_K), 3) && fits(of_others("av1"), 3));
        assert!(!fits(of_h264(60, 16, EIGHT_K), 3) && !fits(MOST, 3) && !fits(of_hevc(180, EIGHT_K), 6));
    }

    #[test]
    fn parameter_sets_are_read_where_containers_keep_them() {
        // High profile, level 6.0, set 0, 4:2:0, 8 bit, no lists; numbers of 4 bits, order by type 2, three references.
        let set = [&[0x67, 100, 0, 60][..], &packed("1 010 1 1 0 0 1 011 00100 0 1 1 1 0 0")].concat();
        let record = [&[1, 100, 0, 60, 0xff, 0xe1, 0, set.len() as u8][..], &set, &[0]].concat();
        for extradata in [record, [&[0, 0, 0, 1][..], &set].concat()] {
            assert_eq!((pictures("h264", &extradata, EIGHT_K), pictures("h264", &extradata, (7680, 7680))), (5, 3));
        }
        assert_eq!(pictures("h264", &[1, 2], EIGHT_K), 16);
    }

    /// Level 6.1, 4:2:0, 64x64, ten bits; one layer holds five pictures. Bytes of constraints are told from start codes by a third (7.4.2).
    fn set_of_hevc(of_layers: &str, of_pictures: &str) -> Vec<u8> {
        let profile = [2, 0x20, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 183];
        let layers = u8::from(!of_layers.is_empty());
        let rest = format!("{of_layers} 1 010 0000001000000 0000001000000 0 011 011 00101 {of_pictures}");
        [&[33 << 1, 1, layers << 1 | 1][..], &profile, &packed(&rest)].concat()
    }

    #[test]
    fn hevc_says_how_many_pictures_it_holds() {
        let told = |set: &[u8]| {
            let record = [&[1; 22][..], &[2, 0xa0, 0, 1, 0, 2, 32 << 1, 1, 0xa1, 0, 1, 0, set.len() as u8], set].concat();
            let units = [&[0, 0, 1, 32 << 1, 1, 9, 0, 0, 1][..], set].concat();
            assert_eq!(holding(&record), holding(&units));
            assert_eq!(pictures("hevc", &record, ACTION), pictures("hevc", &units, ACTION));
            (holding(&record).unwrap().level, pictures("hevc", &record, ACTION))
        };
        assert_eq!(told(&set_of_hevc("", "1 00101 011 1")), (183, 5));
        // Two layers, the first with a level of its own; pictures are told for both, then for the higher alone.
        let layers = "01 00000000000000 00011110";
        assert_eq!((told(&set_of_hevc(layers, "1 011 1 1 00110 1 1")), told(&set_of_hevc(layers, "0 00110 1 1"))), ((183, 6), (183, 6)));
        assert_eq!(told(&set_of_hevc("", "1 00000000000000001 0000000000000000")), (183, 16), "no decoder holds more");
        assert_eq!(told(&set_of_hevc("", "")[..20]), (183, 12), "where nothing is told, by level");
        assert!(admit(5, ACTION, 6, &Limits::default()).is_ok(), "action cameras of ten bit");
        assert_eq!((holding(&[]), holding(&[1; 22]), holding(&[0, 0, 1, 33 << 1, 1, 1])), (None, None, None));
    }
}
