//! Samplers that look at every frame on its way out of the decoder: what changes (`scene:N`) and what moves (`motion:N`).
//!
//! A scout says of each frame whether its picture is worth keeping, and forgets earlier ones when there are too many, so that
//! one pass is enough and memory stays flat.

use crate::SamplerSpec;
use crate::signal::{Change, Changes, Look};

/// One frame as a scout sees it, in display order.
#[derive(Debug, Clone, Copy)]
pub struct Glimpse<'a> {
    /// Position in display order.
    pub position: usize,
    /// Seconds from the first displayed frame.
    pub t: f64,
    /// What it looks like.
    pub look: &'a Look,
    /// Mean change since the frame seen before, 0..=1; 0 for the first.
    pub motion: f64,
}

/// Picks frames by looking at all of them.
///
/// # For implementations
/// Depend on the glimpses alone; hold at most a fixed number of frames; from one frame on, hold at least one.
pub trait Scout {
    /// Looks at the next frame; `true` asks to keep its picture.
    fn see(&mut self, glimpse: &Glimpse<'_>) -> bool;
    /// Whether the picture of an earlier frame is still wanted.
    fn holds(&self, position: usize) -> bool;
    /// The frames picked in the end, ascending, all of them held.
    fn finish(&mut self) -> Vec<usize>;
}

/// So many candidates are held for each frame wanted.
const CANDIDATES: usize = 4;

/// The most frames that the scout of a sampler holds at once; `None` for a sampler without one.
pub(crate) fn most_held(spec: &SamplerSpec) -> Option<usize> {
    spec.most().filter(|_| spec.looks_at_all()).map(|count| CANDIDATES * count as usize + 1)
}

/// Against the frame that stands for the scene, this much change is another scene, however slowly it came.
const DRIFT: f64 = 0.45;

/// Seconds between the looks at how much a scene changes. By then a short dissolve has settled, too.
const PACE: f64 = 0.2;

/// A scene is shown by its first frame after that time, then by one that had changed less than this share of what the one before had. Of 40 shots of film that
/// dissolve into each other within a second, `scene:12` shows 39 so, and 24 where the first frames stay; 9 of its 60 pictures lie in a dissolve, and 22.
const CALMER: f64 = 0.5;

/// Holds one frame of each scene, and of the scenes those that differ most.
pub(super) struct SceneScout {
    count: usize,
    scenes: Vec<Scene>,
    before: Option<(f64, Look)>,
    changes: Changes,
    /// When the scene that is going on was last looked at for how much it changes, and what it was like.
    paced: Option<(f64, Look)>,
}

struct Scene {
    position: usize,
    began: f64,
    ended: f64,
    /// How much its frame had changed in [`PACE`]; `None` before any time has passed.
    change: Option<f64>,
    look: Look,
    /// How different the scenes before it in the list are.
    changes: Vec<f64>,
}

impl SceneScout {
    pub(super) fn new(count: u32) -> Self {
        Self { count: count as usize, scenes: Vec::new(), before: None, changes: Changes::default(), paced: None }
    }

    fn compare_last(&mut self) {
        if let Some((last, earlier)) = self.scenes.split_last_mut() {
            last.changes = earlier.iter().map(|scene| scene.look.change(&last.look)).collect();
        }
    }

