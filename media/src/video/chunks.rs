//! AVI tells time by counting its chunks. Where some of them are lost, the list at its end still says which ones the others are.

use std::collections::BTreeSet;

use super::index::Entry;
use crate::libav::Listed;

/// Gives the packets the times of the chunks that they are, and marks those beside lost ones as damaged; how many ticks the lost ones last, hole by hole.
///
/// Chunks are known by place and size; those after the last hole also by their distance from the end, since bytes can be missing.
pub(super) fn date(packets: &mut [Entry], list: &[Listed]) -> Vec<i64> {
    let list = pictures(packets, list);
    let there = list.iter().filter(|chunk| chunk.size > 0).count();
    let (Some(first), Some(end)) = (packets.first().zip(list.first()), packets.last().zip(list.last())) else { return Vec::new() };
    if there <= packets.len() {
        return Vec::new();
    }
    let away = |(packet, chunk): (&Entry, &Listed)| chunk.pos.saturating_sub(packet.pos);
    let shifts = [away(first), away(end)];
    let known = |packet: &Entry| {
        let at = |shift: i64| list.binary_search_by_key(&packet.pos.saturating_add(shift), |chunk| chunk.pos).ok();
        shifts.into_iter().filter_map(at).find(|at| list[*at].size == packet.size)
    };
    let found: Vec<Option<usize>> = packets.iter().map(known).collect();
    let (mut holes, mut before) = (Vec::new(), None);
    for (at, chunk) in found.into_iter().enumerate().filter_map(|(at, chunk)| Some((at, chunk?))) {
        let Listed { ticks, key, .. } = list[chunk];
        let packet = &mut packets[at];
        packet.pts = packet.pts.zip(packet.dts).map(|(pts, dts)| pts.saturating_sub(dts).saturating_add(ticks)).or(packet.pts);
        (packet.dts, packet.key) = (Some(ticks), key);
        let from = before.map_or(0, |before| before + 1);
        if list.get(from..chunk).is_some_and(|between| between.iter().any(|chunk| chunk.size > 0)) {
            holes.push(ticks.saturating_sub(list[from].ticks));
            packet.damaged |= !key;
            if let Some(at) = at.checked_sub(1) {
                packets[at].damaged = true;
            }
        }
        before = Some(chunk);
    }
    holes
}

/// The chunks without those that hold the other field of the picture before, as far as packets tell.
fn pictures(packets: &[Entry], list: &[Listed]) -> Vec<Listed> {
    let joined: BTreeSet<(u32, u32)> = packets.iter().filter(|packet| packet.rest > 0).map(|packet| (packet.size, packet.rest)).collect();
    let mut before = 0; // bytes of the chunk before, unless that is such a one
    let mut is_picture = |chunk: &&Listed| {
        let completes = joined.contains(&(before, chunk.size));
        before = if completes { 0 } else { chunk.size };
        !completes
    };
    list.iter().filter(|chunk| is_picture(chunk)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::{Listed, date};
    use crate::video::index::Entry;

    fn film(missing: &[usize], gone: i64) -> (Vec<Entry>, Vec<Listed>) {
        let list: Vec<Listed> = (0..8).map(|n| Listed { pos: 100 * n, size: 50 + n as u32, ticks: n, key: n % 4 == 0 }).collect();
        let there = list.iter().enumerate().filter(|(at, _)| !missing.contains(at)).map(|(_, chunk)| chunk);
        let entry = |(at, chunk): (usize, &Listed)| Entry {
            pos: chunk.pos + 8 - if missing.iter().any(|at| (*at as i64) < chunk.ticks) { gone } else { 0 },
            size: chunk.size,
            dts: Some(at as i64),
            pts: Some(at as i64),
            ..Entry::default()
        };
        (there.enumerate().map(entry).collect(), list)
    }

    #[test]
    fn chunks_after_lost_ones_keep_their_times() {
        for gone in [0, 30] {
            let (mut packets, list) = film(&[2, 3, 4], gone);
            assert_eq!(date(&mut packets, &list), [3]);
            let told: Vec<_> = packets.iter().map(|packet| (packet.dts, packet.key, packet.damaged)).collect();
            let expected = [(0, true, false), (1, false, true), (5, false, true), (6, false, false), (7, false, false)];
            assert_eq!(told, expected.map(|(ticks, key, damaged)| (Some(ticks), key, damaged)), "{gone} bytes are missing");
            assert!(packets.iter().all(|packet| packet.pts == packet.dts));
        }
        let (mut packets, list) = film(&[], 0);
        let whole = packets.clone();
        assert!(date(&mut packets, &list).is_empty() && packets == whole);
    }
}
