//! One writer per run folder.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::LedgerError;

/// Takes the run for this process until the file is dropped. The kernel lets go of it when the process ends, however it ends;
/// the file itself stays, since deleting it would let two processes lock two files of one name.
pub(super) fn lock(dir: &Path) -> Result<File, LedgerError> {
    let path = dir.join("ledger.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| LedgerError::io(&path, &error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(LedgerError::Locked),
        Err(error) => Err(LedgerError::io(&path, &error.into())),
    }
}
