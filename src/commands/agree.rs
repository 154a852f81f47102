//! `tribunal agree`: judges against people, and people and judges against each other.

use std::collections::BTreeSet;
use std::path::Path;

use tribunal::manifest::labels;
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
    let ids = run.items.iter().map(|item| item.item_id.as_str());
    let ratings = ratings(args, ids, || Ratings::of_rows(run.items))?;
    Ok(agreement(args, &ratings, Some(&run)))
}

fn of_source(args: &AgreeArgs) -> Result<Agreement, Failure> {
    let instances = open::manifest(&args.source, &open::taxonomy(&args.taxonomy)?)?.instances;
    let ids = instances.all().map(|instance| instance.map(|instance| instance.id)).collect::<Result<Vec<_>, _>>();
    let ids = ids.map_err(Failure::stopped)?;
    let own = Ratings::of_instances(&instances).map_err(Failure::stopped)?;
    let ratings = ratings(args, ids.iter().map(String::as_str), || own)?;
    Ok(agreement(args, &ratings, None))
}

/// Labels of the file where one is named, else those of the source.
fn ratings<'a>(args: &AgreeArgs, ids: impl Iterator<Item = &'a str> + Clone, own: impl FnOnce() -> Ratings) -> Result<Ratings, Failure> {
    match &args.labels {
        None => Ok(own()),
        Some(file) => {
            let known: BTreeSet<&str> = ids.clone().collect();
            Ok(Ratings::of_labels(ids, &labels(file, &known).map_err(Failure::usage)?))
        }
    }
}

fn agreement(args: &AgreeArgs, ratings: &Ratings, run: Option<&RunView>) -> Agreement {
    let name = |path: &Path| path.display().to_string();
    let labels = args.labels.as_deref().map_or_else(|| "the source".to_owned(), name);
    Agreement::of(&name(&args.source), &labels, ratings, args.rule, run)
}
