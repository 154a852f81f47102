//! `tribunal prepare`: exactly what a judge would be sent.

use tribunal::pipeline::{self, PrepareError, StopFlag};

use super::context::{Context, Exit, Failure};
use super::open::{self, Keys};
use super::{output, signals};
use crate::cli::PrepareArgs;

/// Writes the parts of a source.
pub(crate) fn run(context: &Context, args: &PrepareArgs) -> Result<Exit, Failure> {
    let study = open::study(context, &args.source, &args.workers, None, Keys::Needed)?;
    open::require_folder(&args.output)?;
    let pool = open::pool(context, &args.workers)?;
    let stop = StopFlag::default();
    signals::drain(&stop, "finishing the parts at hand");
    let done = pipeline::prepare(&study, &pool, &args.output, &stop).map_err(|error| match error {
        PrepareError::Folder(error) => Failure::unwritten(&args.output, &error),
        PrepareError::Rows(_) | PrepareError::Source(_) => Failure::stopped(error),
        PrepareError::Stopped(reason) => {
            Failure::stopped(format!("stopped early: {reason}\nparts.jsonl is not whole, so it is not there; the same command makes it"))
        }
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
