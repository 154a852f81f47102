//! Every crash point of a run, and every write that fails: what is left opens again and holds all that was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::{StreamExt as _, iter};
use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE};
use tempfile::TempDir;

use super::fixtures::{ALL, answer, end, intent, planned, run, scored, task};
use super::tests_files::{Change, Failing, Watching};
use super::{Ledger, LedgerError, Reader};
use crate::judge::{Journal as _, JournalError, OutcomeName, Room};
use crate::sized;

/// How many tasks are under way at once.
const WIDTH: usize = 8;

/// In memory where there is such a place: thousands of states are made, and none need survive the machine.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Asks `items` tasks, `WIDTH` at a time, and tells when their intents and their ends were acknowledged.
fn ask_all(ledger: &Ledger, items: u64) -> Result<(), JournalError> {
    let ask = |number| async move {
        let task = task(number);
        let reservation = ledger.intent(intent(&task, Some(50))).await?;
        Watching::tell(Change::Sent(number));
        ledger.settle(reservation, end("answered", Some(20))).await?;
        ledger.conclude(&task, None, scored(3)).await?;
        Watching::tell(Change::Ended(number));
        Ok(())
    };
    run(async { iter(0..items).map(ask).buffer_unordered(WIDTH).collect::<Vec<_>>().await }).into_iter().collect()
}

/// A run of `items` tasks from its first byte to its close.
fn recorded(items: u64) -> Vec<Change> {
    let dir = scratch();
    let _watching = Watching::start(dir.path(), None);
    let ledger = planned(dir.path(), items);
    ask_all(&ledger, items).unwrap();
    ledger.close().unwrap();
    Watching::changes().0
}

/// A disk: what a process sees, and what has surely reached the platter.
#[derive(Debug, Clone, Default)]
struct Disk {
    now: BTreeMap<String, Vec<u8>>,
    synced: BTreeMap<String, Vec<u8>>,
    /// Changes of files since they were last synced.
    loose: Vec<Change>,
    sent: BTreeSet<u64>,
    ended: BTreeSet<u64>,
}

fn apply(files: &mut BTreeMap<String, Vec<u8>>, change: &Change) {
    match change {
        Change::Write { file, at, bytes } => {
            let content = files.entry(file.clone()).or_default();
            content.resize(content.len().max(at + bytes.len()), 0);
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        Change::Truncate { file, len } => files.entry(file.clone()).or_default().resize(*len, 0),
        Change::Delete { file } => _ = files.remove(file),
        Change::Sync { .. } | Change::Sent(_) | Change::Ended(_) => {}
    }
}

fn file_of(change: &Change) -> Option<&str> {
    match change {
        Change::Write { file, .. } | Change::Truncate { file, .. } | Change::Sync { file } | Change::Delete { file } => Some(file),
        Change::Sent(_) | Change::Ended(_) => None,
    }
}

impl Disk {
    fn take(&mut self, change: &Change) {
        apply(&mut self.now, change);
        match change {
            Change::Sent(number) => _ = self.sent.insert(*number),
            Change::Ended(number) => _ = self.ended.insert(*number),
            // SQLite syncs the folder with it.
            Change::Delete { file } => {
                self.synced.remove(file);
                self.loose.retain(|loose| file_of(loose) != Some(file));
            }
            Change::Sync { file } => {
                self.synced.insert(file.clone(), self.now.get(file).cloned().unwrap_or_default());
                self.loose.retain(|loose| file_of(loose) != Some(file));
            }
            Change::Write { .. } | Change::Truncate { .. } => self.loose.push(change.clone()),
        }
    }

    /// The files when the process dies within `change`, of whose bytes `written` arrive.
    fn torn(&self, change: &Change, written: usize) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.now.clone();
        if let Change::Write { file, at, bytes } = change {
            let bytes = bytes[..written.min(bytes.len())].to_vec();
            apply(&mut files, &Change::Write { file: file.clone(), at: *at, bytes });
        }
        files
    }

    /// The files after a power cut: of what was not synced only `kept` arrived, in whatever order.
    fn cut(&self, kept: impl Fn(usize) -> bool) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.synced.clone();
        self.loose.iter().enumerate().filter(|(position, _)| kept(*position)).for_each(|(_, change)| apply(&mut files, change));
        files
    }

    /// Opens what is left in a folder of its own.
    fn check(&self, files: &BTreeMap<String, Vec<u8>>, items: u64, what: &str) {
        let dir = scratch();
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let ledger = Ledger::open(dir.path(), &super::fixtures::info(&["mini"])).unwrap_or_else(|error| panic!("{what}: {error}"));
        let records = Reader::open(dir.path()).unwrap().records().unwrap_or_else(|error| panic!("{what}: {error}"));
        for number in &self.sent {
            assert!(records[*number as usize].attempts > 0, "{what}: the intent of task {number} is lost");
        }
        for number in &self.ended {
            assert_eq!(records[*number as usize].outcome, Some(OutcomeName::Scored), "{what}: the outcome of task {number} is lost");
        }
        assert!(self.sent.is_empty() || records.len() as u64 == items, "{what}");
        drop(ledger);
    }
}

