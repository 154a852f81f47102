//! Files that are either the old or the new version, whatever happens in between.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that is being written.
pub type Out = dyn Write + Send;

/// Replaces the file at `path` by what `write` writes, and returns what that returns: a temporary file beside it, fsync, rename, fsync of the folder.
/// A reader sees the old file or the new one, never a part, also after power loss. One writer per path at a time. `failed` makes an error of what the
/// file system says. A link of that name is itself replaced, and not followed: folders of runs come from others, too.
pub fn replace_file<T, E>(path: &Path, failed: impl Fn(io::Error) -> E, write: impl FnOnce(&mut Out) -> Result<T, E>) -> Result<T, E> {
    let mut name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?.to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let written = write_synced(&temporary, &failed, write);
    let written = written.and_then(|done| fs::rename(&temporary, path).map(|()| done).map_err(&failed));
    if written.is_err() {
        // The first error is the one to tell; a leftover is overwritten next time.
        let _ = fs::remove_file(&temporary);
    }
    let done = written?;
    sync_folder(path.parent().unwrap_or(Path::new("."))).map(|()| done).map_err(failed)
}

/// Writes to the place that a user named: a file is replaced as by [`replace_file`], behind whatever links lead to it, and they stay; what is no regular
/// file (a pipe, a device) stays what it is, and is written through.
pub fn write_file<T, E>(path: &Path, failed: impl Fn(io::Error) -> E, write: impl FnOnce(&mut Out) -> Result<T, E>) -> Result<T, E> {
    let kind = match fs::metadata(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        found => found.ok().map(|found| found.file_type()),
    };
    if kind.is_none_or(|kind| kind.is_file() || kind.is_dir()) {
        return replace_file(&behind_links(path).map_err(&failed)?, failed, write);
    }
    let mut writer = BufWriter::new(OpenOptions::new().write(true).open(path).map_err(&failed)?);
    let done = write(&mut writer)?;
    writer.flush().map(|()| done).map_err(failed)
}

/// So many links in a row are followed, as by Linux.
const LINKS: usize = 40;

/// Where a path leads, also to a file that is not there yet.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            // No link, or nothing there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::ErrorKind::InvalidInput.into())
}

/// A new file at `path`. What stands there is a leftover of a process that was killed, or a link that somebody else laid: neither is written to.
pub(super) fn create_anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn write_synced<T, E>(path: &Path, failed: impl Fn(io::Error) -> E, write: impl FnOnce(&mut Out) -> Result<T, E>) -> Result<T, E> {
    let mut writer = BufWriter::new(create_anew(path).map_err(&failed)?);
    let done = write(&mut writer)?;
    let synced = writer.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    synced.map(|()| done).map_err(failed)
}

/// Makes folders beneath `dir`, which must be there: one that was moved away is not made anew.
pub(super) fn create_beneath(dir: &Path, folders: &Path) -> io::Result<()> {
    folders.iter().try_fold(dir.to_owned(), |above, name| {
        let folder = above.join(name);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(folder),
            made => made.map(|()| folder),
        }
    })?;
    Ok(())
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()?;
    #[cfg(test)]
    tests::SYNCED.with_borrow_mut(|synced| synced.push(folder.to_owned()));
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;
    use std::io;
    use std::path::PathBuf;

    use std::os::unix::fs::symlink;

    use super::{create_anew, replace_file, sync_folder, write_file};

    thread_local! {
        /// Folders that this thread synced.
        pub(in crate::ledger) static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    #[test]
    fn a_replaced_file_has_its_name_synced() {
        let dir = tempfile::tempdir().unwrap();
        SYNCED.take();
        replace_file(&dir.path().join("a"), told, |_| Ok(())).unwrap();
        assert_eq!(SYNCED.take(), [dir.path()]);
        symlink(dir.path().join("a"), dir.path().join("b")).unwrap();
        write_file(&dir.path().join("b"), told, |_| Ok(())).unwrap();
        assert_eq!(SYNCED.take(), [dir.path()]);
    }

    #[test]
    fn the_names_of_a_run_and_of_its_batches_are_synced() {
        let above = tempfile::tempdir().unwrap();
        let dir = above.path().join("run");
        SYNCED.take();
        let ledger = crate::ledger::fixtures::open(&dir);
        assert!(SYNCED.take().contains(&above.path().to_owned()), "the run's own name");
        let file = ledger.begin_batch("mini", "{}", false).unwrap();
        SYNCED.take();
        ledger.finish_batch(file).unwrap();
        assert_eq!(SYNCED.take(), [dir.join("batch")]);
    }

    fn told(error: io::Error) -> io::Error {
        error
    }

    #[test]
    fn what_a_user_names_stays_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("else")).unwrap();
        std::fs::write(at("else/old"), "old").unwrap();
        for (link, target) in [("link", "else/old"), ("chain", "link"), ("dangling", "else/new")] {
            symlink(target, at(link)).unwrap();
            write_file(&at(link), told, |out| out.write_all(link.as_bytes())).unwrap();
            assert!(at(link).symlink_metadata().unwrap().is_symlink(), "{link} was replaced");
            assert_eq!(std::fs::read_to_string(at(link)).unwrap(), link);
        }
        assert_eq!(std::fs::read_dir(at("else")).unwrap().count(), 2, "no litter beside the target");
        symlink("round", at("round")).unwrap();
        assert!(write_file(&at("round"), told, |_| Ok(())).is_err());
        let pipe = at("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        symlink("pipe", at("to_pipe")).unwrap();
        for name in ["pipe", "to_pipe"] {
            let reader = std::thread::spawn({
                let pipe = pipe.clone();
                move || std::fs::read_to_string(pipe).unwrap()
            });
            write_file(&at(name), told, |out| out.write_all(b"through")).unwrap();
            // Were it a file by now, nothing would come, and the thread be waited for in vain.
            assert!(std::os::unix::fs::FileTypeExt::is_fifo(&pipe.symlink_metadata().unwrap().file_type()), "{name} was replaced");
            assert_eq!(reader.join().unwrap(), "through");
        }
    }

    #[test]
    fn leftovers_and_links_of_others_are_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let (path, temporary, precious) = (dir.path().join("run.json"), dir.path().join("run.json.tmp"), dir.path().join("precious"));
        std::fs::write(&precious, "precious").unwrap();
        symlink(&precious, &temporary).unwrap();
        symlink(&precious, &path).unwrap();
        replace_file(&path, told, |out| out.write_all(b"new")).unwrap();
        assert_eq!(
            (std::fs::read_to_string(&precious).unwrap(), std::fs::read_to_string(&path).unwrap()),
            ("precious".into(), "new".into())
        );
        assert!(!path.is_symlink() && temporary.symlink_metadata().is_err());
        std::fs::write(&temporary, "left by a kill").unwrap();
        create_anew(&temporary).unwrap();
        assert_eq!(std::fs::read(&temporary).unwrap(), b"");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.json");
        replace_file(&path, told, |out| out.write_all(b"old")).unwrap();
        let failed = replace_file(&path, told, |out| {
            out.write_all(b"ne")?;
            Err::<(), _>(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let nowhere = replace_file(&path.join("beneath"), told, |_| Ok(()));
        assert_eq!(nowhere.unwrap_err().kind(), io::ErrorKind::NotADirectory);
        assert!(sync_folder(dir.path()).is_ok() && sync_folder(&path.join("none")).is_err(), "a folder that is not there cannot be synced");
    }
}