    /// Of the two scenes that are most alike, the shorter one goes, until `count` are left.
    fn shrink(&mut self, count: usize) {
        while self.scenes.len() > count.max(1) {
            let pairs = self
                .scenes
                .iter()
                .enumerate()
                .flat_map(|(b, scene)| scene.changes.iter().enumerate().map(move |(a, change)| (a, b, *change)));
            let Some((a, b, _)) = pairs.min_by(|one, other| one.2.total_cmp(&other.2)) else { return };
            let shorter = if self.scenes[b].seconds() <= self.scenes[a].seconds() { b } else { a };
            self.scenes.remove(shorter);
            self.scenes[shorter..].iter_mut().for_each(|later| {
                later.changes.remove(shorter);
            });
        }
    }
}

impl Scene {
    fn seconds(&self) -> f64 {
        self.ended - self.began
    }
}

impl Scout for SceneScout {
    fn see(&mut self, glimpse: &Glimpse<'_>) -> bool {
        let before = self.before.replace((glimpse.t, glimpse.look.clone()));
        let change = before.map(|(left, before)| self.changes.between((left, &before), (glimpse.t, glimpse.look)));
        let here = Scene {
            position: glimpse.position,
            began: glimpse.t,
            ended: glimpse.t,
            change: None,
            look: glimpse.look.clone(),
            changes: Vec::new(),
        };
        match self.scenes.last_mut() {
            Some(scene) if change == Some(Change::Flicker) => {
                scene.ended = glimpse.t;
                return false;
            }
            Some(scene) if change == Some(Change::Small) && (scene.change.is_none() || scene.look.change(glimpse.look) <= DRIFT) => {
                scene.ended = glimpse.t;
                let Some((_, paced)) = self.paced.take_if(|(t, _)| glimpse.t - *t >= PACE) else { return false };
                let change = paced.change(glimpse.look);
                self.paced = Some((glimpse.t, glimpse.look.clone()));
                if scene.change.is_some_and(|shown| change >= shown * CALMER) {
                    return false;
                }
                *scene = Scene { change: Some(change), began: scene.began, ..here };
            }
            _ => {
                // The scene that is going on must not be forgotten, so room is made before it.
                self.shrink(CANDIDATES * self.count - 1);
                self.scenes.push(here);
                self.paced = Some((glimpse.t, glimpse.look.clone()));
            }
        }
        self.compare_last();
        true
    }

    fn holds(&self, position: usize) -> bool {
        self.scenes.iter().any(|scene| scene.position == position)
    }

    fn finish(&mut self) -> Vec<usize> {
        self.shrink(self.count);
        self.scenes.iter().map(|scene| scene.position).collect()
    }
}

/// Mean change a frame below which a whole clip hardly moves; it sets how finely motion is divided at first.
const CALM: f64 = 0.0005;

/// One frame counts for no more than this: a cut changes everything, and nothing moves.
const MOST_MOTION: f64 = 0.02;

/// Holds frames at equal steps of motion added up; the steps grow as the clip goes on.
pub(super) struct MotionScout {
    count: usize,
    step: f64,
    total: f64,
    /// Position and motion added up, ascending.
    held: Vec<(usize, f64)>,
}

impl MotionScout {
    pub(super) fn new(count: u32, frames: usize) -> Self {
        let candidates = CANDIDATES * count as usize;
        Self { count: count as usize, step: CALM * frames.max(1) as f64 / candidates as f64, total: 0.0, held: Vec::new() }
    }
}

impl Scout for MotionScout {
    fn see(&mut self, glimpse: &Glimpse<'_>) -> bool {
        self.total += glimpse.motion.min(MOST_MOTION);
        if self.held.last().is_some_and(|(_, at)| self.total - at < self.step) {
            return false;
        }
        self.held.push((glimpse.position, self.total));
        while self.held.len() > CANDIDATES * self.count {
            self.step *= 2.0;
            let mut last = f64::NEG_INFINITY;
            self.held.retain(|(_, at)| {
                let far = at - last >= self.step;
                last = if far { *at } else { last };
                far
            });
        }
        self.holds(glimpse.position)
    }

    fn holds(&self, position: usize) -> bool {
        self.held.iter().any(|(held, _)| *held == position)
    }

    fn finish(&mut self) -> Vec<usize> {
        let target = |i: usize| (i as f64 + 0.5) / self.count as f64 * self.total;
        let nearest = |target: f64| self.held.iter().min_by(|a, b| (a.1 - target).abs().total_cmp(&(b.1 - target).abs()));
        let mut picked: Vec<usize> = (0..self.count).filter_map(|i| Some(nearest(target(i))?.0)).collect();
        picked.dedup();
        picked
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CANDIDATES, Glimpse, MotionScout, SceneScout, Scout};
    use crate::signal::{Look, PLANE};

    /// A picture of its own for each number.
    fn look(scene: u32) -> Look {
        let level = |i: usize| (i as u32 * (scene + 1) * 7 % 64 + scene * 53 % 180) as u8;
        Look::new(std::array::from_fn::<u8, { PLANE * PLANE }, _>(level))
    }

    /// Shows `looks` at eight frames a second; what is picked, and the most frames held at once.
    fn show(scout: &mut dyn Scout, looks: &[Look]) -> (Vec<usize>, usize) {
        let mut kept: Vec<usize> = Vec::new();
        let mut most = 0;
        for (position, look) in looks.iter().enumerate() {
            let motion = position.checked_sub(1).map_or(0.0, |before| looks[before].motion(look));
            if scout.see(&Glimpse { position, t: position as f64 / 8.0, look, motion }) {
                kept.push(position);
            }
            kept.retain(|position| scout.holds(*position));
            most = most.max(kept.len());
        }
        let picked = scout.finish();
        assert!(picked.iter().all(|position| kept.contains(position)), "{picked:?} of {kept:?}");
        (picked, most)
    }

