//! Parameter sets of H.264.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::header::units;
use crate::libav::Signal;

/// What a sequence parameter set says, as far as it is asked for here (ISO/IEC 14496-10, 7.3.2.1.1 and E.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SequenceSet {
    /// Its number.
    pub id: u32,
    /// Ten times the level.
    pub level: u32,
    /// Pictures that others may refer to at a time.
    pub references: u32,
    /// Bits of a picture's number; it goes on from 0 when they do not suffice.
    pub bits: u32,
    /// Whether colours are coded like pictures of their own.
    pub planes: bool,
    /// Whether a picture may be a field alone.
    pub fields: bool,
    /// Whether numbers may be left out, as in a stream whose temporal layers were dropped on the way.
    pub gaps: bool,
    /// How its colours are coded.
    pub signal: Signal,
}

/// Those that have come so far.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// By their numbers.
    sequences: BTreeMap<u32, SequenceSet>,
    /// By the numbers of picture parameter sets, which pictures name: the sequence parameter set that each belongs to.
    pictures: BTreeMap<u32, SequenceSet>,
}

impl Sets {
    /// Those of what a container says of a stream, or of nothing.
    pub(super) fn of(extradata: &[u8]) -> Self {
        let mut sets = Self::default();
        sets.learn(extradata);
        sets
    }

    /// Takes over what the container says anew.
    pub(super) fn learn(&mut self, extradata: &[u8]) {
        units_of(extradata).into_iter().for_each(|unit| _ = self.hear(unit));
    }

    /// The kind and number of a parameter set. That of a picture belongs to that of a sequence that was there when it came, as in libav.
    pub(super) fn hear(&mut self, unit: &[u8]) -> Option<(u8, u32)> {
        if let Some(set) = sequence_set(unit) {
            self.sequences.insert(set.id, set);
            return Some((7, set.id));
        }
        let (picture, id) = picture_set(unit)?;
        if let Some(set) = self.sequences.get(&id) {
            self.pictures.insert(picture, *set);
        }
        Some((8, picture))
    }

    /// The one that holds for a slice.
    pub(super) fn of_slice(&self, slice: &[u8]) -> Option<&SequenceSet> {
        self.pictures.get(&set_of_slice(slice)?)
    }
}

/// The units in what a container says of a stream: with lengths (ISO/IEC 14496-15) or start codes, or nothing.
pub(super) fn units_of(extradata: &[u8]) -> Vec<&[u8]> {
    match extradata {
        [1, _, _, _, _, count, rest @ ..] => {
            let (mut sets, rest) = with_lengths(count & 31, rest);
            if let Some((count, rest)) = rest.split_first() {
                sets.extend(with_lengths(*count, rest).0);
            }
            sets
        }
        _ => units(extradata).collect(),
    }
}

fn with_lengths(count: u8, mut rest: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut sets = Vec::new();
    for _ in 0..count {
        let Some((length, after)) = rest.split_first_chunk::<2>() else { break };
        let Some((set, after)) = after.split_at_checked(u16::from_be_bytes(*length).into()) else { break };
        sets.push(set);
        rest = after;
    }
    (sets, rest)
}

/// Profiles whose parameter sets say more of their samples.
const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// What `unit` says, if it is a sequence parameter set.
pub(super) fn sequence_set(unit: &[u8]) -> Option<SequenceSet> {
    unit.first().filter(|first| *first & 31 == 7)?;
    let mut bits = Bits::of(unit);
    let profile = bits.take(8)?;
    bits.take(8)?;
    let level = bits.take(8)?;
    let id = bits.number()?;
    let mut planes = false;
    if HIGH.contains(&profile) {
        let chroma = bits.number()?;
        planes = bits.take(u32::from(chroma == 3))? == 1;
        bits.skip_numbers(2)?;
        bits.take(1)?;
        if bits.flag()? {
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
    let references = bits.number()?;
    let gaps = bits.flag()?;
    let fields = bits.skip_numbers(2).and_then(|()| bits.flag()).is_some_and(|frames_only| !frames_only); // behind the size
    let signal = signal(&mut bits, fields).unwrap_or_default();
    Some(SequenceSet { id, level, references, bits: number_bits, planes, fields, gaps, signal })
}

/// What comes behind: cropping, shape of pixels, and how colours are coded.
fn signal(bits: &mut Bits<'_>, fields: bool) -> Option<Signal> {
    bits.take(u32::from(fields))?;
    bits.take(1)?;
    if bits.flag()? {
        bits.skip_numbers(4)?;
    }
    if !bits.flag()? {
        return None;
    }
    if bits.flag()? && bits.take(8)? == 255 {
        bits.take(32)?;
    }
    if bits.flag()? {
        bits.take(1)?;
    }
    if !bits.flag()? {
        return None;
    }
    bits.take(3)?;
    let full_range = bits.flag()?;
    let described = bits.flag()?;
    // libav takes codes that it has no name for as saying nothing: 2.
    let mut code = |known: fn(u8) -> bool| bits.take(8).map(|code| if known(code as u8) { code as u8 } else { 2 });
    let codes =
        if described { Some([code(|code| code <= 12 || code == 22)?, code(|code| code <= 18)?, code(|code| code <= 14)?]) } else { None };
    Some(Signal { full_range: Some(full_range), codes })
}

/// The numbers of a picture parameter set and of the sequence parameter set that it belongs to (7.3.2.2), if `unit` is one.
fn picture_set(unit: &[u8]) -> Option<(u32, u32)> {
    unit.first().filter(|first| *first & 31 == 8)?;
    let mut bits = Bits::of(unit);
    Some((bits.number()?, bits.number()?))
}

/// The number of the picture parameter set that a slice belongs to (7.3.3).
fn set_of_slice(slice: &[u8]) -> Option<u32> {
    let mut bits = Bits::of(slice);
    bits.skip_numbers(2)?;
    bits.number()
}
