//! Which stretches of packets to decode for the wanted frames.

use super::index::{Entry, Index};

/// A stretch of packets, decoded from a keyframe on and then drained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// First packet to decode.
    pub start: usize,
    /// Last packet to decode.
    pub last: usize,
    /// Wanted frames as positions in display order, ascending.
    pub wanted: Vec<usize>,
}

/// The fewest stretches that give every frame of `wanted` (positions in display order, ascending).
///
/// Each frame is decoded from the last keyframe that comes no later than it, both in the file and on screen. A frame whose keyframe
/// lies in the stretch that is decoded anyway extends that stretch; another starts its own.
pub(super) fn plan(index: &Index, wanted: impl IntoIterator<Item = usize>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for position in wanted {
        let packet = index.display[position];
        let start = keyframe_for(index, position);
        match runs.last_mut() {
            Some(run) if start <= run.last && start >= run.start => {
                run.last = run.last.max(packet);
                run.wanted.push(position);
            }
            _ => runs.push(Run { start, last: packet, wanted: vec![position] }),
        }
    }
    runs
}

/// Stretches that each begin where the first of their frames can be decoded from and end with that group of pictures, whatever of it is wanted.
pub(super) fn by_group(index: &Index, wanted: impl IntoIterator<Item = usize>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for position in wanted {
        let start = keyframe_for(index, position);
        let next = index.keys.partition_point(|key| *key <= index.display[position]);
        let last = index.keys.get(next).copied().unwrap_or(index.packets.len()).saturating_sub(1);
        match runs.last_mut() {
            Some(run) if run.start == start => {
                run.last = run.last.max(last);
                run.wanted.push(position);
            }
            _ => runs.push(Run { start, last, wanted: vec![position] }),
        }
    }
    runs
}

/// One stretch over everything, for samplers that look at every frame.
pub(super) fn whole(index: &Index, wanted: impl IntoIterator<Item = usize>) -> Run {
    let start =
        index.display.iter().copied().min().map_or(0, |first| index.packets[..=first].iter().rposition(|entry| entry.key).unwrap_or(0));
    Run { start, last: index.packets.len().saturating_sub(1), wanted: wanted.into_iter().collect() }
}

/// The packet from which the frame at `position` can be decoded.
fn keyframe_for(index: &Index, position: usize) -> usize {
    // A frame that precedes its keyframe on screen refers to frames before that keyframe (an open group of pictures).
    let reaches = |at: &usize| index.shown[*at].is_none_or(|shown| shown <= position);
    let until = index.keys.partition_point(|key| *key <= index.display[position]);
    index.keys[..until].iter().rev().copied().find(reaches).unwrap_or(0)
}

