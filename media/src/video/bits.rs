//! Bits of the headers of H.264.

/// Reads bits, but for the bytes that keep start codes from showing up by chance (ISO/IEC 14496-10, 7.4.1).
pub(super) struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Bits<'b> {
    /// Begins behind the first byte of a unit, which tells its kind.
    pub(super) const fn of(unit: &'b [u8]) -> Self {
        Self { bytes: unit, at: 8 }
    }

    /// A number of up to 32 bits; `None` at the end of the bytes, here and below.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
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

    /// A flag.
    pub(super) fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    /// A number in Exp-Golomb code (9.1).
    pub(super) fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    /// Skips so many of those.
    pub(super) fn skip_numbers(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    /// 7.3.2.1.1.1
    pub(super) fn skip_scaling_list(&mut self, size: usize) -> Option<()> {
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

/// Packs bits, with a stop bit.
#[cfg(test)]
pub(super) fn packed(bits: &str) -> Vec<u8> {
    let mut bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').chain([1]).collect();
    bits.resize(bits.len().next_multiple_of(8), 0);
    bits.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}
