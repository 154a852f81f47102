//! What every command shares: the settings file, the output mode and the exit codes.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tribunal::config::Config;

/// Shared by all commands.
#[derive(Debug)]
pub(crate) struct Context {
    /// One JSON object on stdout and nothing else.
    pub(crate) json: bool,
    /// tribunal.toml.
    pub(crate) config: Config,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Done, but some tasks ended otherwise than scored, safely_blocked, abstained.
    Unclean = 1,
    /// Usage, config or manifest error; nothing was spent.
    Usage = 2,
    /// A gate was missed.
    Gate = 3,
    /// Stopped early and resumable.
    Stopped = 4,
}

/// A command that could not go on.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened, to what, and what to do.
    pub(crate) message: String,
    /// Its exit code.
    pub(crate) exit: Exit,
}

impl Failure {
    /// A usage, config or manifest error.
    #[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` calls")]
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self { message: message.to_string(), exit: Exit::Usage }
    }

    /// The run stopped and can be resumed.
    #[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` calls")]
    pub(crate) fn stopped(message: impl ToString) -> Self {
        Self { message: message.to_string(), exit: Exit::Stopped }
    }

    /// Why the reports of `run` were not written: its ledger cannot be read, which repeating does not mend, or a file could not be written.
    pub(crate) fn unreported(run: &Path, error: &tribunal::report::Error) -> Self {
        if error.is_damaged() { Self::usage(format!("{}: {error}", run.display())) } else { Self::stopped(error) }
    }

    /// Why a file or folder could not be written: it cannot be at all, or not now.
    pub(crate) fn unwritten(path: &Path, error: &std::io::Error) -> Self {
        Self::of_files(format!("{}: {error}", path.display()), error.kind())
    }

    /// The same, where the `message` says which file or folder.
    pub(crate) fn of_files(message: impl Display, kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ResourceBusy | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::usage(message),
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
                Self::usage(format!("{message}; name another place"))
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Self::stopped(format!("{message}; free some space or choose another place, then repeat"))
            }
            _ => Self::stopped(format!("{message}; repeat when this is mended")),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Context {
    /// Reads the settings file: the one named, else ./tribunal.toml when there is one.
    pub(crate) fn new(json: bool, config: Option<&Path>) -> Result<Self, Failure> {
        let here = Path::new("tribunal.toml");
        let path = config.or_else(|| here.is_file().then_some(here));
        let config = path.map_or_else(|| Ok(Config::default()), Config::load).map_err(Failure::usage)?;
        Ok(Self { json, config })
    }
}

/// Where the embedded judge's weights are kept: `$TRIBUNAL_MODEL`, else `tribunal/open-nsfw.onnx` in the user's cache folder.
pub(crate) fn model_path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    set("TRIBUNAL_MODEL").or_else(|| cache().map(|cache| cache.join("tribunal/open-nsfw.onnx")))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::path::Path;

    use super::{Exit, Failure};

    #[test]
    fn what_may_not_be_written_is_not_short_of_space() {
        for (kind, exit, advice) in [
            (ErrorKind::PermissionDenied, Exit::Usage, false),
            (ErrorKind::NotFound, Exit::Usage, false),
            (ErrorKind::ResourceBusy, Exit::Usage, false),
            (ErrorKind::StorageFull, Exit::Stopped, true),
            (ErrorKind::Other, Exit::Stopped, false),
        ] {
            let failure = Failure::unwritten(Path::new("out"), &kind.into());
            assert_eq!((failure.exit, failure.message.contains("free some space")), (exit, advice), "{kind:?}");
        }
    }
}
