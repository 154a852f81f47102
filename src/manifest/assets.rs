//! Files beneath a source's folder: whether they exist and may be used, and what their first bytes are.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, open, openat, statat};
use rustix::io::Errno;
use tribunal_media::{Format, Modality, Source, Tracks};

/// Extensions that make a file of a folder an item, lower case. What the bytes are is asked of the bytes.
const EXTENSIONS: [(Modality, &[&str]); 4] = [
    (Modality::Text, &["txt", "md"]),
    (Modality::Image, &["apng", "avif", "bmp", "gif", "heic", "heif", "jfif", "jp2", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp"]),
    (
        Modality::Video,
        &[
            "264", "265", "3g2", "3gp", "asf", "avi", "f4v", "flv", "h264", "h265", "hevc", "ivf", "m1v", "m2t", "m2ts", "m2v", "m4v",
            "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "qt", "ts", "vob", "webm", "wmv",
        ],
    ),
    (
        Modality::Audio,
        &[
            "aac", "ac3", "aif", "aiff", "amr", "au", "caf", "eac3", "flac", "m4a", "mka", "mp2", "mp3", "oga", "ogg", "opus", "w64",
            "wav", "weba", "wma",
        ],
    ),
];

/// How many bytes are enough to recognise a format.
const HEAD: u64 = 4096;

/// The modality that a file's name promises.
pub(super) fn extension_modality(path: &Path) -> Option<Modality> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    EXTENSIONS.iter().find(|(_, known)| known.contains(&extension.as_str())).map(|(modality, _)| *modality)
}

/// Whether the files that a manifest names must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// One that is not there is a fault of the manifest.
    Needed,
    /// What was made of them may be enough.
    MayBeGone,
}

/// An open folder beneath which every asset must lie.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    files: Files,
}

impl Root {
    pub(super) fn open(folder: &Path, files: Files) -> io::Result<Self> {
        Ok(Self { folder: open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?, files })
    }

