//! A run folder, or the complementary shards of one run, read back for reporting.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::rows::{self, Rows};
use super::{Ratings, RunSettings, RunView, Summary};
use crate::ledger::{Entry, Facts, FactsBuilder, ItemRow, LedgerError, PerhapsBilled, Reader, Record, RunInfo, SentinelRow};
use crate::sampling::StrategyRow;
use crate::taxonomy::Lang;

/// Everything a report is made from: numbers here, texts where they are stored.
#[derive(Debug)]
pub struct StoredRun {
    info: RunInfo,
    settings: RunSettings,
    facts: Facts,
    ratings: Ratings,
    summary: Summary,
    strategies: Vec<StrategyRow>,
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
    /// What compared strategies gave cannot be read.
    #[error("{}: {problem}", path.display())]
    Strategies {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
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
        let settings = RunSettings::of(&info).map_err(|source| failed(first, source))?;
        let facts = facts(&info, &rows)?;
        let strategies = strategies(&first.join(SAMPLERS))?;
        let (mut sentinels, mut perhaps_billed, mut planned): (Vec<Vec<SentinelRow>>, PerhapsBilled, bool) =
            (Vec::new(), PerhapsBilled::default(), true);
        for (dir, reader) in rows.folders() {
            planned &= reader.is_planned().map_err(|source| failed(dir, source))?;
            sentinels.push(reader.sentinels().map_err(|source| failed(dir, source))?);
            let PerhapsBilled { lost, uncounted } = reader.perhaps_billed().map_err(|source| failed(dir, source))?;
            perhaps_billed.lost += lost;
            perhaps_billed.uncounted += uncounted;
        }
        let ratings = Ratings::of_facts(&facts);
        let summary = Summary::of(&info, &settings, &facts, &ratings)
            .with_served(&settings, &facts, &sentinels)
            .with_perhaps_billed(perhaps_billed)
            .with_plan(planned);
        Ok(Self { info, settings, facts, ratings, summary, strategies, rows })
    }

    /// A run from its parts, without a folder.
    pub fn new(info: RunInfo, mut items: Vec<ItemRow>, records: Vec<Record>, strategies: Vec<StrategyRow>) -> Result<Self, LedgerError> {
        let settings = RunSettings::of(&info)?;
        let facts = Facts::of(&info, &items, &records);
        let ratings = Ratings::of_facts(&facts);
        let summary = Summary::of(&info, &settings, &facts, &ratings).with_served(&settings, &facts, &[]);
        items.sort_by(|one, other| (one.position, &one.item_id).cmp(&(other.position, &other.item_id)));
        let mut entries: Vec<Entry> = items.into_iter().map(|item| Entry { item, records: Vec::new() }).collect();
        for record in records {
            if let Some(item) = facts.find(&record.item_id) {
                entries[item as usize].records.push(record);
            }
        }
        Ok(Self { info, settings, facts, ratings, summary, strategies, rows: Rows::Given(entries) })
    }

    /// The same run with compared strategies.
    #[must_use]
    pub fn with_strategies(self, strategies: Vec<StrategyRow>) -> Self {
        Self { strategies, ..self }
    }

    /// What the run is made of.
    pub const fn info(&self) -> &RunInfo {
        &self.info
    }

    /// Its settings.
    pub const fn settings(&self) -> &RunSettings {
        &self.settings
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
    pub fn strategies(&self) -> &[StrategyRow] {
        &self.strategies
    }

    /// What renderers see.
    pub fn view(&self, lang: Lang) -> RunView<'_> {
        let Self { info, settings, facts, ratings, summary, strategies, rows } = self;
        RunView { info, settings, facts, ratings, summary, strategies, rows, lang }
    }
}

