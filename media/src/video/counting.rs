//! H.264 counts the pictures that others refer to: where a number is left out, one of them is missing, and fields of one number are one frame's.

use super::bits::Bits;
use super::header::units;
use super::sets::{SequenceSet, Sets};

/// Follows the numbers of a stream.
#[derive(Debug, Default)]
pub(super) struct Counting {
    sets: Sets,
    /// Number of the last picture that others refer to.
    last: Option<u32>,
    /// The last picture, where it is a field and its frame lacks the other one.
    open: Option<Field>,
}

/// What the header of a slice says of its picture (ISO/IEC 14496-10, 7.3.3).
struct Header {
    rule: SequenceSet,
    number: u32,
    /// Whether it is the lower of two fields; `None` for a frame.
    lower: Option<bool>,
}

/// A picture that is one field of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    lower: bool,
    number: u32,
    /// Whether others refer to it.
    referred_to: bool,
    /// Whether it makes all pictures before it forgotten.
    alone: bool,
}

impl Field {
    /// Whether it makes a frame with the one before it (complementary field pairs, 3.30 and 3.31).
    fn completes(self, first: Self) -> bool {
        self.lower != first.lower && (self.number, self.referred_to) == (first.number, first.referred_to) && !self.alone
    }
}

impl Counting {
    /// `extradata` holds parameter sets, with lengths (ISO/IEC 14496-15) or start codes, or nothing.
    pub(super) fn new(extradata: &[u8]) -> Self {
        Self { sets: Sets::of(extradata), ..Self::default() }
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

    /// Whether `packet` holds one field, and the packet before it the other one of its frame. To be asked after [`Counting::leaves_out`], which reads
    /// parameter sets.
    pub(super) fn completes(&mut self, packet: &[u8]) -> bool {
        let field = self.field(packet);
        let completes = field.zip(self.open).is_some_and(|(field, first)| field.completes(first));
        self.open = field.filter(|_| !completes);
        completes
    }

    /// The field that `packet` holds, where it holds no more than one.
    fn field(&self, packet: &[u8]) -> Option<Field> {
        let mut fields = units(packet).filter(|unit| unit.first().is_some_and(|first| matches!(first & 31, 1 | 5))).map(|slice| {
            let (first, Header { number, lower, .. }) = (slice.first()?, self.header(slice)?);
            Some(Field { lower: lower?, number, referred_to: first >> 5 & 3 != 0, alone: first & 31 == 5 })
        });
        let first = fields.next()??;
        fields.all(|other| other.is_some_and(|other| other.lower == first.lower)).then_some(first)
    }

    fn header(&self, slice: &[u8]) -> Option<Header> {
        let rule = *self.sets.of_slice(slice)?;
        let mut bits = Bits::of(slice);
        bits.skip_numbers(3)?;
        bits.take(if rule.planes { 2 } else { 0 })?;
        let number = bits.take(rule.bits)?;
        let lower = if rule.fields && bits.flag()? { Some(bits.flag()?) } else { None };
        Some(Header { rule, number, lower })
    }

    fn follow(&mut self, slice: &[u8], alone: bool) -> Option<bool> {
        let Header { rule, number, .. } = self.header(slice)?;
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
    fn two_fields_of_one_number_are_one_frame() {
        let sets = |fields: &str| [&[0, 0, 1][..], &set(66, "", &format!("0 1 1 {fields}")), &[0, 0, 1], &PICTURE_SET].concat();
        let slice = |(header, number, field): &(u8, u32, &str)| {
            [&[0, 0, 1, *header][..], &packed(&format!("1 1 1 {number:05b} {field} 0000"))].concat()
        };
        let joined = |packets: &[&[(u8, u32, &str)]]| -> Vec<usize> {
            let mut counting = Counting::new(&sets("0"));
            let packets = packets.iter().map(|slices| slices.iter().flat_map(slice).collect::<Vec<u8>>());
            packets.enumerate().filter_map(|(at, packet)| counting.completes(&packet).then_some(at)).collect()
        };
        // Kinds of units: 0x65 makes all before forgotten, others refer to 0x41. Fields: `10` the upper, `11` the lower one; `0` is a frame.
        let (upper, lower) = ((0x41, 1, "10"), (0x41, 1, "11"));
        assert_eq!(
            joined(&[&[(0x65, 0, "10")], &[(0x41, 0, "11")], &[lower], &[upper], &[(0x01, 2, "10")], &[(0x01, 2, "11")]]),
            [1, 3, 5]
        );
        assert_eq!(joined(&[&[upper], &[lower], &[upper], &[lower]]), [1, 3], "a frame has two");
        assert_eq!(joined(&[&[upper], &[upper], &[(0x41, 2, "11")], &[(0x01, 2, "10")]]), [0; 0]);
        assert_eq!(joined(&[&[upper], &[(0x65, 1, "11")]]), [0; 0], "another sequence begins");
        assert_eq!(joined(&[&[upper], &[(0x41, 1, "0")], &[lower]]), [0; 0], "a frame lies between");
        assert_eq!(joined(&[&[upper, lower], &[lower]]), [0; 0], "both in one packet");
        assert_eq!(joined(&[&[upper, upper], &[lower, lower]]), [1], "in two slices each");
        let mut frames_only = Counting::new(&sets("1"));
        assert!(![upper, lower].iter().any(|field| frames_only.completes(&slice(field))), "the bits mean something else");
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
