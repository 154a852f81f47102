//! Sealed memory files, read in place: the kernel vouches that they never change or shrink.

#![expect(unsafe_code, reason = "maps a file")]

use std::fs::File;
use std::os::fd::AsRawFd as _;

/// Without these seals the bytes could change under a decoder, or go away and raise SIGBUS.
const SEALS: libc::c_int = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK;

/// A mapping of a whole sealed memory file.
#[derive(Debug)]
pub(crate) struct Sealed {
    start: *const u8,
    len: usize,
}

// SAFETY: nobody can write to these bytes, not even the kernel's other users of the file.
unsafe impl Send for Sealed {}
// SAFETY: as above.
unsafe impl Sync for Sealed {}

impl Sealed {
    /// Maps `file`; `None` when it is not sealed, empty, or shorter than `len`.
    pub(crate) fn new(file: &File, len: u64) -> Option<Self> {
        let fd = file.as_raw_fd();
        let len = usize::try_from(len).ok().filter(|len| *len > 0)?;
        // SAFETY: asks the kernel about a descriptor that is open.
        let seals = unsafe { libc::fcntl(fd, libc::F_GET_SEALS) };
        if seals < 0 || seals & SEALS != SEALS || file.metadata().ok()?.len() < len as u64 {
            return None;
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_POPULATE; // older kernels map no write-sealed file as shared
        // SAFETY: a new mapping, checked; the file has at least `len` bytes, for ever.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, flags, fd, 0) };
        (start != libc::MAP_FAILED).then_some(Self { start: start.cast(), len })
    }

    /// Its bytes.
    pub(crate) const fn bytes(&self) -> &[u8] {
        // SAFETY: mapped from `new` to `drop`, and never written to.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, unmapped once.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::FromRawFd as _;

    use super::*;

    fn memory_file(seals: libc::c_int) -> File {
        // SAFETY: a new descriptor, checked, and owned by the file.
        let mut file = unsafe {
            let fd = libc::memfd_create(c"test".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
            assert!(fd >= 0);
            File::from_raw_fd(fd)
        };
        file.write_all(b"sealed bytes").unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) }, 0);
        file
    }

    #[test]
    fn only_what_cannot_change_is_mapped() {
        let sealed = memory_file(SEALS | libc::F_SEAL_GROW);
        assert_eq!(Sealed::new(&sealed, 12).unwrap().bytes(), b"sealed bytes");
        assert!(Sealed::new(&sealed, 13).is_none(), "it has no more");
        assert!(Sealed::new(&sealed, 0).is_none());
        assert!(Sealed::new(&memory_file(libc::F_SEAL_WRITE), 12).is_none(), "it could shrink");
        assert!(Sealed::new(&memory_file(libc::F_SEAL_SHRINK), 12).is_none(), "it could be written to");
        let mut plain = tempfile::tempfile().unwrap();
        plain.write_all(b"plain").unwrap();
        assert!(Sealed::new(&plain, 5).is_none());
    }
}
