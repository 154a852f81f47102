//! The main job: every pending task of a study to its one outcome, through a ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tribunal_media::Digest;

use super::batch_rounds::Rounds;
use super::bridge::{self, StopFlag, Width};
use super::evidence::{self, Unasked};
use super::gate::Gate;
use super::packing::Packing;
use super::sentinel;
use super::study::{self, Study};
use crate::ensemble;
use crate::judge::{self, Fit, Journal as _, Judge, Outcome, OutcomeName, Task, Why, Work};
use crate::ledger::{ItemRow, Ledger, LedgerError, Reader, Record, RunInfo};
use crate::manifest::{Asset, Instance};
use crate::prepare::{self, Payload, Prepared, Rejected};
use crate::sandbox::Pool;

/// Told as the run goes on; drawing is the program's business.
pub trait Progress: Send + Sync {
    /// How many tasks there are, and how many of them had ended before.
    fn planned(&self, tasks: u64, ended: u64);
    /// A task ended; without an outcome it was only looked at (a dry run).
    fn ended(&self, outcome: Option<OutcomeName>);
    /// Something that a user may want to act on while the run goes on.
    fn warn(&self, message: &str);
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct ScoreDone {
    /// Tasks of this slice.
    pub tasks: u64,
    /// Tasks that had ended before this invocation.
    pub resumed: u64,
    /// Why the run stopped early, if it did.
    pub stopped: Option<String>,
    /// What was learnt of each judge's server.
    pub learnt: Vec<Learnt>,
}

/// What a run learnt of one judge's server.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Learnt {
    /// The judge.
    pub judge: String,
    /// What the server does not accept and was done instead.
    pub lessons: Vec<String>,
    /// Replies whose tokens were compared with the published rules.
    pub replies: u64,
    /// Tokens counted by the server over tokens expected; null without a reply that counts.
    pub tokens_ratio: Option<f64>,
}

/// What was learnt of each judge that sends anything.
fn learnt(judges: &[Judge]) -> Vec<Learnt> {
    let of = |judge: &Judge| {
        let (replies, tokens_ratio) = judge.calibration().summary().unzip();
        Learnt { judge: judge.name().to_owned(), lessons: judge.lessons(), replies: replies.unwrap_or(0), tokens_ratio }
    };
    judges.iter().filter(|judge| judge.is_remote()).map(of).collect()
}

/// The run could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The ledger refused or failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No async runtime.
    #[error("the async runtime did not start: {0}")]
    Runtime(std::io::Error),
}

/// One instance with what is still to do.
pub(super) struct Item<'a> {
    instance: &'a Instance,
    tasks: Vec<Task>,
}

