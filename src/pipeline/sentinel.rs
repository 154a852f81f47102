//! The drift sentinel: a few fixed items, asked again of every remote judge before anything else is.

use std::collections::BTreeSet;

use super::bridge::{self, Crossing, Width};
use super::draw::Draw;
use super::evidence::{self, Unasked};
use super::gate::Gate;
use super::invocation::ScoreError;
use super::lanes::Freight;
use super::stop::StopFlag;
use super::study::Study;
use crate::judge::{Expected, Judge, Work};
use crate::ledger::{Ledger, Sentinels};
use crate::manifest::{Instance, RowsError};
use crate::sandbox::Pool;

/// A repeat that no task has: the body is the same as for the first, and no answer is ever shared with a task.
const REPEAT: u32 = 0;

/// A question ready to be asked.
struct Question<'a> {
    judge: &'a Judge,
    work: Work,
}

impl Freight for Question<'_> {
    /// A few questions wait for each other.
    fn lane(&self) -> usize {
        0
    }

    fn park(&mut self) -> Option<u64> {
        None
    }

    fn unpark(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// Asks one round. A judge that cannot be asked stops the run, as it would anywhere else. `is_pending`: whether items are to be asked after it.
pub(super) fn round(
    study: &Study,
    pool: &Pool,
    ledger: &Ledger,
    runtime: &tokio::runtime::Runtime,
    stop: &StopFlag,
    is_pending: bool,
) -> Result<(), ScoreError> {
    if study.settings.sentinel.items == 0 || !study.judges.iter().any(Judge::is_server) {
        return Ok(());
    }
    let items = chosen(study, &ledger.sentinel_items()?.into_iter().collect())?;
    if let Some(room) = ledger.room_micro_usd()
        && let Some(reason) = beyond(study, room, &expected(study, pool, items.clone())?, is_pending)
    {
        stop.raise(reason);
        return Ok(());
    }
    let journal = ledger.sentinel_round()?;
    let width = Width::of(&study.settings, 1);
    let size = |instance: &Instance| evidence::most_bytes(study, instance);
    bridge::cross(
        runtime,
        width,
        stop,
        items.into_iter(),
        size,
        |instance, crossing| {
            if let Err(problem) = put(study, pool, &journal, &instance, crossing) {
                stop.raise(problem);
            }
        },
        |question| ask(question, &journal, stop),
    );
    Ok(())
}

/// Sends the questions about one item, each in the ledger before it goes.
fn put<'a>(
    study: &'a Study,
    pool: &Pool,
    journal: &Sentinels<'_>,
    instance: &Instance,
    crossing: &Crossing<'_, Question<'a>>,
) -> Result<(), String> {
    for question in of_item(study, pool, instance)? {
        journal.add(&question.work.task).map_err(|error| error.to_string())?;
        if !crossing.send(question) {
            break;
        }
    }
    Ok(())
}

async fn ask(question: Question<'_>, journal: &Sentinels<'_>, stop: &StopFlag) {
    if let Err(reason) = question.judge.judge(&question.work, &Gate { ledger: journal, stop }).await {
        stop.raise(reason.to_string());
    }
}

/// The items of the first round, as far as they are still wanted, and then others of the shard, in an order that seed and ids decide: a limit is of one
/// invocation, and those that it happens to let through would be asked for ever after.
fn chosen(study: &Study, known: &BTreeSet<String>) -> Result<Vec<Instance>, RowsError> {
    let (selection, instances, count) = (study.settings.selection, &study.manifest.instances, study.settings.sentinel.items);
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut draw = Draw::new(study.settings.seed, "sentinel", count);
    for instance in instances.all() {
        let instance = instance?;
        let is_new = !known.contains(&instance.id);
        let judged = !is_new || selection.holds(&instance.id);
        if judged && instance.output.is_some() && !study.withholds(&instance) && !study.plan.wants(instance.modality).is_empty() {
            draw.offer(is_new, instance);
        }
    }
    Ok(draw.drawn().collect())
}

/// The questions about one item, one for each remote judge; none when it cannot be decoded or put before the judge.
fn of_item<'a>(study: &'a Study, pool: &Pool, instance: &Instance) -> Result<Vec<Question<'a>>, String> {
    let (Some(output), Some(want)) = (&instance.output, study.plan.wants(instance.modality).first()) else { return Ok(Vec::new()) };
    let book = study.recipe_book(instance);
    let prepared = match study.prepare(output, book.recipes(), pool) {
        Ok(prepared) => prepared,
        Err(rejected) if rejected.is_ours() => return Err(rejected.message),
        Err(_) => return Ok(Vec::new()),
    };
    let mut questions = Vec::new();
    for judge in study.judges.iter().filter(|judge| judge.is_server() && study.may_see(judge, instance)) {
        let task = want.task(&instance.id, judge.name(), REPEAT);
        match evidence::assemble(study, &book, &prepared, instance, judge, &task) {
            Ok((work, _)) if judge.foresee(&work).is_ok() => questions.push(Question { judge, work }),
            Ok(_) | Err(Unasked::Ends(_)) => {}
            Err(Unasked::Broken(problem)) => return Err(problem),
        }
    }
    Ok(questions)
}

/// Why there is no use in a round of these requests with so many micro-dollars left: one of them has no room, or what they are likely to cost leaves
/// none for an item. This invocation and each after it would pay for a round and ask nothing.
fn beyond(study: &Study, room: u64, requests: &[(String, Expected)], is_pending: bool) -> Option<String> {
    let price = |(name, expected): &(String, Expected)| {
        let judge = study.judges.iter().find(|judge| judge.name() == name)?;
        judge.price(&expected.tokens)
    };
    let likely = requests.iter().filter_map(price).sum::<f64>();
    let most = requests.iter().filter_map(|(_, expected)| expected.bound).max()?;
    let needed = if is_pending { most.saturating_add(likely.ceil() as u64) } else { most };
    let [room_usd, likely, most] = [room as f64, likely, most as f64].map(|micro_usd| micro_usd / 1e6);
    let message = format!(
        "the budget has ${room_usd:.4} left, and no room for a round of the sentinel (likely ${likely:.4}) with one request more (at most ${most:.4}); nothing was sent. Raise --budget-usd, or set items = 0 under [sentinel]"
    );
    (needed > room).then_some(message)
}

/// What the next round would send, of items that the first one asked of if there was one: the judge and what is expected of each request.
pub(super) fn foresee(study: &Study, pool: &Pool, known: &BTreeSet<String>) -> Result<Vec<(String, Expected)>, RowsError> {
    expected(study, pool, chosen(study, known)?)
}

/// What a round over these items would send.
fn expected(study: &Study, pool: &Pool, items: Vec<Instance>) -> Result<Vec<(String, Expected)>, RowsError> {
    let foreseen = |question: Question<'_>| {
        let expected = question.judge.foresee(&question.work).ok()?;
        Some((question.judge.name().to_owned(), expected))
    };
    let of_item =
        |instance: &Instance| of_item(study, pool, instance).unwrap_or_default().into_iter().filter_map(foreseen).collect::<Vec<_>>();
    let mut all = Vec::new();
    let items = items.into_iter().map(Ok::<_, RowsError>);
    evidence::map(study.settings.threads, items, of_item, |_, requests| {
        all.extend(requests);
        Ok(())
    })?;
    Ok(all)
}
