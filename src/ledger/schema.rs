//! The tables, and how a connection to them is set up.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::LedgerError;
use super::lock::lock;
use super::place::Sharing;

/// Name of the database in a run folder.
pub(super) const FILE: &str = "ledger.sqlite";

/// "TRIB": says whose database this is, in its header.
const APPLICATION_ID: i32 = 0x5452_4942;

/// Version of the tables. Raise it when they change, and add a step to `MIGRATIONS`.
const VERSION: i32 = 13;

/// Larger databases are not checked whole after a crash: the check reads every page, and SQLite's own recovery does not depend on it.
const CHECK_AT_MOST: u64 = 512 << 20;

/// Samplers: '' stands for none, since NULLs would not be unique. Costs are micro-dollars. `round` counts how often a task was reopened, `since` is the last attempt
/// of any task before that.
/// `charged` is what the attempt takes out of the budget: its upper bound while open, what it cost afterwards. `planned` is the digest of the last
/// plan that was written whole, empty while one is written, null where an earlier program wrote it.
const TABLES: &str = "
CREATE TABLE run (one INTEGER PRIMARY KEY CHECK (one = 1), info TEXT NOT NULL, clean INTEGER NOT NULL, planned TEXT);
CREATE TABLE items (
    item_id TEXT PRIMARY KEY, position INTEGER NOT NULL, digest TEXT NOT NULL, row TEXT NOT NULL,
    media_id TEXT, media TEXT, thumbs TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE INDEX items_position ON items (position);
CREATE TABLE parts (
    item_id TEXT NOT NULL REFERENCES items, sampler TEXT NOT NULL, rubric TEXT NOT NULL, judge TEXT NOT NULL,
    frames TEXT NOT NULL, chunks TEXT NOT NULL, fit TEXT,
    PRIMARY KEY (item_id, sampler, rubric, judge)
) WITHOUT ROWID;
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    item_id TEXT NOT NULL REFERENCES items, sampler TEXT NOT NULL, rubric TEXT NOT NULL, judge TEXT NOT NULL, repeat INTEGER NOT NULL,
    round INTEGER NOT NULL DEFAULT 0, verdict_id TEXT, outcome TEXT, detail TEXT, since INTEGER NOT NULL DEFAULT 0,
    UNIQUE (item_id, sampler, rubric, judge, repeat), CHECK ((outcome IS NULL) = (detail IS NULL))
);
CREATE INDEX tasks_pending ON tasks (id) WHERE outcome IS NULL;
CREATE INDEX tasks_verdict ON tasks (verdict_id) WHERE verdict_id IS NOT NULL;
CREATE TABLE bodies (
    body_digest TEXT PRIMARY KEY, body TEXT NOT NULL, head TEXT REFERENCES texts, tail TEXT REFERENCES texts
) WITHOUT ROWID;
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY, task INTEGER NOT NULL REFERENCES tasks, round INTEGER NOT NULL, attempt INTEGER NOT NULL,
    verdict_id TEXT NOT NULL, body_digest TEXT NOT NULL REFERENCES bodies, endpoint TEXT NOT NULL,
    reserved INTEGER, charged INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'settled')),
    class TEXT, status INTEGER, reply TEXT, estimated INTEGER, usage TEXT, served TEXT, cost INTEGER, latency_ms INTEGER,
    CHECK ((state = 'settled') = (class IS NOT NULL))
);
CREATE INDEX attempts_task ON attempts (task);
CREATE INDEX attempts_verdict ON attempts (verdict_id) WHERE class = 'answered';
";

/// What the bodies of many requests begin and end with, each once: a body is a head, what is of its case alone, and a tail, and `requests` has it whole.
/// Bodies of earlier programs have neither head nor tail.
const TEXTS: &str = "
CREATE TABLE texts (digest TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE VIEW requests AS
    SELECT body_digest, coalesce(heads.text, '') || body || coalesce(tails.text, '') AS body FROM bodies
    LEFT JOIN texts AS heads ON heads.digest = head LEFT JOIN texts AS tails ON tails.digest = tail;
";

/// Batches: `settings` are the judge's, to read replies by; `token` is what our batch can be found by on the server. A request is a task's attempt in
/// a batch; a task without one of its own shares the reply of an equal request (`custom_id` is the verdict's id, whatever a line says).
const BATCH_TABLES: &str = "
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL, judge TEXT NOT NULL, settings TEXT NOT NULL, online INTEGER NOT NULL, file TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('filling', 'ready', 'creating', 'sent', 'ended')), file_id TEXT, batch_id TEXT, since INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS batch_requests (
    id INTEGER PRIMARY KEY, custom_id TEXT NOT NULL, task INTEGER NOT NULL REFERENCES tasks, batch INTEGER REFERENCES batches,
    attempt INTEGER UNIQUE REFERENCES attempts, reading TEXT, CHECK ((attempt IS NULL) = (batch IS NULL))
);
CREATE INDEX IF NOT EXISTS batch_requests_id ON batch_requests (custom_id);
CREATE INDEX IF NOT EXISTS batch_requests_batch ON batch_requests (batch);
";

