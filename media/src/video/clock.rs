//! From the timestamps of frames in display order to times that only ever go on.

/// When frames are displayed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Clock {
    /// Parts of ticks from the first frame on, one for each frame, strictly ascending wherever a frame lasts at all.
    pub ticks: Vec<i64>,
    /// So many parts has a tick: enough for frames that share its time.
    pub parts: i64,
    /// The frames with which the file's clock starts anew.
    pub restarts: Vec<usize>,
    /// Frames that share the timestamp of the one before them.
    pub equal: usize,
    /// Ticks that a frame usually lasts; 0 when nothing tells.
    pub typical: i64,
}

/// Ticks are divided no finer than this.
const MOST_PARTS: i64 = 1 << 20;

impl Clock {
    /// Reads the timestamps of frames in display order; how many ticks each frame lasts (0 when unknown), and whether the clock was set
    /// between a frame and the next, which comes later by so many ticks.
    ///
    /// Where the clock goes back (files joined by their bytes, a camera started anew) or was set, time goes on from the end of the frame
    /// before. Frames that share a timestamp share the time up to the next one.
    pub(super) fn new(stamps: &[i64], lasting: impl Fn(usize) -> i64, is_set: impl Fn(usize, i64) -> bool) -> Self {
        let mut clock = Self { parts: 1, typical: typical(stamps), ..Self::default() };
        let typical = clock.typical;
        let length = |at: usize| if lasting(at) > 0 { lasting(at) } else { typical };
        let mut now = 0_i64;
        for (at, stamp) in stamps.iter().enumerate() {
            if let Some(before) = at.checked_sub(1) {
                let passed = stamp.saturating_sub(stamps[before]);
                let anew = passed < 0 || is_set(before, passed);
                clock.restarts.extend(anew.then_some(at));
                clock.equal += usize::from(passed == 0);
                now = now.saturating_add(if anew { length(before) } else { passed });
            }
            clock.ticks.push(now);
        }
        clock.spread(length);
        clock
    }

    /// Gives the frames of one time each its part of the time up to the next.
    fn spread(&mut self, length: impl Fn(usize) -> i64) {
        let shares: Vec<i64> = self.ticks.chunk_by(|a, b| a == b).map(|sharing| sharing.len() as i64).collect();
        self.parts = shares.iter().fold(1, |parts, share| least_common_multiple(parts, *share).min(MOST_PARTS));
        self.ticks.iter_mut().for_each(|ticks| *ticks = ticks.saturating_mul(self.parts));
        let mut first = 0;
        for share in shares {
            let (start, next) = (self.ticks[first], first + share as usize);
            let lasts = || start.saturating_add(length(next - 1).saturating_mul(self.parts));
            let span = i128::from(self.ticks.get(next).copied().unwrap_or_else(lasts) - start);
            // At most the span, so it fits.
            self.ticks[first..next].iter_mut().zip(0_i128..).for_each(|(ticks, n)| *ticks += (n * span / i128::from(share)) as i64);
            first = next;
        }
    }
}

const fn least_common_multiple(a: i64, b: i64) -> i64 {
    let (mut divisor, mut rest) = (a, b);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    a / divisor * b
}

/// The median distance of neighbours that do not share a timestamp and do not go back; 0 without any.
pub(super) fn typical(stamps: &[i64]) -> i64 {
    let mut deltas: Vec<i64> = stamps.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).filter(|delta| *delta > 0).collect();
    deltas.sort_unstable();
    deltas.get(deltas.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Clock;

    fn times(clock: &Clock) -> Vec<f64> {
        clock.ticks.iter().map(|ticks| *ticks as f64 / clock.parts as f64).collect()
    }

    fn ticks(stamps: &[i64]) -> (Vec<f64>, usize, usize) {
        let clock = Clock::new(stamps, |_| 0, |_, _| false);
        (times(&clock), clock.restarts.len(), clock.equal)
    }

    #[test]
    fn a_clock_that_starts_anew_goes_on() {
        assert_eq!(ticks(&[7, 8, 9, 12]), (vec![0.0, 1.0, 2.0, 5.0], 0, 0));
        assert_eq!(ticks(&[5, 6, 7, 5, 6, 7, 0, 1]), ((0..8).map(f64::from).collect(), 2, 0));
        assert_eq!(
            times(&Clock::new(&[0, 3, 0, 3], |_| 4, |_, _| false)),
            [0.0, 3.0, 7.0, 10.0],
            "what the file says of a frame comes first"
        );
        let set = Clock::new(&[0, 1, 2, 900, 901, 990], |_| 0, |_, passed| passed > 100);
        assert_eq!((times(&set), set.restarts), (vec![0.0, 1.0, 2.0, 3.0, 4.0, 93.0], vec![3]), "a clock that is set is no pause");
        assert_eq!(ticks(&[]).0, [0.0; 0]);
    }

    #[test]
    fn frames_that_share_a_timestamp_share_its_time() {
        assert_eq!(ticks(&[0, 2, 2, 4]), (vec![0.0, 2.0, 3.0, 4.0], 0, 1));
        assert_eq!(ticks(&[0, 4, 4]).0, [0.0, 4.0, 6.0], "the last ones share what a frame usually lasts");
        assert_eq!(Clock::new(&[0, 1, 1, 1, 2, 2], |_| 1, |_, _| false).ticks, [0, 6, 8, 10, 12, 15], "thirds and halves of a tick");
        assert_eq!(ticks(&[0, 4, 4, 0]), (vec![0.0, 4.0, 6.0, 8.0], 1, 1));
    }
}
