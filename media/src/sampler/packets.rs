//! `packets:N`: moments that cost the encoder more than those around them, found without decoding.

use super::Sampler;
use crate::{Moment, Timeline};

/// A frame is measured against the others of its kind within stretches of this many seconds.
const STRETCH: f64 = 2.0;

/// The N frames with the highest score, kept apart where there is room.
pub(super) struct Packets(pub(super) u32);

impl Sampler for Packets {
    fn pick(&self, timeline: &Timeline) -> Vec<usize> {
        let count = self.0 as usize;
        let moments = timeline.moments();
        let scores = scores(moments);
        let mut ranked: Vec<usize> = (0..moments.len()).collect();
        ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        let apart = timeline.duration() / (2.0 * f64::from(self.0));
        let mut picked: Vec<usize> = Vec::new();
        // First with room around each, then without, so that a short clip still gives as many as it can.
        for apart in [apart, 0.0] {
            for &frame in &ranked {
                let near = |other: &usize| *other == frame || (moments[*other].t - moments[frame].t).abs() < apart;
                if picked.len() < count && !picked.iter().any(near) {
                    picked.push(frame);
                }
            }
        }
        picked.sort_unstable();
        picked
    }
}

/// Bytes over the median of the frames of the same kind nearby, or the square root of that over the median of the whole clip where this is more:
/// what moves for as long as a stretch has nothing near it to stand out from. A keyframe that comes early counts more: encoders put one where the
/// scene changes.
fn scores(moments: &[Moment]) -> Vec<f64> {
    let mut scores = vec![0.0; moments.len()];
    let stretch = |moment: &Moment| (moment.t / STRETCH) as u64;
    let between: Vec<usize> = (0..moments.len()).filter(|at| !moments[*at].keyframe).collect();
    rate(moments, &between, &mut scores);
    for near in between.chunk_by(|a, b| stretch(&moments[*a]) == stretch(&moments[*b])) {
        let whole: Vec<f64> = near.iter().map(|at| scores[*at].sqrt()).collect();
        rate(moments, near, &mut scores);
        near.iter().zip(whole).for_each(|(at, whole)| scores[*at] = scores[*at].max(whole));
    }
    let keys: Vec<usize> = (0..moments.len()).filter(|at| moments[*at].keyframe).collect();
    rate(moments, &keys, &mut scores);
    let gaps: Vec<f64> = keys.windows(2).map(|pair| moments[pair[1]].t - moments[pair[0]].t).collect();
    let longest = gaps.iter().copied().fold(0.0, f64::max);
    for (key, gap) in keys.iter().skip(1).zip(&gaps) {
        scores[*key] *= longest / gap.max(f64::MIN_POSITIVE);
    }
    scores
}

fn rate(moments: &[Moment], frames: &[usize], scores: &mut [f64]) {
    let mut sizes: Vec<u32> = frames.iter().map(|at| moments[*at].bytes).collect();
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or(0).max(1);
    frames.iter().for_each(|at| scores[*at] = f64::from(moments[*at].bytes) / f64::from(median));
}

#[cfg(test)]
mod tests {
    use super::{Packets, Sampler};
    use crate::{Moment, Timeline};

    /// Ten frames a second; keyframes where listed.
    fn timeline(bytes: &[u32], keys: &[usize]) -> Timeline {
        let moment = |(i, bytes): (usize, &u32)| Moment {
            pts: i as i64,
            ticks: i as i64,
            t: i as f64 / 10.0,
            keyframe: keys.contains(&i),
            bytes: *bytes,
        };
        Timeline::new(bytes.iter().enumerate().map(moment).collect(), bytes.len() as i64, (1, 10)).unwrap()
    }

    #[test]
    fn bursts_are_found_and_kept_apart() {
        let mut bytes = vec![100; 100];
        bytes[0] = 5000;
        (bytes[30], bytes[31], bytes[70]) = (900, 800, 500);
        assert_eq!(Packets(2).pick(&timeline(&bytes, &[0])), [30, 70], "31 is the same burst");
        assert_eq!(Packets(3).pick(&timeline(&bytes[..2], &[0])), [0, 1], "no more than there are");
    }

    #[test]
    fn what_moves_for_a_whole_stretch_stands_out_of_the_clip() {
        let bytes: Vec<u32> = (0..100).map(|i| if (40..60).contains(&i) { 1000 + i } else { 20 + i % 3 }).collect();
        let picked = Packets(2).pick(&timeline(&bytes, &[0]));
        assert!(picked.iter().any(|at| (40..60).contains(at)), "{picked:?}");
    }

    #[test]
    fn an_early_keyframe_is_a_change_of_scene() {
        let mut bytes = vec![100; 90];
        let keys = [0, 40, 47, 87];
        keys.iter().for_each(|at| bytes[*at] = 4000);
        assert_eq!(Packets(1).pick(&timeline(&bytes, &keys)), [47]);
    }
}
