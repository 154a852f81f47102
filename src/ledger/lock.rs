//! One writer per folder.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::LedgerError;

/// Takes the run for this process until the file is dropped.
pub(super) fn lock(dir: &Path) -> Result<File, LedgerError> {
    let path = dir.join("ledger.lock");
    take_lock(&path).map_err(|error| LedgerError::io(&path, &error))?.ok_or(LedgerError::Locked)
}

/// Takes what `path` stands for until the file is dropped; `None`: another process has it. The kernel lets go of it when the process ends,
/// however it ends; the file itself stays, since deleting it would let two processes lock two files of one name.
pub(crate) fn take_lock(path: &Path) -> std::io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
