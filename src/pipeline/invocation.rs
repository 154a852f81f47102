//! A run folder opened by one invocation: its ledger, and the tasks that this invocation is for.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::evidence;
use super::kept::StandIns;
use super::pass::Item;
use super::study::{self, Study};
use crate::ensemble;
use crate::judge::{Judge, OutcomeName, Task};
use crate::ledger::{ItemRow, Ledger, LedgerError, Reader, Recalled, RunInfo};
use crate::manifest::{Asset, Instance, RowsError};
use crate::prepare::Rejected;

/// The run could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The ledger refused or failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No async runtime.
    #[error("the async runtime did not start: {0}")]
    Runtime(std::io::Error),
    /// This machine failed while it looked at an item.
    #[error(transparent)]
    Unprepared(Rejected),
    /// The source could not be read again.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

/// What this invocation may do beyond the experiment.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// Outcomes to reopen.
    pub retry: Vec<OutcomeName>,
    /// The wall, in micro-dollars.
    pub budget_micro_usd: Option<u64>,
    /// Keep under the run's `parts/` every part that was made for judges or sent, so that the run can be replayed without its media.
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
    /// What stands in for media that are gone.
    pub(super) stand_ins: StandIns,
    /// Micro-dollars at which it is said that the budget runs out, until it was said; never without a budget.
    pub(super) soft_wall: AtomicU64,
    /// Whether it was said that a request cost more than was reserved for it.
    pub(super) overrun_said: AtomicBool,
    /// The position behind the last selected instance.
    end: usize,
}

/// Which of the planned tasks are worth asking by now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Every one.
    All,
    /// These; more may be once they have ended.
    These(BTreeSet<Task>),
}

impl Wanted {
    fn holds(&self, task: &Task) -> bool {
        match self {
            Self::All => true,
            Self::These(tasks) => tasks.contains(task),
        }
    }
}

/// What this invocation is for by now.
pub(super) struct Planned {
    pub(super) wanted: Wanted,
    /// How many tasks these are, ended ones too.
    pub(super) tasks: u64,
}

/// Instances whose pending tasks are read from the ledger together.
const PAGE: usize = 1024;

impl<'a> Invocation<'a> {
    /// Opens the run in `dir`, plans this invocation there, and reopens what is to be asked again.
    pub(super) fn open(study: &'a Study, dir: &Path, info: &RunInfo, orders: &Orders) -> Result<(Self, Planned), ScoreError> {
        let ledger = Ledger::open(dir, info)?;
        ledger.drop_unfinished_batches()?;
        ledger.set_budget(orders.budget_micro_usd)?;
        let run = Self {
            study,
            ledger,
            runtime: runtime()?,
            keep_parts: orders.keep_parts,
            stand_ins: StandIns::default(),
            soft_wall: AtomicU64::new(orders.budget_micro_usd.map_or(u64::MAX, |wall| (wall as f64 * SOFT_WALL) as u64)),
            overrun_said: AtomicBool::new(false),
            end: study.settings.selection.end(&study.manifest.instances)?,
        };
        let planned = run.plan(run.wanted()?)?;
        for judge in &study.judges {
            tell(judge, &run.ledger.recalled(judge.name())?);
        }
        if !orders.retry.is_empty() {
            run.reopen(&orders.retry)?;
        }
        Ok((run, planned))
    }

    /// Reopens tasks of the selection that ended so, page by page; what a crash leaves out, the same order catches up with.
    fn reopen(&self, outcomes: &[OutcomeName]) -> Result<(), ScoreError> {
        let mut page = Vec::new();
        for instance in self.study.selected() {
            page.extend(self.tasks_of(&instance?));
            if page.len() >= PAGE {
                self.ledger.reopen(&std::mem::take(&mut page), outcomes)?;
            }
        }
        self.ledger.reopen(&page, outcomes)?;
        Ok(())
    }

    /// Which tasks are worth asking, given the answers so far.
    pub(super) fn wanted(&self) -> Result<Wanted, ScoreError> {
        let settings = &self.study.settings;
        // Tasks and facts are held only where anything hangs on them.
        if settings.ensemble.repeats.is_none() && settings.ensemble.cascade.is_none() {
            return Ok(Wanted::All);
        }
        let (all, facts) = (self.tasks()?, self.ledger.facts()?);
        Ok(Wanted::These(ensemble::wanted(&settings.ensemble, all, &facts, settings.seed).into_iter().collect()))
    }

    /// Every task of the selection, wanted or not, in manifest order.
    fn tasks(&self) -> Result<Vec<Task>, RowsError> {
        let mut tasks = Vec::new();
        for instance in self.study.selected() {
            tasks.extend(self.tasks_of(&instance?));
        }
        Ok(tasks)
    }

    fn tasks_of(&self, instance: &Instance) -> Vec<Task> {
        self.study.plan.tasks(instance, &self.study.judges, self.study.settings.repeats)
    }

    fn selects(&self, position: usize, instance: &Instance) -> bool {
        position < self.end && self.study.settings.selection.holds(&instance.id)
    }

