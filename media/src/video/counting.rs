//! H.264 counts the pictures that others refer to: where a number is left out, one of them is missing.

use super::bits::Bits;
use super::header::units;
use super::sets::Sets;

/// Follows the numbers of a stream.
#[derive(Debug, Default)]
pub(super) struct Counting {
    sets: Sets,
    /// Number of the last picture that others refer to.
    last: Option<u32>,
}

impl Counting {
    /// `extradata` holds parameter sets, with lengths (ISO/IEC 14496-15) or start codes, or nothing.
    pub(super) fn new(extradata: &[u8]) -> Self {
        Self { sets: Sets::of(extradata), last: None }
    }

    /// Takes over what the container says anew.
    pub(super) fn learn(&mut self, extradata: &[u8]) {
        self.sets.learn(extradata);
    }

    /// Whether numbers are left out before that of `packet` (7.4.3, `frame_num`). 0 and 1 may also come after a picture that makes all others
    /// forgotten, and are taken for that.
    pub(super) fn leaves_out(&mut self, packet: &[u8]) -> bool {
        for unit in units(packet) {
            if let Some(kind @ (1 | 5)) = unit.first().map(|first| first & 31) {
                return self.follow(unit, kind == 5).unwrap_or(false);
            }
            self.sets.hear(unit);
        }
        false
    }

    fn follow(&mut self, slice: &[u8], alone: bool) -> Option<bool> {
        let rule = *self.sets.of_slice(slice)?;
        let mut bits = Bits::of(slice);
        bits.skip_numbers(3)?;
        bits.take(if rule.planes { 2 } else { 0 })?;
        let number = bits.take(rule.bits)?;
        let follows = |last: u32| number == last || number == (last + 1) % (1 << rule.bits);
        let left_out = !alone && !rule.gaps && number > 1 && self.last.is_some_and(|last| !follows(last));
        if slice.first()? >> 5 & 3 != 0 {
            self.last = Some(number);
        }
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::Counting;
    use crate::video::bits::packed;
    use crate::video::sets::SequenceSet;

    /// Of a picture: number 0, which belongs to sequence set 0.
    const PICTURE_SET: [u8; 2] = [0x68, 0xce];

    /// Set 0 of a `profile` that says `more`; numbers of 5 bits, times of 4; four pictures to refer to.
    fn set(profile: u8, more: &str, gaps: &str) -> Vec<u8> {
        [&[0x67, profile, 0, 31][..], &packed(&format!("1 {more} 010 1 1 00101 {gaps}"))].concat()
    }

    #[test]
    fn a_parameter_set_tells_how_pictures_are_counted() {
        let rule = |extradata: &[u8]| Counting::new(extradata).sets.of_slice(&[0x65, 0xe0]).copied();
        // Of the scaling lists the first is there, and ends at its first number, which is -8.
        for (profile, more) in [(66, ""), (100, "010 1 1 0 0"), (100, "010 1 1 0 1 1 000010001 0000000")] {
            for (gaps, flag) in [(false, "0"), (true, "1")] {
                let set = set(profile, more, flag);
                let boxed = [&[1, profile, 0, 31, 0xff, 0xe1, 0, set.len() as u8][..], &set, &[1, 0, 2], &PICTURE_SET].concat();
                let started = [&[0, 0, 0, 1][..], &set, &[0, 0, 1], &PICTURE_SET].concat();
                for extradata in [boxed, started] {
                    let expected = SequenceSet { level: 31, references: 4, bits: 5, gaps, ..SequenceSet::default() };
                    assert_eq!(rule(&extradata), Some(expected), "profile {profile}, {more}");
                }
            }
        }
        assert_eq!(rule(&[1, 66, 0, 31, 0xff, 0xe1, 0, 9, 0x67]), None);
        assert_eq!(rule(&[]), None);
    }

    #[test]
    fn a_number_that_is_left_out_is_noticed() {
        // Numbers by pictures; those that nothing refers to are negative.
        let noticed = |gaps: &str, numbers: &[i32]| -> Vec<usize> {
            let mut counting = Counting::new(&[&[0, 0, 1][..], &set(66, "", gaps), &[0, 0, 1], &PICTURE_SET].concat());
            let slice = |at: usize, number: i32| {
                let header = if at == 0 {
                    0x65
                } else if number < 0 {
                    0x01
                } else {
                    0x41
                };
                [&[0, 0, 1, 9, 16, 0, 0, 1, header][..], &packed(&format!("1 1 1 {:05b} 0000", number.abs()))].concat()
            };
            let left_out = |(at, number): (usize, &i32)| counting.leaves_out(&slice(at, *number)).then_some(at);
            numbers.iter().enumerate().filter_map(left_out).collect()
        };
        assert_eq!(noticed("0", &[0, 1, -2, -2, 2, 3, -4]), [0; 0]);
        assert_eq!(noticed("0", &[0, 1, -2, -3, 3, 4]), [3, 4], "picture 2 is missing, also to the one that nothing refers to");
        assert_eq!(noticed("0", &[0, 30, 31, 0, 1, 3]), [1, 5]);
        assert_eq!(noticed("0", &[0, 1, 2, 3, 0, 1]), [0; 0], "all were forgotten");
        assert_eq!(noticed("1", &[0, 1, 5]), [0; 0], "on purpose");
    }

    #[test]
    fn a_picture_is_counted_by_the_set_that_it_names() {
        // Set 1 of a sequence has numbers of 8 bits, and set 1 of a picture belongs to it.
        let wide = [&[0x67, 66, 0, 31][..], &packed("010 00101 1 1 00101 0")].concat();
        let (narrow, of_wide) = (set(66, "", "0"), [&[0x68][..], &packed("010 010")].concat());
        let started = |units: &[&[u8]]| units.iter().flat_map(|unit| [&[0, 0, 1][..], unit].concat()).collect::<Vec<u8>>();
        let slice = |header: u8, set: &str, number: String| [&[header][..], &packed(&format!("1 1 {set} {number} 0000"))].concat();
        let all: [&[u8]; 4] = [&narrow, &PICTURE_SET, &wide, &of_wide];
        let turned: [&[u8]; 4] = [&wide, &of_wide, &narrow, &PICTURE_SET];
        for (boxed, with_pictures) in [(&all[..], &[][..]), (&turned, &[]), (&[], &all), (&[], &turned), (&all[..2], &all[2..])] {
            let left_out = |lost: u32| {
                let mut counting = Counting::new(&started(boxed));
                counting.leaves_out(&started(&[with_pictures, &[&slice(0x65, "010", "00000000".to_owned())]].concat()));
                let wide = (1..40).filter(|number| *number != lost).map(|number| slice(0x41, "010", format!("{number:08b}")));
                let narrow = (1..40).filter(|number| *number != lost).map(|number| slice(0x41, "1", format!("{:05b}", number % 32)));
                let again = slice(0x65, "1", "00000".to_owned());
                let slices: Vec<_> = wide.chain([again]).chain(narrow).collect();
                slices.iter().filter(|slice| counting.leaves_out(&started(&[slice]))).count()
            };
            assert_eq!((left_out(0), left_out(9)), (0, 2));
        }
    }
}