/// What compared strategies gave; none where none were.
fn strategies(path: &Path) -> Result<Vec<StrategyRow>, OpenError> {
    let refused = |problem: String| OpenError::Strategies { path: path.to_owned(), problem };
    match std::fs::read(path) {
        Ok(json) => serde_json::from_slice(&json).map_err(|error| refused(error.to_string())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Whether these folders are complementary shards of one experiment.
pub(super) fn are_shards(dirs: &[PathBuf]) -> bool {
    let checked = || -> Result<(), OpenError> {
        let rows = Rows::open(dirs).map_err(|(dir, source)| failed(&dir, source))?;
        merged(&rows)?;
        let at = |(dir, source): rows::Failed| failed(&dir, source);
        rows.side_by_side().map_err(at)?.try_for_each(|alike| check(rows.folders(), &alike.map_err(at)?))
    };
    checked().is_ok()
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
        // The earliest, and unknown where one is: such times are ordered as texts are.
        info.started_at = info.started_at.min(reader.info().started_at.clone());
        info.missing_locks.extend(reader.info().missing_locks.iter().cloned());
        info.missing_locks.sort_unstable();
        info.missing_locks.dedup();
    }
    Ok(info)
}

/// The facts of all folders together, which must hold the same items and no task of an item in two of them.
fn facts(info: &RunInfo, rows: &Rows) -> Result<Facts, OpenError> {
    let folders = rows.folders();
    let at = |(dir, source): rows::Failed| failed(&dir, source);
    let mut facts = FactsBuilder::new(info);
    for alike in rows.side_by_side().map_err(at)? {
        let alike = alike.map_err(at)?;
        check(folders, &alike)?;
        if let Some(Entry { item, records }) = rows::merge(alike) {
            facts.add(&item, records.iter());
        }
    }
    Ok(facts.finish())
}

/// Whether all folders have one item at this place, and at most one of them its tasks.
fn check(folders: &[(PathBuf, Reader)], alike: &[Option<Entry>]) -> Result<(), OpenError> {
    let refused = |one: usize, other: usize, problem| Err(no_shards(&folders[one].0, &folders[other].0, problem));
    let item = |entry: &Option<Entry>| entry.as_ref().map(|Entry { item, .. }| (item.item_id.clone(), item.digest));
    let first = alike.first().and_then(item);
    if let Some(at) = alike.iter().position(|entry| item(entry) != first) {
        return refused(0, at, "their manifests differ");
    }
    let asked = |(at, entry): (usize, &Option<Entry>)| entry.as_ref().is_some_and(|entry| !entry.records.is_empty()).then_some(at);
    let mut asked = alike.iter().enumerate().filter_map(asked);
    match (asked.next(), asked.next()) {
        (Some(one), Some(other)) => refused(one, other, "they hold the same items"),
        _ => Ok(()),
    }
}

fn no_shards(first: &Path, other: &Path, problem: &str) -> OpenError {
    OpenError::NotShards { first: first.to_owned(), other: other.to_owned(), problem: problem.to_owned() }
}

fn failed(dir: &Path, source: LedgerError) -> OpenError {
    OpenError::Ledger { path: dir.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use tempfile::{TempDir, tempdir};
    use tribunal_media::{Digest, Report};

    use super::{OpenError, StoredRun};
    use crate::ledger::fixtures::{answer, info, items, open, plan, run, task};
    use crate::ledger::{Entry, ItemRow, Ledger, LedgerError, RunInfo};

    /// A shard of `items` that has asked about those at `places`.
    fn shard(items: &[ItemRow], places: &[u64]) -> TempDir {
        began(None, items, places)
    }

    fn began(started_at: Option<&str>, items: &[ItemRow], places: &[u64]) -> TempDir {
        let dir = tempdir().unwrap();
        let ledger = Ledger::open(dir.path(), &RunInfo { started_at: started_at.map(str::to_owned), ..info(&["mini"]) }).unwrap();
        plan(&ledger, items, &places.iter().map(|place| task(*place)).collect::<Vec<_>>()).unwrap();
        run(async {
            for place in places {
                answer(&ledger, &task(*place)).await;
            }
        });
        for place in places {
            let format = place.to_string();
            ledger.record_media(&task(*place).item_id, Digest::of(b"m"), &Report { format, ..Report::default() }, &[]).unwrap();
        }
        ledger.close().unwrap();
        dir
    }

    fn opened(dirs: &[&TempDir]) -> Result<StoredRun, OpenError> {
        StoredRun::open(&dirs.iter().map(|dir| dir.path().to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn complementary_shards_are_one_run_with_what_each_of_them_saw() {
        let rows = items(5);
        let (one, two, whole) = (shard(&rows, &[0, 3]), shard(&rows, &[1, 4]), shard(&rows, &[0, 1, 3, 4]));
        let (together, whole) = (opened(&[&two, &one]).unwrap(), opened(&[&whole]).unwrap());
        assert_eq!((together.summary(), together.facts()), (whole.summary(), whole.facts()));
        let entries = |run: &StoredRun| run.rows.entries().unwrap().collect::<Result<Vec<Entry>, _>>().unwrap();
        assert_eq!(entries(&together), entries(&whole));
        assert_eq!(entries(&together)[4].item.media.as_ref().map(|report| report.format.as_str()), Some("4"));
    }

    #[test]
    fn shards_began_with_the_first_of_them() {
        let rows = items(3);
        let (one, two) = (began(Some("2026-11-30T12:00:00Z"), &rows, &[0]), began(Some("2026-11-30T09:00:00Z"), &rows, &[1]));
        assert_eq!(opened(&[&one, &two]).unwrap().summary().started_at.as_deref(), Some("2026-11-30T09:00:00Z"));
        assert_eq!(opened(&[&one, &shard(&rows, &[2])]).unwrap().summary().started_at, None, "one of an earlier program");
    }

    #[test]
    fn a_plan_that_was_cut_short_is_told() {
        let dir = shard(&items(3), &[0]);
        let told = || opened(&[&dir]).unwrap().summary().warnings[0].code == "plan_cut_short";
        assert!(!told());
        let ledger = open(dir.path());
        // The rows end as if the process did.
        let rows = || [Ok((items(4).remove(0), vec![task(0)])), Err(LedgerError::Store("killed".to_owned()))].into_iter();
        assert!(ledger.plan(rows).is_err());
        ledger.close().unwrap();
        assert!(!told(), "the plan was not begun: it is compared first");
        let ledger = open(dir.path());
        let passes = std::cell::Cell::new(0);
        let rows = || {
            passes.set(passes.get() + 1);
            let end =
                if passes.get() == 1 { Ok((items(4).remove(3), vec![task(3)])) } else { Err(LedgerError::Store("killed".to_owned())) };
            items(3).into_iter().map(|item| Ok((item, Vec::new()))).chain([end])
        };
        assert!(ledger.plan(rows).is_err());
        ledger.close().unwrap();
        assert!(told());
    }

    #[test]
    fn compared_strategies_that_cannot_be_read_are_an_error_by_their_file() {
        let dir = shard(&items(3), &[0]);
        assert!(opened(&[&dir]).unwrap().strategies().is_empty());
        std::fs::write(dir.path().join("samplers.json"), "[{").unwrap();
        let error = opened(&[&dir]).unwrap_err();
        assert!(matches!(error, OpenError::Strategies { .. }) && error.to_string().contains("samplers.json: EOF"), "{error}");
    }

    #[test]
    fn what_are_no_complementary_shards_is_refused() {
        let refused = |dirs: &[&TempDir], why: &str| {
            let error = opened(dirs).unwrap_err();
            assert!(matches!(&error, OpenError::NotShards { problem, .. } if problem == why), "{error}");
        };
        let first = shard(&items(5), &[0, 3]);
        refused(&[&first, &shard(&items(5), &[1, 3])], "they hold the same items");
        for (odd, place) in [(6, 1), (4, 1), (6, 2), (4, 2)] {
            let (other, good) = (shard(&items(odd), &[1]), shard(&items(5), &[2]));
            let dirs = if place == 1 { [&first, &other, &good] } else { [&first, &good, &other] };
            refused(&dirs, "their manifests differ");
            assert!(matches!(opened(&dirs), Err(OpenError::NotShards { other, .. }) if other == dirs[place].path()));
        }
        let mut changed = items(5);
        changed[4].digest = Digest::of(b"other");
        refused(&[&first, &shard(&changed, &[1])], "their manifests differ");
        assert!(matches!(opened(&[]), Err(OpenError::None)));
    }
}
