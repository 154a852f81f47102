//! One writer per folder.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::LedgerError;

/// Name of the file that is locked in a run folder.
pub(super) const LOCK: &str = "ledger.lock";

/// A lock that is held until it is dropped, or the process ends, however it ends: on the file, and on its folder where that can be.
#[derive(Debug)]
pub(crate) struct Lock(Vec<File>);

/// Takes the run for this process.
pub(super) fn lock(dir: &Path) -> Result<Lock, LedgerError> {
    let path = dir.join(LOCK);
    take_lock(&path).map_err(|error| LedgerError::io(&path, &error))?.ok_or_else(|| LedgerError::Locked(dir.to_owned()))
}

/// Takes what `path` stands for; `None`: another process has it. The file itself stays, since deleting it would let two processes lock two files
/// of one name. Should somebody delete it all the same, the folder is still locked.
pub(crate) fn take_lock(path: &Path) -> std::io::Result<Option<Lock>> {
    let mut lock = Lock(Vec::new());
    // A folder that cannot be locked has the file alone: NFS locks only what is open for writing.
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => lock.0.push(folder),
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(_) => {}
        }
    }
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => lock.0.push(file),
        Err(Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    Ok(Some(lock))
}

impl Drop for Lock {
    /// Not left to the closing of the file: a process that another thread is just starting holds a copy of it until it runs its own program.
    fn drop(&mut self) {
        // What cannot be unlocked is closed all the same.
        self.0.iter().for_each(|file| _ = flock(file, FlockOperation::Unlock));
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
        let _copies: Vec<_> = held.0.iter().map(|file| file.try_clone().unwrap()).collect();
        assert!(take_lock(&path).unwrap().is_none());
        drop(held);
        assert!(take_lock(&path).unwrap().is_some());
    }

    #[test]
    fn a_lock_outlives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = take_lock(&path).unwrap().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(take_lock(&path).unwrap().is_none());
        drop(held);
        assert!(take_lock(&path).unwrap().is_some());
    }
}