/// The `custom_id` that an attempt has in its file, which no other attempt has; null where an earlier program wrote the verdict's id there.
const BATCH_LINES: &str = "
ALTER TABLE batch_requests ADD COLUMN line TEXT;
CREATE UNIQUE INDEX batch_requests_line ON batch_requests (line);
";

/// Tokens in by kind, as the published rules say; null where an earlier program wrote their sum alone (`estimated`).
const KINDS: &str = "ALTER TABLE attempts ADD COLUMN kinds TEXT; ALTER TABLE sentinel_attempts ADD COLUMN kinds TEXT;";

/// Which attempts of other tasks a task has its replies from, for it asked the same.
const SHARED: &str = "
CREATE TABLE shared (
    task INTEGER NOT NULL REFERENCES tasks, round INTEGER NOT NULL, attempt INTEGER NOT NULL REFERENCES attempts,
    PRIMARY KEY (task, round, attempt)
) WITHOUT ROWID;
";

/// Earlier programs did not write that down: it is taken to be every reply of another judge to an equal request that a task did not get one to itself,
/// unless an equal task of its own judge got one.
const SHARED_BEFORE: &str = "
INSERT OR IGNORE INTO shared SELECT mine.id, mine.round, theirs.id
FROM attempts AS theirs JOIN tasks AS asked ON asked.id = theirs.task AND asked.round = theirs.round
CROSS JOIN tasks AS mine ON mine.verdict_id = theirs.verdict_id AND mine.judge <> asked.judge
WHERE theirs.class = 'answered' AND theirs.id > mine.since
    AND NOT EXISTS (SELECT 1 FROM attempts AS own
        WHERE own.task = mine.id AND own.round = mine.round AND own.class = 'answered' AND own.body_digest = theirs.body_digest)
    AND NOT EXISTS (SELECT 1 FROM tasks AS twin JOIN attempts AS own ON own.task = twin.id AND own.class = 'answered'
        WHERE twin.verdict_id = mine.verdict_id AND twin.judge = mine.judge AND twin.id <> mine.id);
";

/// What takes the tables from version 1 to 2, 2 to 3, ...
const MIGRATIONS: [&str; 12] = [
    "
ALTER TABLE parts ADD COLUMN fit TEXT;
ALTER TABLE attempts ADD COLUMN estimated INTEGER;
ALTER TABLE attempts ADD COLUMN usage TEXT;
ALTER TABLE attempts ADD COLUMN served TEXT;
UPDATE attempts SET usage = json_object('input', input_tokens, 'output', output_tokens) WHERE output_tokens IS NOT NULL;
ALTER TABLE attempts DROP COLUMN input_tokens;
ALTER TABLE attempts DROP COLUMN output_tokens;
CREATE INDEX tasks_verdict ON tasks (verdict_id) WHERE outcome = 'scored';
",
    super::sentinel::TABLES,
    BATCH_TABLES,
    "
DROP INDEX IF EXISTS tasks_verdict;
CREATE INDEX tasks_verdict ON tasks (verdict_id) WHERE verdict_id IS NOT NULL;
",
    "ALTER TABLE run ADD COLUMN planned TEXT; CREATE INDEX items_position ON items (position);",
    "ALTER TABLE bodies ADD COLUMN head TEXT REFERENCES texts; ALTER TABLE bodies ADD COLUMN tail TEXT REFERENCES texts;",
    TEXTS,
    BATCH_LINES,
    "
ALTER TABLE tasks ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE tasks SET since = coalesce((SELECT max(id) FROM attempts WHERE task = tasks.id AND attempts.round < tasks.round), 0) WHERE round > 0;
CREATE INDEX attempts_verdict ON attempts (verdict_id) WHERE class = 'answered';
",
    KINDS,
    SHARED,
    SHARED_BEFORE,
];

