//! Files beneath a source's folder: whether they exist and may be used, and what their first bytes are.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, open, openat, statat};
use rustix::io::Errno;
use tribunal_media::Modality;

/// Extensions that make a file of a folder an item, lower case. What the bytes are is asked of the bytes.
const EXTENSIONS: [(Modality, &[&str]); 4] = [
    (Modality::Text, &["txt", "md"]),
    (Modality::Image, &["apng", "avif", "bmp", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp"]),
    (
        Modality::Video,
        &["3g2", "3gp", "asf", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "webm", "wmv"],
    ),
    (Modality::Audio, &["aac", "aif", "aiff", "amr", "caf", "flac", "m4a", "mka", "mp3", "oga", "ogg", "opus", "wav", "wma"]),
];

/// How many bytes are enough to recognise a format.
const HEAD: u64 = 4096;

/// The modality that a file's name promises.
pub(super) fn extension_modality(path: &Path) -> Option<Modality> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    EXTENSIONS.iter().find(|(_, known)| known.contains(&extension.as_str())).map(|(modality, _)| *modality)
}

/// An open folder beneath which every asset must lie.
#[derive(Debug)]
pub(super) struct Root(OwnedFd);

impl Root {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self(open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// The first bytes of a regular file beneath the folder; the message says why there are none.
    ///
    /// Each step is taken from an open folder and follows no link, so nothing outside can be reached.
    pub(super) fn head(&self, path: &Path) -> Result<Vec<u8>, String> {
        let mut file = self.file(path)?;
        let mut head = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut head).map_err(|error| format!("cannot be read: {error}"))?;
        Ok(head)
    }

    /// The whole of a regular file beneath the folder, when it is no longer than `limit` bytes.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        self.file(path)?.take(limit + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
        if bytes.len() as u64 > limit { Err(format!("is longer than {limit} bytes")) } else { Ok(bytes) }
    }

    fn file(&self, path: &Path) -> Result<File, String> {
        let steps = steps(path)?;
        let (name, folders) = steps.split_last().ok_or("is empty")?;
        let mut folder = None;
        for step in folders {
            let here = folder.as_ref().unwrap_or(&self.0);
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = Some(openat(here, *step, flags, Mode::empty()).map_err(|error| explain(here, step, error))?);
        }
        let here = folder.as_ref().unwrap_or(&self.0);
        // Asked before opening, because opening a device or a pipe may already do something.
        let kind = statat(here, *name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| explain(here, name, error))?;
        regular(kind.st_mode)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(here, *name, flags, Mode::empty()).map_err(|error| explain(here, name, error))?;
        // And again of what was opened, which nobody can exchange any more.
        regular(fstat(&file).map_err(|error| error.to_string())?.st_mode)?;
        Ok(File::from(file))
    }
}

fn regular(mode: rustix::fs::RawMode) -> Result<(), String> {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(LINK.to_owned()),
        FileType::Directory => Err("is a folder".to_owned()),
        _ => Err("is no regular file".to_owned()),
    }
}

const LINK: &str = "is a symbolic link; links are not followed, put the file itself there";

fn explain(folder: &OwnedFd, name: &std::ffi::OsStr, error: Errno) -> String {
    let is_link =
        statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
    match error {
        _ if is_link => LINK.to_owned(),
        Errno::NOENT | Errno::NOTDIR => "does not exist".to_owned(),
        Errno::ACCESS | Errno::PERM => "may not be read by this user".to_owned(),
        other => format!("cannot be opened: {other}"),
    }
}

/// The names to walk through; a path that could leave the folder is refused whatever it would reach.
fn steps(path: &Path) -> Result<Vec<&std::ffi::OsStr>, String> {
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err("holds a NUL character".to_owned());
    }
    let step = |component| match component {
        Component::Normal(name) => Some(Ok(name)),
        Component::CurDir => None,
        Component::ParentDir => Some(Err("leaves the folder with `..`".to_owned())),
        Component::RootDir | Component::Prefix(_) => Some(Err("is absolute; paths are relative to the manifest's folder".to_owned())),
    };
    path.components().filter_map(step).collect()
}

/// A path with `.` steps removed, for records.
pub(super) fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|component| *component != Component::CurDir).collect()
}

/// What a file is taken for: what the manifest declares, unless the bytes are a known medium of another kind.
///
/// Text proves nothing here: an error page saved as `.jpg` stays an image and is rejected when it is decoded. Video
/// containers may hold sound only, and Ogg may hold video, so those pairs wait for the decoder too.
pub(super) fn modality(declared: Option<Modality>, path: &Path, head: &[u8]) -> Result<Modality, String> {
    let found = tribunal_media::sniff(head).filter(|format| format.modality != Modality::Text);
    let named = extension_modality(path);
    match (declared, found) {
        (Some(declared), Some(found)) if declared != found.modality && !may_hold(declared, found) => {
            Err(format!("is declared {declared} but its bytes are {} ({})", found.modality, found.name))
        }
        (Some(declared), _) => Ok(declared),
        (None, Some(found)) if named.is_some_and(|named| may_hold(named, found)) => Ok(named.unwrap_or(found.modality)),
        (None, Some(found)) => Ok(found.modality),
        (None, None) if named.is_none() && tribunal_media::sniff(head).is_some() => Ok(Modality::Text),
        (None, None) => named.ok_or_else(|| "is of an unknown kind; add `modality`".to_owned()),
    }
}

fn may_hold(wanted: Modality, found: tribunal_media::Format) -> bool {
    match (wanted, found.modality) {
        (Modality::Audio, Modality::Video) => true,
        (Modality::Video, Modality::Audio) => found.name == "ogg",
        _ => false,
    }
}