/// Makes every state that a crash of one run of `items` tasks can leave and opens each; gives their number. Every write is torn in one of four ways, in turn
/// over its points and over `turn`s.
fn every_crash_point(items: u64, turn: usize) -> u64 {
    let changes = recorded(items);
    let (mut disk, mut states) = (Disk::default(), 0);
    for (point, change) in changes.iter().enumerate() {
        if let Change::Write { bytes, .. } = change {
            let written = [0, 1, bytes.len() / 2, 512][(point + turn) % 4];
            disk.check(&disk.torn(change, written), items, &format!("point {point}, {written} bytes of the write"));
            states += 1;
        }
        if matches!(change, Change::Sync { .. }) {
            let kept: [(&str, &dyn Fn(usize) -> bool); 4] = [
                ("nothing", &|_| false),
                ("the even ones", &|n| n % 2 == 0),
                ("the odd ones", &|n| n % 2 == 1),
                ("the last", &|n| n + 1 == disk.loose.len()),
            ];
            for (name, kept) in kept {
                disk.check(&disk.cut(kept), items, &format!("point {point}, power cut, of loose changes {name}"));
                states += 1;
            }
        }
        disk.take(change);
    }
    disk.check(&disk.now, items, "the end");
    assert_eq!(disk.ended.len() as u64, items);
    states + 1
}

#[test]
fn every_crash_point_opens_again_with_all_that_was_acknowledged() {
    let (wanted, mut states) = (sized(1_000, 200_000), 0);
    for turn in 0.. {
        states += every_crash_point(200, turn);
        if states >= wanted {
            println!("{states} states of {} runs", turn + 1);
            return;
        }
        assert!(wanted > 1_000, "only {states} states");
    }
}

/// One run whose `at`-th change fails; `false` when it had none such.
fn fails_at(items: u64, failing: Failing) -> bool {
    let dir = scratch();
    let watching = Watching::start(dir.path(), Some(failing));
    let ended = Ledger::open(dir.path(), &super::fixtures::info(&["mini"])).and_then(|ledger| {
        super::fixtures::plan(&ledger, &super::fixtures::items(items), &super::fixtures::tasks(items))?;
        let asked = ask_all(&ledger, items).map_err(|error| LedgerError::Store(error.to_string()));
        asked.and(ledger.close())
    });
    let (changes, count) = Watching::changes();
    drop(watching);
    if count < failing.at {
        ended.unwrap();
        return false;
    }
    let sent: BTreeSet<u64> =
        changes.iter().filter_map(|change| if let Change::Sent(number) = change { Some(*number) } else { None }).collect();
    let ledger = planned(dir.path(), items);
    let records = Reader::open(dir.path()).unwrap().records().unwrap();
    for number in &sent {
        assert!(records[*number as usize].attempts > 0, "{failing:?}: task {number} was sent without a durable intent");
    }
    let again: Vec<_> = ledger.pending(ALL).unwrap();
    run(async { iter(&again).for_each_concurrent(WIDTH, |task| answer(&ledger, task)).await });
    ledger.close().unwrap();
    let records = Reader::open(dir.path()).unwrap().records().unwrap();
    assert!(records.iter().all(|record| record.outcome == Some(OutcomeName::Scored)) && records.len() as u64 == items, "{failing:?}");
    true
}

#[test]
fn every_write_and_sync_may_fail_and_the_run_resumes() {
    let items = sized(28, 400).max(28);
    let mut points = 0;
    for (code, stays) in [(SQLITE_FULL, true), (SQLITE_IOERR_WRITE, false), (SQLITE_IOERR_FSYNC, false)] {
        let mut at = 1;
        while fails_at(items, Failing { at, code, stays }) {
            at += 1;
        }
        points += at - 1;
    }
    println!("{points} points of failure");
    assert!(points > 500, "only {points} points");
}

/// Draws the next number below `most` (SplitMix64).
fn draw(state: &AtomicU64, most: u64) -> u64 {
    let mut z = state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) % most
}

/// One process of a run under a wall: 64 tasks at once, each billed anything up to its bound; every twentieth is left open, as by a crash.
fn spend(dir: &Path, items: u64, wall: u64, billed: &AtomicU64, state: &AtomicU64) {
    let ledger = planned(dir, items);
    ledger.set_budget(Some(wall)).unwrap();
    let pending = ledger.pending(ALL).unwrap();
    let ask = |task| {
        let ledger = &ledger;
        async move {
            let bound = 1 + draw(state, 1_000);
            if ledger.reserve(bound).await.unwrap() != Room::Held {
                return;
            }
            let reservation = ledger.intent(intent(task, Some(bound))).await.unwrap();
            let cost = draw(state, bound + 1);
            let total = billed.fetch_add(cost, Ordering::SeqCst) + cost;
            assert!(total <= wall, "{total} of {wall} micro-dollars are billed");
            if draw(state, 20) > 0 {
                ledger.settle(reservation, end("answered", Some(cost))).await.unwrap();
                ledger.conclude(task, None, scored(4)).await.unwrap();
            }
        }
    };
    run(async { iter(&pending).map(ask).buffer_unordered(64).collect::<Vec<()>>().await });
}

#[test]
fn the_wall_stands_in_every_run_and_after_every_crash() {
    let (runs, items) = (sized(200, 10_000), 100);
    let (mut paid, mut walls) = (0, 0);
    for number in 0..runs {
        let (dir, billed, state) = (scratch(), AtomicU64::new(0), AtomicU64::new(number));
        let wall = items * 50 + draw(&state, items * 150);
        for _ in 0..3 {
            spend(dir.path(), items, wall, &billed, &state);
        }
        paid += billed.into_inner();
        walls += wall;
    }
    assert!(paid > walls / 2, "{paid} of {walls} micro-dollars: the walls were hardly reached");
}
