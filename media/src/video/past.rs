//! What packets say for those after them, so that decoding can start anywhere and give what it gives from the start on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::libav::{Attached, Packet, Signal};
use crate::{Error, Limits};

/// So many bytes of palettes and parameter sets that differ are kept: 16,384 palettes.
const MOST_KEPT: u64 = 16 << 20;

/// What was said where. Demuxers hand most of it out once.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// By kind, in file order: the packet, and the place of its bytes in `kept`.
    attached: BTreeMap<Attached, Vec<(usize, usize)>>,
    /// Bytes that were attached, each once.
    kept: Vec<Arc<[u8]>>,
    known: BTreeMap<Arc<[u8]>, usize>,
    bytes: u64,
    /// How colours are coded from a packet on, wherever that is not as before.
    signals: Vec<(usize, Signal)>,
    /// What was said of that, each once.
    said: BTreeSet<Signal>,
}

impl Past {
    /// Notes what the demuxer attached to the packet at `ordinal`, and what its picture says of colours, after those before.
    pub(super) fn note(&mut self, ordinal: usize, packet: &Packet, signal: Option<Signal>) -> Result<(), Error> {
        for what in Attached::ALL {
            if let Some(bytes) = packet.attached(what) {
                self.keep(ordinal, what, bytes)?;
            }
        }
        if let Some(signal) = signal {
            self.hear(ordinal, signal);
        }
        Ok(())
    }

    fn keep(&mut self, ordinal: usize, what: Attached, bytes: &[u8]) -> Result<(), Error> {
        let place = if let Some(place) = self.known.get(bytes) {
            *place
        } else {
            self.bytes += bytes.len() as u64;
            Limits::check("bytes of palettes and parameter sets that differ", self.bytes, MOST_KEPT)?;
            let bytes: Arc<[u8]> = bytes.into();
            self.known.insert(Arc::clone(&bytes), self.kept.len());
            self.kept.push(bytes);
            self.kept.len() - 1
        };
        let of_kind = self.attached.entry(what).or_default();
        if of_kind.last().is_none_or(|(_, last)| *last != place) {
            of_kind.push((ordinal, place));
        }
        Ok(())
    }

    fn hear(&mut self, ordinal: usize, signal: Signal) {
        self.said.insert(signal);
        let before = self.signals.last().map(|(_, signal)| *signal).unwrap_or_default();
        let now = Signal { full_range: signal.full_range.or(before.full_range), codes: signal.codes.or(before.codes) };
        if now != before {
            self.signals.push((ordinal, now));
        }
    }

    /// Whether nothing hangs on what was decoded before: nothing is attached, and all pictures say the same of their colours.
    pub(super) fn is_even(&self) -> bool {
        self.attached.is_empty() && self.said.len() <= 1
    }

    /// What was said of colours before the packet at `ordinal`, by all pictures together.
    pub(super) fn signal(&self, ordinal: usize) -> Signal {
        last_before(&self.signals, ordinal).unwrap_or_default()
    }

    /// Attaches to the packet at `ordinal` what has come up since the one at `sent`, or ever, where that is `None`.
    pub(super) fn remind(&self, packet: &mut Packet, sent: Option<usize>, ordinal: usize) -> Result<(), Error> {
        for (what, places) in &self.attached {
            let known = sent.and_then(|sent| last_before(places, sent + 1));
            match last_before(places, ordinal + 1) {
                Some(place) if Some(place) != known => packet.attach(*what, &self.kept[place])?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The last of what was noted before the packet at `ordinal`.
fn last_before<T: Copy>(noted: &[(usize, T)], ordinal: usize) -> Option<T> {
    noted[..noted.partition_point(|(at, _)| *at < ordinal)].last().map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::{MOST_KEPT, Past};
    use crate::libav::{Attached, Packet, Signal};

    fn with(palette: Option<&[u8]>) -> Packet {
        let mut packet = Packet::new().unwrap();
        palette.into_iter().for_each(|bytes| packet.attach(Attached::Palette, bytes).unwrap());
        packet
    }

    fn reminded(past: &Past, sent: Option<usize>, ordinal: usize) -> Option<Vec<u8>> {
        let mut packet = with(None);
        past.remind(&mut packet, sent, ordinal).unwrap();
        assert_eq!(packet.attached(Attached::Configuration), None);
        packet.attached(Attached::Palette).map(<[u8]>::to_vec)
    }

    #[test]
    fn a_start_anywhere_gets_what_came_last_and_what_follows_comes_once() {
        let mut past = Past::default();
        assert!(past.is_even());
        for (at, palette) in [None, Some(&[1][..]), None, Some(&[2]), Some(&[2]), Some(&[1])].into_iter().enumerate() {
            past.note(at, &with(palette), None).unwrap();
        }
        assert!(!past.is_even());
        let at_start = |ordinal: usize| reminded(&past, None, ordinal).map(|bytes| bytes[0]);
        assert_eq!([0, 1, 2, 3, 4, 5, 9].map(at_start), [None, Some(1), Some(1), Some(2), Some(2), Some(1), Some(1)]);
        let on_the_way = |ordinal: usize| reminded(&past, Some(ordinal - 1), ordinal).map(|bytes| bytes[0]);
        assert_eq!([1, 2, 3, 4, 5, 6].map(on_the_way), [Some(1), None, Some(2), None, Some(1), None]);
        assert_eq!(reminded(&past, Some(2), 4), Some(vec![2]), "the packet that carried it was not sent");
        let mut packet = with(Some(&[7]));
        past.remind(&mut packet, None, 5).unwrap();
        assert_eq!(packet.attached(Attached::Palette), Some(&[1][..]), "what a demuxer hands out after a jump may be of elsewhere");
    }

    #[test]
    fn what_differs_is_kept_once_and_only_so_much_of_it() {
        let mut past = Past::default();
        let half = |fill: u8| vec![fill; MOST_KEPT as usize / 2];
        for (at, fill) in [1, 2, 1, 2, 1].into_iter().enumerate() {
            past.note(at, &with(Some(&half(fill))), None).unwrap();
        }
        assert_eq!(past.kept.len(), 2);
        let refused = past.note(5, &with(Some(&[3])), None).unwrap_err().to_string();
        assert!(refused.contains("palettes"), "{refused}");
    }

    #[test]
    fn what_is_not_said_anew_of_colours_holds_on() {
        let signal = |full_range: Option<bool>, codes: Option<[u8; 3]>| Signal { full_range, codes };
        let mut past = Past::default();
        (0..3).for_each(|at| past.hear(at, signal(Some(true), None)));
        assert!(past.is_even(), "all say the same");
        past.hear(3, Signal::default());
        past.hear(4, signal(Some(false), Some([1; 3])));
        past.hear(6, signal(Some(true), None));
        assert!(!past.is_even());
        let expected =
            [(0, None, None), (1, Some(true), None), (4, Some(true), None), (5, Some(false), Some([1; 3])), (7, Some(true), Some([1; 3]))];
        for (at, full_range, codes) in expected {
            assert_eq!(past.signal(at), signal(full_range, codes), "before packet {at}");
        }
    }
}
