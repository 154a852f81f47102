//! Temporal signals of a video, from small luma planes of the frames that were decoded anyway.

use serde::{Deserialize, Serialize};

use super::Look;
use super::look::{Change, Changes};

/// What the frames that were decoded measure. Which frames those are depends on the samplers, so `frames_seen` comes first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VideoSignals {
    /// Frames measured.
    pub frames_seen: u64,
    /// Neighbours on screen in stretches of which every frame was measured: only those tell what moves. Where decoding leaves out frames that nothing refers
    /// to, the neighbours that remain are no fair sample, since encoders choose those frames by how little moves.
    pub pairs_seen: u64,
    /// How much brightness goes up and down again from frame to frame, 0..=1; `None` with fewer than 8 frames of it.
    pub flicker: Option<f64>,
    /// Share of neighbours without any change, 0..=1; `None` with fewer than 8 pairs.
    pub frozen_share: Option<f64>,
    /// Mean change between neighbours, 0..=1; `None` with fewer than 8 pairs.
    pub motion: Option<f64>,
    /// Seconds at which another scene begins, between measured neighbours.
    pub cuts: Vec<f64>,
    /// Share of measured frames that are black, 0..=1.
    pub black_share: f64,
    /// Share of measured frames of one flat shade (black included), 0..=1.
    pub blank_share: f64,
}

/// More cuts than this are no film; the list stops there.
const MOST_CUTS: usize = 1000;

/// A frame whose lightest cell is below this level is black: limited-range black is 0 here, and noise lies above it.
const BLACK: u8 = 24;

/// A frame whose cells differ by at most this many levels is of one shade.
const FLAT: u8 = 4;

/// Neighbours whose cells all differ by at most this many levels are one picture, coded twice.
const SAME: u8 = 1;

/// Fewer pairs than this tell nothing of a video.
const LEAST_PAIRS: u64 = 8;

/// Measures frames as they come.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    signals: VideoSignals,
    last: Option<(usize, f64, Look)>,
    changes: Changes,
    /// Brightness of the last two neighbours.
    brightness: Vec<f64>,
    wobble: f64,
    triples: u64,
    frozen: u64,
    motion: f64,
    black: u64,
    blank: u64,
}

impl Meter {
    /// Takes the frame at `position` in display order; how much has moved since its neighbour, 0 without one. Frames that do not
    /// come later than the last are passed over, `None`: they were decoded for a second try, or out of order. `all`: no frame of its stretch is left out.
    pub(crate) fn see(&mut self, position: usize, t: f64, look: &Look, all: bool) -> Option<f64> {
        let before = self.last.take_if(|(last, ..)| *last < position);
        if self.last.is_some() {
            return None;
        }
        self.signals.frames_seen += 1;
        let (darkest, lightest) = look.range();
        self.black += u64::from(lightest < BLACK);
        self.blank += u64::from(lightest - darkest <= FLAT);
        // What was left out between two frames may have flickered or moved.
        let neighbour = before.filter(|(last, ..)| *last + 1 == position);
        let moved = if let Some((_, left, before)) = neighbour {
            self.pair((left, &before), (t, look), all)
        } else {
            self.changes = Changes::default();
            self.brightness.clear();
            0.0
        };
        self.brightness.push(look.brightness());
        self.last = Some((position, t, look.clone()));
        Some(moved)
    }

    fn pair(&mut self, (left, before): (f64, &Look), (t, look): (f64, &Look), all: bool) -> f64 {
        let moved = before.motion(look);
        if all {
            self.signals.pairs_seen += 1;
            self.motion += moved;
            self.frozen += u64::from(before.largest_difference(look) <= SAME);
        }
        if self.changes.between((left, before), (t, look)) == Change::Cut {
            if self.signals.cuts.len() < MOST_CUTS {
                self.signals.cuts.push(t);
            }
            self.brightness.clear(); // another scene is no flicker
        } else if let [.., first, second] = self.brightness[..] {
            if all {
                self.triples += 1;
                self.wobble += (first - 2.0 * second + look.brightness()).abs() / 2.0;
            }
            self.brightness.remove(0);
        }
        moved
    }

