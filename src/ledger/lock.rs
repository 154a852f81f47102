//! One writer per folder.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::LedgerError;

/// A lock that is held until it is dropped, or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock(File);

/// Takes the run for this process.
pub(super) fn lock(dir: &Path) -> Result<Lock, LedgerError> {
    let path = dir.join("ledger.lock");
    take_lock(&path).map_err(|error| LedgerError::io(&path, &error))?.ok_or_else(|| LedgerError::Locked(dir.to_owned()))
}

/// Takes what `path` stands for; `None`: another process has it. The file itself stays, since deleting it would let two processes lock two files
/// of one name.
pub(crate) fn take_lock(path: &Path) -> std::io::Result<Option<Lock>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Lock(file))),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Drop for Lock {
    /// Not left to the closing of the file: a process that another thread is just starting holds a copy of it until it runs its own program.
    fn drop(&mut self) {
        // What cannot be unlocked is closed all the same.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::take_lock;

    #[test]
    fn a_lock_ends_with_its_holder_though_a_copy_of_its_file_lives_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = take_lock(&path).unwrap().unwrap();
        let _copy = held.0.try_clone().unwrap();
        assert!(take_lock(&path).unwrap().is_none());
        drop(held);
        assert!(take_lock(&path).unwrap().is_some());
    }
}
