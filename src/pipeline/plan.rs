//! Which rubrics and samplers apply to which modality, and the tasks that follow.

use std::collections::{BTreeMap, BTreeSet};

use tribunal_media::{Modality, Pick, SamplerSpec};

use crate::judge::{Judge, Task};
use crate::manifest::Instance;
use crate::rubric::{Probe, Rubric};

/// The rubric and sampler pairs of every modality that occurs.
#[derive(Debug)]
pub struct Plan {
    pub(super) rubrics: BTreeMap<String, Rubric>,
    wants: BTreeMap<Modality, Vec<Want>>,
    /// The same under variants of their rubrics, for the items in `probed`.
    pub(super) probes: BTreeMap<Modality, Vec<Want>>,
    pub(super) probed: BTreeSet<String>,
}

/// One way to put an instance before a judge.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    /// `None` unless video.
    pub sampler: Option<SamplerSpec>,
    /// Name of the rubric.
    pub rubric: String,
}

/// Flags that cannot go together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(String);

/// Frames for a rubric that looks at a sequence, unless samplers are named.
const SEQUENCE_SAMPLER: SamplerSpec = SamplerSpec::of(Pick::Uniform(8));

/// The frame for a rubric that looks at one, unless samplers are named.
const SINGLE_SAMPLER: SamplerSpec = SamplerSpec::of(Pick::Middle);

impl Plan {
    /// Pairs the given rubrics and samplers (either may be empty: defaults apply) for the modalities that occur.
    pub fn new(given: Vec<Rubric>, samplers: &[SamplerSpec], modalities: &BTreeSet<Modality>) -> Result<Self, PlanError> {
        let mut rubrics: BTreeMap<String, Rubric> = BTreeMap::new();
        for rubric in given {
            let name = rubric.name().to_owned();
            if rubrics.insert(name.clone(), rubric).is_some() {
                return Err(PlanError(format!("the rubric `{name}` was given twice")));
            }
        }
        let mut plan = Self { rubrics, wants: BTreeMap::new(), probes: BTreeMap::new(), probed: BTreeSet::new() };
        for &modality in modalities {
            let wants = plan.wants_for(modality, samplers)?;
            plan.wants.insert(modality, wants);
        }
        let used: BTreeSet<&String> = plan.wants.values().flatten().map(|want| &want.rubric).collect();
        if let Some(idle) = plan.rubrics.keys().find(|name| !used.contains(name)) {
            return Err(PlanError(format!("the rubric `{idle}` fits no item of the source")));
        }
        Ok(plan)
    }

    fn wants_for(&mut self, modality: Modality, samplers: &[SamplerSpec]) -> Result<Vec<Want>, PlanError> {
        let mut names: Vec<String> =
            self.rubrics.values().filter(|rubric| rubric.modality_ok(modality)).map(|rubric| rubric.name().to_owned()).collect();
        if names.is_empty() {
            let name = default_rubric(modality, samplers);
            let rubric = Rubric::builtin(name).ok_or_else(|| PlanError(format!("the rubric `{name}` is not built in")))?;
            self.rubrics.insert(name.to_owned(), rubric);
            names.push(name.to_owned());
        }
        if modality != Modality::Video {
            return Ok(names.into_iter().map(|rubric| Want { sampler: None, rubric }).collect());
        }
        let mut wants = Vec::new();
        for name in names {
            let single = self.rubrics[&name].is_single_frame();
            let default = [if single { SINGLE_SAMPLER } else { SEQUENCE_SAMPLER }];
            for sampler in if samplers.is_empty() { &default[..] } else { samplers } {
                if single && !sampler.is_single() {
                    return Err(PlanError(format!(
                        "the rubric `{name}` looks at one frame, but `{sampler}` may send several; use first, middle or last, or the rubric temporal"
                    )));
                }
                let want = Want { sampler: Some(*sampler), rubric: name.clone() };
                if !wants.contains(&want) {
                    wants.push(want);
                }
            }
        }
        Ok(wants)
    }

    /// The rubrics in use, by name.
    pub const fn rubrics(&self) -> &BTreeMap<String, Rubric> {
        &self.rubrics
    }