/// Opens the ledger in `dir` and takes every pending task of the selection to an outcome.
pub fn score(
    study: &Study,
    pool: &Pool,
    dir: &Path,
    info: &RunInfo,
    orders: &Orders,
    progress: &dyn Progress,
    stop: &StopFlag,
) -> Result<ScoreDone, ScoreError> {
    let ledger = Ledger::open(dir, info)?;
    ledger.drop_unfinished_batches()?;
    ledger.set_budget(orders.budget_micro_usd)?;
    let (runtime, soft_wall) = (runtime()?, soft_wall(orders));
    let (all, rows) = (planned_tasks(study), item_rows(study));
    let wanted = || -> Result<Vec<Task>, ScoreError> {
        Ok(ensemble::wanted(&study.settings.ensemble, all.clone(), &recorded(dir, study)?, study.settings.seed))
    };
    let mut tasks = wanted()?;
    ledger.plan(&rows, &tasks)?;
    recall(study, dir)?;
    ledger.reopen(&all, &orders.retry)?;
    sentinel::round(study, pool, &ledger, &runtime, stop)?;
    let rounds = Rounds::new(&ledger, &study.judges, progress, stop);
    let mut resumed = None;
    loop {
        resumed.get_or_insert(say_planned(progress, &tasks, &pending_items(study, ledger.pending()?, &tasks)));
        // What runs in a batch is not asked a second time.
        let waiting: BTreeSet<Task> = ledger.waiting_tasks(true)?.into_iter().collect();
        let pending = ledger.pending()?.into_iter().filter(|task| !waiting.contains(task)).collect();
        let packing = Packing::new(&ledger, true)?;
        let run = Run {
            study,
            pool,
            ledger: &ledger,
            runtime: &runtime,
            progress,
            stop,
            keep_parts: orders.keep_parts,
            packing: Some(&packing),
            all: false,
            soft_wall: &soft_wall,
        };
        run.all(pending_items(study, pending, &tasks));
        packing.finish()?;
        // Batches may leave tasks to be asked again (expired, faulty, or equal to one that was not scored), and answers may make more tasks
        // worth asking.
        let again = !stop.is_raised() && runtime.block_on(rounds.round())?;
        let next = if stop.is_raised() { break } else { wanted()? };
        if next != tasks {
            ledger.plan(&rows, &next)?;
        } else if !again {
            break;
        }
        tasks = next;
    }
    // Blocking helpers of a judge that was abandoned after the drain must not hold the process.
    runtime.shutdown_background();
    ledger.close()?;
    Ok(ScoreDone { tasks: tasks.len() as u64, resumed: resumed.unwrap_or_default(), stopped: stop.reason(), learnt: learnt(&study.judges) })
}

/// Lets the judges know what replies of earlier invocations on this run folder said of token counts, and what their servers refused to read.
/// A folder without a run says nothing.
pub fn recall(study: &Study, dir: &Path) -> Result<(), LedgerError> {
    if !Reader::is_there(dir) {
        return Ok(());
    }
    let run = Reader::open(dir)?;
    study.judges.iter().try_for_each(|judge| {
        judge.calibration().recall(&run.counts(judge.name())?);
        judge.recall(&run.lessons(judge.name())?);
        Ok(())
    })
}

/// The records so far, where anything hangs on them.
fn recorded(dir: &Path, study: &Study) -> Result<Vec<Record>, LedgerError> {
    let ensemble::Settings { repeats, cascade, .. } = &study.settings.ensemble;
    if repeats.is_none() && cascade.is_none() { Ok(Vec::new()) } else { Reader::open(dir)?.records() }
}

/// Share of the budget at which it is said that it runs out.
const SOFT_WALL: f64 = 0.8;

/// The micro-dollars at which it is said; never without a budget.
pub(super) fn soft_wall(orders: &Orders) -> AtomicU64 {
    AtomicU64::new(orders.budget_micro_usd.map_or(u64::MAX, |wall| (wall as f64 * SOFT_WALL) as u64))
}

/// Registers items and tasks of this invocation, and what it may do; its tasks.
pub(super) fn start(study: &Study, ledger: &Ledger, orders: &Orders) -> Result<Vec<Task>, ScoreError> {
    let tasks = planned_tasks(study);
    ledger.plan(&item_rows(study), &tasks)?;
    ledger.reopen(&tasks, &orders.retry)?;
    ledger.set_budget(orders.budget_micro_usd)?;
    Ok(tasks)
}

/// Tells the progress; how many tasks had ended before.
pub(super) fn say_planned(progress: &dyn Progress, tasks: &[Task], items: &[Item<'_>]) -> u64 {
    let open: u64 = items.iter().map(|item| item.tasks.len() as u64).sum();
    let resumed = tasks.len() as u64 - open;
    progress.planned(tasks.len() as u64, resumed);
    resumed
}

/// Where judges are asked: one thread waits for all of them, which spares each request the way from one thread to another and back.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, ScoreError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ScoreError::Runtime)
}

/// What this invocation may do beyond the experiment.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// Outcomes to reopen.
    pub retry: Vec<OutcomeName>,
    /// The wall, in micro-dollars.
    pub budget_micro_usd: Option<u64>,
    /// Keep every part sent under the run's `parts/`.
    pub keep_parts: bool,
}

