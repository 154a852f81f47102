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

#[cfg(test)]
mod tests {
    use super::Draw;
    use crate::pipeline::select::tests::rows;

    #[test]
    fn the_first_of_a_draw_are_the_same_however_many_are_offered_in_whatever_order() {
        let drawn = |count, what, turned: bool| {
            let mut draw = Draw::new(7, what, count);
            let mut offered = rows(50).to_vec();
            if turned {
                offered.reverse();
            }
            // Those with a 3 in their name come first.
            offered.into_iter().for_each(|instance| draw.offer(!instance.id.contains('3'), instance));
            draw.drawn().map(|instance| instance.id).collect::<Vec<_>>()
        };
        let all = drawn(50, "probe", false);
        assert!(all.len() == 50 && all[..14].iter().all(|id| id.contains('3')), "{all:?}");
        assert!(!all[14..].is_sorted(), "an order of its own");
        for count in [0, 1, 14, 20, 60] {
            assert_eq!(drawn(count, "probe", true), all[..count.min(50)]);
        }
        assert_ne!(drawn(50, "sentinel", false), all);
    }
}