    /// The first bytes of a regular file beneath the folder, none of one that may be gone and is; the message says why there are none.
    ///
    /// Each step is taken from an open folder and follows no link, so nothing outside can be reached.
    pub(super) fn head(&self, path: &Path) -> Result<Vec<u8>, String> {
        let mut file = match self.file(path) {
            Err(problem) if problem == GONE && self.files == Files::MayBeGone => return Ok(Vec::new()),
            found => found?,
        };
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

    /// What a regular file beneath the folder lists, if it is a container.
    pub(super) fn tracks(&self, path: &Path) -> Tracks {
        let source = self.file(path).ok().and_then(|file| Some((file.metadata().ok()?.len(), file)));
        source.map_or_else(Tracks::default, |(len, file)| tribunal_media::tracks(&Source::file(file, len)))
    }

    fn file(&self, path: &Path) -> Result<File, String> {
        let steps = steps(path)?;
        let (name, folders) = steps.split_last().ok_or("is empty")?;
        let mut folder = None;
        for step in folders {
            let here = folder.as_ref().unwrap_or(&self.folder);
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = Some(openat(here, *step, flags, Mode::empty()).map_err(|error| explain(here, step, error))?);
        }
        let here = folder.as_ref().unwrap_or(&self.folder);
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

const GONE: &str = "does not exist";

const LINK: &str = "is a symbolic link; links are not followed, put the file itself there";

fn explain(folder: &OwnedFd, name: &std::ffi::OsStr, error: Errno) -> String {
    let is_link =
        statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
    match error {
        _ if is_link => LINK.to_owned(),
        Errno::NOENT | Errno::NOTDIR => GONE.to_owned(),
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
/// Text proves nothing here, nor does SVG, which is text too: an error page saved as `.jpg` stays an image and is rejected
/// when it is decoded. A container that may hold pictures or sound is what it lists; its name counts only where it lists neither.
pub(super) fn modality(declared: Option<Modality>, path: &Path, head: &[u8], listed: impl FnOnce() -> Tracks) -> Result<Modality, String> {
    let found = tribunal_media::sniff(head);
    let medium = found.filter(|format| format.modality != Modality::Text && format.name != "svg");
    let named = extension_modality(path);
    let by_name = |medium: Format| named.filter(|named| may_be(*named, medium)).unwrap_or(medium.modality);
    match (declared, medium) {
        (Some(declared), Some(medium)) if !may_be(declared, medium) => {
            Err(format!("is declared {declared} but its bytes are {} ({})", medium.modality, medium.name))
        }
        (Some(declared), _) => Ok(declared),
        (None, Some(medium)) if medium.ambiguous => Ok(match listed() {
            Tracks { pictures: true, .. } => Modality::Video,
            Tracks { sound: true, .. } => Modality::Audio,
            Tracks { .. } => by_name(medium),
        }),
        (None, Some(medium)) => Ok(by_name(medium)),
        (None, None) => named.or(found.map(|format| format.modality)).ok_or_else(|| "is of an unknown kind; add `modality`".to_owned()),
    }
}

/// What a file of a folder is taken for that nobody declared anything of; the message says why that is unknown.
pub fn taken_for(path: &Path, source: &Source) -> Result<Modality, String> {
    let head = source.head(HEAD as usize).map_err(|error| format!("cannot be read: {error}"))?;
    modality(None, path, &head, || tribunal_media::tracks(source))
}

fn may_be(wanted: Modality, found: Format) -> bool {
    wanted == found.modality || (found.ambiguous && matches!(wanted, Modality::Audio | Modality::Video))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2";

    #[test]
    fn bytes_decide_and_names_only_settle_what_bytes_leave_open() {
        use Modality::{Audio, Image, Text, Video};
        for (declared, name, head, expected) in [
            (None, "a.jpg", PNG, Ok(Image)),
            (None, "a.txt", PNG, Ok(Image)),
            (None, "a.m4a", MP4, Ok(Audio)),
            (None, "a.bin", MP4, Ok(Video)),
            (None, "a.jpg", b"just words", Ok(Image)),
            (None, "a.jpg", b"", Ok(Image)),
            (None, "a.bin", b"just words", Ok(Text)),
            (None, "a.txt", b"<svg xmlns='x'/>", Ok(Text)),
            (Some(Text), "a", b"<svg xmlns='x'/>", Ok(Text)),
            (Some(Image), "a", b"<html>not found</html>", Ok(Image)),
            (Some(Audio), "a.mp4", MP4, Ok(Audio)),
            (None, "a.bin", b"\x93\x01\x02\0\0\0", Err("unknown kind")),
            (Some(Video), "a.mp4", PNG, Err("is declared video but its bytes are image (png)")),
            (Some(Text), "a.txt", PNG, Err("is declared text but its bytes are image (png)")),
        ] {
            match (modality(declared, Path::new(name), head, Tracks::default), expected) {
                (Ok(found), expected) => assert_eq!(Ok(found), expected, "{name}"),
                (Err(message), expected) => assert!(message.contains(expected.unwrap_err()), "{name}: {message}"),
            }
        }
    }

    #[test]
    fn a_container_is_what_it_lists_whatever_its_name_says() {
        use Modality::{Audio, Image, Video};
        let listing = |sound, pictures| move || Tracks { sound, pictures };
        for name in ["a.mp4", "a.mp3", "a.wav", "a.m4a"] {
            assert_eq!(modality(None, Path::new(name), MP4, listing(true, false)), Ok(Audio), "{name}");
            assert_eq!(modality(None, Path::new(name), MP4, listing(true, true)), Ok(Video), "{name}");
        }
        assert_eq!(modality(Some(Video), Path::new("a.mp4"), MP4, listing(true, false)), Ok(Video));
        assert_eq!(modality(None, Path::new("a.mp4"), PNG, listing(true, false)), Ok(Image), "not asked of what is no container");
    }

    #[test]
    fn only_regular_files_beneath_the_folder_are_read() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        std::fs::create_dir(here.join("sub")).unwrap();
        std::fs::write(here.join("sub/a"), "inside").unwrap();
        symlink(outside.path(), here.join("out")).unwrap();
        symlink(here.join("sub/a"), here.join("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, here.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let root = Root::open(here, Files::Needed).unwrap();
        assert_eq!(root.head(Path::new("sub/a")).unwrap(), b"inside");
        assert_eq!(root.head(Path::new("./sub/./a")).unwrap(), b"inside");
        let absolute = outside.path().join("secret");
        for (path, problem) in [
            ("nothing", "does not exist"),
            ("sub/a/b", "does not exist"),
            ("sub", "is a folder"),
            ("pipe", "is no regular file"),
            ("link", "is a symbolic link"),
            ("out/secret", "is a symbolic link"),
            ("sub/../sub/a", "leaves the folder"),
            ("a\0b", "holds a NUL"),
            ("", "is empty"),
            (absolute.to_str().unwrap(), "is absolute"),
        ] {
            let message = root.head(Path::new(path)).unwrap_err();
            let lenient = Root::open(here, Files::MayBeGone).unwrap().head(Path::new(path));
            assert_eq!(lenient.is_ok(), message == GONE, "{path}: only what is not there may be gone");
            assert!(message.contains(problem), "{path}: {message}");
        }
        assert!(root.read(Path::new("sub/a"), 5).unwrap_err().contains("longer than 5"));
        assert_eq!(root.read(Path::new("sub/a"), 6).unwrap(), b"inside");
    }
}
