//! What the file system of a run folder can be trusted with.

use std::path::Path;

/// How processes that have the database open at once would come to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// By an index of the write-ahead log in shared memory: readers look on while the writer is at it.
    SharedIndex,
    /// Not at all: whoever opens it has it alone. Shared memory is not shared between the machines of a network, and many file systems in user
    /// space have none (<https://sqlite.org/wal.html#noshm>).
    Alone,
}

/// Magic numbers (statfs(2), linux/magic.h and the file systems' own headers) of file systems whose memory maps are not, or not always, one for all.
const REMOTE: [u64; 16] = [
    0x6969,      // NFS
    0x517B,      // SMB
    0xFF53_4D42, // CIFS
    0xFE53_4D42, // SMB 2 and 3
    0x6573_5546, // FUSE, virtiofs
    0x0102_1997, // 9P
    0x00C3_6400, // Ceph
    0x5346_414F, // AFS
    0x6B41_4653, // AFS of the kernel
    0x7375_7245, // Coda
    0x564C,      // NCP
    0x0BD0_0BD0, // Lustre
    0x4750_4653, // GPFS
    0x1983_0326, // BeeGFS
    0x7461_636F, // OCFS2
    0x786F_4256, // VirtualBox shared folders
];

impl Sharing {
    /// What the file system at `dir` allows. Where even that cannot be asked, opening the database says more.
    pub(super) fn at(dir: &Path) -> Self {
        #[cfg(test)]
        if tests::FORCED.get() {
            return Self::Alone;
        }
        // The kernel's type is signed on some machines and 32 bits wide on others.
        rustix::fs::statfs(dir).map_or(Self::SharedIndex, |found| Self::of(u64::from(found.f_type as u32)))
    }

    fn of(magic: u64) -> Self {
        if REMOTE.contains(&magic) { Self::Alone } else { Self::SharedIndex }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::Sharing;
    use crate::judge::OutcomeName;
    use crate::ledger::fixtures::{ALL, answer, items, open, plan, run, task, tasks};
    use crate::ledger::{Ledger, LedgerError, Reader};

    thread_local! {
        /// Makes every folder that this thread opens one of a network.
        pub(super) static FORCED: Cell<bool> = const { Cell::new(false) };
    }

    #[test]
    fn networks_and_user_space_are_told_by_their_magic() {
        for remote in [0x6969, 0xFF53_4D42, 0x6573_5546, 0x0102_1997] {
            assert_eq!(Sharing::of(remote), Sharing::Alone, "{remote:x}");
        }
        // ext4, XFS, Btrfs, tmpfs, overlayfs, ZFS.
        for local in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1] {
            assert_eq!(Sharing::of(local), Sharing::SharedIndex, "{local:x}");
        }
        assert_eq!(Sharing::at(std::path::Path::new("/proc")), Sharing::SharedIndex);
    }

    #[test]
    fn a_run_without_shared_memory_is_written_alone_survives_a_crash_and_is_read() {
        FORCED.set(true);
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        plan(&ledger, &items(3), &tasks(3)).unwrap();
        run(answer(&ledger, &task(0)));
        assert!(dir.path().join("ledger.sqlite-wal").is_file() && !dir.path().join("ledger.sqlite-shm").exists());
        // What the writer itself must read, it can.
        assert_eq!(ledger.facts().unwrap().tasks().len(), 3);
        assert!(ledger.recalled("mini").unwrap().1.is_empty());
        let other = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                FORCED.set(true);
                Ledger::open(dir.path(), &crate::ledger::fixtures::info(&["mini"])).map(drop)
            });
            other.join().unwrap()
        });
        assert!(matches!(other, Err(LedgerError::Locked(_))), "{other:?}");
        // What a crash leaves: the files as they lie while the writer is at it.
        let crashed = tempfile::tempdir().unwrap();
        for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
            std::fs::copy(dir.path().join(name), crashed.path().join(name)).unwrap();
        }
        drop(ledger);
        let dir = crashed;
        assert_eq!(Reader::open(dir.path()).unwrap().records().unwrap().len(), 3);
        let again = open(dir.path());
        assert_eq!(again.pending(ALL).unwrap(), [task(1), task(2)]);
        run(async {
            answer(&again, &task(1)).await;
            answer(&again, &task(2)).await;
        });
        again.close().unwrap();
        let records = Reader::open(dir.path()).unwrap().records().unwrap();
        assert!(records.iter().all(|record| record.outcome == Some(OutcomeName::Scored) && record.attempts == 1));
        assert!(!dir.path().join("ledger.sqlite-shm").exists());
    }
}
