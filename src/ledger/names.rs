//! Whether a run folder still lies where it lay.

use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::lock::LOCK;
use super::place::Sharing;
use super::schema::FILE;

/// The names by which a ledger can be found again, and what each led to when it was opened. SQLite goes on writing into files that were moved or
/// removed, and nobody would find in there what is paid for.
#[derive(Debug)]
pub(super) struct Names {
    named: Vec<(PathBuf, Inode)>,
    /// Not on file systems of networks and in user space, which may number files anew: there only absence counts.
    numbered: bool,
}

/// Device and number of a file.
type Inode = (u64, u64);

impl Names {
    /// Of a ledger that is open, in `dir`.
    pub(super) fn of(dir: &Path) -> io::Result<Self> {
        let named = [dir.to_owned(), dir.join(LOCK), dir.join(FILE), dir.join(format!("{FILE}-wal"))];
        let named = named.into_iter().map(|path| inode(&path).map(|inode| (path, inode))).collect::<io::Result<_>>()?;
        Ok(Self { named, numbered: Sharing::at(dir) == Sharing::SharedIndex })
    }

    /// The first that is gone, or leads elsewhere. What cannot be looked at for another reason is taken to be there.
    pub(super) fn lost(&self) -> Option<&Path> {
        let is_lost = |(path, before): &&(PathBuf, Inode)| match inode(path) {
            Ok(now) => self.numbered && now != *before,
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        self.named.iter().find(is_lost).map(|(path, _)| path.as_path())
    }
}

fn inode(path: &Path) -> io::Result<Inode> {
    std::fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::Names;
    use crate::ledger::fixtures;

    #[test]
    fn what_leads_elsewhere_is_lost_and_on_networks_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = fixtures::open(dir.path());
        let [here, there] = [true, false].map(|numbered| Names { numbered, ..Names::of(dir.path()).unwrap() });
        assert!(here.numbered == Names::of(dir.path()).unwrap().numbered, "temporary files lie on this machine");
        assert_eq!((here.lost(), there.lost()), (None, None));
        // Written while the old one is there, so that it has another number.
        let (lock, new) = (dir.path().join("ledger.lock"), dir.path().join("new"));
        std::fs::write(&new, "").unwrap();
        std::fs::rename(&new, &lock).unwrap();
        assert_eq!((here.lost(), there.lost()), (Some(lock.as_path()), None));
        std::fs::remove_file(&lock).unwrap();
        assert_eq!((here.lost(), there.lost()), (Some(lock.as_path()), Some(lock.as_path())));
        drop(ledger);
    }
}
