//! `tribunal agree`: judges against people, and people and judges against each other.

use std::collections::BTreeSet;
use std::path::Path;

use tribunal::manifest::{Files, labels};
use tribunal::report::{self, Agreement, Ratings, RunView, StoredRun};

use super::context::{Context, Exit, Failure};
use super::open;
use super::output::{self, TERMINAL_WIDTH};
use crate::cli::AgreeArgs;

/// Reads labels and, of a run, its verdicts, and says how far they agree.
pub(crate) fn run(context: &Context, args: &AgreeArgs) -> Result<Exit, Failure> {
    let agreement = if args.source.join("run.json").is_file() { of_run(args)? } else { of_source(args)? };
    if agreement.annotators.is_none() && agreement.judges_among.is_empty() {
        return Err(Failure::usage(format!(
            "{}: nobody labelled anything, and no two judges scored the same; give human labels with --labels FILE",
            args.source.display()
        )));
    }
    if context.json {
        output::say_json(&agreement);
    } else {
        output::say(&report::agreement_text(&agreement, TERMINAL_WIDTH));
    }
    Ok(Exit::Done)
}

fn of_run(args: &AgreeArgs) -> Result<Agreement, Failure> {
    let stored = StoredRun::open(std::slice::from_ref(&args.source)).map_err(Failure::usage)?;
    let run = stored.view(stored.lang());
    let ratings = ratings(args, run.ratings.clone())?;
    Ok(agreement(args, &ratings, Some(&run)))
}

fn of_source(args: &AgreeArgs) -> Result<Agreement, Failure> {
    let manifest = open::manifest(&args.source, &open::taxonomy(&args.taxonomy)?, Files::Needed)?;
    let ratings = ratings(args, Ratings::of_instances(&manifest.instances).map_err(Failure::stopped)?)?;
    Ok(agreement(args, &ratings, None))
}

/// Labels of the file where one is named, else those of the source, which are `own`.
fn ratings(args: &AgreeArgs, own: Ratings) -> Result<Ratings, Failure> {
    let Some(file) = &args.labels else { return Ok(own) };
    let labels = labels(file, &own.ids.iter().collect::<BTreeSet<_>>()).map_err(Failure::usage)?;
    Ok(own.relabelled(&labels))
}

fn agreement(args: &AgreeArgs, ratings: &Ratings, run: Option<&RunView>) -> Agreement {
    let name = |path: &Path| path.display().to_string();
    let labels = args.labels.as_deref().map_or_else(|| "the source".to_owned(), name);
    Agreement::of(&name(&args.source), &labels, ratings, args.rule, run)
}
