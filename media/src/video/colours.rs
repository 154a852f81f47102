//! How the colours of a stream are coded may change on the way, and a decoder keeps what it was told last where a stream says nothing anew.

use std::collections::BTreeMap;

use super::header::units;
use super::sets::{Sets, units_of};
use crate::libav::Signal;

/// Follows what a stream says of its colours. Of other codecs than these, decoders forget what was said, or hear it with every keyframe.
#[derive(Debug)]
pub(super) enum Colours {
    /// Parameter sets.
    H264(Told),
    /// Sequence headers, each with what follows it.
    Mpeg2,
    /// Any other.
    Other,
}

/// The parameter sets of H.264, and who told them.
#[derive(Debug, Default)]
pub(super) struct Told {
    sets: Sets,
    /// What the container says, by kind and number.
    boxed: BTreeMap<(u8, u32), Vec<u8>>,
    /// Others have come with the pictures since.
    strayed: bool,
    /// None came with the last picture, though others had come before.
    lacking: bool,
}

impl Colours {
    /// `extradata` is what the container says of the stream, or nothing.
    pub(super) fn new(codec: &str, extradata: &[u8]) -> Self {
        let mut colours = match codec {
            "h264" => Self::H264(Told::default()),
            "mpeg2video" => Self::Mpeg2,
            _ => Self::Other,
        };
        colours.learn(extradata);
        colours
    }

    /// Takes over what the container says anew.
    pub(super) fn learn(&mut self, extradata: &[u8]) {
        let Self::H264(told) = self else { return };
        (told.boxed, told.strayed) = (BTreeMap::new(), false);
        for unit in units_of(extradata) {
            if let Some(key) = told.sets.hear(unit) {
                told.boxed.insert(key, body(unit).to_vec());
            }
        }
    }

    /// What holds for the first picture of `packet`; `None` when nothing tells.
    pub(super) fn of(&mut self, packet: &[u8]) -> Option<Signal> {
        match self {
            Self::H264(told) => told.of(packet),
            Self::Mpeg2 => mpeg2(packet),
            Self::Other => None,
        }
    }

    /// Whether the last packet needs parameter sets that came with pictures before it.
    pub(super) const fn hangs_on_others(&self) -> bool {
        matches!(self, Self::H264(told) if told.lacking)
    }
}

impl Told {
    fn of(&mut self, packet: &[u8]) -> Option<Signal> {
        self.lacking = self.strayed;
        for unit in units(packet) {
            if let Some(1 | 5) = unit.first().map(|first| first & 31) {
                return self.sets.of_slice(unit).map(|set| set.signal);
            }
            if let Some(key) = self.sets.hear(unit) {
                self.lacking = false;
                self.strayed |= self.boxed.get(&key).is_none_or(|boxed| boxed != body(unit));
            }
        }
        None
    }
}

/// A unit without its first byte, which also tells how much it matters, and without what comes after it.
fn body(unit: &[u8]) -> &[u8] {
    let end = unit.windows(3).position(|window| window[..2] == [0, 0] && window[2] < 2).unwrap_or(unit.len());
    let zeros = unit[..end].iter().rev().take_while(|byte| **byte == 0).count();
    unit.get(1..end - zeros).unwrap_or_default()
}

