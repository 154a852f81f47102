//! Files that are either the old or the new version, whatever happens in between.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A file that is being written.
pub type Out = dyn Write + Send;

/// Replaces the file at `path` by what `write` writes, and returns what that returns: a temporary file beside it, fsync, rename, fsync of the folder.
/// A reader sees the old file or the new one, never a part, also after power loss. One writer per path at a time. `failed` makes an error of what the
/// file system says.
pub fn replace_file<T, E>(path: &Path, failed: impl Fn(io::Error) -> E, write: impl FnOnce(&mut Out) -> Result<T, E>) -> Result<T, E> {
    let mut name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?.to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let written = write_synced(&temporary, &failed, write);
    let written = written.and_then(|done| std::fs::rename(&temporary, path).map(|()| done).map_err(&failed));
    if written.is_err() {
        // The first error is the one to tell; a leftover is overwritten next time.
        let _ = std::fs::remove_file(&temporary);
    }
    let done = written?;
    sync_folder(path.parent().unwrap_or(Path::new("."))).map(|()| done).map_err(failed)
}

fn write_synced<T, E>(path: &Path, failed: impl Fn(io::Error) -> E, write: impl FnOnce(&mut Out) -> Result<T, E>) -> Result<T, E> {
    let mut writer = BufWriter::new(File::create(path).map_err(&failed)?);
    let done = write(&mut writer)?;
    let synced = writer.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    synced.map(|()| done).map_err(failed)
}

/// Makes folders beneath `dir`, which must be there: one that was moved away is not made anew.
pub(super) fn create_beneath(dir: &Path, folders: &Path) -> io::Result<()> {
    folders.iter().try_fold(dir.to_owned(), |above, name| {
        let folder = above.join(name);
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(folder),
            made => made.map(|()| folder),
        }
    })?;
    Ok(())
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{replace_file, sync_folder};

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.json");
        let told = |error: io::Error| error;
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
