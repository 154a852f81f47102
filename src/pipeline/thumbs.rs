//! Which pictures of an item a run keeps for its reports.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_media::Detail;

use crate::ledger::Thumb;
use crate::prepare::{Part, Payload};

/// Samplers after the first one add pictures up to so many in all,
const MOST: usize = 64;
/// and as long as all of them take at most one part in so many of the media: a run is to keep less than a twentieth of it;
const SHARE: u64 = 40;
/// of small media, so many bytes.
const LEAST: u64 = 128 * 1024;

/// Each moment that a sampler shows of media of `len` bytes, once, in time order: all of the first of `payloads`, of the others what there is room for.
/// Files are named by content, so that equal media share them.
pub(super) fn of<'p>(payloads: impl Iterator<Item = &'p Payload>, len: u64) -> Vec<(Thumb, Bytes)> {
    let mut moments: BTreeMap<Option<u64>, &Part> = BTreeMap::new();
    let (mut bytes, most) = (0, LEAST.max(len / SHARE));
    for (place, payload) in payloads.enumerate() {
        for part in &payload.parts {
            let room = place == 0 || (moments.len() < MOST && bytes + part.len <= most);
            let place = moment(part).1;
            if room && !moments.contains_key(&place) {
                moments.insert(place, part);
                bytes += part.len;
            }
        }
    }
    let thumb = |part: &Part| Thumb { name: Thumb::name_of(part.blake3), t: moment(part).0 };
    moments.into_values().map(|part| (thumb(part), part.bytes.clone())).collect()
}

/// When it is on screen in seconds, and its place in the order of display, since a clock may start anew; a still has neither.
fn moment(part: &Part) -> (Option<f64>, Option<u64>) {
    match &part.header.detail {
        Detail::Frame(frame) => (frame.t, frame.index),
        Detail::Text { .. } | Detail::Sheet(_) | Detail::Sound { .. } => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use tribunal_media::{Digest, Encoding, FrameDetail, PartHeader};

    use super::*;

    /// Frames at whole seconds, of so many bytes each, by a clock that starts anew each third second.
    fn payload(at: &[u64], bytes: usize) -> Payload {
        let detail = |second: &u64| FrameDetail {
            t: Some(*second as f64),
            pts: Some((*second % 3) as i64),
            index: Some(*second),
            ..FrameDetail::still(8, 8)
        };
        let header = |second| PartHeader { recipes: vec![0], encoding: Encoding::Jpeg, detail: Detail::Frame(detail(second)) };
        let parts = at.iter().map(|second| Part::new(header(second), vec![*second as u8; bytes])).collect();
        Payload { parts_id: Digest::of(b"p"), parts }
    }

    fn times(payloads: &[Payload], len: u64) -> Vec<Option<f64>> {
        of(payloads.iter(), len).iter().map(|(thumb, _)| thumb.t).collect()
    }

    #[test]
    fn each_moment_is_kept_once_and_in_time_order() {
        let found = of([payload(&[2, 6], 9), payload(&[6, 1, 2], 9), payload(&[4], 9)].iter(), 0);
        assert_eq!(found.iter().map(|(thumb, _)| thumb.t).collect::<Vec<_>>(), [1.0, 2.0, 4.0, 6.0].map(Some));
        for (thumb, bytes) in &found {
            assert!(Digest::of(bytes).to_string().starts_with(thumb.name.strip_suffix(".jpg").unwrap()), "{thumb:?}");
        }
        let still = PartHeader { recipes: vec![0], encoding: Encoding::Jpeg, detail: Detail::Frame(FrameDetail::still(8, 8)) };
        let still = Payload { parts_id: Digest::of(b"p"), parts: vec![Part::new(still, vec![1])] };
        assert_eq!(times(&[still], 0), [None]);
    }

    #[test]
    fn further_samplers_stay_within_the_room_that_is_left() {
        let large = 50 * 1024;
        let both = [payload(&[1, 2, 3], large), payload(&[2, 4, 5], large)];
        assert_eq!(times(&both, 0), [1.0, 2.0, 3.0].map(Some), "the first sampler's are all kept");
        assert_eq!(times(&both, SHARE * 4 * large as u64), [1.0, 2.0, 3.0, 4.0].map(Some));
        let many = [payload(&[0], 1), payload(&(1..100).collect::<Vec<_>>(), 1)];
        assert_eq!(times(&many, u64::MAX).len(), MOST);
    }
}
