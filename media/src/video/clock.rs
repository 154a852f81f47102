//! From the timestamps of frames in display order to times that only ever go on.

/// When frames are displayed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Clock {
    /// Ticks from the first frame on, one for each frame, strictly ascending wherever a frame lasts at all.
    pub ticks: Vec<f64>,
    /// How often the file's clock goes back.
    pub restarts: usize,
    /// Frames that share the timestamp of the one before them.
    pub equal: usize,
    /// What a frame usually lasts; 0 when nothing tells.
    pub typical: f64,
}

impl Clock {
    /// Reads the timestamps of frames in display order, and how many ticks each frame lasts (0 when unknown).
    ///
    /// Where the clock goes back (files joined by their bytes, a camera started anew), time goes on from the end of the frame before.
    /// Frames that share a timestamp share the time up to the next one.
    pub(super) fn new(stamps: &[i64], lasting: impl Fn(usize) -> i64) -> Self {
        let mut clock = Self { typical: typical(stamps), ..Self::default() };
        let typical = clock.typical;
        let length = |at: usize| if lasting(at) > 0 { lasting(at) as f64 } else { typical };
        let mut now = 0.0;
        for (at, stamp) in stamps.iter().enumerate() {
            if let Some(before) = at.checked_sub(1) {
                let passed = stamp.saturating_sub(stamps[before]);
                clock.restarts += usize::from(passed < 0);
                clock.equal += usize::from(passed == 0);
                now += if passed < 0 { length(before) } else { passed as f64 };
            }
            clock.ticks.push(now);
        }
        clock.spread(length);
        clock
    }

    /// Gives the frames of one time each its part of the time up to the next.
    fn spread(&mut self, length: impl Fn(usize) -> f64) {
        let mut first = 0;
        while first < self.ticks.len() {
            let start = self.ticks[first];
            let next = self.ticks[first..].iter().position(|ticks| *ticks > start).map_or(self.ticks.len(), |more| first + more);
            let end = self.ticks.get(next).copied().unwrap_or_else(|| start + length(next - 1));
            let step = (end - start) / (next - first) as f64;
            self.ticks[first..next].iter_mut().enumerate().for_each(|(n, ticks)| *ticks += n as f64 * step);
            first = next;
        }
    }
}

/// The median distance of neighbours that do not share a timestamp.
fn typical(stamps: &[i64]) -> f64 {
    let mut deltas: Vec<i64> = stamps.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).filter(|delta| *delta > 0).collect();
    deltas.sort_unstable();
    deltas.get(deltas.len() / 2).map_or(0.0, |delta| *delta as f64)
}

#[cfg(test)]
mod tests {
    use super::Clock;

    fn ticks(stamps: &[i64]) -> (Vec<f64>, usize, usize) {
        let clock = Clock::new(stamps, |_| 0);
        (clock.ticks, clock.restarts, clock.equal)
    }

    #[test]
    fn a_clock_that_starts_anew_goes_on() {
        assert_eq!(ticks(&[7, 8, 9, 12]), (vec![0.0, 1.0, 2.0, 5.0], 0, 0));
        assert_eq!(ticks(&[5, 6, 7, 5, 6, 7, 0, 1]), ((0..8).map(f64::from).collect(), 2, 0));
        assert_eq!(Clock::new(&[0, 3, 0, 3], |_| 4).ticks, [0.0, 3.0, 7.0, 10.0], "what the file says of a frame comes first");
        assert_eq!(ticks(&[]).0, [0.0; 0]);
    }

    #[test]
    fn frames_that_share_a_timestamp_share_its_time() {
        assert_eq!(ticks(&[0, 2, 2, 4]), (vec![0.0, 2.0, 3.0, 4.0], 0, 1));
        assert_eq!(ticks(&[0, 4, 4]).0, [0.0, 4.0, 6.0], "the last ones share what a frame usually lasts");
        assert_eq!(ticks(&[0, 4, 4, 0]), (vec![0.0, 4.0, 6.0, 8.0], 1, 1));
    }
}