pub(super) fn planned_tasks(study: &Study) -> Vec<Task> {
    let repeats = study.settings.repeats;
    study.selected().into_iter().flat_map(|instance| study.plan.tasks(instance, &study.judges, repeats)).collect()
}

pub(super) fn pending_items<'a>(study: &'a Study, pending: Vec<Task>, planned: &[Task]) -> Vec<Item<'a>> {
    let planned: std::collections::BTreeSet<&Task> = planned.iter().collect();
    let mut by_item: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    for task in pending.into_iter().filter(|task| planned.contains(task)) {
        by_item.entry(task.item_id.clone()).or_default().push(task);
    }
    let item = |instance: &'a Instance| Some(Item { instance, tasks: by_item.remove(&instance.id)? });
    study.selected().into_iter().filter_map(item).collect()
}

/// Every row of the manifest as the run knows it, before anything is decoded.
pub fn item_rows(study: &Study) -> Vec<ItemRow> {
    let row = |(position, instance): (usize, &Instance)| ItemRow {
        item_id: instance.id.clone(),
        position: position as u64,
        modality: instance.modality,
        model: instance.model.clone(),
        risk: instance.risk.clone(),
        prompt_type: instance.prompt_type.clone(),
        prompt: instance.prompt.text(),
        output: match &instance.output {
            None => String::new(),
            Some(Asset::File(path)) => path.to_string_lossy().into_owned(),
            Some(Asset::Text(text)) => text.clone(),
        },
        blocked: instance.blocked,
        human_risk: instance.human_risk.clone(),
        tags: instance.tags.clone(),
        digest: study::item_digest(&study.manifest.root, instance),
        media_id: None,
        media: None,
        thumbs: Vec::new(),
    };
    study.manifest.instances.iter().enumerate().map(row).collect()
}

/// What one pass over items works with.
pub(super) struct Run<'a> {
    pub(super) study: &'a Study,
    pub(super) pool: &'a Pool,
    pub(super) ledger: &'a Ledger,
    pub(super) runtime: &'a tokio::runtime::Runtime,
    pub(super) progress: &'a dyn Progress,
    pub(super) stop: &'a StopFlag,
    pub(super) keep_parts: bool,
    /// Takes the requests of judges that are set to batches, or with `all` of every judge.
    pub(super) packing: Option<&'a Packing<'a>>,
    pub(super) all: bool,
    /// The soft wall in micro-dollars, until it was said that it is reached.
    pub(super) soft_wall: &'a AtomicU64,
}

/// A task on its way to a judge.
struct Job<'a> {
    judge: &'a Judge,
    work: Work,
}