/// Opens the database for its one writer, makes it if need be, and checks it when the last writer did not close it.
pub(super) fn open_writer(dir: &Path) -> Result<Connection, LedgerError> {
    let path = dir.join(FILE);
    if !holds_anything(&path) {
        refuse_a_second_first_run(dir)?;
    }
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, Sharing::at(dir))?;
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;")?;
    if version(&connection)?.is_none() {
        refuse_a_second_first_run(dir)?;
        log_ahead(&connection, &path)?;
        let header = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};");
        let sentinels = super::sentinel::TABLES;
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} {TEXTS} {sentinels} {BATCH_TABLES} {BATCH_LINES} {KINDS} {SHARED} {header} COMMIT;"
        ))?;
    } else if !is_clean(&connection) {
        check(&connection, &path)?;
    }
    migrate(&connection)?;
    // A write that failed while the tables were made may have left them without the log.
    log_ahead(&connection, &path)?;
    Ok(connection)
}

/// What only a run leaves in its folder. None of it is there before the tables are durable: `run.json` is written after the first row of theirs.
const TRACES: [&str; 4] = ["run.json", "verdicts.jsonl", "thumbs", "batch"];

/// What in `dir` shows that a run was recorded there, whatever became of its database.
pub(super) fn trace(dir: &Path) -> Option<&'static str> {
    TRACES.into_iter().find(|name| dir.join(name).symlink_metadata().is_ok())
}

/// All that the lost tables knew would be asked and paid for once more, and what is left of them overwritten.
fn refuse_a_second_first_run(dir: &Path) -> Result<(), LedgerError> {
    trace(dir).map_or(Ok(()), |trace| Err(LedgerError::Gone { dir: dir.to_owned(), trace }))
}

fn holds_anything(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() > 0)
}

/// Has the database written by way of a write-ahead log, from now on and for good.
fn log_ahead(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(LedgerError::Store(format!("{}: this file system cannot hold a write-ahead log; choose another folder", path.display())))
}

/// Opens the file; alone where nothing can be shared, which must be said before the log is first touched.
fn connect(path: &Path, flags: OpenFlags, sharing: Sharing) -> Result<Connection, LedgerError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    if sharing == Sharing::Alone {
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE")?;
    }
    Ok(connection)
}

/// Takes the tables of an earlier program to this version, each step whole or not at all.
fn migrate(connection: &Connection) -> Result<(), LedgerError> {
    let found = version(connection)?.unwrap_or(VERSION);
    for (step, from) in MIGRATIONS.iter().zip(1..).filter(|(_, from)| *from >= found) {
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {step} PRAGMA user_version = {}; COMMIT;", from + 1))?;
    }
    Ok(())
}

/// Opens the database to read it; where nothing can be shared, that waits for its writer to end. Where the folder cannot be written (a read-only copy), SQLite cannot make its shared memory; without a
/// write-ahead log there is nothing to share, so the file is then read as it lies.
pub(super) fn open_reader(dir: &Path) -> Result<Connection, LedgerError> {
    let path = dir.join(FILE);
    if !holds_anything(&path) {
        refuse_a_second_first_run(dir)?;
    }
    if !path.is_file() {
        return Err(LedgerError::Store(format!("{}: no run is recorded in this folder", dir.display())));
    }
    let sharing = Sharing::at(dir);
    let flags = match sharing {
        Sharing::SharedIndex => OpenFlags::SQLITE_OPEN_READ_ONLY,
        // Whoever reads alone takes the writer's place, with an index of the log of its own.
        Sharing::Alone => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    if connect(&path, flags, sharing).and_then(|found| version(&found)).is_ok_and(is_earlier) {
        bring_up_to_date(dir)?;
    }
    let shared = connect(&path, flags, sharing).and_then(begin);
    match shared {
        Err(LedgerError::Store(_)) if !has_log(&path) => open_unchanging(&path).and_then(begin),
        other => other,
    }
}

/// Gives an earlier program's tables this version's form, while no other process has the run. Where the folder cannot be written, they stay as they are.
fn bring_up_to_date(dir: &Path) -> Result<(), LedgerError> {
    match lock(dir) {
        Ok(_held) => open_writer(dir).map(drop),
        Err(error) if error.io_kind().is_some_and(|kind| matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn has_log(path: &Path) -> bool {
    let log = path.with_extension("sqlite-wal");
    log.metadata().is_ok_and(|log| log.len() > 0)
}

fn open_unchanging(path: &Path) -> Result<Connection, LedgerError> {
    use std::fmt::Write as _;
    let path = std::path::absolute(path).map_err(|error| LedgerError::io(path, &error))?;
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(*byte)),
            // Writing to a string cannot fail.
            other => _ = write!(uri, "%{other:02x}"),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(uri, flags)?)
}

/// Holds one snapshot for the connection's life, so that all that is read belongs together.
fn begin(connection: Connection) -> Result<Connection, LedgerError> {
    connection.execute_batch("BEGIN")?;
    match version(&connection)? {
        Some(VERSION) => Ok(connection),
        Some(_) => Err(LedgerError::Store(format!(
            "{FILE} was written by an earlier version of this program, and its folder cannot be written to bring it up to date"
        ))),
        None => Err(LedgerError::Store(format!("{FILE}: no run is recorded in it yet"))),
    }
}

/// The tables' version; `None` when there are none yet.
fn version(connection: &Connection) -> Result<Option<i32>, LedgerError> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0));
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (pragma("application_id")?, pragma("user_version")?) {
        (0, 0) if tables == 0 => Ok(None),
        (APPLICATION_ID, version) if version > VERSION => Err(LedgerError::Newer(version.unsigned_abs())),
        (APPLICATION_ID, version) => Ok(Some(version)),
        _ => Err(LedgerError::Store(format!("{FILE} belongs to another program"))),
    }
}

