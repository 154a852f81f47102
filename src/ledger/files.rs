//! Files that are either the old or the new version, whatever happens in between.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Replaces the file at `path` by what `write` writes: a temporary file beside it, fsync, rename, fsync of the folder.
/// A reader sees the old file or the new one, never a part, also after power loss. One writer per path at a time.
pub fn replace_file(path: &Path, write: impl FnOnce(&mut (dyn Write + Send + 'static)) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let written = write_synced(&temporary, write).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell; a leftover is overwritten next time.
        let _ = std::fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder(path.parent().unwrap_or(Path::new("."))))
}

fn write_synced(path: &Path, write: impl FnOnce(&mut (dyn Write + Send + 'static)) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::new(File::create(path)?);
    write(&mut writer)?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
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
        replace_file(&path, |out| out.write_all(b"old")).unwrap();
        let failed = replace_file(&path, |out| {
            out.write_all(b"ne")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(sync_folder(dir.path()).is_ok() && sync_folder(&path.join("none")).is_err(), "a folder that is not there cannot be synced");
    }
}