/// A sequence header with the display extension that may follow it (ISO/IEC 13818-2, 6.2.2.4).
fn mpeg2(packet: &[u8]) -> Option<Signal> {
    let mut heard = None;
    // Slices come behind the header of their picture.
    for unit in units(packet).take_while(|unit| unit.first().is_some_and(|first| *first != 0)) {
        match unit {
            [0xb3, ..] => heard = Some(Signal::default()),
            [0xb5, first, codes @ ..] if first >> 4 == 2 && first & 1 == 1 => {
                heard = Some(Signal { full_range: None, codes: codes.first_chunk::<3>().copied() });
            }
            _ => {}
        }
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::Colours;
    use crate::libav::Signal;
    use crate::video::bits::packed;

    /// A sequence parameter set of the baseline profile with a number in Exp-Golomb code; `more` follows cropping.
    fn sequence(id: &str, more: &str) -> Vec<u8> {
        [&[0x67, 66, 0, 31][..], &packed(&format!("{id} 1 1 1 010 0 1 1 1 1 1 1 1 1 1 {more}"))].concat()
    }

    fn started(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&[0, 0, 1][..], unit].concat()).collect()
    }

    /// Of the shape of pixels four bytes are told, of overscan one bit; then a format, the range, and codes.
    const TOLD: &str = "1 1 11111111 0000000000010000 0000000000001011 1 0 1 101";

    #[test]
    fn a_picture_has_the_colours_of_the_sets_that_it_names() {
        let codes = "1 00001001 00010000 11111111";
        let (plain, full, bt2020) =
            (sequence("1", "0"), sequence("010", &format!("{TOLD} 1 0")), sequence("011", &format!("{TOLD} 0 {codes}")));
        let picture_set = |numbers: &str| [&[0x68][..], &packed(numbers)].concat();
        let slice = |numbers: &str| [&[0x65][..], &packed(&format!("1 00110 {numbers}"))].concat();
        let sets = started(&[&plain, &full, &bt2020, &picture_set("1 1"), &picture_set("010 010"), &picture_set("011 011")]);
        let mut colours = Colours::new("h264", &sets);
        let mut of = |units: &[&[u8]]| colours.of(&started(units));
        assert_eq!(of(&[&slice("1")]), Some(Signal::default()));
        assert_eq!(of(&[&slice("010")]), Some(Signal { full_range: Some(true), codes: None }));
        assert_eq!(of(&[&slice("011")]), Some(Signal { full_range: Some(false), codes: Some([9, 16, 2]) }), "nobody knows matrix 255");
        assert_eq!(of(&[&slice("00100")]), None, "no such set");
        assert_eq!(
            of(&[&[9, 16], &sequence("1", &format!("{TOLD} 1 0")), &picture_set("1 1"), &slice("1"), &slice("011")]),
            Some(Signal { full_range: Some(true), codes: None })
        );
        assert_eq!(Colours::new("hevc", &sets).of(&started(&[&slice("1")])), None);
    }

    #[test]
    fn sets_come_in_boxes_too() {
        let (sequence, picture) = (sequence("1", &format!("{TOLD} 1 0")), [0x68, 0xc0]);
        let boxed = [&[1, 66, 0, 31, 0xff, 0xe1, 0, sequence.len() as u8][..], &sequence, &[1, 0, 2], &picture].concat();
        let slice = [0, 0, 0, 3, 0x65, 0b1001_1010, 0x80];
        assert_eq!(Colours::new("h264", &boxed).of(&slice), Some(Signal { full_range: Some(true), codes: None }));
        let mut colours = Colours::new("h264", &[]);
        assert_eq!(colours.of(&slice), None);
        colours.learn(&boxed);
        assert!(colours.of(&slice).is_some());
    }

    #[test]
    fn a_picture_without_sets_hangs_on_those_that_came_with_others() {
        let (one, other): (&[u8], &[u8]) = (&sequence("1", "0"), &sequence("1", &format!("{TOLD} 1 0")));
        let (picture, slice): (&[u8], &[u8]) = (&[0x68, 0xc8], &[0x65, 0b1001_1010, 0x80]);
        let mut colours = Colours::new("h264", &started(&[one, picture]));
        let mut hangs = |units: &[&[u8]]| {
            colours.of(&started(units));
            colours.hangs_on_others()
        };
        assert!(!hangs(&[slice]) && !hangs(&[one, &[0x28, 0xc8, 0, 0], slice]) && !hangs(&[slice]), "the container has them");
        assert!(!hangs(&[other, picture, slice]) && hangs(&[slice]));
        assert!(!hangs(&[one, picture, slice]) && hangs(&[slice]), "nobody tells the container's again");
        colours.learn(&started(&[other, picture]));
        colours.of(&started(&[slice]));
        assert!(!colours.hangs_on_others());
    }

    #[test]
    fn a_sequence_header_of_mpeg2_tells_alone_or_with_what_follows() {
        let of = |units: &[&[u8]]| Colours::new("mpeg2video", &[]).of(&started(units));
        let (header, picture): (&[u8], &[u8]) = (&[0xb3, 9, 9], &[0, 9, 0xb5, 0x23, 7, 7, 7]);
        assert_eq!(of(&[header, &[0xb5, 0x14, 9], picture]), Some(Signal::default()));
        assert_eq!(of(&[header, &[0xb5, 0x2b, 1, 1, 5], picture]), Some(Signal { full_range: None, codes: Some([1, 1, 5]) }));
        assert_eq!(of(&[header, &[0xb5, 0x2a, 1, 1, 5], picture]), Some(Signal::default()));
        assert_eq!(of(&[picture, &[0xb5, 0x2b, 1, 1, 5]]), None);
    }
}
