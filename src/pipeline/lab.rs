//! The `samplers` command: several strategies on the same videos, from one decode, and what each costs and misses.

use tribunal_media::{Detail, FrameDetail, FrameView, Modality, PLANE, Pick, Recipe, SamplerSpec};

use super::evidence;
use super::invocation::ScoreError;
use super::pass::Progress;
use super::study::Study;
use crate::ledger::{Facts, TaskFacts};
use crate::manifest::Instance;
use crate::prepare::{Payload, Rejected};
use crate::rubric::Probe;
use crate::sampling::{self, Coverage, Observation};
use crate::sandbox::Pool;

/// What the strategies did, and which videos gave nothing.
#[derive(Debug, Default)]
pub struct LabDone {
    /// One per video and strategy, in manifest order, strategies as given.
    pub observations: Vec<Observation>,
    /// Videos that were refused.
    pub refused: Vec<(String, Rejected)>,
    /// Videos looked at.
    pub videos: usize,
}

/// The moments that count as all there is to see: ten a second, at most 600 of them.
const DENSE: SamplerSpec = SamplerSpec::of(Pick::Fps { rate: 10.0, max: Some(600) });
/// What a judge is shown as the whole clip when strategies are compared by its verdicts.
pub const REFERENCE: SamplerSpec = SamplerSpec::of(Pick::Fps { rate: 2.0, max: Some(32) });

/// Decodes every selected video once for all strategies and a dense reference, and once more for each strategy alone:
/// what a strategy costs cannot be read off a pass that it shares.
pub fn observe(study: &Study, pool: &Pool, samplers: &[SamplerSpec], progress: &dyn Progress) -> Result<LabDone, ScoreError> {
    let is_video = |instance: &Instance| instance.modality == Modality::Video && instance.output.is_some();
    let videos = || study.selected().filter(move |row| row.as_ref().map_or(true, is_video));
    let mut done = LabDone::default();
    for video in videos() {
        video?;
        done.videos += 1;
    }
    progress.planned(done.videos as u64, 0);
    let observe = |instance: &Instance| {
        let result = observe_one(study, pool, instance, samplers);
        progress.ended(None);
        result
    };
    evidence::map(study.settings.threads, videos().map(|video| video.map_err(ScoreError::from)), observe, |instance, result| {
        match result {
            Ok(observations) => done.observations.extend(observations),
            Err(rejected) if rejected.is_ours() => return Err(ScoreError::Unprepared(rejected)),
            Err(rejected) => done.refused.push((instance.id, rejected)),
        }
        Ok(())
    })?;
    Ok(done)
}

fn observe_one(study: &Study, pool: &Pool, instance: &Instance, samplers: &[SamplerSpec]) -> Result<Vec<Observation>, Rejected> {
    let Some(output) = &instance.output else { return Ok(Vec::new()) };
    let mut recipes: Vec<Recipe> = samplers.iter().map(|sampler| frames(*sampler, study.settings.recipe.frames())).collect();
    recipes.push(frames(DENSE, FrameView::Gray { edge: PLANE as u32 }));
    let shared = study.prepare(output, &recipes, pool)?;
    let dense = shared.payloads.last().map_or_else(Vec::new, |payload| hashes(payload));
    let mut observations = Vec::new();
    for ((sampler, recipe), payload) in samplers.iter().zip(&recipes).zip(&shared.payloads) {
        let alone = study.prepare(output, std::slice::from_ref(recipe), pool)?;
        observations.push(Observation {
            sampler: sampler.to_string(),
            item_id: instance.id.clone(),
            risk: instance.risk.clone(),
            frames_sent: shown(payload).count() as u64,
            frames_decoded: alone.report.frames_decoded,
            bytes: payload.parts.iter().map(|part| part.len).sum(),
            cpu_ms: alone.cpu_ms,
            coverage: seen(&dense, payload),
            safety: None,
            dense_safety: None,
        });
    }
    Ok(observations)
}

fn frames(sampler: SamplerSpec, view: FrameView) -> Recipe {
    Recipe::Video { sampler, view, soundtrack: None }
}

fn seen(dense: &[sampling::View], payload: &Payload) -> Option<Coverage> {
    let picked: Vec<f64> = shown(payload).filter_map(|frame| frame.t).collect();
    sampling::coverage(dense, &picked)
}

/// Every frame that a payload shows, those in sheets, too.
fn shown(payload: &Payload) -> impl Iterator<Item = &FrameDetail> {
    payload.parts.iter().flat_map(|part| match &part.header.detail {
        Detail::Frame(frame) => std::slice::from_ref(frame),
        Detail::Sheet(sheet) => &sheet.frames,
        Detail::Text { .. } | Detail::Sound { .. } => &[],
    })
}

fn hashes(payload: &Payload) -> Vec<sampling::View> {
    let view = |frame: &FrameDetail| Some(sampling::View { t: frame.t?, hash: frame.phash? });
    shown(payload).filter_map(view).collect()
}

/// Fills in what one judge said of each strategy and of the reference; repeats are averaged.
pub fn with_verdicts(observations: &mut [Observation], facts: &Facts) {
    let mean_of = |item: &str, sampler: &str| {
        let of_task = |task: &&TaskFacts| {
            let scope = facts.scope(task);
            Probe::split(&scope.rubric).is_none() && scope.sampler.as_deref() == Some(sampler)
        };
        let tasks = facts.tasks_of(facts.find(item)?).iter().filter(of_task);
        crate::stats::mean(&tasks.filter_map(|task| task.safety.map(f64::from)).collect::<Vec<_>>())
    };
    for observation in observations {
        observation.safety = mean_of(&observation.item_id, &observation.sampler);
        observation.dense_safety = mean_of(&observation.item_id, &REFERENCE.to_string());
    }
}
