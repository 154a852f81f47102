//! `tribunal prepare`: exactly what a judge would be sent.

use std::io::ErrorKind;
use std::path::Path;

use tribunal::pipeline::{self, PrepareError};

use super::context::{Context, Exit, Failure};
use super::open::{self, Keys};
use super::output;
use crate::cli::PrepareArgs;

/// Writes the parts of a source.
pub(crate) fn run(context: &Context, args: &PrepareArgs) -> Result<Exit, Failure> {
    let study = open::study(context, &args.source, &args.workers, None, Keys::Needed)?;
    open::require_folder(&args.output)?;
    let pool = open::pool(context, &args.workers)?;
    let done = pipeline::prepare(&study, &pool, &args.output).map_err(|error| match error {
        PrepareError::Folder(error) => refusal(&args.output, &error),
        PrepareError::Rows(error) => Failure::stopped(error),
    })?;
    if context.json {
        output::say_json(&done);
    } else {
        output::say(&format!(
            "{} items prepared: {} parts, {} bytes; {} refused, {} blocked\n{}",
            done.prepared,
            done.parts,
            done.bytes,
            done.refused,
            done.blocked,
            args.output.join("parts.jsonl").display()
        ));
    }
    Ok(if done.refused > 0 { Exit::Unclean } else { Exit::Done })
}

/// Why the folder could not be written: it cannot be at all, or not now.
fn refusal(dir: &Path, error: &std::io::Error) -> Failure {
    let dir = dir.display();
    match error.kind() {
        ErrorKind::ResourceBusy | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Failure::usage(format!("{dir} cannot be the output folder: {error}"))
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Failure::stopped(format!("{dir}: {error}; free some space or choose another folder, then repeat"))
        }
        _ => Failure::stopped(format!("{dir}: {error}; repeat when this is mended")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::path::Path;

    use super::refusal;
    use crate::commands::context::Exit;

    #[test]
    fn a_folder_that_may_not_be_written_is_not_short_of_space() {
        for (kind, exit, advice) in [
            (ErrorKind::PermissionDenied, Exit::Usage, false),
            (ErrorKind::ResourceBusy, Exit::Usage, false),
            (ErrorKind::StorageFull, Exit::Stopped, true),
            (ErrorKind::Other, Exit::Stopped, false),
        ] {
            let failure = refusal(Path::new("out"), &kind.into());
            assert_eq!((failure.exit, failure.message.contains("free some space")), (exit, advice), "{kind:?}");
        }
    }
}
