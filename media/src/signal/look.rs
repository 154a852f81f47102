//! What a frame looks like at a glance: a small luma plane, its shades and its edges.

use super::PLANE;

/// Shades told apart by the histogram.
const SHADES: usize = 64;

/// Moving every cell by this share of all shades is as large a change as any.
const MOST_MOVED: f64 = 0.25;

/// Differences between neighbouring cells up to this many levels are noise of the encoder, no edges.
const NOISE: u8 = 6;

/// Between neighbours, this much change is another scene. Of 89 cuts between shots of film and video that were joined end to end 88 lie above it, and none of
/// the other 1,710 neighbours; in ten minutes of film 131 of 132 on which two other detectors agree, and 5 of which neither knows.
pub(crate) const CUT: f64 = 0.35;

/// A picture that comes back within so many seconds may flicker: one that is away so shortly is not seen to be.
const AWAY: f64 = 0.2;

/// Edges of four levels a cell.
const FEW_EDGES: f64 = (4 * PLANE * PLANE) as f64;

/// Contrasts of ten levels a cell, squared: below that, noise is all there is.
const FEW_CONTRASTS: f64 = (100 * PLANE * PLANE) as f64;

/// A frame reduced to `PLANE` x `PLANE` cells of full-range luma.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    plane: [u8; PLANE * PLANE],
    shades: [u16; SHADES],
    edges: [u8; PLANE * PLANE],
}

impl Look {
    /// Takes a plane of luma (0 black ..= 255 white), row by row.
    pub fn new(plane: [u8; PLANE * PLANE]) -> Self {
        let mut shades = [0; SHADES];
        plane.iter().for_each(|level| shades[usize::from(*level) * SHADES / 256] += 1);
        let mut edges = [0; PLANE * PLANE];
        for (at, edge) in edges.iter_mut().enumerate() {
            let right = if at % PLANE + 1 < PLANE { plane[at].abs_diff(plane[at + 1]) } else { 0 };
            let below = plane.get(at + PLANE).map_or(0, |below| plane[at].abs_diff(*below));
            *edge = right.saturating_add(below).saturating_sub(NOISE);
        }
        Self { plane, shades, edges }
    }

    /// The luma plane.
    pub const fn plane(&self) -> &[u8; PLANE * PLANE] {
        &self.plane
    }

    /// Mean luma, 0 ..= 1.
    pub fn brightness(&self) -> f64 {
        self.plane.iter().map(|level| f64::from(*level)).sum::<f64>() / self.plane.len() as f64 / 255.0
    }

    /// How different two scenes are, 0 ..= 1: the larger of how far [shades and edges](Self::redrawn) and [structure](Self::restructured) change.
    pub fn change(&self, other: &Self) -> f64 {
        self.redrawn(other).max(self.restructured(other))
    }

    /// Whether `now` is this picture again after another was shown: no other scene, and at most half as far from it as that was.
    fn is_back(&self, other: &Self, now: &Self) -> bool {
        let left = self.change(now);
        left <= CUT && 2.0 * left <= self.change(other)
    }

    /// The mean of how far shades move (the earth mover's distance of the histograms, which takes a little more light for a little change) and of
    /// the share of edges that do not stay where they are, however strong: a fade is no new scene. Shades alone miss a new picture of the
    /// same colours, edges alone one of flat surfaces.
    fn redrawn(&self, other: &Self) -> f64 {
        let mut balance = 0_i32;
        let mut carried = 0_u32;
        for (a, b) in self.shades.iter().zip(&other.shades) {
            balance += i32::from(*a) - i32::from(*b);
            carried += balance.unsigned_abs();
        }
        let moved = f64::from(carried) / (PLANE * PLANE * SHADES) as f64;
        let shades = (moved / MOST_MOVED).min(1.0);
        let (ours, theirs) = (self.edge_sum(), other.edge_sum());
        let pairs = self.edges.iter().zip(&other.edges);
        let edges: f64 = pairs.map(|(a, b)| (f64::from(*a) / ours - f64::from(*b) / theirs).abs()).sum();
        f64::midpoint(shades, edges / 2.0)
    }

    /// How little light and dark stay in their places, whatever the brightness: 0 where they do, a half where the two have nothing to do with
    /// each other, 1 for a negative. It sees another picture of like shades and as many edges.
    fn restructured(&self, other: &Self) -> f64 {
        let (ours, theirs) = (self.brightness() * 255.0, other.brightness() * 255.0);
        let (mut apart, mut contrast) = (0.0, FEW_CONTRASTS);
        for (a, b) in self.plane.iter().zip(&other.plane) {
            let (a, b) = (f64::from(*a) - ours, f64::from(*b) - theirs);
            apart += (a - b) * (a - b);
            contrast += a * a + b * b;
        }
        apart / contrast / 2.0
    }

