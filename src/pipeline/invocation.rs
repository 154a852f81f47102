//! A run folder opened by one invocation: its ledger, and the tasks that this invocation is for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::pass::Item;
use super::study::{self, Study};
use crate::ensemble;
use crate::judge::{OutcomeName, Task};
use crate::ledger::{ItemRow, Ledger, LedgerError, Reader, Record, RunInfo};
use crate::manifest::{Asset, Instance};

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

/// Share of the budget at which it is said that it runs out.
pub(super) const SOFT_WALL: f64 = 0.8;

/// An open run folder.
pub(super) struct Invocation<'a> {
    pub(super) study: &'a Study,
    pub(super) ledger: Ledger,
    /// Where judges are asked.
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) keep_parts: bool,
    /// Micro-dollars at which it is said that the budget runs out, until it was said; never without a budget.
    pub(super) soft_wall: AtomicU64,
    /// Every task of the selection, whether or not it is worth asking yet.
    all: Vec<Task>,
    rows: Vec<ItemRow>,
}

impl<'a> Invocation<'a> {
    /// Opens the run in `dir`, plans this invocation there, and reopens what is to be asked again. Returns the tasks that are worth asking by now.
    pub(super) fn open(study: &'a Study, dir: &Path, info: &RunInfo, orders: &Orders) -> Result<(Self, Vec<Task>), ScoreError> {
        let ledger = Ledger::open(dir, info)?;
        ledger.drop_unfinished_batches()?;
        ledger.set_budget(orders.budget_micro_usd)?;
        let run = Self {
            study,
            ledger,
            runtime: runtime()?,
            keep_parts: orders.keep_parts,
            soft_wall: AtomicU64::new(orders.budget_micro_usd.map_or(u64::MAX, |wall| (wall as f64 * SOFT_WALL) as u64)),
            all: planned_tasks(study),
            rows: item_rows(study),
        };
        let tasks = run.wanted()?;
        run.plan(&tasks)?;
        recall(study, dir)?;
        run.ledger.reopen(&run.all, &orders.retry)?;
        Ok((run, tasks))
    }

    /// The tasks that are worth asking, given the answers so far.
    pub(super) fn wanted(&self) -> Result<Vec<Task>, LedgerError> {
        let ensemble::Settings { repeats, cascade, .. } = &self.study.settings.ensemble;
        // Records are read only where anything hangs on them.
        let records: Vec<Record> =
            if repeats.is_none() && cascade.is_none() { Vec::new() } else { Reader::open(self.ledger.dir())?.records()? };
        Ok(ensemble::wanted(&self.study.settings.ensemble, self.all.clone(), &records, self.study.settings.seed))
    }

    /// Registers tasks.
    pub(super) fn plan(&self, tasks: &[Task]) -> Result<(), LedgerError> {
        self.ledger.plan(&self.rows, tasks)
    }

    /// Those of `tasks` that have no outcome.
    pub(super) fn pending(&self, tasks: &[Task]) -> Result<Vec<Task>, LedgerError> {
        let tasks: BTreeSet<&Task> = tasks.iter().collect();
        let mut pending = self.ledger.pending()?;
        pending.retain(|task| tasks.contains(task));
        Ok(pending)
    }

    /// Tasks with their instances, in manifest order.
    pub(super) fn items(&self, tasks: Vec<Task>) -> Vec<Item<'a>> {
        let mut by_item: BTreeMap<String, Vec<Task>> = BTreeMap::new();
        for task in tasks {
            by_item.entry(task.item_id.clone()).or_default().push(task);
        }
        let item = |instance: &'a Instance| Some(Item { instance, tasks: by_item.remove(&instance.id)? });
        self.study.selected().into_iter().filter_map(item).collect()
    }
}

/// Where judges are asked: one thread waits for all of them, which spares each request the way from one thread to another and back.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, ScoreError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ScoreError::Runtime)
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

/// Every task of the selection.
pub(super) fn planned_tasks(study: &Study) -> Vec<Task> {
    let repeats = study.settings.repeats;
    study.selected().into_iter().flat_map(|instance| study.plan.tasks(instance, &study.judges, repeats)).collect()
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
        annotators: instance.annotators.clone(),
        tags: instance.tags.clone(),
        digest: study::item_digest(&study.manifest.root, instance),
        media_id: None,
        media: None,
        thumbs: Vec::new(),
    };
    study.manifest.instances.iter().enumerate().map(row).collect()
}
