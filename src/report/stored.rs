//! A run folder, or the complementary shards of one run, read back for reporting.

use std::path::{Path, PathBuf};

use super::{RunView, Summary};
use crate::ledger::{ItemRow, LedgerError, Reader, Record, RunInfo, SentinelRow};
use crate::sampling::Comparison;
use crate::taxonomy::Lang;

/// Everything a report is made from.
#[derive(Debug, Clone)]
pub struct StoredRun {
    info: RunInfo,
    items: Vec<ItemRow>,
    records: Vec<Record>,
    summary: Summary,
    strategies: Vec<Comparison>,
    dirs: Vec<PathBuf>,
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
        let (first, others) = dirs.split_first().ok_or(OpenError::None)?;
        let (mut info, mut items, mut records) = read(first)?;
        let sentinels = dirs.iter().map(|dir| sentinels(dir)).collect::<Result<Vec<_>, _>>()?;
        for other in others {
            let (next, rows, more) = read(other)?;
            let refuse = |problem: &str| OpenError::NotShards { first: first.clone(), other: other.clone(), problem: problem.to_owned() };
            if next.run_id != info.run_id {
                return Err(refuse("their experiments differ"));
            }
            if rows.iter().map(|row| (&row.item_id, row.digest)).ne(items.iter().map(|row| (&row.item_id, row.digest))) {
                return Err(refuse("their manifests differ"));
            }
            let known: std::collections::BTreeSet<&str> = records.iter().map(|record| record.item_id.as_str()).collect();
            if more.iter().any(|record| known.contains(record.item_id.as_str())) {
                return Err(refuse("they hold the same items"));
            }
            records.extend(more);
            // What decoding saw of an item, only its own shard knows.
            for (item, row) in items.iter_mut().zip(rows).filter(|(item, _)| item.media.is_none()) {
                (item.media_id, item.media, item.thumbs) = (row.media_id, row.media, row.thumbs);
            }
            info.missing_locks.extend(next.missing_locks);
            info.missing_locks.sort_unstable();
            info.missing_locks.dedup();
        }
        let place: std::collections::BTreeMap<&str, u64> = items.iter().map(|item| (item.item_id.as_str(), item.position)).collect();
        // Stable: within an item the ledger's order stands.
        records.sort_by_key(|record| place.get(record.item_id.as_str()).copied());
        let strategies = std::fs::read(first.join(SAMPLERS)).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let run = Self::new(info, items, records, strategies);
        let perhaps_billed =
            dirs.iter().map(|dir| reader(dir)?.perhaps_billed().map_err(|source| failed(dir, source))).sum::<Result<u64, _>>()?;
        let summary = run.summary.clone().with_sentinels(&run.info, &run.records, &sentinels).with_perhaps_billed(perhaps_billed);
        Ok(Self { summary, dirs: dirs.to_vec(), ..run })
    }

    /// A run from its parts, without a folder.
    pub fn new(info: RunInfo, items: Vec<ItemRow>, records: Vec<Record>, strategies: Vec<Comparison>) -> Self {
        let summary = Summary::of(&info, &items, &records);
        Self { info, items, records, summary, strategies, dirs: Vec::new() }
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

    /// Its instances, in manifest order.
    pub fn items(&self) -> &[ItemRow] {
        &self.items
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

    /// Its verdicts.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What renderers see.
    pub fn view(&self, lang: Lang) -> RunView<'_> {
        let Self { info, items, records, summary, strategies, dirs } = self;
        RunView { info, items, records, summary, strategies, dirs, lang }
    }
}

fn failed(dir: &Path, source: LedgerError) -> OpenError {
    OpenError::Ledger { path: dir.to_owned(), source }
}

fn reader(dir: &Path) -> Result<Reader, OpenError> {
    Reader::open(dir).map_err(|source| failed(dir, source))
}

fn sentinels(dir: &Path) -> Result<Vec<SentinelRow>, OpenError> {
    reader(dir)?.sentinels().map_err(|source| failed(dir, source))
}

fn read(dir: &Path) -> Result<(RunInfo, Vec<ItemRow>, Vec<Record>), OpenError> {
    let (reader, fail) = (reader(dir)?, |source| failed(dir, source));
    Ok((reader.info().clone(), reader.items().map_err(fail)?, reader.records().map_err(fail)?))
}
