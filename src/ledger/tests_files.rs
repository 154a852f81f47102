//! SQLite's way to the files, watched: every change of a folder's files in order, and a chosen one that fails.

#![expect(unsafe_code, reason = "SQLite's file layer is a table of C functions")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::ffi::{
    SQLITE_OK, sqlite3_file, sqlite3_filename, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find, sqlite3_vfs_register,
};

/// What happens to a file, or is told by the test, in one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Write {
        file: String,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        len: usize,
    },
    Sync {
        file: String,
    },
    Delete {
        file: String,
    },
    /// Acknowledged to a caller: so far a task was intended, or ended.
    Sent(u64),
    Ended(u64),
}

/// Makes the `at`-th change of a file fail with `code`; with `stays`, all later ones too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failing {
    pub(super) at: usize,
    pub(super) code: c_int,
    pub(super) stays: bool,
}

#[derive(Debug, Default)]
struct Log {
    folder: String,
    changes: Vec<Change>,
    /// Changes of files so far.
    count: usize,
    failing: Option<Failing>,
}

/// Watches one folder while it lives; one at a time.
pub(super) struct Watching(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

static ONE: Mutex<()> = Mutex::new(());
static LOG: Mutex<Option<Log>> = Mutex::new(None);
/// Paths of open files, by the address of SQLite's handle.
static NAMES: Mutex<BTreeMap<usize, String>> = Mutex::new(BTreeMap::new());
static REAL: OnceLock<Real> = OnceLock::new();
static METHODS: OnceLock<Methods> = OnceLock::new();
/// By the address of each of its tables of functions: the same with three of them replaced. Never freed.
static REPLACED: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// SQLite's own layer; it lives as long as the process.
struct Real(*mut sqlite3_vfs);
/// Its functions for open files: databases have other locks than logs, but all are written in one way.
struct Methods(sqlite3_io_methods);

// SAFETY: tables of functions that are never written to after they were made; SQLite calls them from any thread.
unsafe impl Send for Real {}
unsafe impl Sync for Real {}
unsafe impl Send for Methods {}
unsafe impl Sync for Methods {}

impl Watching {
    pub(super) fn start(folder: &Path, failing: Option<Failing>) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        register();
        *log() = Some(Log { folder: format!("{}/", folder.display()), failing, ..Log::default() });
        Self(one)
    }

    pub(super) fn tell(change: Change) {
        if let Some(log) = log().as_mut() {
            log.changes.push(change);
        }
    }

    /// The changes so far, and how many of them were changes of files.
    pub(super) fn changes() -> (Vec<Change>, usize) {
        log().as_ref().map(|log| (log.changes.clone(), log.count)).unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        *log() = None;
    }
}

fn log() -> MutexGuard<'static, Option<Log>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Once per process, for connections opened from then on; those of other tests only pass through.
fn register() {
    REAL.get_or_init(|| {
        // SAFETY: SQLite gives its default layer, which lives for ever; the copy is leaked and so does too.
        unsafe {
            let real = sqlite3_vfs_find(std::ptr::null());
            let ours =
                sqlite3_vfs { zName: c"watched".as_ptr(), xOpen: Some(open), xDelete: Some(delete), pNext: std::ptr::null_mut(), ..*real };
            assert_eq!(sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1), SQLITE_OK);
            Real(real)
        }
    });
}

/// Notes a change of a watched file, or says how it fails.
fn note(path: Option<&str>, change: impl FnOnce(String) -> Change) -> Result<(), c_int> {
    let mut log = log();
    let Some(log) = log.as_mut() else { return Ok(()) };
    let Some(file) = path.and_then(|path| path.strip_prefix(&log.folder)) else { return Ok(()) };
    log.count += 1;
    if let Some(failing) = log.failing.filter(|failing| log.count == failing.at || (failing.stays && log.count > failing.at)) {
        return Err(failing.code);
    }
    log.changes.push(change(file.to_owned()));
    Ok(())
}

fn name_of(file: *mut sqlite3_file) -> Option<String> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner).get(&(file as usize)).cloned()
}

unsafe fn text(name: *const c_char) -> Option<String> {
    // SAFETY: SQLite's names end in zero.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

unsafe extern "C" fn open(_: *mut sqlite3_vfs, name: sqlite3_filename, file: *mut sqlite3_file, flags: c_int, out: *mut c_int) -> c_int {
    let Some(Real(real)) = REAL.get() else { return rusqlite::ffi::SQLITE_CANTOPEN };
    // SAFETY: the real layer's own function with the arguments that SQLite made for it; a file that was opened has a table of functions.
    unsafe {
        let code = (**real).xOpen.unwrap()(*real, name, file, flags, out);
        if code == SQLITE_OK && !(*file).pMethods.is_null() {
            let theirs = *(*file).pMethods;
            let Methods(first) = METHODS.get_or_init(|| Methods(theirs));
            assert_eq!(theirs.xWrite.map(|f| f as usize), first.xWrite.map(|f| f as usize), "one kind of file system");
            let mut replaced = REPLACED.lock().unwrap_or_else(PoisonError::into_inner);
            let ours = replaced.entry((*file).pMethods as usize).or_insert_with(|| {
                let ours = sqlite3_io_methods { xWrite: Some(write), xTruncate: Some(truncate), xSync: Some(sync), ..theirs };
                Box::into_raw(Box::new(ours)) as usize
            });
            (*file).pMethods = std::ptr::with_exposed_provenance(*ours);
            drop(replaced);
            let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
            match text(name) {
                Some(name) => names.insert(file as usize, name),
                None => names.remove(&(file as usize)),
            };
        }
        code
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    let Some(Real(real)) = REAL.get() else { return rusqlite::ffi::SQLITE_IOERR_DELETE };
    // SAFETY: as above.
    unsafe {
        match note(text(name).as_deref(), |file| Change::Delete { file }) {
            Ok(()) => (**real).xDelete.unwrap()(*real, name, sync_folder),
            Err(code) => code,
        }
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, len: c_int, at: sqlite3_int64) -> c_int {
    // SAFETY: SQLite hands over `len` bytes.
    let slice = || unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), len as usize) }.to_vec();
    match note(name_of(file).as_deref(), |file| Change::Write { file, at: at as usize, bytes: slice() }) {
        // SAFETY: the real function with SQLite's own arguments.
        Ok(()) => unsafe { METHODS.get().unwrap().0.xWrite.unwrap()(file, bytes, len, at) },
        Err(code) => code,
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, len: sqlite3_int64) -> c_int {
    match note(name_of(file).as_deref(), |file| Change::Truncate { file, len: len as usize }) {
        // SAFETY: as above.
        Ok(()) => unsafe { METHODS.get().unwrap().0.xTruncate.unwrap()(file, len) },
        Err(code) => code,
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    match note(name_of(file).as_deref(), |file| Change::Sync { file }) {
        // SAFETY: as above.
        Ok(()) => unsafe { METHODS.get().unwrap().0.xSync.unwrap()(file, flags) },
        Err(code) => code,
    }
}