/// Where to start again when decoding from `start` did not give a frame; `attempt` counts from 1, `None` when there is nothing earlier.
///
/// First the keyframe before, since a container can mark keyframes wrongly; then ever further back, so that all attempts
/// together cost at most about twice the last.
pub(super) fn earlier_start(packets: &[Entry], start: usize, attempt: u32) -> Option<usize> {
    let before = start.checked_sub(1)?;
    let distance = if attempt <= 1 { 0 } else { 500_usize.saturating_mul(4_usize.saturating_pow(attempt - 2)) };
    let from = before.saturating_sub(distance);
    Some(packets[..=from].iter().rposition(|entry| entry.key).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{Run, by_group, earlier_start, plan, whole};
    use crate::video::index::{Entry, Index, places};
    use crate::{Moment, Timeline};

    /// Packets in file order by the second at which they are displayed; negative ones are keyframes.
    fn index(stamps: &[i64]) -> Index {
        let entry = |stamp: &i64| Entry {
            pts: Some(stamp.abs()),
            dts: Some(stamp.abs()),
            duration: 1,
            pos: -1,
            size: 1,
            rest: 0,
            key: *stamp < 0,
            gradual: false,
            discard: false,
            damaged: false,
            padded: false,
            lacks: false,
            bidirectional: false,
            disposable: false,
        };
        let packets: Vec<Entry> = stamps.iter().map(entry).collect();
        let mut display: Vec<usize> = (0..packets.len()).collect();
        display.sort_by_key(|at| packets[*at].pts);
        let moment = |at: &usize| {
            let ticks = stamps[*at].abs();
            Moment { pts: ticks, ticks, t: ticks as f64, keyframe: packets[*at].key, bytes: 1 }
        };
        let timeline = Timeline::new(display.iter().map(moment).collect(), stamps.len() as i64, (1, 1)).unwrap();
        let (shown, estimated) = (places(&display, packets.len()), vec![false; packets.len()]);
        let keys = (0..packets.len()).filter(|at| packets[*at].key).collect();
        Index {
            packets,
            display,
            keys,
            shown,
            timeline,
            time_base: (1, 1),
            has_clock: true,
            estimated,
            shifts: Vec::new(),
            equal: 0,
            lead: 0,
            origin: 1.0,
        }
    }

    fn run(start: usize, last: usize, wanted: &[usize]) -> Run {
        Run { start, last, wanted: wanted.to_vec() }
    }

    #[test]
    fn a_keyframe_costs_one_packet_and_neighbours_share_a_stretch() {
        let index = index(&[-1, 2, 3, 4, -5, 6, 7, 8, -9, 10, 11, 12]);
        assert_eq!(plan(&index, [0, 4, 8]), [run(0, 0, &[0]), run(4, 4, &[4]), run(8, 8, &[8])]);
        assert_eq!(plan(&index, [1, 3]), [run(0, 3, &[1, 3])], "no second start inside one group");
        assert_eq!(plan(&index, [1, 6, 7]), [run(0, 1, &[1]), run(4, 7, &[6, 7])]);
        assert_eq!(plan(&index, 0..12), [run(0, 3, &[0, 1, 2, 3]), run(4, 7, &[4, 5, 6, 7]), run(8, 11, &[8, 9, 10, 11])]);
    }

    #[test]
    fn reordered_frames_are_found_by_packet() {
        let index = index(&[-1, 4, 2, 3, -5, 8, 6, 7]);
        assert_eq!(plan(&index, [1]), [run(0, 2, &[1])], "the packets after it in the file are not needed");
        assert_eq!(plan(&index, [3, 5]), [run(0, 1, &[3]), run(4, 6, &[5])]);
    }

    #[test]
    fn leading_frames_of_an_open_group_start_a_group_earlier() {
        // 5 is a keyframe; 3 and 4 follow it in the file and precede it on screen.
        let index = index(&[-1, 2, -5, 3, 4, 6]);
        assert_eq!(plan(&index, [2]), [run(0, 3, &[2])]);
        assert_eq!(plan(&index, [2, 4]), [run(0, 3, &[2, 4])], "its keyframe was decoded on the way");
        assert_eq!(plan(&index, [5]), [run(2, 5, &[5])]);
    }

    #[test]
    fn groups_by_themselves_are_whole_whatever_is_wanted() {
        let index = index(&[-1, 2, -5, 3, 4, 6, -9, 8, 10]);
        assert_eq!(by_group(&index, [1]), [run(0, 1, &[1])]);
        assert_eq!(by_group(&index, [5]), [run(2, 5, &[5])]);
        assert_eq!(by_group(&index, [1, 2, 4, 6]), [run(0, 5, &[1, 2]), run(2, 8, &[4, 6])], "also those shown before their keyframe");
    }

    #[test]
    fn looking_at_everything_is_one_stretch_from_the_first_keyframe() {
        let index = index(&[-1, 2, 3, -4, 5]);
        assert_eq!(whole(&index, [1, 3]), run(0, 4, &[1, 3]));
        assert_eq!(whole(&index, []), run(0, 4, &[]));
    }

    #[test]
    fn attempts_go_further_back_and_end_at_the_start() {
        let stamps: Vec<i64> = (1..4000).map(|at| if at % 10 == 1 { -at } else { at }).collect();
        let index = index(&stamps);
        let starts: Vec<_> = (1..5).map(|attempt| earlier_start(&index.packets, 3000, attempt)).collect();
        assert_eq!(starts, [Some(2990), Some(2490), Some(990), Some(0)]);
        assert_eq!(earlier_start(&index.packets, 0, 1), None);
    }
}