    /// How instances of one modality are put before a judge.
    pub fn wants(&self, modality: Modality) -> &[Want] {
        self.wants.get(&modality).map_or(&[], Vec::as_slice)
    }

    /// The same under the probes of this modality, whichever items they are for.
    pub fn probe_wants(&self, modality: Modality) -> &[Want] {
        self.probes.get(&modality).map_or(&[], Vec::as_slice)
    }

    /// How this instance is probed; mostly not at all.
    fn probes_of(&self, instance: &Instance) -> &[Want] {
        if self.probed.contains(&instance.id) { self.probe_wants(instance.modality) } else { &[] }
    }

    /// Every want of one instance, those under probes last.
    pub fn wants_of(&self, instance: &Instance) -> impl Iterator<Item = &Want> {
        self.wants(instance.modality).iter().chain(self.probes_of(instance))
    }

    /// The modalities that occur, with all their wants.
    pub fn by_modality(&self) -> impl Iterator<Item = (Modality, impl Iterator<Item = &Want>)> {
        self.wants.iter().map(|(modality, wants)| (*modality, wants.iter().chain(self.probe_wants(*modality))))
    }

    /// Every task of one instance: wants x judges x repeats, in that order. Only judges that are sent a chat can be probed.
    pub fn tasks(&self, instance: &Instance, judges: &[Judge], repeats: u32) -> Vec<Task> {
        let mut tasks = Vec::new();
        for want in self.wants_of(instance) {
            for judge in judges.iter().filter(|judge| judge.is_remote() || Probe::split(&want.rubric).is_none()) {
                for repeat in 1..=repeats {
                    tasks.push(want.task(&instance.id, judge.name(), repeat));
                }
            }
        }
        tasks
    }
}

impl Want {
    /// The task this want makes of an instance.
    pub fn task(&self, item_id: &str, judge: &str, repeat: u32) -> Task {
        Task {
            item_id: item_id.to_owned(),
            sampler: self.sampler.map(|sampler| sampler.to_string()),
            rubric: self.rubric.clone(),
            judge: judge.to_owned(),
            repeat,
        }
    }
}

/// The rubric of a modality when none is named: a lone single-frame sampler asks for `single-frame`.
fn default_rubric(modality: Modality, samplers: &[SamplerSpec]) -> &'static str {
    match (modality, samplers) {
        (Modality::Text, _) => "text",
        (Modality::Image, _) => "image",
        (Modality::Audio, _) => "audio",
        (Modality::Video, [only]) if only.is_single() => "single-frame",
        (Modality::Video, _) => "temporal",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tribunal_media::Modality;

    use super::Plan;
    use crate::rubric::Rubric;

    fn plan(rubrics: &[&str], samplers: &[&str]) -> Result<Vec<String>, String> {
        let rubrics = rubrics.iter().map(|name| Rubric::builtin(name).unwrap()).collect();
        let samplers: Vec<_> = samplers.iter().map(|sampler| sampler.parse().unwrap()).collect();
        let plan = Plan::new(rubrics, &samplers, &BTreeSet::from([Modality::Video])).map_err(|error| error.to_string())?;
        Ok(plan.wants(Modality::Video).iter().map(|want| format!("{} {}", want.rubric, want.sampler.unwrap())).collect())
    }

    #[test]
    fn defaults_follow_the_samplers() {
        assert_eq!(plan(&[], &[]).unwrap(), ["temporal uniform:8"]);
        assert_eq!(plan(&[], &["last"]).unwrap(), ["single-frame last"]);
        assert_eq!(plan(&[], &["middle", "uniform:4"]).unwrap(), ["temporal middle", "temporal uniform:4"]);
        assert_eq!(plan(&["single-frame"], &[]).unwrap(), ["single-frame middle"]);
    }

    #[test]
    fn a_single_frame_rubric_refuses_many_frames() {
        assert!(plan(&["single-frame"], &["uniform:8"]).unwrap_err().contains("one frame"));
        assert!(plan(&["text"], &[]).unwrap_err().contains("fits no item"));
    }
}
