//! A run folder opened by one invocation: its ledger, and the tasks that this invocation is for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::pass::Item;
use super::study::{self, Study};
use crate::ensemble;
use crate::judge::{Judge, OutcomeName, Task};
use crate::ledger::{ItemRow, Ledger, LedgerError, Reader, Recalled, RunInfo};
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
    /// The selected instances with their places in the manifest.
    selected: Vec<(u64, &'a Instance)>,
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

/// Instances whose pending tasks are read from the ledger together.
const PAGE: usize = 1024;

impl<'a> Invocation<'a> {
    /// Opens the run in `dir`, plans this invocation there, and reopens what is to be asked again. Returns which tasks are worth asking by now.
    pub(super) fn open(study: &'a Study, dir: &Path, info: &RunInfo, orders: &Orders) -> Result<(Self, Wanted), ScoreError> {
        let ledger = Ledger::open(dir, info)?;
        ledger.drop_unfinished_batches()?;
        ledger.set_budget(orders.budget_micro_usd)?;
        let run = Self {
            study,
            ledger,
            runtime: runtime()?,
            keep_parts: orders.keep_parts,
            soft_wall: AtomicU64::new(orders.budget_micro_usd.map_or(u64::MAX, |wall| (wall as f64 * SOFT_WALL) as u64)),
            selected: study.settings.selection.of(&study.manifest.instances).collect(),
        };
        let wanted = run.wanted()?;
        run.plan(&wanted)?;
        for judge in &study.judges {
            tell(judge, &run.ledger.recalled(judge.name())?);
        }
        if !orders.retry.is_empty() {
            run.ledger.reopen(&run.tasks(&Wanted::All).collect::<Vec<_>>(), &orders.retry)?;
        }
        Ok((run, wanted))
    }

    /// Which tasks are worth asking, given the answers so far.
    pub(super) fn wanted(&self) -> Result<Wanted, LedgerError> {
        let settings = &self.study.settings;
        // Records are read only where anything hangs on them.
        if settings.ensemble.repeats.is_none() && settings.ensemble.cascade.is_none() {
            return Ok(Wanted::All);
        }
        let (all, records) = (self.tasks(&Wanted::All).collect(), self.ledger.records()?);
        Ok(Wanted::These(ensemble::wanted(&settings.ensemble, all, &records, settings.seed).into_iter().collect()))
    }

    /// Every wanted task of the selection, ended ones too, in manifest order.
    pub(super) fn tasks(&self, wanted: &Wanted) -> impl Iterator<Item = Task> + Clone {
        let of = move |(_, instance): &(u64, &Instance)| self.tasks_of(instance);
        self.selected.iter().flat_map(of).filter(move |task| wanted.holds(task))
    }

    fn tasks_of(&self, instance: &Instance) -> Vec<Task> {
        self.study.plan.tasks(instance, &self.study.judges, self.study.settings.repeats)
    }

    /// Registers every row of the manifest, and the wanted tasks.
    pub(super) fn plan(&self, wanted: &Wanted) -> Result<(), LedgerError> {
        self.ledger.plan(item_rows(self.study), self.tasks(wanted))
    }

    /// The wanted tasks that have no outcome and do not wait for a batch, with their instances, in manifest order. They are read page by page, so that
    /// a run of any length holds few.
    pub(super) fn pending<'r>(
        &'r self,
        wanted: &'r Wanted,
        waiting: &'r BTreeSet<Task>,
    ) -> impl Iterator<Item = Result<Item<'a>, LedgerError>> + Send + 'r {
        let page = move |page: &'r [(u64, &'a Instance)]| match self.page(page, wanted, waiting) {
            Ok(items) => items.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        self.selected.chunks(PAGE).flat_map(page)
    }

    fn page(&self, page: &[(u64, &'a Instance)], wanted: &Wanted, waiting: &BTreeSet<Task>) -> Result<Vec<Item<'a>>, LedgerError> {
        let ([(first, _), ..], [.., (last, _)]) = (page, page) else { return Ok(Vec::new()) };
        let mut by_item: BTreeMap<String, Vec<Task>> = BTreeMap::new();
        for task in self.ledger.pending(*first..=*last)? {
            by_item.entry(task.item_id.clone()).or_default().push(task);
        }
        let item = |(_, instance): &(u64, &'a Instance)| {
            let mut tasks = by_item.remove(&instance.id)?;
            // Other judges and repeats of the run are another invocation's.
            let ours = self.tasks_of(instance);
            tasks.retain(|task| ours.contains(task) && wanted.holds(task) && !waiting.contains(task));
            (!tasks.is_empty()).then_some(Item { instance, tasks })
        };
        Ok(page.iter().filter_map(item).collect())
    }

    /// How many such tasks there are.
    pub(super) fn count_pending(&self, wanted: &Wanted, waiting: &BTreeSet<Task>) -> Result<u64, LedgerError> {
        self.pending(wanted, waiting).try_fold(0, |count, item| Ok(count + item?.tasks.len() as u64))
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
        tell(judge, &run.recalled(judge.name())?);
        Ok(())
    })
}

fn tell(judge: &Judge, (counts, lessons): &Recalled) {
    judge.calibration().recall(counts);
    judge.recall(lessons);
}

/// Every row of the manifest as the run knows it, before anything is decoded.
pub fn item_rows(study: &Study) -> impl Iterator<Item = ItemRow> + Clone {
    let row = move |(position, instance): (usize, &Instance)| ItemRow {
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
    study.manifest.instances.iter().enumerate().map(row)
}
