//! Keeps sound on its own clock: what is missing becomes silence, so that all that follows keeps its time.

use super::decode::Block;
use crate::Report;

/// A jump of the clock over more seconds than this is a hole; less is rounding and unsteadiness of containers.
const HOLE: f64 = 0.1;

/// Where packets were lost, a jump over more seconds than this is one: containers round to milliseconds, and no packet lasts less than 2.5 of them.
const LOST: f64 = 0.002;

/// Where the clock counts samples, a jump over more seconds than this is one: no sample of FLAC is as short.
const COUNTED: f64 = 1e-6;

/// A clock that goes back by more seconds than this was set anew; less is overlap.
const OVERLAP: f64 = 1.0;

/// Where clocks may be set anew on the way, one that goes forward by more seconds than this was.
const LONGEST_PAUSE: f64 = 10.0;

/// Elsewhere sound may pause for so many seconds, or as long as the pictures beside it and so much longer: a stamp that is damaged must not become
/// hours of silence.
const LONGEST_HOLE: f64 = 600.0;

/// The clock of the pictures that a soundtrack goes with.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct PictureClock {
    /// Seconds on the file's clock at which the first frame is displayed.
    pub origin: f64,
    /// Seconds that the pictures last.
    pub duration: f64,
    /// Each time that the file's clock was set anew: the seconds to add from there on, so that times go on from the stretch before.
    pub shifts: Vec<f64>,
}

/// Says where silence belongs.
#[derive(Debug)]
pub(super) struct Pauses {
    lead: Lead,
    /// Seconds on the file's clock at which the next block is expected.
    until: Option<f64>,
    /// Seconds given so far, silence included.
    given: f64,
    /// Whether packets were lost since the last block: the next jump is a hole, however short.
    lost: bool,
    /// Whether the clock counts samples.
    counted: bool,
    /// Where each hole begins and how long it is, in seconds.
    holes: Vec<(f64, f64)>,
    restarts: usize,
}

/// Whose time the sound keeps.
#[derive(Debug)]
enum Lead {
    /// Its own: a clock that runs unevenly is followed as long as it does not jump.
    Own { broadcast: bool },
    /// That of the pictures beside it.
    Pictures {
        /// Seconds on the file's clock at which the sound begins.
        start: f64,
        /// What is added to the file's clock now.
        shift: f64,
        clock: PictureClock,
    },
}

impl Pauses {
    /// For a sound by itself; `broadcast`: the container is one whose clock may be set anew on the way.
    pub(super) const fn alone(broadcast: bool) -> Self {
        Self::new(Lead::Own { broadcast })
    }

    /// For a soundtrack that begins at `start` on the file's clock.
    pub(super) fn beside(pictures: &PictureClock, start: f64) -> Self {
        Self::new(Lead::Pictures { start, shift: 0.0, clock: pictures.clone() })
    }

    const fn new(lead: Lead) -> Self {
        Self { lead, until: None, given: 0.0, lost: false, counted: false, holes: Vec::new(), restarts: 0 }
    }

    /// The time of the first sample in seconds.
    pub(super) const fn origin(&self) -> f64 {
        match &self.lead {
            Lead::Own { .. } => 0.0,
            Lead::Pictures { start, clock, .. } => *start - clock.origin,
        }
    }

    /// The clock counts samples, and the sound begins at `from` on it.
    pub(super) const fn count(&mut self, from: f64) {
        self.until = Some(from);
        self.counted = true;
    }

    /// A packet was lost: the time until the next block is missing, and many short ones would add up.
    pub(super) const fn lose(&mut self) {
        self.lost = true;
    }

    /// Seconds of silence that belong before `block`.
    pub(super) fn before(&mut self, block: &Block) -> f64 {
        let least = match std::mem::take(&mut self.lost) {
            _ if self.counted => COUNTED,
            true => LOST,
            false => HOLE,
        };
        let silence = block.at.map_or(0.0, |at| self.silence(at, least));
        self.until = block.at.or(self.until).map(|at| at + block.lasting);
        self.given += silence + block.seconds();
        silence
    }

    /// Seconds of silence before what begins at `at`, and none up to the `least`.
    fn silence(&mut self, at: f64, least: f64) -> f64 {
        let jump = self.until.map_or(0.0, |until| at - until);
        let forward = match &self.lead {
            Lead::Own { broadcast: false } => jump > LONGEST_HOLE,
            Lead::Pictures { clock, .. } if clock.shifts.is_empty() => jump > HOLE && at - clock.origin > clock.duration + LONGEST_HOLE,
            Lead::Own { .. } | Lead::Pictures { .. } => jump > LONGEST_PAUSE,
        };
        let is_set = forward || jump < -OVERLAP;
        let missing = match &mut self.lead {
            Lead::Own { .. } if is_set => 0.0,
            Lead::Own { .. } => jump,
            Lead::Pictures { start, shift, clock } => {
                if is_set {
                    *shift = clock.shifts.get(self.restarts).copied().unwrap_or(*start + self.given - at);
                }
                at + *shift - *start - self.given
            }
        };
        self.restarts += usize::from(is_set);
        if jump > least && !is_set {
            self.holes.push((self.given, jump));
        }
        if missing > least { missing } else { 0.0 }
    }

