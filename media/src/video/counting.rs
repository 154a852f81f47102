//! H.264 counts the pictures that others refer to: where a number is left out, one of them is missing.

use super::header::units;

/// Follows the numbers of a stream.
#[derive(Debug, Default)]
pub(super) struct Counting {
    rule: Option<Rule>,
    /// Number of the last picture that others refer to.
    last: Option<u32>,
}

/// What a parameter set says of numbers (ISO/IEC 14496-10, 7.3.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    /// Bits of a number; it goes on from 0 when they do not suffice.
    bits: u32,
    /// Whether colours are coded like pictures of their own.
    planes: bool,
    /// Whether numbers may be left out, as in a stream whose temporal layers were dropped on the way.
    gaps: bool,
}

impl Counting {
    /// `extradata` holds parameter sets, with lengths (ISO/IEC 14496-15) or start codes, or nothing.
    pub(super) fn new(extradata: &[u8]) -> Self {
        let rule = match extradata {
            [1, _, _, _, _, count, rest @ ..] => with_lengths(count & 31, rest).into_iter().find_map(rule),
            _ => units(extradata).find_map(rule),
        };
        Self { rule, last: None }
    }

    /// Whether numbers are left out before that of `packet` (7.4.3, `frame_num`). 0 and 1 may also come after a picture that makes all others
    /// forgotten, and are taken for that.
    pub(super) fn leaves_out(&mut self, packet: &[u8]) -> bool {
        for unit in units(packet) {
            match unit.first().map(|first| first & 31) {
                Some(7) => self.rule = rule(unit).or(self.rule),
                Some(kind @ (1 | 5)) => return self.follow(unit, kind == 5).unwrap_or(false),
                _ => {}
            }
        }
        false
    }

    fn follow(&mut self, slice: &[u8], alone: bool) -> Option<bool> {
        let rule = self.rule?;
        let mut bits = Bits { bytes: slice, at: 8 };
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

fn with_lengths(count: u8, mut rest: &[u8]) -> Vec<&[u8]> {
    let set = |_| {
        let (length, sets) = rest.split_first_chunk::<2>()?;
        let (set, after) = sets.split_at_checked(u16::from_be_bytes(*length).into())?;
        rest = after;
        Some(set)
    };
    (0..count).map_while(set).collect()
}

/// Profiles whose parameter sets say more of their samples.
const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// What `unit` says, if it is a parameter set.
fn rule(unit: &[u8]) -> Option<Rule> {
    unit.first().filter(|first| *first & 31 == 7)?;
    let mut bits = Bits { bytes: unit, at: 8 };
    let profile = bits.take(8)?;
    bits.take(16)?;
    bits.number()?;
    let mut planes = false;
    if HIGH.contains(&profile) {
        let chroma = bits.number()?;
        planes = bits.take(u32::from(chroma == 3))? == 1;
        bits.skip_numbers(2)?;
        bits.take(1)?;
        if bits.take(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                bits.skip_scaling_list(if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    let number_bits = bits.number()?.checked_add(4).filter(|bits| *bits <= 16)?;
    match bits.number()? {
        0 => bits.skip_numbers(1)?,
        1 => {
            bits.take(1)?;
            bits.skip_numbers(2)?;
            let count = bits.number()?;
            bits.skip_numbers(count)?;
        }
        _ => {}
    }
    bits.number()?;
    Some(Rule { bits: number_bits, planes, gaps: bits.take(1)? == 1 })
}

/// Reads bits, but for the bytes that keep start codes from showing up by chance (7.4.1).
struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let byte = self.at / 8;
            if self.at.is_multiple_of(8) && byte > 1 && self.bytes.get(byte - 2..=byte) == Some(&[0, 0, 3]) {
                self.at += 8;
            }
            let bit = self.bytes.get(self.at / 8)? >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }

    /// A number in Exp-Golomb code (9.1).
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    fn skip_numbers(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    /// 7.3.2.1.1.1
    fn skip_scaling_list(&mut self, size: usize) -> Option<()> {
        let mut next = 8;
        if self.take(1)? == 1 {
            for _ in 0..size {
                let code = i64::from(self.number()?);
                next = (next + if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 }).rem_euclid(256);
                if next == 0 {
                    break;
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Counting, Rule};

    /// Packs bits, with a stop bit.
    fn packed(bits: &str) -> Vec<u8> {
        let mut bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').chain([1]).collect();
        bits.resize(bits.len().next_multiple_of(8), 0);
        bits.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
    }

    /// Set 0 of a `profile` that says `more`; numbers of 5 bits, times of 4; four pictures to refer to.
    fn set(profile: u8, more: &str, gaps: &str) -> Vec<u8> {
        [&[0x67, profile, 0, 31][..], &packed(&format!("1 {more} 010 1 1 00101 {gaps}"))].concat()
    }

    #[test]
    fn a_parameter_set_tells_how_pictures_are_counted() {
        // Of the scaling lists the first is there, and ends at its first number, which is -8.
        for (profile, more) in [(66, ""), (100, "010 1 1 0 0"), (100, "010 1 1 0 1 1 000010001 0000000")] {
            for (gaps, flag) in [(false, "0"), (true, "1")] {
                let set = set(profile, more, flag);
                let boxed = [&[1, profile, 0, 31, 0xff, 0xe1, 0, set.len() as u8][..], &set, &[1, 0, 1, 0x68]].concat();
                let started = [&[0, 0, 0, 1][..], &set, &[0, 0, 1, 0x68, 0xce]].concat();
                for extradata in [boxed, started] {
                    assert_eq!(Counting::new(&extradata).rule, Some(Rule { bits: 5, planes: false, gaps }), "profile {profile}, {more}");
                }
            }
        }
        assert_eq!(Counting::new(&[1, 66, 0, 31, 0xff, 0xe1, 0, 9, 0x67]).rule, None);
        assert_eq!(Counting::new(&[]).rule, None);
    }

    #[test]
    fn a_number_that_is_left_out_is_noticed() {
        // Numbers by pictures; those that nothing refers to are negative.
        let noticed = |gaps: &str, numbers: &[i32]| -> Vec<usize> {
            let mut counting = Counting::new(&[&[0, 0, 1][..], &set(66, "", gaps)].concat());
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
}
