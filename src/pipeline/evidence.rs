//! What one task shows its judge: the payload it takes, the texts around it, and what the ledger keeps of it.

use std::path::Path;
use std::sync::Arc;

use rayon::iter::{ParallelBridge as _, ParallelIterator as _};
use tribunal_media::{Detail, FrameDetail, Modality};

use super::kept;
use super::probes;
use super::recipes::RecipeBook;
use super::study::Study;
use crate::judge::{self, Fit, Judge, Outcome, Task, View, Work};
use crate::ledger::{ChunkRow, FrameRow, PartsRow};
use crate::manifest::{Asset, Instance};
use crate::prepare::{self, Part, Payload, Prepared};
use crate::rubric::{self, Case, Evidence};

/// The view of media that `judge` takes: the embedded classifier sees pictures only as tensors.
pub(super) fn view(study: &Study, judge: &Judge, modality: Modality) -> View {
    match modality {
        Modality::Image | Modality::Video => judge.view(study.settings.recipe),
        Modality::Text | Modality::Audio => View::Parts,
    }
}

/// The payload that a task takes out of a prepared instance.
fn payload_of<'p>(
    study: &Study,
    book: &RecipeBook,
    prepared: &'p Prepared,
    instance: &Instance,
    judge: &Judge,
    task: &Task,
) -> Option<&'p Arc<Payload>> {
    let is_tasks =
        |want: &&super::plan::Want| want.rubric == task.rubric && want.sampler.map(|sampler| sampler.to_string()) == task.sampler;
    let want = study.plan.wants_of(instance).find(is_tasks)?;
    let position = book.position(&study.plan, want, instance.modality, view(study, judge, instance.modality))?;
    prepared.payloads.get(position)
}

/// The words put around a payload, and the nonce that fences it.
pub(super) struct Asked {
    pub(super) prompt: rubric::Prompt,
    pub(super) nonce: String,
}

/// What a rubric asks about one instance's payload.
pub(super) fn ask(study: &Study, instance: &Instance, rubric: &str, payload: &Payload) -> Result<Asked, rubric::Error> {
    let rubric = &study.plan.rubrics()[rubric];
    let asked = probes::prompt(rubric.probe(), instance.prompt.text(), study.settings.lang);
    let nonce = judge::nonce(study.settings.seed, &[payload.parts_id], &rubric.digest(), &asked);
    let evidence: Vec<Evidence> = payload.parts.iter().map(evidence_of).collect();
    let prompt = rubric.render(&Case {
        lang: study.settings.lang,
        factor: study.factor(instance),
        prompt_type: instance.prompt_type.as_deref().and_then(|code| study.taxonomy.prompt_type(code)),
        prompt: &asked,
        evidence: &evidence,
        nonce: &nonce,
    })?;
    Ok(Asked { prompt, nonce })
}

/// Everything the request of one task is made of.
fn work(study: &Study, instance: &Instance, task: &Task, payload: &Arc<Payload>) -> Result<Work, rubric::Error> {
    let Asked { prompt, nonce } = ask(study, instance, &task.rubric, payload)?;
    Ok(Work {
        task: task.clone(),
        prompt,
        shape: study.plan.rubrics()[&task.rubric].shape(),
        nonce,
        payload: Arc::clone(payload),
        receipt: None,
        risk: instance.risk.clone(),
        modality: instance.modality,
    })
}

/// One task's request and how its payload was cut to what the judge takes; or the outcome of what cannot be asked.
pub(super) fn assemble(
    study: &Study,
    book: &RecipeBook,
    prepared: &Prepared,
    instance: &Instance,
    judge: &Judge,
    task: &Task,
) -> Result<(Work, Option<Fit>), Unasked> {
    let payload = payload_of(study, book, prepared, instance, judge, task)
        .ok_or_else(|| Unasked::Broken(format!("item {} was prepared without the payload of a task; this is a bug", instance.id)))?;
    let (payload, fit) = judge.fit(payload).map_err(|why| Unasked::Ends(Box::new(Outcome::JudgeUnusable(why))))?;
    let payload = match study.plan.rubrics()[&task.rubric].probe() {
        None => payload,
        // After the fit: what a judge is not sent has no place in an order.
        Some(probe) => {
            probes::payload(probe, study, &instance.id, payload).map_err(|why| Unasked::Ends(Box::new(Outcome::Abstained(why))))?
        }
    };
    let work = work(study, instance, task, &payload).map_err(|error| Unasked::Broken(error.to_string()))?;
    Ok((work, fit))
}