    #[test]
    fn each_scene_gives_one_settled_frame() {
        let looks: Vec<Look> = [1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 1, 1, 1, 1].map(look).to_vec();
        assert_eq!(show(&mut SceneScout::new(8), &looks).0, [2, 7, 9, 12], "the flash at 9 is a scene, too");
        assert_eq!(show(&mut SceneScout::new(3), &looks).0, [2, 7, 9], "the first and last are alike, and the last is shorter");
    }

    #[test]
    fn flicker_begins_no_scenes() {
        let quick = |looks: &[Look]| {
            let (mut scout, mut kept) = (SceneScout::new(8), Vec::new());
            for (position, look) in looks.iter().enumerate() {
                if scout.see(&Glimpse { position, t: position as f64 / 25.0, look, motion: 0.0 }) {
                    kept.push(position);
                }
                kept.retain(|position| scout.holds(*position));
            }
            let picked = scout.finish();
            assert!(picked.iter().all(|position| kept.contains(position)), "{picked:?} of {kept:?}");
            picked
        };
        for frames in [1, 2] {
            let strobe: Vec<Look> = (0..52).map(|i| look(if i / frames % 2 == 0 { 1 } else { 4 })).collect();
            let one = quick(&strobe);
            assert!(one.len() <= 4 && one.starts_with(&[0, frames]), "both pictures are shown: {one:?}");
            assert_eq!(quick(&[&strobe[..], &vec![look(7); 8]].concat()).len(), one.len() + 1, "and what comes behind");
        }
        let hidden = [vec![look(1); 25], vec![look(4)], vec![look(1); 25]].concat();
        assert!(quick(&hidden).contains(&25), "one frame in between");
    }

    #[test]
    fn a_scene_is_shown_when_it_is_calm() {
        // A light quarter each: 1.5 seconds of one, then one second in which it becomes the next.
        let quarter = |scene: usize, i: usize| if (i / PLANE / 16 * 2 + i % PLANE / 16) == scene.min(3) { 220 } else { 30 };
        let mixed = |at: usize| {
            let (scene, share) = (at / 20, (at % 20).saturating_sub(12));
            let level = |i: usize| ((quarter(scene, i) * (8 - share) + quarter(scene + 1, i) * share) / 8) as u8;
            Look::new(std::array::from_fn::<u8, { PLANE * PLANE }, _>(level))
        };
        let looks: Vec<Look> = (0..72).map(mixed).collect();
        let (picked, _) = show(&mut SceneScout::new(4), &looks);
        assert_eq!(picked.iter().map(|at| at / 20).collect::<Vec<_>>(), [0, 1, 2, 3], "{picked:?}");
        assert!(picked.iter().all(|at| at % 20 <= 12), "{picked:?}");
    }

    #[test]
    fn motion_draws_frames_to_where_things_move() {
        let mut looks = vec![look(1); 50];
        looks.extend((0..50).map(|i| look(i % 2)));
        let (picked, _) = show(&mut MotionScout::new(4, 100), &looks);
        assert_eq!(picked.len(), 4);
        assert!(picked.iter().all(|position| *position >= 49), "nothing moves before: {picked:?}");
        assert_eq!(show(&mut MotionScout::new(4, 20), &vec![look(3); 20]).0, [0], "one frame says all about a still clip");
    }

    proptest! {
        #[test]
        fn picks_ascend_are_bounded_and_held(scenes in prop::collection::vec(0_u32..9, 1..120), count in 1_u32..6) {
            let looks: Vec<Look> = scenes.into_iter().map(look).collect();
            for scout in [&mut SceneScout::new(count) as &mut dyn Scout, &mut MotionScout::new(count, looks.len())] {
                let (picked, most) = show(scout, &looks);
                prop_assert!(!picked.is_empty() && picked.len() <= count as usize);
                prop_assert!(picked.windows(2).all(|pair| pair[0] < pair[1]), "{picked:?}");
                prop_assert!(most <= CANDIDATES * count as usize + 1);
            }
        }
    }
}