fn is_earlier(version: Option<i32>) -> bool {
    version.is_some_and(|version| version < VERSION)
}

/// Whether the last writer closed the database. Where even that cannot be read, the check tells more.
fn is_clean(connection: &Connection) -> bool {
    connection.query_row("SELECT clean FROM run", [], |row| row.get(0)).unwrap_or(false)
}

fn check(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    if path.metadata().is_ok_and(|file| file.len() > CHECK_AT_MOST) {
        return Ok(());
    }
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).unwrap_or_else(|error| error.to_string());
    if found == "ok" {
        return Ok(());
    }
    Err(LedgerError::Damaged { file: path.display().to_string(), problem: found })
}

#[cfg(test)]
mod tests {
    use super::{Connection, FILE, LedgerError, lock, open_reader, open_unchanging, open_writer};

    #[test]
    fn a_newer_or_foreign_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        open_writer(dir.path()).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(matches!(open_writer(dir.path()), Err(LedgerError::Newer(99))));
        assert!(matches!(open_reader(dir.path()), Err(LedgerError::Newer(99))));
        Connection::open(dir.path().join(FILE)).unwrap().execute_batch("PRAGMA application_id = 5").unwrap();
        assert!(open_writer(dir.path()).unwrap_err().to_string().contains("another program"));
    }

    #[test]
    fn the_tables_of_an_earlier_program_are_brought_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        let columns = |connection: &Connection| -> Vec<String> {
            let mut statement = connection.prepare("SELECT name || ' ' || type FROM pragma_table_info('attempts') ORDER BY name").unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let fresh = columns(&open_writer(tempfile::tempdir().unwrap().path()).unwrap());
        let old = open_writer(dir.path()).unwrap();
        old.execute_batch(
            "DROP VIEW requests; DROP TABLE texts; DROP TABLE shared; ALTER TABLE bodies DROP COLUMN head; ALTER TABLE bodies DROP COLUMN tail;
             ALTER TABLE tasks DROP COLUMN since; DROP INDEX attempts_verdict; DROP TABLE batch_requests; DROP TABLE batches; DROP INDEX tasks_verdict; DROP INDEX items_position; ALTER TABLE run DROP COLUMN planned; ALTER TABLE parts DROP COLUMN fit; ALTER TABLE attempts DROP COLUMN estimated; ALTER TABLE attempts DROP COLUMN kinds; ALTER TABLE sentinel_attempts DROP COLUMN kinds;
             ALTER TABLE attempts DROP COLUMN usage; ALTER TABLE attempts DROP COLUMN served;
             ALTER TABLE attempts ADD COLUMN input_tokens INTEGER; ALTER TABLE attempts ADD COLUMN output_tokens INTEGER;
             PRAGMA foreign_keys = OFF; PRAGMA user_version = 1;
             INSERT INTO attempts (task, round, attempt, verdict_id, body_digest, endpoint, charged, input_tokens, output_tokens)
             VALUES (1, 0, 1, 'v', 'b', 'e', 0, 7, 3); INSERT INTO bodies VALUES ('b', 'whole');",
        )
        .unwrap();
        drop(old);
        drop(open_reader(dir.path()).unwrap());
        let new = open_writer(dir.path()).unwrap();
        assert_eq!(columns(&new), fresh);
        let usage: String = new.query_row("SELECT usage FROM attempts", [], |row| row.get(0)).unwrap();
        assert_eq!(usage, r#"{"input":7,"output":3}"#);
        let body: String = new.query_row("SELECT body FROM requests WHERE body_digest = 'b'", [], |row| row.get(0)).unwrap();
        assert_eq!(body, "whole", "it was not cut");
        let batches: i64 = new.query_row("SELECT count(*) FROM batches", [], |row| row.get(0)).unwrap();
        assert_eq!(batches, 0);
    }

    #[test]
    fn a_run_from_before_the_sentinel_gets_its_tables() {
        let dir = tempfile::tempdir().unwrap();
        let old = open_writer(dir.path()).unwrap();
        old.execute_batch(
            "DROP VIEW requests; DROP TABLE texts; DROP TABLE shared; ALTER TABLE bodies DROP COLUMN head; ALTER TABLE bodies DROP COLUMN tail;
             ALTER TABLE attempts DROP COLUMN kinds;
             ALTER TABLE tasks DROP COLUMN since; DROP INDEX attempts_verdict; DROP TABLE batch_requests; DROP TABLE batches; DROP TABLE sentinel_attempts; DROP TABLE sentinels; DROP INDEX items_position; ALTER TABLE run DROP COLUMN planned;
             PRAGMA user_version = 2;",
        )
        .unwrap();
        drop(old);
        let rows = |connection: &Connection| connection.query_row("SELECT count(*) FROM sentinel_attempts", [], |row| row.get::<_, i64>(0));
        assert_eq!(rows(&open_reader(dir.path()).unwrap()), Ok(0));
    }

    #[test]
    fn who_reads_changes_no_tables_under_another_process() {
        let dir = tempfile::tempdir().unwrap();
        let open = open_writer(dir.path()).unwrap();
        open.execute_batch("DROP TABLE shared; PRAGMA user_version = 11").unwrap();
        drop(open);
        let held = lock(dir.path()).unwrap();
        assert!(matches!(open_reader(dir.path()), Err(LedgerError::Locked(_))));
        drop(held);
        open_reader(dir.path()).unwrap();
    }

    #[test]
    fn damage_is_found_after_an_unclean_stop() {
        let dir = tempfile::tempdir().unwrap();
        drop(open_writer(dir.path()).unwrap());
        let path = dir.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        // The second page becomes nonsense; the first, with the header, stays.
        bytes[4096..4200].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        let message = open_writer(dir.path()).unwrap_err().to_string();
        assert!(message.contains(".recover"), "{message}");
    }

    #[test]
    fn a_run_whose_ledger_is_gone_is_not_begun_anew() {
        for trace in ["run.json", "verdicts.jsonl", "thumbs", "batch"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(FILE);
            std::fs::write(dir.path().join(trace), "{}").unwrap();
            let refused = |lost: &str| {
                for opened in [open_writer(dir.path()), open_reader(dir.path())] {
                    assert!(matches!(&opened, Err(LedgerError::Gone { trace: told, .. }) if *told == trace), "{trace}, {lost}: {opened:?}");
                }
            };
            refused("no file");
            assert!(!path.exists(), "nothing is made in its place");
            std::fs::write(&path, "").unwrap();
            refused("an empty file");
            assert_eq!(path.metadata().unwrap().len(), 0);
        }
        // What a kill leaves of the first moment: a file without tables, and nothing else.
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "").unwrap();
        drop(open_writer(dir.path()).unwrap());
        // A file with a header and no tables, such as one whose log was taken away.
        let bare = tempfile::tempdir().unwrap();
        Connection::open(bare.path().join(FILE))
            .unwrap()
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE a (b); DROP TABLE a")
            .unwrap();
        std::fs::write(bare.path().join("run.json"), "{}").unwrap();
        assert!(matches!(open_writer(bare.path()), Err(LedgerError::Gone { .. })));
    }

    #[test]
    fn a_file_that_never_changes_is_read_whatever_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("a b?c#d%20 가");
        std::fs::create_dir(&odd).unwrap();
        drop(open_writer(&odd).unwrap());
        let tables = |connection: Connection| connection.query_row("SELECT count(*) FROM tasks", [], |row| row.get::<_, i64>(0));
        assert_eq!(tables(open_unchanging(&odd.join(FILE)).unwrap()), Ok(0));
    }
}