    /// All edges added up; a picture with hardly any counts as one with few, so that noise in the dark is no change.
    fn edge_sum(&self) -> f64 {
        self.edges.iter().map(|edge| f64::from(*edge)).sum::<f64>().max(FEW_EDGES)
    }

    /// Mean difference of the cells, 0 ..= 1.
    pub fn motion(&self, other: &Self) -> f64 {
        let differ: u32 = self.plane.iter().zip(&other.plane).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        f64::from(differ) / (255 * PLANE * PLANE) as f64
    }

    /// The largest difference of a cell in levels.
    pub fn largest_difference(&self, other: &Self) -> u8 {
        self.plane.iter().zip(&other.plane).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
    }

    /// The darkest and the lightest cell.
    pub fn range(&self) -> (u8, u8) {
        self.plane.iter().fold((u8::MAX, 0), |(low, high), level| (low.min(*level), high.max(*level)))
    }
}

/// What comes between two neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The same scene goes on.
    Small,
    /// Another scene begins, if only for one frame.
    Cut,
    /// Pictures that were just seen alternate.
    Flicker,
}

/// Tells cuts from flicker: a frame that is put in between is a cut there and a cut back, and pictures that go on to alternate are nothing new.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The picture before the one that is shown, and when it was shown last.
    gone: Option<(f64, Look)>,
    /// Whether the one that is shown had just been seen before.
    back: bool,
    /// When pictures alternated last.
    flickered: Option<f64>,
}

impl Changes {
    /// What comes between the picture that was shown last at `left` seconds and the one at `t`.
    pub(crate) fn between(&mut self, (left, before): (f64, &Look), (t, now): (f64, &Look)) -> Change {
        if before.change(now) <= CUT {
            return if self.flickered.is_some_and(|last| t - last <= AWAY) { Change::Flicker } else { Change::Small };
        }
        let was_back = self.back;
        self.back = self.gone.as_ref().is_some_and(|(gone, look)| t - gone <= AWAY && look.is_back(before, now));
        self.gone = Some((left, before.clone()));
        self.flickered = (self.back && was_back).then_some(t);
        if self.flickered.is_some() { Change::Flicker } else { Change::Cut }
    }
}

#[cfg(test)]
mod tests {
    use super::{Look, PLANE};

    fn of(level: impl Fn(usize, usize) -> u8) -> Look {
        Look::new(std::array::from_fn::<u8, { PLANE * PLANE }, _>(|at| level(at % PLANE, at / PLANE)))
    }

    #[test]
    fn another_picture_of_the_same_shades_differs_and_noise_does_not() {
        let stripes = of(|x, _| if x % 8 < 4 { 60 } else { 200 });
        let across = of(|_, y| if y % 8 < 4 { 60 } else { 200 });
        let noisy = of(|x, y| if x % 8 < 4 { 60 + (y % 3) as u8 } else { 200 });
        assert!(stripes.change(&across) > 0.38, "{}", stripes.change(&across));
        assert!(stripes.change(&noisy) < 0.1, "{}", stripes.change(&noisy));
        assert!(stripes.change(&stripes.clone()).abs() < f64::EPSILON);
    }

    #[test]
    fn another_picture_of_like_shades_and_edges_is_another_scene() {
        let blobs = |seed: usize| of(move |x, y| (90 + (x / 4 * 37 + y / 4 * 53 + (x / 4) * (y / 4) * (17 + seed) + seed * 71) % 70) as u8);
        let (one, other) = (blobs(0), blobs(6));
        assert!(one.redrawn(&other) < super::CUT, "{}", one.redrawn(&other));
        assert!(one.change(&other) > super::CUT, "{}", one.change(&other));
        let shifted = of(|x, y| one.plane()[y * PLANE + x.saturating_sub(1)]);
        assert!(one.change(&shifted) < super::CUT, "{}", one.change(&shifted));
        let lighter = of(|x, y| one.plane()[y * PLANE + x] + 60);
        assert!(one.restructured(&lighter) < 1e-9, "light and dark are where they were");
    }

    #[test]
    fn measures_span_their_ranges() {
        let (black, white) = (of(|_, _| 0), of(|_, _| 255));
        assert!((black.motion(&white) - 1.0).abs() < 1e-12 && (white.brightness() - 1.0).abs() < 1e-12);
        assert!((black.change(&white) - 0.5).abs() < 1e-12, "there is neither edge nor structure to differ");
        assert_eq!((white.range(), black.largest_difference(&white)), ((255, 255), 255));
    }
}
