//! Opens an asset so that the bytes hashed are the bytes decoded.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, ResolveFlags, SealFlags, fcntl_add_seals, memfd_create, openat, openat2};
use rustix::io::Errno;
use tribunal_media::Digest;

use crate::sandbox::Failure;

/// Up to this many bytes are copied into a sealed memfd; above, a copy costs six times the hash, so the file is hashed twice.
pub const COPY_LIMIT: u64 = 32 << 20;

/// Bytes read at once.
const CHUNK: usize = 256 << 10;

/// How often an open that raced with a rename is tried.
const OPEN_TRIES: u32 = 16;

/// Why an asset gives no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    /// Stable code: a media reason code, a worker's, or `missing`, `unreadable`, `outside`, `not_regular`, `changed`, `no_resources`, `no_source`.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Rejected {
    /// Whether this machine failed, not the asset: the item stays pending and the run stops.
    pub fn is_ours(&self) -> bool {
        matches!(self.reason.as_str(), "no_worker" | NO_RESOURCES | UNWRITTEN | NO_SOURCE)
    }

    /// Whether there is no such file, for whatever reason.
    pub fn is_missing(&self) -> bool {
        matches!(self.reason.as_str(), MISSING | NO_SOURCE)
    }

    /// Whether it may be that the whole source went away, and not this file.
    pub(crate) fn may_be_all(&self) -> bool {
        matches!(self.reason.as_str(), MISSING | IO)
    }

    /// The folder of the source is not where it was when the source was opened.
    pub(crate) fn no_source(folder: &Path) -> Self {
        let folder = folder.display();
        Self::new(
            NO_SOURCE,
            format!(
                "{folder}: the folder of the source was moved, removed or unmounted; put it back, then the same command goes on from here"
            ),
        )
    }

    fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into() }
    }

    /// Something beside the asset could not be read.
    pub(crate) fn ours(message: impl Into<String>) -> Self {
        Self::new(NO_RESOURCES, message)
    }

    /// Parts could not be put away.
    pub(super) fn unshelved(error: &io::Error) -> Self {
        Self::new(UNWRITTEN, format!("a part could not be written: {error}"))
    }

    /// Neither its bytes nor its name say what it is.
    pub(super) fn unknown(message: String) -> Self {
        Self::new("not_media", message)
    }

    fn changed() -> Self {
        Self::new("changed", "the file changed while it was read")
    }
}

impl From<Failure> for Rejected {
    fn from(Failure { reason, message }: Failure) -> Self {
        Self { reason, message }
    }
}

impl From<io::Error> for Rejected {
    fn from(error: io::Error) -> Self {
        Self::new(reason_of(&error), error.to_string())
    }
}

/// No file has this name.
const MISSING: &str = "missing";

/// No file of the source can be found any more.
const NO_SOURCE: &str = "no_source";

/// The file system failed.
const IO: &str = "io";

/// This machine ran out of descriptors or memory, or cannot read a run, which says nothing of the asset.
const NO_RESOURCES: &str = "no_resources";

/// What was decoded could not be written.
const UNWRITTEN: &str = "unwritten";

fn reason_of(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::NOSYS) => NO_RESOURCES,
        Some(Errno::ACCESS | Errno::PERM) => "unreadable",
        _ => IO,
    }
}

/// An error of the file system at a path.
fn failed(path: &Path, error: Errno) -> Rejected {
    let error = io::Error::from(error);
    Rejected::new(reason_of(&error), format!("{}: {error}", path.display()))
}

/// An open input and the digest of its bytes.
#[derive(Debug)]
pub(super) struct Input {
    /// What the worker gets: a sealed copy, or the file itself when it is large.
    pub(super) file: File,
    /// Length in bytes.
    pub(super) len: u64,
    /// Digest of the bytes.
    pub(super) media_id: Digest,
    /// Set when `file` is not a sealed copy.
    stamp: Option<Stamp>,
}

/// What of a file changes when its bytes do.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let facts = file.metadata()?;
        Ok(Self { len: facts.len(), modified: (facts.mtime(), facts.mtime_nsec()), changed: (facts.ctime(), facts.ctime_nsec()) })
    }
}

