//! Which frames of a stretch may lack what they refer to.

use std::collections::BTreeMap;

use super::index::Entry;

/// What is known so far of the damage to the stretch that is being decoded.
///
/// A frame comes out after those that it is shown after, and so perhaps before the damaged one that it refers to: what is said of it is final
/// once all frames that come before it in the file have come out, too.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// By their first packet.
    suspects: BTreeMap<usize, Suspects>,
}

/// Packets whose frames may lack what they refer to.
#[derive(Debug)]
struct Suspects {
    /// The last of them.
    last: usize,
    /// The keyframe among them, which refers to nothing.
    key: usize,
}

/// Ranges overlap no further than decoders put frames in order: a packet is held by one of the last so many that begin before it, or by none.
const RECENT: usize = 64;

impl Damage {
    /// Forgets everything: another stretch begins.
    pub(super) fn clear(&mut self) {
        self.suspects.clear();
    }

    /// The frame of a packet is damaged, and with it may be all up to the next keyframe, and those after it that are displayed before it;
    /// `shown`: the place of each packet in the order of display, where that is known.
    pub(super) fn spread_from(&mut self, first: usize, packets: &[Entry], shown: &[Option<usize>]) {
        if self.holds(first) {
            return;
        }
        let mut keys = (first + 1..packets.len()).filter(|at| packets[*at].key);
        // What is renewed part by part from one keyframe on is whole at the next.
        let key = match keys.next() {
            Some(key) if packets[key].gradual => keys.next(),
            key => key,
        };
        let key = key.unwrap_or(packets.len());
        self.insert(first, Suspects { last: last_leading(key, packets, shown).unwrap_or(key), key });
    }

    /// The decoder could not make a whole frame of a packet: with it may be damaged what refers to it.
    pub(super) fn begin_at(&mut self, packet: usize, packets: &[Entry], shown: &[Option<usize>]) {
        match packets.get(packet) {
            Some(entry) if entry.disposable => self.stay_at(packet),
            _ => self.spread_from(packet, packets, shown),
        }
    }

    /// The frame of a packet refers to one that is missing. One that is shown before its keyframe spreads that only to others of its kind, since
    /// nothing that is shown later refers to them.
    pub(super) fn lack_at(&mut self, packet: usize, packets: &[Entry], shown: &[Option<usize>]) {
        if self.holds(packet) {
            return;
        }
        let key = packets[..packet].iter().rposition(|entry| entry.key);
        match key.and_then(|key| Some((key, last_leading(key, packets, shown)?))) {
            Some((key, last)) if packet <= last => self.insert(packet, Suspects { last, key }),
            _ => self.spread_from(packet, packets, shown),
        }
    }

    /// Frames before a keyframe are missing: those that are shown before it and come after it in the file may refer to them.
    pub(super) fn lack_before(&mut self, key: usize, packets: &[Entry], shown: &[Option<usize>]) {
        if let Some(last) = last_leading(key, packets, shown) {
            self.insert(key, Suspects { last, key });
        }
    }

    /// The frame of a packet is damaged, whatever becomes of others.
    pub(super) fn stay_at(&mut self, packet: usize) {
        self.insert(packet, Suspects { last: packet, key: usize::MAX });
    }

    fn insert(&mut self, first: usize, suspects: Suspects) {
        if !self.holds(first) {
            self.suspects.insert(first, suspects);
        }
    }

    /// Whether damage begins with the frame of a packet.
    pub(super) fn begins_at(&self, packet: usize) -> bool {
        self.suspects.contains_key(&packet)
    }

    /// Whether the frame of a packet is damaged or may refer to one that is, as far as is known by now.
    pub(super) fn holds(&self, packet: usize) -> bool {
        let before = self.suspects.range(..=packet).rev().take(RECENT);
        before.into_iter().any(|(_, suspects)| packet <= suspects.last && packet != suspects.key)
    }
}

/// The last of the frames that come after a keyframe in the file and are shown before it, if there are any.
fn last_leading(key: usize, packets: &[Entry], shown: &[Option<usize>]) -> Option<usize> {
    let place = |at: usize| shown.get(at).copied().flatten();
    let leads = |at: &usize| place(*at).zip(place(key)).is_some_and(|(place, key)| place < key);
    (key + 1..packets.len()).take_while(leads).last()
}

#[cfg(test)]
mod tests {
    use super::Damage;
    use crate::video::index::Entry;

    /// Packets in file order by the place at which they are displayed; negative ones are keyframes.
    fn film(places: &[i64]) -> (Vec<Entry>, Vec<Option<usize>>) {
        let packets = places.iter().map(|place| Entry { key: *place < 0, ..Entry::default() }).collect();
        (packets, places.iter().map(|place| Some(place.unsigned_abs() as usize)).collect())
    }

    fn held(damage: &Damage, count: usize) -> Vec<usize> {
        (0..count).filter(|packet| damage.holds(*packet)).collect()
    }

    #[test]
    fn damage_spreads_to_the_next_keyframe_and_to_those_shown_before_it() {
        let (packets, shown) = film(&[-1, 4, 7, 5, 6, -10, 8, 9, 11]);
        let mut damage = Damage::default();
        damage.spread_from(2, &packets, &shown);
        assert_eq!(held(&damage, 9), [2, 3, 4, 6, 7], "not the keyframe, nor what is shown after it");
        assert!(damage.begins_at(2) && !damage.begins_at(3));
        damage.stay_at(0);
        assert_eq!(held(&damage, 9), [0, 2, 3, 4, 6, 7]);
        damage.clear();
        assert_eq!(held(&damage, 9), [0; 0]);
    }

    #[test]
    fn pictures_that_are_renewed_part_by_part_are_whole_at_the_second_keyframe() {
        let (mut packets, shown) = film(&[-1, 2, -3, 4, -5, 6]);
        packets[2].gradual = true;
        let mut damage = Damage::default();
        damage.spread_from(1, &packets, &shown);
        assert_eq!(held(&damage, 6), [1, 2, 3]);
    }

    #[test]
    fn what_nothing_refers_to_keeps_its_damage_to_itself() {
        let (mut packets, shown) = film(&[-1, 3, 2, 4, -5]);
        packets[2].disposable = true;
        let mut damage = Damage::default();
        damage.begin_at(2, &packets, &shown);
        assert_eq!(held(&damage, 5), [2]);
        damage.begin_at(3, &packets, &shown);
        assert_eq!(held(&damage, 5), [2, 3]);
    }

    #[test]
    fn frames_shown_before_their_keyframe_spread_what_they_lack_among_themselves() {
        let (packets, shown) = film(&[-1, 3, 2, -6, 4, 5, 7, 9, 8]);
        let mut damage = Damage::default();
        damage.lack_at(5, &packets, &shown);
        assert_eq!(held(&damage, 9), [5]);
        damage.clear();
        damage.lack_before(3, &packets, &shown);
        assert_eq!(held(&damage, 9), [4, 5]);
        damage.lack_at(7, &packets, &shown);
        assert_eq!(held(&damage, 9), [4, 5, 7, 8]);
        damage.clear();
        damage.lack_before(0, &packets, &shown);
        assert_eq!(held(&damage, 9), [0; 0], "nothing is shown before it");
    }

    #[test]
    fn what_is_found_out_late_counts_from_where_it_began() {
        let (packets, shown) = film(&[-1, 5, 3, 2, 4, 9, 7, 6, 8]);
        let mut damage = Damage::default();
        damage.spread_from(5, &packets, &shown);
        damage.spread_from(2, &packets, &shown);
        assert_eq!(held(&damage, 9), [2, 3, 4, 5, 6, 7, 8]);
    }
}
