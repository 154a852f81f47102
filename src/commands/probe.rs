//! `tribunal probe`: what the decoders see, and whether it would be accepted.

use serde::Serialize;
use tribunal::pipeline::{self, ProbeRow};
use tribunal::report::visible;

use super::context::{Context, Exit, Failure};
use super::{open, output};
use crate::cli::ProbeArgs;

#[derive(Debug, Serialize)]
struct ProbeJson {
    files: Vec<ProbeRow>,
}

/// Looks at files.
pub(crate) fn run(context: &Context, args: &ProbeArgs) -> Result<Exit, Failure> {
    let pool = open::pool(context, &args.workers)?;
    let files = pipeline::probe(&args.files, context.config.recipe, &pool).map_err(|error| Failure::usage(error.to_string()))?;
    let refused = files.iter().any(|row| !row.accepted);
    if context.json {
        output::say_json(&ProbeJson { files });
    } else {
        files.iter().for_each(|row| output::say(&lines(row)));
    }
    Ok(if refused { Exit::Unclean } else { Exit::Done })
}

fn lines(row: &ProbeRow) -> String {
    let path = visible(&row.path.to_string_lossy());
    let Some(seen) = &row.seen else {
        let message = row.message.as_deref().unwrap_or_default();
        return format!("{path}: refused, {}: {}", row.reason.as_deref().unwrap_or("unknown"), visible(message));
    };
    let mut facts = vec![format!("{} ({})", seen.modality, seen.format)];
    facts.extend(seen.dimensions.map(|(width, height)| format!("{width}x{height}")));
    facts.extend(seen.duration.map(|seconds| format!("{seconds:.3} s")));
    facts.extend(seen.frames.map(|frames| format!("{frames} frames")));
    facts.extend(seen.keyframes.map(|frames| format!("{frames} keyframes")));
    let mut lines = vec![format!("{path}: {}", facts.join(", "))];
    lines.extend(seen.streams.iter().map(|stream| format!("  {}", visible(stream))));
    lines.extend(seen.notes.iter().map(|note| format!("  note {}: {}", note.code, visible(&note.message))));
    lines.join("\n")
}