impl Input {
    /// A text that is in memory.
    pub(super) fn text(text: &str) -> Result<Self, Rejected> {
        let mut copy = memfd().map_err(uncopied)?;
        copy.write_all(text.as_bytes()).map_err(uncopied)?;
        Ok(Self { file: seal(copy)?, len: text.len() as u64, media_id: Digest::of(text.as_bytes()), stamp: None })
    }

    /// A regular file of at most `limit` bytes.
    pub(super) fn file(file: File, limit: u64) -> Result<Self, Rejected> {
        Self::read(file, limit, COPY_LIMIT)
    }

    fn read(file: File, limit: u64, copy_limit: u64) -> Result<Self, Rejected> {
        let len = regular(&file)?;
        if len > limit {
            return Err(Rejected::new("over_limit", format!("source bytes is {len}, over the limit of {limit}")));
        }
        let stamp = Stamp::of(&file)?;
        if len > copy_limit {
            let media_id = hash(&file, len, |_| Ok(()))?;
            return Ok(Self { file, len, media_id, stamp: Some(stamp) });
        }
        let mut copy = memfd().map_err(uncopied)?;
        let media_id = hash(&file, len, |bytes| copy.write_all(bytes).map_err(uncopied))?;
        // Writers that changed the file meanwhile may have left a mixture of old and new in the copy.
        if Stamp::of(&file)? != stamp {
            return Err(Rejected::changed());
        }
        Ok(Self { file: seal(copy)?, len, media_id, stamp: None })
    }

    /// After decoding: whether the bytes decoded were the bytes hashed.
    pub(super) fn verify(&self) -> Result<(), Rejected> {
        let Some(stamp) = &self.stamp else { return Ok(()) };
        // Time stamps tick coarsely and can be set back; the second hash cannot be fooled.
        if Stamp::of(&self.file)? != *stamp || hash(&self.file, self.len, |_| Ok(()))? != self.media_id {
            return Err(Rejected::changed());
        }
        Ok(())
    }
}

/// Opens `path` below `root` without following links out of it, or any link at all.
pub(super) fn open_beneath(root: &Path, path: &Path) -> Result<File, Rejected> {
    let name = path.display();
    let folder = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(|error| match error {
        Errno::NOENT | Errno::NOTDIR => Rejected::new(MISSING, format!("{}: no such folder", root.display())),
        error => failed(root, error),
    })?;
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut opened = Err(Errno::AGAIN);
    for _ in 0..OPEN_TRIES {
        opened = openat2(&folder, path, flags, Mode::empty(), how);
        if !matches!(opened, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    match opened {
        Ok(fd) => Ok(fd.into()),
        Err(Errno::NOENT | Errno::NOTDIR) => Err(Rejected::new(MISSING, format!("{name}: no such file"))),
        // Some containers refuse the call itself, which is no fault of the file; a file system may refuse the file.
        Err(Errno::PERM)
            if openat2(&folder, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), how).is_err_and(|error| error == Errno::PERM) =>
        {
            Err(Rejected::ours("this machine refuses the system call openat2, without which no file is opened safely"))
        }
        Err(Errno::XDEV) => Err(Rejected::new("outside", format!("{name}: leads out of the folder"))),
        Err(Errno::LOOP) => Err(Rejected::new("outside", format!("{name}: a symbolic link, and links are not followed"))),
        Err(Errno::NXIO | Errno::NODEV) => Err(not_regular()),
        Err(error) => Err(failed(path, error)),
    }
}

/// Opens a file that the user named; links are followed.
pub(super) fn open_named(path: &Path) -> Result<File, Rejected> {
    // Without NONBLOCK a pipe would wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(CWD, path, flags, Mode::empty()) {
        Ok(fd) => Ok(fd.into()),
        Err(Errno::NOENT | Errno::NOTDIR) => Err(Rejected::new(MISSING, format!("{}: no such file", path.display()))),
        Err(Errno::NXIO | Errno::NODEV) => Err(not_regular()),
        Err(error) => Err(failed(path, error)),
    }
}

/// Length in bytes of a regular file.
pub(super) fn regular(file: &File) -> Result<u64, Rejected> {
    let facts = file.metadata()?;
    if facts.is_file() { Ok(facts.len()) } else { Err(not_regular()) }
}

fn not_regular() -> Rejected {
    Rejected::new("not_regular", "not a regular file")
}

