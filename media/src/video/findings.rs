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
}

/// What was found and not sent yet.
#[derive(Default)]
pub(super) struct Findings {
    /// By the position that was wanted.
    pub frames: BTreeMap<usize, Found>,
    /// How many of the wanted frames, from the first on, have been sent.
    pub sent: usize,
}

impl Findings {
    /// Whether the frame itself was found, and whole.
    pub(super) fn is_certain(&self, position: usize) -> bool {
        self.frames.get(&position).is_some_and(|found| found.position == position && found.damaged == Some(false))
    }

    /// Whether the frame itself, `damaged` or not, is better than what there is for it.
    pub(super) fn is_worse(&self, position: usize, damaged: bool) -> bool {
        self.frames.get(&position).is_none_or(|known| known.position != position || known.damaged == Some(true) && !damaged)
    }
}