/// Why a task has no request.
pub(super) enum Unasked {
    /// It ends so.
    Ends(Box<Outcome>),
    /// The run cannot go on.
    Broken(String),
}

fn evidence_of(part: &Part) -> Evidence {
    match &part.header.detail {
        Detail::Text { .. } => Evidence::Text,
        Detail::Frame(frame) => Evidence::Frame { t: frame.t },
        Detail::Sheet(sheet) => {
            Evidence::Sheet { columns: sheet.columns, times: sheet.frames.iter().filter_map(|frame| frame.t).collect() }
        }
        Detail::Sound { start, end } => Evidence::Sound { start: *start, end: *end },
    }
}

/// What the ledger keeps of a payload.
pub(super) fn parts_row(payload: &Payload, fit: Option<Fit>) -> PartsRow {
    let mut row = PartsRow { fit, ..PartsRow::default() };
    for part in &payload.parts {
        let sha256 = part.sha256.clone();
        match &part.header.detail {
            Detail::Text { .. } => {}
            Detail::Frame(frame) => row.frames.push(frame_row(frame, sha256)),
            Detail::Sheet(sheet) => row.frames.extend(sheet.frames.iter().map(|frame| frame_row(frame, sha256.clone()))),
            Detail::Sound { start, end } => row.chunks.push(ChunkRow { start: *start, end: *end, sha256 }),
        }
    }
    row
}

/// A frame of a sheet has the size of its own picture and the digest of the sheet.
fn frame_row(frame: &FrameDetail, sha256: String) -> FrameRow {
    FrameRow { t: frame.t, pts: frame.pts, sha256, width: frame.width, height: frame.height }
}

/// Bytes of an instance's output as far as the file system tells; 0 when it is missing (opening it will say so).
pub(super) fn asset_len(root: &Path, instance: &Instance) -> u64 {
    match &instance.output {
        None => 0,
        Some(Asset::Text(text)) => text.len() as u64,
        Some(Asset::File(path)) => std::fs::symlink_metadata(root.join(path)).map_or(0, |meta| meta.len()),
    }
}

/// Upper bound of the bytes that an instance takes while it is prepared and sent; of one whose media are gone, what was kept of them.
pub(super) fn most_bytes(study: &Study, instance: &Instance) -> u64 {
    let (len, book) = (asset_len(&study.manifest.root, instance), study.recipe_book(instance));
    let kept = if len == 0 { kept::weight(study, instance, &book) } else { 0 };
    (book.upper_bound(len) + len.min(prepare::COPY_LIMIT)).max(kept)
}

/// Items that are taken together, for each thread.
const PAGE_PER_THREAD: usize = 64;

/// Runs `work` on every item with a rayon pool of `threads`, and tells `each` the results in the order of `items`. They are taken page by page, so
/// that few are held; at the end of each page threads wait for the slowest.
pub(super) fn map<T: Send + Sync, R: Send, E>(
    threads: usize,
    mut items: impl Iterator<Item = Result<T, E>>,
    work: impl Fn(&T) -> R + Sync + Send,
    mut each: impl FnMut(T, R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.max(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    loop {
        let page = items.by_ref().take(threads * PAGE_PER_THREAD).collect::<Result<Vec<T>, E>>()?;
        if page.is_empty() {
            return Ok(());
        }
        let results = match &pool {
            Ok(pool) => pool.install(|| in_order(&page, &work)),
            // No threads to be had: the same work on this one.
            Err(_) => page.iter().map(&work).collect(),
        };
        page.into_iter().zip(results).try_for_each(|(item, result)| each(item, result))?;
    }
}

fn in_order<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    let mut done: Vec<(usize, R)> = items.iter().enumerate().par_bridge().map(|(index, item)| (index, work(item))).collect();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
