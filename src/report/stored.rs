//! A run folder, or the complementary shards of one run, read back for reporting.

use std::path::{Path, PathBuf};

use super::rows::{self, Rows};
use super::{RunView, Summary};
use crate::ledger::{Entry, Facts, FactsBuilder, ItemRow, LedgerError, Reader, Record, RunInfo, SentinelRow};
use crate::sampling::Comparison;
use crate::taxonomy::Lang;

/// Everything a report is made from: numbers here, texts where they are stored.
#[derive(Debug)]
pub struct StoredRun {
    info: RunInfo,
    facts: Facts,
    summary: Summary,
    strategies: Vec<Comparison>,
    rows: Rows,
}

/// A run that cannot be reported on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The ledger cannot be read.
    #[error("{}: {source}", path.display())]
    Ledger {
        /// The run folder.
        path: PathBuf,
        /// Why.
        source: LedgerError,
    },
    /// Two runs that are no shards of one.
    #[error("{} and {} are no complementary shards of one experiment: {problem}", first.display(), other.display())]
    NotShards {
        /// The first run.
        first: PathBuf,
        /// The one that does not fit.
        other: PathBuf,
        /// What differs.
        problem: String,
    },
    /// No run was named.
    #[error("name at least one run folder")]
    None,
}

/// Strategies compared in a run lie beside its summary.
const SAMPLERS: &str = "samplers.json";

impl StoredRun {
    /// Reads one run folder, or merges complementary shards of one experiment.
    pub fn open(dirs: &[PathBuf]) -> Result<Self, OpenError> {
        let first = dirs.first().ok_or(OpenError::None)?;
        let rows = Rows::open(dirs).map_err(|(dir, source)| failed(&dir, source))?;
        let info = merged(&rows)?;
        let facts = facts(&info, &rows)?;
        let strategies = std::fs::read(first.join(SAMPLERS)).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let (mut sentinels, mut perhaps_billed): (Vec<Vec<SentinelRow>>, u64) = (Vec::new(), 0);
        for (dir, reader) in rows.folders() {
            sentinels.push(reader.sentinels().map_err(|source| failed(dir, source))?);
            perhaps_billed += reader.perhaps_billed().map_err(|source| failed(dir, source))?;
        }
        let summary = Summary::of(&info, &facts).with_sentinels(&info, &facts, &sentinels).with_perhaps_billed(perhaps_billed);
        Ok(Self { info, facts, summary, strategies, rows })
    }

    /// A run from its parts, without a folder.
    pub fn new(info: RunInfo, mut items: Vec<ItemRow>, records: Vec<Record>, strategies: Vec<Comparison>) -> Result<Self, LedgerError> {
        let facts = Facts::of(&info, &items, &records)?;
        let summary = Summary::of(&info, &facts);
        items.sort_by(|one, other| (one.position, &one.item_id).cmp(&(other.position, &other.item_id)));
        let mut entries: Vec<Entry> = items.into_iter().map(|item| Entry { item, records: Vec::new() }).collect();
        for record in records {
            if let Some(item) = facts.find(&record.item_id) {
                entries[item as usize].records.push(record);
            }
        }
        Ok(Self { info, facts, summary, strategies, rows: Rows::Given(entries) })
    }

    /// The same run with compared strategies.
    #[must_use]
    pub fn with_strategies(self, strategies: Vec<Comparison>) -> Self {
        Self { strategies, ..self }
    }

    /// What the run is made of.
    pub const fn info(&self) -> &RunInfo {
        &self.info
    }

    /// What statistics need of it.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// All numbers.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The language its rubrics were written in.
    pub fn lang(&self) -> Lang {
        if self.info.experiment.lang == Lang::Ko.code() { Lang::Ko } else { Lang::En }
    }

    /// Strategies that were compared.
    pub fn strategies(&self) -> &[Comparison] {
        &self.strategies
    }

    /// What renderers see.
    pub fn view(&self, lang: Lang) -> RunView<'_> {
        let Self { info, facts, summary, strategies, rows } = self;
        RunView { info, facts, summary, strategies, rows, lang }
    }
}

/// The experiment that a run folder holds.
pub(super) fn run_id(dir: &Path) -> Result<String, OpenError> {
    Reader::open(dir).map(|reader| reader.info().run_id.clone()).map_err(|source| failed(dir, source))
}

/// What the run of all folders is made of.
fn merged(rows: &Rows) -> Result<RunInfo, OpenError> {
    let [(first, reader), others @ ..] = rows.folders() else { return Err(OpenError::None) };
    let mut info = reader.info().clone();
    for (other, reader) in others {
        if reader.info().run_id != info.run_id {
            return Err(no_shards(first, other, "their experiments differ"));
        }
        info.missing_locks.extend(reader.info().missing_locks.iter().cloned());
        info.missing_locks.sort_unstable();
        info.missing_locks.dedup();
    }
    Ok(info)
}

/// The facts of all folders together, which must hold the same items and no task of an item in two of them.
fn facts(info: &RunInfo, rows: &Rows) -> Result<Facts, OpenError> {
    let folders = rows.folders();
    let [(first, _), ..] = folders else { return Err(OpenError::None) };
    let (at_first, at) = (|source| failed(first, source), |(dir, source): rows::Failed| failed(&dir, source));
    let mut facts = FactsBuilder::new(info).map_err(at_first)?;
    for alike in rows.side_by_side().map_err(at)? {
        let alike = alike.map_err(at)?;
        check(folders, &alike)?;
        if let Some(Entry { item, records }) = rows::merge(alike) {
            facts.add(&item, records.iter()).map_err(at_first)?;
        }
    }
    facts.finish().map_err(at_first)
}

/// Whether all folders have one item at this place, and at most one of them its tasks.
fn check(folders: &[(PathBuf, Reader)], alike: &[Entry]) -> Result<(), OpenError> {
    let other = |at: usize, problem| no_shards(&folders[0].0, &folders[at].0, problem);
    let differs = |entry: &Entry| (&entry.item.item_id, entry.item.digest) != (&alike[0].item.item_id, alike[0].item.digest);
    if let Some(at) = alike.iter().position(differs).or_else(|| (alike.len() < folders.len()).then_some(folders.len() - 1)) {
        return Err(other(at, "their manifests differ"));
    }
    match alike.iter().enumerate().filter(|(_, entry)| !entry.records.is_empty()).nth(1) {
        Some((at, _)) => Err(other(at, "they hold the same items")),
        None => Ok(()),
    }
}

fn no_shards(first: &Path, other: &Path, problem: &str) -> OpenError {
    OpenError::NotShards { first: first.to_owned(), other: other.to_owned(), problem: problem.to_owned() }
}

fn failed(dir: &Path, source: LedgerError) -> OpenError {
    OpenError::Ledger { path: dir.to_owned(), source }
}
