//! What can go wrong with a run folder.

use std::path::{Path, PathBuf};

/// The ledger could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
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

    /// How the file system failed, if it did.
    pub const fn io_kind(&self) -> Option<std::io::ErrorKind> {
        if let Self::Io { kind, .. } = self { Some(*kind) } else { None }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(format!("ledger.sqlite: {error}"))
    }
}

impl From<serde_json::Error> for LedgerError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(format!("a row of the ledger: {error}"))
    }
}
