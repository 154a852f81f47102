//! A few instances in an order that seed and ids alone decide.

use std::collections::BTreeMap;

use tribunal_media::Digest;

use crate::manifest::Instance;

/// The first of all instances that are offered, however many these are: by rank, and within a rank by the draw.
pub(super) struct Draw<R> {
    seed: u64,
    /// Tells draws apart that are made for different ends.
    what: &'static str,
    count: usize,
    first: BTreeMap<(R, [u8; 32]), Instance>,
}

impl<R: Ord> Draw<R> {
    /// Of `count` instances at most.
    pub(super) const fn new(seed: u64, what: &'static str, count: usize) -> Self {
        Self { seed, what, count, first: BTreeMap::new() }
    }

    pub(super) fn offer(&mut self, rank: R, instance: Instance) {
        let place = Digest::of_fields([self.what.as_bytes(), &self.seed.to_le_bytes(), instance.id.as_bytes()]);
        self.first.insert((rank, *place.as_bytes()), instance);
        if self.first.len() > self.count {
            self.first.pop_last();
        }
    }

    /// Those that were drawn, in order.
    pub(super) fn drawn(self) -> impl Iterator<Item = Instance> {
        self.first.into_values()
    }
}
