//! What can go wrong with a run folder.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::schema::FILE;

/// The ledger could not be opened, read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The folder holds another experiment; the changes by name.
    #[error("this run folder holds another experiment: {0}")]
    Changed(String),
    /// Another process has the run.
    #[error("{}: another process is writing this run; wait until it has ended, or name another folder with -o", .0.display())]
    Locked(PathBuf),
    /// Written by a newer version.
    #[error("the run was written by a newer version (schema {0})")]
    Newer(u32),
    /// A setting that the run keeps is not what this program knows under its name.
    #[error("ledger.sqlite: the run's setting `{key}` cannot be read: {problem}")]
    Setting {
        /// The setting.
        key: String,
        /// Why.
        problem: String,
    },
    /// The folder shows that there was a run, and its database is gone, empty or without tables.
    #[error(
        "{}: {trace} shows that a run was recorded here, but its ledger.sqlite is gone or empty, and all that was paid for with it; \
         put the ledger back, or name another folder with -o", dir.display()
    )]
    Gone {
        /// The run folder.
        dir: PathBuf,
        /// What the run left.
        trace: &'static str,
    },
    /// The database is no longer one that SQLite can read.
    #[error(
        "{file} is damaged ({problem}); keep a copy of the folder, then repair the file with `sqlite3 ledger.sqlite .recover`, or start a new \
         run folder with -o"
    )]
    Damaged {
        /// The database.
        file: String,
        /// What SQLite says.
        problem: String,
    },
    /// SQLite failed, or what it holds makes no sense.
    #[error("{0}")]
    Store(String),
    /// The file system failed.
    #[error("{message}")]
    Io {
        /// What, and where.
        message: String,
        /// How.
        kind: std::io::ErrorKind,
    },
}

impl LedgerError {
    /// A file system error with the path it befell.
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Io { message: format!("{}: {error}", path.display()), kind: error.kind() }
    }

    /// What SQLite says of the database `file`.
    pub(super) fn sqlite(file: &str, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { file: file.to_owned(), problem: error.to_string() }
            }
            _ => Self::Store(format!("ledger.sqlite: {error}")),
        }
    }

    /// Names the damaged file with its folder.
    #[must_use]
    pub fn within(self, dir: &Path) -> Self {
        match self {
            Self::Damaged { problem, .. } => Self::Damaged { file: dir.join(FILE).display().to_string(), problem },
            other => other,
        }
    }

    /// Whether the database can be read no more: repeating does not mend it.
    pub const fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// How the file system failed, if it did.
    pub const fn io_kind(&self) -> Option<std::io::ErrorKind> {
        if let Self::Io { kind, .. } = self { Some(*kind) } else { None }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::sqlite(FILE, &error)
    }
}

impl From<serde_json::Error> for LedgerError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(format!("a row of the ledger: {error}"))
    }
}
