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
        let (count, end) = (i128::from(self.0), i128::from(timeline.end()));
        unique((0..count).map(|i| timeline.on_screen((2 * i + 1) * end, 2 * count)))
    }
}

struct Linspace(u32);

impl Sampler for Linspace {
    fn pick(&self, timeline: &Timeline) -> Vec<usize> {
        let span = timeline.moments().last().map_or(0, |last| i128::from(last.ticks));
        let gaps = i128::from(self.0.saturating_sub(1).max(1)); // one target is the first frame
        unique((0..i128::from(self.0)).map(|i| timeline.on_screen(i * span, gaps)))
    }
}

struct Fps {
    rate: f64,
    max: Option<u32>,
}

/// A rate is what its decimals say, up to this many parts of a hertz: as a binary fraction, 29.97 would lie beside 29.97.
const RATE_PARTS: f64 = 1e12;

impl Sampler for Fps {
    fn pick(&self, timeline: &Timeline) -> Vec<usize> {
        let (numerator, denominator) = timeline.tick();
        // The target i is at i * long / short ticks.
        let long = i128::from(denominator).saturating_mul(RATE_PARTS as i128);
        let short = i128::from(numerator).saturating_mul((self.rate * RATE_PARTS).round().max(1.0) as i128);
        let mut picked = vec![0]; // the target 0 always has a frame, even when the duration is unknown
        let mut next = timeline.moments().get(1).map(|moment| moment.ticks);
        // Only the first target on each frame is looked at: a high rate must not cost more than the frames there are.
        while let Some(ticks) = next {
            let reached = i128::from(ticks).saturating_mul(short);
            let target = (reached / long + i128::from(reached % long > 0)).saturating_mul(long);
            if target >= i128::from(timeline.end()).saturating_mul(short) {
                break;
            }
            let frame = timeline.on_screen(target, short);
            picked.push(frame);
            next = timeline.moments().get(frame + 1).map(|moment| moment.ticks);
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
        let moment = |(i, ms): (usize, &u32)| Moment {
            pts: i64::from(*ms),
            ticks: i64::from(*ms),
            t: f64::from(*ms) / 1000.0,
            keyframe: i % 3 == 0,
            bytes: ms % 97 + 1,
        };
        Timeline::new(times.iter().enumerate().map(moment).collect(), end.into(), (1, 1000)).unwrap()
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

    /// Frames one tick apart.
    fn ticking(frames: i64, tick: (i64, i64)) -> Timeline {
        let t = |ticks: i64| ticks as f64 * tick.0 as f64 / tick.1 as f64;
        let moment = |ticks: i64| Moment { pts: ticks, ticks, t: t(ticks), keyframe: ticks == 0, bytes: 1 };
        Timeline::new((0..frames).map(moment).collect(), frames, tick).unwrap()
    }

    #[test]
    fn a_target_on_the_moment_at_which_a_frame_begins_shows_that_frame() {
        let (film, ntsc) = (ticking(249, (1, 25)), ticking(250, (1001, 30_000)));
        for count in 2..=125 {
            let centres: Vec<usize> = (0..count).map(|i| (2 * i + 1) * 250 / (2 * count)).collect();
            assert_eq!(pick(&format!("uniform:{count}"), &ntsc), centres, "{count}");
            let ends: Vec<usize> = (0..count).map(|i| i * 248 / (count - 1)).collect();
            assert_eq!(pick(&format!("linspace:{count}"), &film), ends, "{count}");
        }
        for (spec, step) in [("fps:25", 1), ("fps:12.5", 2), ("fps:5", 5), ("fps:0.1", 250)] {
            assert_eq!(pick(spec, &film), (0..249).step_by(step).collect::<Vec<_>>(), "{spec}");
        }
        assert_eq!(pick("fps:29.97", &ticking(2997, (100, 2997))), (0..2997).collect::<Vec<_>>());
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
        fn fps_picks_what_its_definition_says(millihertz in 100_i128..200_000, timeline in any_timeline()) {
            // Timelines here tick in milliseconds: target i is at i * 10^6 / millihertz.
            let targets = (0_i128..).map(|i| i * 1_000_000).take_while(|t| *t == 0 || *t < i128::from(timeline.end()) * millihertz);
            let mut expected: Vec<usize> = targets.map(|t| timeline.on_screen(t, millihertz)).collect();
            expected.dedup();
            prop_assert_eq!(sampler(Pick::Fps { rate: millihertz as f64 / 1000.0, max: None }).pick(&timeline), expected);
        }

        #[test]
        fn middle_is_uniform_1_and_random_draws_all_it_can(timeline in any_timeline(), seed in any::<u64>(), count in 1u32..80) {
            prop_assert_eq!(sampler(Pick::Middle).pick(&timeline), sampler(Pick::Uniform(1)).pick(&timeline));
            let drawn = sampler(Pick::Random { count, seed }).pick(&timeline);
            prop_assert_eq!(drawn.len(), timeline.moments().len().min(count as usize));
        }
    }
}
