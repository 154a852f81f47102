//! `tribunal prepare`: exactly what a judge would be sent.

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
        PrepareError::Folder(error) => Failure::unwritten(&args.output, &error),
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