    /// Notes what was filled.
    pub(super) fn finish(&self, report: &mut Report) {
        if let Some((first, _)) = self.holes.first() {
            let lost: f64 = self.holes.iter().map(|(_, seconds)| seconds).sum();
            let count = self.holes.len();
            report.note("holes", format!("the sound has {count} holes of {lost:.3} s in all, the first at {first:.3} s; they are silent"));
        }
        if self.restarts > 0 {
            report.note("clock_restarts", format!("the clock of the sound starts anew {} times; times go on from there", self.restarts));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pauses, PictureClock};
    use crate::Report;
    use crate::audio::decode::Block;

    /// Silence before each block of one second that begins at these seconds of the file's clock.
    fn silences(mut pauses: Pauses, starts: &[f64]) -> (Vec<f64>, Vec<String>) {
        let block = |at: &f64| Block { samples: vec![0.5; 10], rate: 10, at: Some(*at), lasting: 1.0, ..Block::default() };
        let silences = starts.iter().map(|at| pauses.before(&block(at))).collect();
        let mut report = Report::default();
        pauses.finish(&mut report);
        (silences, report.notes.into_iter().map(|note| note.code).collect())
    }

    fn beside(start: f64, shifts: &[f64]) -> Pauses {
        Pauses::beside(&PictureClock { origin: 0.0, duration: 800.0, shifts: shifts.to_vec() }, start)
    }

    #[test]
    fn a_hole_becomes_silence_and_an_uneven_clock_does_not() {
        assert_eq!(silences(Pauses::alone(false), &[7.0, 8.0, 11.0, 12.0]), (vec![0.0, 0.0, 2.0, 0.0], vec!["holes".to_owned()]));
        let uneven: Vec<f64> = (0..30).map(|n| f64::from(n) * 1.05).collect();
        assert_eq!(silences(Pauses::alone(false), &uneven), (vec![0.0; 30], Vec::new()));
        assert_eq!(silences(Pauses::alone(false), &[0.0, 0.8, 1.7]), (vec![0.0; 3], Vec::new()), "overlaps");
    }

    #[test]
    fn what_follows_lost_packets_keeps_its_time_however_short_they_are() {
        // Every second block of 24 ms is lost; that the clock says 1 ms too much after the others is rounding.
        let (step, rounding) = (0.048, 0.001);
        for mut pauses in [Pauses::alone(false), beside(0.0, &[])] {
            let mut given = 0.0;
            for n in 0..50 {
                let block = |at: f64| Block { samples: vec![0.5; 24], rate: 1000, at: Some(at), lasting: 0.024, ..Block::default() };
                given += pauses.before(&block(f64::from(n) * step)) + 0.024;
                pauses.lose();
            }
            assert!((given - (49.0 * step + 0.024)).abs() < 1e-9, "{given}");
            pauses.lose();
            let (_, codes) = silences(pauses, &[49.0 * step + 0.024 + rounding]);
            assert_eq!(codes, ["holes"]);
        }
        let mut pauses = Pauses::alone(false);
        pauses.before(&Block { at: Some(5.0), lasting: 1.0, ..Block::default() });
        pauses.lose();
        assert_eq!(
            silences(pauses, &[6.0 + rounding, 7.024]),
            (vec![0.0; 2], Vec::new()),
            "no time is missing, and the next pause is none"
        );
    }

    #[test]
    fn a_clock_that_is_set_is_no_hole() {
        let restarts = vec!["clock_restarts".to_owned()];
        assert_eq!(silences(Pauses::alone(false), &[5.0, 0.0, 1.0]), (vec![0.0; 3], restarts.clone()));
        assert_eq!(silences(Pauses::alone(true), &[5.0, 6.0, 900.0]), (vec![0.0; 3], restarts.clone()));
        assert_eq!(silences(Pauses::alone(false), &[5.0, 6.0, 500.0]).0, [0.0, 0.0, 493.0]);
        assert_eq!(silences(beside(5.0, &[]), &[5.0, 6.0, 790.0]).0, [0.0, 0.0, 783.0], "the pictures pause as well");
        for own in [Pauses::alone(false), beside(5.0, &[])] {
            assert_eq!(silences(own, &[5.0, 6.0, 9e9, 9e9 + 1.0]), (vec![0.0; 4], restarts.clone()));
        }
        assert_eq!(silences(beside(5.0, &[]), &[5.0, 6.0, 0.0, 1.0]), (vec![0.0; 4], restarts));
    }

    #[test]
    fn a_soundtrack_follows_the_pictures_over_a_clock_that_is_set() {
        assert_eq!(silences(beside(5.0, &[-890.0]), &[5.0, 6.0, 898.5, 899.5]).0, [0.0, 0.0, 1.5, 0.0]);
        let uneven: Vec<f64> = (0..30).map(|n| f64::from(n) * 1.01).collect();
        let filled: f64 = silences(beside(0.0, &[]), &uneven).0.iter().sum();
        assert!((filled - 0.22).abs() < 0.02, "{filled}");
    }
}
