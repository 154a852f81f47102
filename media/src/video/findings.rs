//! What was found in a stretch of packets for the wanted frames, until it is sent.

use std::collections::BTreeMap;

use super::camera::Shot;
use super::damage::Damage;
use super::index::Index;
use crate::PerceptualHash;

/// What was found for a wanted frame: itself, or the nearest that could be decoded.
pub(super) struct Found {
    /// Its place in display order.
    pub position: usize,
    /// Whether parts of it were made up; `None` while frames that it may refer to have not come out.
    pub damaged: Option<bool>,
    /// What it looks like.
    pub phash: PerceptualHash,
    /// Its pictures.
    pub shots: Vec<Shot>,
}

impl Found {
    /// Says whether it is damaged, where that has not been said.
    pub(super) fn settle(&mut self, index: &Index, damage: &Damage) {
        self.damaged.get_or_insert_with(|| damage.holds(index.display[self.position]));
    }

    fn bytes(&self) -> usize {
        self.shots.iter().map(Shot::bytes).sum()
    }
}

/// So many bytes of pictures may wait for one that could be had in a better state.
const MOST_HELD: usize = 64 << 20;

/// What was found and not sent yet.
#[derive(Default)]
pub(super) struct Findings {
    /// By the position that was wanted.
    frames: BTreeMap<usize, Found>,
    bytes: usize,
    /// How many of the wanted frames, from the first on, have been sent.
    pub sent: usize,
}

impl Findings {
    /// What there is for a wanted frame.
    pub(super) fn get_mut(&mut self, wanted: usize) -> Option<&mut Found> {
        self.frames.get_mut(&wanted)
    }

    /// All of it.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Found> {
        self.frames.values_mut()
    }

    /// Whether there is anything for a wanted frame.
    pub(super) fn has(&self, wanted: usize) -> bool {
        self.frames.contains_key(&wanted)
    }

    /// Keeps what was found for a wanted frame, instead of what there was.
    pub(super) fn insert(&mut self, wanted: usize, found: Found) {
        self.bytes += found.bytes();
        self.bytes -= self.frames.insert(wanted, found).map_or(0, |before| before.bytes());
    }

    /// Takes out what there is for a wanted frame.
    pub(super) fn remove(&mut self, wanted: usize) -> Option<Found> {
        let found = self.frames.remove(&wanted)?;
        self.bytes -= found.bytes();
        Some(found)
    }

    /// Whether the frame itself was found, and whole.
    pub(super) fn is_certain(&self, wanted: usize) -> bool {
        self.frames.get(&wanted).is_some_and(|found| found.position == wanted && found.damaged == Some(false))
    }

    /// Whether what was found goes out now: it cannot be had better, or too much waits for what might be.
    pub(super) fn is_ready(&self, wanted: usize) -> bool {
        let is_known = self.frames.get(&wanted).is_some_and(|found| found.damaged.is_some());
        is_known && (self.bytes > MOST_HELD || self.is_certain(wanted))
    }

    /// Whether the frame itself, `damaged` or not, is better than what there is for it.
    pub(super) fn is_worse(&self, position: usize, damaged: bool) -> bool {
        self.frames.get(&position).is_none_or(|known| known.position != position || known.damaged == Some(true) && !damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, Found, MOST_HELD};
    use crate::video::camera::{Film, Shot};
    use crate::{Encoding, PerceptualHash};

    fn found(position: usize, damaged: Option<bool>, bytes: usize) -> Found {
        let shots = vec![Shot { recipes: vec![0], size: (8, 8), film: Film::Part(Encoding::Jpeg, vec![0; bytes]) }];
        Found { position, damaged, phash: PerceptualHash::of(&[0; crate::PLANE * crate::PLANE]), shots }
    }

    #[test]
    fn what_is_damaged_waits_until_too_much_does() {
        let mut findings = Findings::default();
        findings.insert(1, found(1, Some(true), 10));
        findings.insert(2, found(3, Some(false), 10));
        findings.insert(4, found(4, Some(false), 10));
        assert_eq!([1, 2, 4, 5].map(|wanted| findings.is_ready(wanted)), [false, false, true, false]);
        findings.insert(5, found(5, None, MOST_HELD));
        assert_eq!([1, 2, 4, 5].map(|wanted| findings.is_ready(wanted)), [true, true, true, false], "what is not known waits all the same");
        findings.insert(5, found(5, Some(true), 10));
        assert!(!findings.is_ready(1), "what was replaced does not count");
        findings.remove(5);
        findings.remove(1);
        assert_eq!(findings.bytes, 20);
    }
}
