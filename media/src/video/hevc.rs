//! Parameter sets of HEVC.

use super::bits::Bits;
use super::header::units;

/// What a sequence parameter set says of the pictures that its decoder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Holding {
    /// Thirty times the level.
    pub level: u32,
    /// Pictures that are held at once, with the one being decoded; `None` where the set breaks off before.
    pub pictures: Option<u32>,
}

/// What the first sequence parameter set of `extradata` says, which is a configuration record (ISO/IEC 14496-15, 8.3.3.1) or units.
pub(super) fn holding(extradata: &[u8]) -> Option<Holding> {
    if extradata.first() == Some(&1) { units_of_record(extradata.get(22..)?).find_map(of_unit) } else { units(extradata).find_map(of_unit) }
}

/// The units of a record's lists: each has a kind, a count, and units with lengths.
fn units_of_record(lists: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = lists.get(1..).unwrap_or_default();
    let mut left = 0;
    std::iter::from_fn(move || {
        while left == 0 {
            let ([_, high, low], after) = rest.split_first_chunk()?;
            (left, rest) = (u16::from_be_bytes([*high, *low]), after);
        }
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (unit, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
        (left, rest) = (left - 1, after);
        Some(unit)
    })
}

/// ISO/IEC 23008-2, 7.3.2.2.
fn of_unit(unit: &[u8]) -> Option<Holding> {
    unit.first().filter(|first| *first >> 1 & 63 == 33)?;
    let mut bits = Bits::of(unit);
    bits.take(8 + 4)?; // the rest of the unit's header; a number
    let layers = bits.take(3)?;
    bits.take(1)?;
    let level = level(&mut bits, layers)?;
    Some(Holding { level, pictures: pictures(&mut bits, layers) })
}

/// 7.3.3: the level for all layers; what is said of single ones is stepped over.
fn level(bits: &mut Bits<'_>, layers: u32) -> Option<u32> {
    bits.take(8)?; // profile
    bits.take(32)?; // what it is compatible with
    bits.take(32)?; // constraints
    bits.take(16)?;
    let level = bits.take(8)?;
    let said = (0..layers).map(|_| Some((bits.flag()?, bits.flag()?))).collect::<Option<Vec<_>>>()?;
    bits.take(if layers > 0 { 2 * (8 - layers) } else { 0 })?;
    for (profile, level) in said {
        for _ in 0..if profile { 11 } else { 0 } + u32::from(level) {
            bits.take(8)?;
        }
    }
    Some(level)
}

/// `sps_max_dec_pic_buffering_minus1` of the highest layer, and one.
fn pictures(bits: &mut Bits<'_>, layers: u32) -> Option<u32> {
    bits.skip_numbers(1)?;
    if bits.number()? == 3 {
        bits.take(1)?; // colours like pictures of their own
    }
    bits.skip_numbers(2)?; // size
    if bits.flag()? {
        bits.skip_numbers(4)?; // cropping
    }
    bits.skip_numbers(3)?; // bits of samples, and of a picture's number
    if bits.flag()? {
        bits.skip_numbers(3 * layers)?;
    }
    bits.number()?.checked_add(1)
}