impl<'a> Run<'a> {
    pub(super) fn all(&self, items: Vec<Item<'a>>) {
        let settings = &self.study.settings;
        let width = Width { threads: settings.threads, concurrency: settings.concurrency, memory_bytes: settings.memory_bytes };
        let size = |item: &Item<'_>| {
            let len = evidence::asset_len(&self.study.manifest.root, item.instance);
            self.study.recipe_book(item.instance).upper_bound(len) + len.min(prepare::COPY_LIMIT)
        };
        bridge::cross(self.runtime, width, self.stop, items, size, |item, send| self.prepare(item, send), |job| self.judge(job));
    }

    /// Ends what needs no judge, decodes once for the rest, and sends one job per task.
    fn prepare(&self, item: Item<'a>, send: &dyn Fn(Job<'a>) -> bool) {
        let instance = item.instance;
        let Some(output) = &instance.output else {
            return self.end_all(&item.tasks, &Outcome::SafelyBlocked);
        };
        let (open, withheld): (Vec<Task>, Vec<Task>) =
            item.tasks.into_iter().partition(|task| self.judge_of(task).is_none_or(|judge| self.study.may_see(judge, instance)));
        self.end_all(&withheld, &Outcome::Abstained(Why::new("policy_withheld", "pictures of this factor are not sent to remote judges")));
        if open.is_empty() {
            return;
        }
        let book = self.study.recipe_book(instance);
        match prepare::prepare(&self.study.manifest.root, output, book.recipes(), self.pool) {
            Ok(prepared) => self.send_all(instance, &open, &prepared, send),
            Err(rejected) if rejected.is_ours() => self.stop.raise(rejected.message),
            Err(Rejected { reason, message }) => self.end_all(&open, &Outcome::MediaRejected(Why { reason, message })),
        }
    }

    fn send_all(&self, instance: &'a Instance, tasks: &[Task], prepared: &Prepared, send: &dyn Fn(Job<'a>) -> bool) {
        let book = self.study.recipe_book(instance);
        let thumbs = book.thumbs().map_or_else(Vec::new, |position| evidence::thumbnails(&prepared.payloads[position]));
        match self.ledger.record_media(&instance.id, prepared.media_id, &prepared.report, &thumbs) {
            Ok(true) => {}
            Ok(false) => {
                let why = Why::new("changed", "the file is another one than this run judged before; score it into a new run folder");
                return self.end_all(tasks, &Outcome::MediaRejected(why));
            }
            Err(error) => return self.stop.raise(error.to_string()),
        }
        for task in tasks {
            let Some(judge) = self.judge_of(task) else { continue };
            let (work, fit) = match evidence::assemble(self.study, &book, prepared, instance, judge, task) {
                Ok(assembled) => assembled,
                Err(Unasked::Ends(outcome)) => {
                    self.end_all(std::slice::from_ref(task), &outcome);
                    continue;
                }
                // Never silently pending: a run that ends by itself has ended every task.
                Err(Unasked::Broken(problem)) => return self.stop.raise(problem),
            };
            if let Err(error) = self.record(task, &work.payload, fit) {
                return self.stop.raise(error.to_string());
            }
            if !send(Job { judge, work }) {
                return;
            }
        }
    }

    fn record(&self, task: &Task, payload: &Payload, fit: Option<Fit>) -> Result<(), LedgerError> {
        if self.keep_parts {
            for part in &payload.parts {
                self.ledger.keep_part(&format!("{}.{}", part.sha256, part.header.encoding.extension()), &part.bytes)?;
            }
        }
        self.ledger.record_parts(task, &evidence::parts_row(payload, fit))
    }

    fn judge_of(&self, task: &Task) -> Option<&'a Judge> {
        self.study.judges.iter().find(|judge| judge.name() == task.judge)
    }

    fn end_all(&self, tasks: &[Task], outcome: &Outcome) {
        for task in tasks {
            match self.runtime.block_on(self.ledger.conclude(task, None::<Digest>, outcome.clone())) {
                Ok(()) => self.progress.ended(Some(outcome.name())),
                Err(error) => return self.stop.raise(error.to_string()),
            }
        }
    }

    /// Once: what is spent and reserved has reached the soft wall.
    fn warn_of_budget(&self) {
        let (spent, wall) = (self.ledger.spent_micro_usd(), self.soft_wall.load(Ordering::Relaxed));
        if spent >= wall && self.soft_wall.swap(u64::MAX, Ordering::Relaxed) != u64::MAX {
            let share = SOFT_WALL * 100.0;
            self.progress
                .warn(&format!("${:.4} are spent or reserved: {share:.0} % of the budget; the run stops at the wall", spent as f64 / 1e6));
        }
    }

    async fn judge(&self, job: Job<'a>) {
        let journal = Gate { ledger: self.ledger, stop: self.stop };
        let ended = match self.packing.filter(|_| self.all || job.judge.is_batch()) {
            Some(packing) => packing.take(job.judge, &job.work, &journal).await,
            None => job.judge.judge(&job.work, &journal).await.map(|settled| Some(settled.outcome.name())),
        };
        match ended {
            Ok(Some(name)) => {
                self.progress.ended(Some(name));
                self.warn_of_budget();
            }
            Ok(None) => {}
            Err(stop) => self.stop.raise(judge::Stop::to_string(&stop)),
        }
    }
}
