//! What each sampler picks.

use std::collections::BTreeMap;

use super::packets::Packets;
use super::random::distinct;
use super::scout::{MotionScout, SceneScout, Scout};
use crate::{Pick, SamplerSpec, Timeline};

/// Picks frames from a timeline.
///
/// # For implementations
/// Return positions in `timeline.moments()`, ascending and unique, at least one; look at nothing but the timeline.
pub trait Sampler {
    /// The positions of the picked frames.
    fn pick(&self, timeline: &Timeline) -> Vec<usize>;
}

/// How a sampler finds its frames.
pub enum Strategy {
    /// By the timeline alone.
    Timeline(Box<dyn Sampler>),
    /// By looking at every frame.
    Frames(Box<dyn Scout>),
}

/// The strategy that `pick` names, for a video of `frames` frames.
pub fn strategy(pick: Pick, frames: usize) -> Strategy {
    let sampler: Box<dyn Sampler> = match pick {
        Pick::First => Box::new(First),
        Pick::Middle => Box::new(Uniform(1)),
        Pick::Last => Box::new(Last),
        Pick::Uniform(count) => Box::new(Uniform(count)),
        Pick::Linspace(count) => Box::new(Linspace(count)),
        Pick::Fps { rate, max } => Box::new(Fps { rate, max }),
        Pick::Keyframes(max) => Box::new(Keyframes(max)),
        Pick::Scene(count) => return Strategy::Frames(Box::new(SceneScout::new(count))),
        Pick::Motion(count) => return Strategy::Frames(Box::new(MotionScout::new(count, frames))),
        Pick::Packets(count) => Box::new(Packets(count)),
        Pick::Random { count, seed } => Box::new(Random { count, seed }),
    };
    Strategy::Timeline(sampler)
}

/// Which recipes want which frame.
#[derive(Default)]
pub(crate) struct Plan {
    /// Position in the timeline -> positions of the recipes, both ascending.
    pub targets: BTreeMap<usize, Vec<usize>>,
    /// Recipes whose frames are found on the way.
    pub scouts: Vec<(usize, Box<dyn Scout>)>,
}

/// Asks every sampler; `samplers` are positions of recipes with theirs, ascending.
pub(crate) fn plan<'a>(samplers: impl IntoIterator<Item = (usize, &'a SamplerSpec)>, timeline: &Timeline) -> Plan {
    let mut plan = Plan::default();
    for (recipe, spec) in samplers {
        match strategy(spec.pick, timeline.moments().len()) {
            Strategy::Timeline(sampler) => {
                for frame in sampler.pick(timeline) {
                    plan.targets.entry(frame).or_default().push(recipe);
                }
            }
            Strategy::Frames(scout) => plan.scouts.push((recipe, scout)),
        }
    }
    plan
}

struct First;

impl Sampler for First {
    fn pick(&self, _: &Timeline) -> Vec<usize> {
        vec![0]
    }
}

struct Last;

impl Sampler for Last {
    fn pick(&self, timeline: &Timeline) -> Vec<usize> {
        vec![timeline.moments().len() - 1]
    }
}

struct Uniform(u32);

impl Sampler for Uniform {
    fn pick(&self, timeline: &Timeline) -> Vec<usize> {
        let part = |i: u32| (f64::from(i) + 0.5) / f64::from(self.0) * timeline.duration();
        unique((0..self.0).map(|i| timeline.on_screen(part(i))))
    }
}

struct Linspace(u32);

impl Sampler for Linspace {
    fn pick(&self, timeline: &Timeline) -> Vec<usize> {
        let last = timeline.moments().len() - 1;
        let span = timeline.moments()[last].t;
        let gaps = self.0.saturating_sub(1).max(1); // one target is the first frame
        let at = |i: u32| match i {
            _ if i > 0 && i == gaps => last, // not left to rounding
            _ => timeline.on_screen(f64::from(i) / f64::from(gaps) * span),
        };
        unique((0..self.0).map(at))
    }
}

struct Fps {
    rate: f64,
    max: Option<u32>,
}