    /// The signals; `None` when no frame was measured.
    pub(crate) fn finish(self) -> Option<VideoSignals> {
        let share = |part: f64, whole: u64| (whole > 0).then(|| part / whole as f64);
        let enough = |part: f64, whole: u64| share(part, whole).filter(|_| whole >= LEAST_PAIRS);
        let (frames, pairs) = (self.signals.frames_seen, self.signals.pairs_seen);
        Some(VideoSignals {
            flicker: enough(self.wobble, self.triples),
            frozen_share: enough(self.frozen as f64, pairs),
            motion: enough(self.motion, pairs),
            black_share: share(self.black as f64, frames)?,
            blank_share: share(self.blank as f64, frames)?,
            ..self.signals
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Meter, VideoSignals};
    use crate::signal::{Look, PLANE};

    fn flat(level: u8) -> Look {
        Look::new([level; PLANE * PLANE])
    }

    fn ramp(shift: usize) -> Look {
        Look::new(std::array::from_fn::<u8, { PLANE * PLANE }, _>(|at| ((at % PLANE + shift) % PLANE * 8) as u8))
    }

    fn measure(looks: &[(usize, f64, Look)]) -> Option<VideoSignals> {
        let mut meter = Meter::default();
        looks.iter().for_each(|(position, t, look)| {
            meter.see(*position, *t, look, true);
        });
        meter.finish()
    }

    #[test]
    fn stillness_darkness_and_flicker_are_told_apart() {
        let film =
            |looks: Vec<Look>| measure(&looks.into_iter().enumerate().map(|(i, look)| (i, i as f64 / 25.0, look)).collect::<Vec<_>>());
        let still = film(vec![ramp(0); 10]).unwrap();
        assert_eq!((still.frames_seen, still.pairs_seen, still.frozen_share, still.flicker), (10, 9, Some(1.0), Some(0.0)));
        assert_eq!((still.black_share, still.blank_share, still.motion), (0.0, 0.0, Some(0.0)));
        let dark = film(vec![flat(3), flat(3), ramp(0), ramp(0)]).unwrap();
        assert_eq!((dark.black_share, dark.blank_share, dark.cuts), (0.5, 0.5, vec![0.08]));
        let strobe = film((0..10).map(|i| flat(if i % 2 == 0 { 100 } else { 104 })).collect()).unwrap();
        assert!((strobe.flicker.unwrap() - 4.0 / 255.0).abs() < 1e-9, "{strobe:?}");
        let fade = film((0..10).map(|i| flat(100 + 4 * i)).collect()).unwrap();
        assert!(fade.flicker.unwrap() < 1e-12 && fade.motion.unwrap() > 0.01, "{fade:?}");
    }

    #[test]
    fn pictures_that_alternate_flicker_and_one_that_is_put_in_between_is_a_cut() {
        let at = |fps: f64, looks: &[Look]| {
            let looks: Vec<_> = looks.iter().enumerate().map(|(i, look)| (i, i as f64 / fps, look.clone())).collect();
            let signals = measure(&looks).unwrap();
            (signals.cuts.iter().map(|t| (t * fps).round() as usize).collect::<Vec<_>>(), signals.flicker)
        };
        let dim = Look::new(ramp(0).plane().map(|level| level / 4));
        let strobe: Vec<Look> = (0..12).map(|i| if i % 2 == 0 { ramp(0) } else { dim.clone() }).collect();
        let (cuts, flicker) = at(25.0, &strobe);
        assert!(cuts == [1, 2] && flicker.is_some_and(|flicker| flicker > 0.3), "{cuts:?} {flicker:?}");
        assert_eq!(at(25.0, &[&strobe[..], &vec![flat(250); 9]].concat()).0, [1, 2, 12], "a cut out of it");
        let slow: Vec<Look> = (0..24).map(|i| if i / 2 % 2 == 0 { ramp(0) } else { dim.clone() }).collect();
        assert_eq!(at(25.0, &slow).0, [2, 4], "two frames each");
        assert_eq!(at(2.0, &strobe[..5]).0, [1, 2, 3, 4], "pictures of half a second each are seen");
        let flash = [&vec![ramp(0); 9][..], &vec![flat(250); 1], &vec![ramp(0); 9]].concat();
        assert_eq!(at(25.0, &flash), (vec![9, 10], Some(0.0)), "a single frame");
    }

    /// Every other picture comes twice, and the second ones are those that nothing refers to: of the neighbours that remain, none are alike.
    #[test]
    fn what_remains_where_frames_were_left_out_is_no_sample() {
        let mut meter = Meter::default();
        for position in (0..60).filter(|position| position % 6 != 1) {
            meter.see(position, position as f64, &ramp(position / 2), false);
        }
        let signals = meter.finish().unwrap();
        assert_eq!((signals.frames_seen, signals.pairs_seen, signals.frozen_share, signals.motion), (50, 0, None, None));
        let few = |frames: usize| {
            let looks: Vec<_> = (0..frames).map(|at| (at, at as f64, ramp(0))).collect();
            let signals = measure(&looks).unwrap();
            (signals.pairs_seen, signals.frozen_share, signals.flicker)
        };
        assert_eq!((few(8), few(9), few(10)), ((7, None, None), (8, Some(1.0), None), (9, Some(1.0), Some(0.0))));
    }

    #[test]
    fn only_neighbours_are_compared_and_second_tries_do_not_count() {
        let sparse = measure(&[(0, 0.0, ramp(0)), (100, 4.0, ramp(16)), (200, 8.0, ramp(0))]).unwrap();
        assert_eq!((sparse.frames_seen, sparse.pairs_seen, sparse.motion, sparse.flicker), (3, 0, None, None));
        assert!(sparse.cuts.is_empty());
        let close = measure(&[(0, 0.0, ramp(0)), (2, 0.08, ramp(16)), (4, 0.16, ramp(0))]).unwrap();
        assert_eq!((close.pairs_seen, close.frozen_share), (0, None), "who knows what was between them");
        let again = measure(&[(5, 0.2, ramp(0)), (4, 0.16, ramp(1)), (5, 0.2, ramp(0))]).unwrap();
        assert_eq!(again.frames_seen, 1);
        assert_eq!(measure(&[]), None);
    }
}