    /// Registers every row of the manifest, and the wanted tasks of the selection.
    pub(super) fn plan(&self, wanted: Wanted) -> Result<Planned, ScoreError> {
        let manifest = &self.study.manifest;
        let row = |(position, instance): (usize, Result<Instance, RowsError>)| {
            let instance = instance?;
            let len = evidence::asset_len(&manifest.root, &instance);
            // A length that is not known now would be held against the file when it is back.
            if len == 0 && matches!(instance.output, Some(Asset::File(_))) && !manifest.root_is_there() {
                return Err(ScoreError::Unprepared(Rejected::no_source(&manifest.root)));
            }
            let mut tasks = if self.selects(position, &instance) { self.tasks_of(&instance) } else { Vec::new() };
            tasks.retain(|task| wanted.holds(task));
            Ok::<_, ScoreError>((item_row(position, instance, len), tasks))
        };
        let tasks = self.ledger.plan(|| self.study.manifest.instances.all().enumerate().map(row))?;
        Ok(Planned { wanted, tasks })
    }

    /// The wanted tasks that have no outcome and do not wait for a batch, with their instances, in manifest order. They are read page by page, so that
    /// a run of any length holds few.
    pub(super) fn pending<'r>(
        &'r self,
        wanted: &'r Wanted,
        waiting: &'r BTreeSet<Task>,
    ) -> Result<impl Iterator<Item = Result<Item, ScoreError>> + Send + 'r, LedgerError> {
        let span = self.ledger.pending_span()?.map_or(0..0, |span| *span.start() as usize..self.end.min(*span.end() as usize + 1));
        let pages = span.clone().step_by(PAGE).map(move |first| self.page(first..span.end.min(first + PAGE), wanted, waiting));
        Ok(pages.flat_map(|page| {
            let (items, failed) = page.map_or_else(|error| (None, Some(Err(error.into()))), |items| (Some(items), None));
            failed.into_iter().chain(items.into_iter().flatten())
        }))
    }

    /// Whether there is such a task.
    pub(super) fn is_pending(&self, wanted: &Wanted, waiting: &BTreeSet<Task>) -> Result<bool, ScoreError> {
        Ok(self.pending(wanted, waiting)?.next().transpose()?.is_some())
    }

    fn page<'r>(
        &'r self,
        positions: Range<usize>,
        wanted: &'r Wanted,
        waiting: &'r BTreeSet<Task>,
    ) -> Result<impl Iterator<Item = Result<Item, ScoreError>> + Send + 'r, LedgerError> {
        let mut by_item: BTreeMap<String, Vec<Task>> = BTreeMap::new();
        for task in self.ledger.pending(positions.start as u64..=positions.end as u64 - 1)? {
            if wanted.holds(&task) && !waiting.contains(&task) {
                by_item.entry(task.item_id.clone()).or_default().push(task);
            }
        }
        let positions = if by_item.is_empty() { 0..0 } else { positions };
        let mut item = move |instance: Instance| {
            let mut tasks = by_item.remove(&instance.id)?;
            // Other judges and repeats of the run are another invocation's, and so are other shards.
            let ours = if self.study.settings.selection.holds(&instance.id) { self.tasks_of(&instance) } else { Vec::new() };
            tasks.retain(|task| ours.contains(task));
            (!tasks.is_empty()).then_some(Item { instance, tasks })
        };
        let rows = self.study.manifest.instances.range(positions);
        Ok(rows.map(|row| row.map_err(ScoreError::from)).filter_map(move |row| row.map(&mut item).transpose()))
    }

    /// How many such tasks there are.
    pub(super) fn count_pending(&self, planned: &Planned, waiting: &BTreeSet<Task>) -> Result<u64, ScoreError> {
        let counts = self.ledger.counts()?;
        // Where the run has no other tasks than these, nothing is left to be told apart.
        if waiting.is_empty() && counts.values().sum::<u64>() == planned.tasks {
            return Ok(counts.get(&None).copied().unwrap_or(0));
        }
        self.pending(&planned.wanted, waiting)?.try_fold(0, |count, item| Ok(count + item?.tasks.len() as u64))
    }
}

/// Where judges are asked: one thread waits for all of them, which spares each request the way from one thread to another and back.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, ScoreError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ScoreError::Runtime)
}

/// Lets the judges know what replies of earlier invocations on this run folder said of token counts, and what their servers refused to read.
pub(super) fn recall(study: &Study, run: &Reader) -> Result<(), LedgerError> {
    study.judges.iter().try_for_each(|judge| {
        tell(judge, &run.recalled(judge.name())?);
        Ok(())
    })
}

fn tell(judge: &Judge, (counts, lessons): &Recalled) {
    judge.calibration().recall(counts);
    judge.recall(lessons);
}

/// Every row of the manifest as the run knows it, before anything is decoded.
pub fn item_rows(study: &Study) -> impl Iterator<Item = Result<ItemRow, RowsError>> {
    let row = |(position, instance): (usize, Result<Instance, RowsError>)| {
        let instance = instance?;
        let len = evidence::asset_len(&study.manifest.root, &instance);
        Ok(item_row(position, instance, len))
    };
    study.manifest.instances.all().enumerate().map(row)
}

fn item_row(position: usize, instance: Instance, len: u64) -> ItemRow {
    let digest = study::item_digest(&instance, len);
    ItemRow {
        item_id: instance.id,
        position: position as u64,
        modality: instance.modality,
        model: instance.model,
        risk: instance.risk,
        prompt_type: instance.prompt_type,
        prompt: instance.prompt.text(),
        output: match instance.output {
            None => String::new(),
            Some(Asset::File(path)) => path.to_string_lossy().into_owned(),
            Some(Asset::Text(text)) => text,
        },
        blocked: instance.blocked,
        human_risk: instance.human_risk,
        annotators: instance.annotators,
        tags: instance.tags,
        digest,
        media_id: None,
        media: None,
        thumbs: Vec::new(),
    }
}