impl Sampler for Fps {
    fn pick(&self, timeline: &Timeline) -> Vec<usize> {
        let mut picked = vec![0]; // the target 0 always has a frame, even when the duration is unknown
        let mut i = 1.0;
        while i / self.rate < timeline.duration() {
            let frame = timeline.on_screen(i / self.rate);
            picked.push(frame);
            let Some(next) = timeline.moments().get(frame + 1) else { break };
            // Skip the targets that fall on this frame again: a high rate must not cost more than the frames there are.
            i = (i + 1.0).max((next.t * self.rate).floor() - 1.0);
        }
        at_most(unique(picked), self.max)
    }
}

struct Keyframes(Option<u32>);

impl Sampler for Keyframes {
    fn pick(&self, timeline: &Timeline) -> Vec<usize> {
        let keyframes: Vec<usize> = timeline.moments().iter().enumerate().filter(|(_, moment)| moment.keyframe).map(|(i, _)| i).collect();
        // Decoding has to start somewhere: a timeline that marks no keyframe starts at its first frame.
        if keyframes.is_empty() { vec![0] } else { at_most(keyframes, self.0) }
    }
}

struct Random {
    count: u32,
    seed: u64,
}

impl Sampler for Random {
    fn pick(&self, timeline: &Timeline) -> Vec<usize> {
        distinct(self.count as usize, timeline.moments().len(), self.seed)
    }
}

/// Targets ascend in time, so equal frames are neighbours.
fn unique(frames: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut frames: Vec<usize> = frames.into_iter().collect();
    frames.dedup();
    frames
}