/// Hashes exactly `len` bytes, handing each chunk to `each`; a file of another length has changed.
fn hash(file: &File, len: u64, mut each: impl FnMut(&[u8]) -> Result<(), Rejected>) -> Result<Digest, Rejected> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        let read = match file.read_at(&mut buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        offset += read as u64;
        if offset > len || (read == 0 && offset < len) {
            return Err(Rejected::changed());
        }
        if read == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&buffer[..read]);
        each(&buffer[..read])?;
    }
}

/// A copy in memory that could not be made, as where files may not grow (`ulimit -f`), says nothing of the asset.
#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` calls")]
fn uncopied(error: io::Error) -> Rejected {
    Rejected::ours(format!("it could not be copied to memory: {error}"))
}

fn memfd() -> io::Result<File> {
    Ok(memfd_create("asset", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?.into())
}

fn seal(file: File) -> io::Result<File> {
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn reason(result: Result<impl std::fmt::Debug, Rejected>) -> String {
        result.unwrap_err().reason
    }

    #[test]
    fn only_regular_files_beneath_the_root_open() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("sub/a"), "a").unwrap();
        fs::write(folder.path().join("secret"), "s").unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink("sub/a", root.join("in")).unwrap();
        let open = |path: &str| open_beneath(&root, Path::new(path)).and_then(|file| Input::file(file, 100));
        assert_eq!(open("sub/a").unwrap().media_id, Digest::of(b"a"));
        assert_eq!(open("sub/../sub/a").unwrap().len, 1);
        assert_eq!(reason(open("sub/b")), "missing");
        assert_eq!(reason(open("../secret")), "outside");
        assert_eq!(reason(open(folder.path().join("secret").to_str().unwrap())), "outside");
        assert_eq!(reason(open("out")), "outside");
        assert_eq!(reason(open("in")), "outside");
        assert_eq!(reason(open("sub")), "not_regular");
        assert_eq!(reason(open_named(Path::new("/dev/null")).and_then(|file| regular(&file))), "not_regular");
        assert_eq!(reason(open_beneath(&folder.path().join("none"), Path::new("a"))), "missing");
    }

    #[test]
    fn a_machine_without_descriptors_is_no_fault_of_the_asset() {
        let ours = |errno: Errno| Rejected::from(io::Error::from(errno)).is_ours();
        assert!(ours(Errno::MFILE) && ours(Errno::NOMEM) && failed(Path::new("a"), Errno::NFILE).is_ours());
        assert!(ours(Errno::NOSYS), "a container knows no such call");
        assert!(uncopied(Errno::FBIG.into()).is_ours());
        assert!(!ours(Errno::IO) && !ours(Errno::ACCESS) && !ours(Errno::PERM), "one file stops no run");
    }

    #[test]
    fn a_pipe_neither_blocks_nor_opens() {
        let folder = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
        assert!(made.success());
        assert_eq!(reason(open_beneath(folder.path(), Path::new("pipe")).and_then(|file| regular(&file))), "not_regular");
        assert_eq!(reason(open_named(&folder.path().join("pipe")).and_then(|file| regular(&file))), "not_regular");
    }

    #[test]
    fn small_inputs_are_sealed_copies() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        let input = Input::file(file.try_clone().unwrap(), 100).unwrap();
        file.write_all(b" and after").unwrap();
        let mut bytes = [0; 6];
        input.file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!((&bytes, input.len, input.media_id), (b"before", 6, Digest::of(b"before")));
        assert!(input.file.write_at(b"x", 0).is_err(), "sealed");
        assert_eq!(input.verify(), Ok(()));
        assert_eq!(reason(Input::file(file, 15)), "over_limit");
        assert!(Input::text("t").unwrap().file.write_at(b"x", 0).is_err(), "sealed");
    }

    #[test]
    fn a_large_file_that_changes_is_noticed() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let open = || Input::read(file.try_clone().unwrap(), 100, 4).unwrap();
        assert_eq!(open().media_id, Digest::of(b"0123456789"));
        assert_eq!(open().verify(), Ok(()));
        let input = open();
        let times = fs::FileTimes::new().set_modified(file.metadata().unwrap().modified().unwrap());
        file.write_at(b"x", 3).unwrap();
        file.set_times(times).unwrap();
        assert_eq!(reason(input.verify()), "changed");
        let input = open();
        file.set_len(8).unwrap();
        assert_eq!(reason(input.verify()), "changed");
    }
}