/// `max` of `frames`, evenly: the ones in the middle of `max` equal stretches of the list.
fn at_most(frames: Vec<usize>, max: Option<u32>) -> Vec<usize> {
    let Some(max) = max.map(|max| max as usize).filter(|max| *max < frames.len()) else { return frames };
    (0..max).map(|i| frames[(2 * i + 1) * frames.len() / (2 * max)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Sampler, Strategy as Way, plan, strategy};
    use crate::{Moment, Pick, SamplerSpec, Timeline};

    fn sampler(pick: Pick) -> Box<dyn Sampler> {
        match strategy(pick, 100) {
            Way::Timeline(sampler) => sampler,
            Way::Frames(_) => panic!("{pick} looks at frames"),
        }
    }

    /// Frames at the given milliseconds; every third is a keyframe.
    fn timeline(times: &[u32], end: u32) -> Timeline {
        let moment =
            |(i, ms): (usize, &u32)| Moment { pts: i64::from(*ms), t: f64::from(*ms) / 1000.0, keyframe: i % 3 == 0, bytes: ms % 97 + 1 };
        Timeline::new(times.iter().enumerate().map(moment).collect(), f64::from(end) / 1000.0).unwrap()
    }

    fn pick(spec: &str, timeline: &Timeline) -> Vec<usize> {
        sampler(spec.parse::<SamplerSpec>().unwrap().pick).pick(timeline)
    }

    #[test]
    fn each_strategy_follows_its_definition() {
        let even = timeline(&[0, 100, 200, 300, 400, 500, 600, 700, 800, 900], 1000);
        for (spec, expected) in [
            ("first", vec![0]),
            ("middle", vec![5]),
            ("last", vec![9]),
            ("uniform:1", vec![5]),
            ("uniform:4", vec![1, 3, 6, 8]),
            ("uniform:99", (0..10).collect()),
            ("linspace:1", vec![0]),
            ("linspace:2", vec![0, 9]),
            ("linspace:4", vec![0, 3, 6, 9]),
            ("fps:2", vec![0, 5]),
            ("fps:1", vec![0]),
            ("fps:1000", (0..10).collect()),
            ("fps:1000,max=2", vec![2, 7]),
            ("keyframes", vec![0, 3, 6, 9]),
            ("keyframes:2", vec![3, 9]),
            ("keyframes:9", vec![0, 3, 6, 9]),
        ] {
            assert_eq!(pick(spec, &even), expected, "{spec}");
        }
    }

    #[test]
    fn time_decides_and_not_the_frame_number() {
        let uneven = timeline(&[0, 10, 20, 30, 5000], 10_000);
        assert_eq!(pick("uniform:4", &uneven), [3, 4], "1.25 s and 3.75 s show one frame, as do 6.25 s and 8.75 s");
        assert_eq!(pick("linspace:3", &uneven), [0, 3, 4]);
        assert_eq!(pick("fps:1", &uneven), [0, 3, 4]);
        assert_eq!(pick("fps:1", &timeline(&[0], 0)), [0], "a frame without a duration is still a frame");
    }

    #[test]
    fn a_plan_lists_the_recipes_of_each_frame() {
        let [first, ends, scene] = ["first", "linspace:2", "scene:3"].map(|spec| spec.parse().unwrap());
        let plan = plan([(0, &first), (1, &scene), (3, &ends)], &timeline(&[0, 10, 20], 30));
        assert_eq!(plan.targets.into_iter().collect::<Vec<_>>(), [(0, vec![0, 3]), (2, vec![3])]);
        assert_eq!(plan.scouts.iter().map(|(recipe, _)| *recipe).collect::<Vec<_>>(), [1]);
    }

    fn any_pick() -> impl Strategy<Value = Pick> {
        prop_oneof![
            Just(Pick::First),
            Just(Pick::Middle),
            Just(Pick::Last),
            (1u32..40).prop_map(Pick::Uniform),
            (1u32..40).prop_map(Pick::Linspace),
            (0.01f64..1000.0, proptest::option::of(1u32..40)).prop_map(|(rate, max)| Pick::Fps { rate, max }),
            proptest::option::of(1u32..40).prop_map(Pick::Keyframes),
            (1u32..40).prop_map(Pick::Packets),
            (1u32..40, any::<u64>()).prop_map(|(count, seed)| Pick::Random { count, seed }),
        ]
    }

    fn any_timeline() -> impl Strategy<Value = Timeline> {
        (proptest::collection::vec(1u32..3000, 0..60), 0u32..3000).prop_map(|(gaps, tail)| {
            let mut times = vec![0];
            times.extend(gaps.iter().scan(0, |now, gap| {
                *now += gap;
                Some(*now)
            }));
            timeline(&times, times.last().unwrap() + tail)
        })
    }

    proptest! {
        #[test]
        fn picks_ascend_are_unique_in_range_bounded_and_repeatable(pick in any_pick(), timeline in any_timeline()) {
            let picked = sampler(pick).pick(&timeline);
            let most = SamplerSpec::of(pick).most().map_or(usize::MAX, |most| most as usize);
            prop_assert!(!picked.is_empty() && picked.len() <= most, "{picked:?}");
            prop_assert!(picked.windows(2).all(|pair| pair[0] < pair[1]), "{picked:?}");
            prop_assert!(*picked.last().unwrap() < timeline.moments().len(), "{picked:?}");
            prop_assert_eq!(picked, sampler(pick).pick(&timeline));
        }

        #[test]
        fn fps_picks_what_its_definition_says(rate in 0.1f64..200.0, timeline in any_timeline()) {
            let targets = (0..).map(|i| f64::from(i) / rate).take_while(|t| *t == 0.0 || *t < timeline.duration());
            let mut expected: Vec<usize> = targets.map(|t| timeline.on_screen(t)).collect();
            expected.dedup();
            prop_assert_eq!(sampler(Pick::Fps { rate, max: None }).pick(&timeline), expected);
        }

        #[test]
        fn middle_is_uniform_1_and_random_draws_all_it_can(timeline in any_timeline(), seed in any::<u64>(), count in 1u32..80) {
            prop_assert_eq!(sampler(Pick::Middle).pick(&timeline), sampler(Pick::Uniform(1)).pick(&timeline));
            let drawn = sampler(Pick::Random { count, seed }).pick(&timeline);
            prop_assert_eq!(drawn.len(), timeline.moments().len().min(count as usize));
        }
    }
}
