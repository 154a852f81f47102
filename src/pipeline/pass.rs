//! One pass over items: each is prepared once, and its tasks go to their judges or into their batches.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tribunal_media::Digest;

use super::bridge::{self, Crossing, Width};
use super::evidence::{self, Unasked};
use super::gate::Gate;
use super::invocation::{Invocation, SOFT_WALL, ScoreError};
use super::kept;
use super::lanes::Freight;
use super::packing::Packing;
use super::stop::StopFlag;
use super::thumbs;
use crate::judge::{Fit, Journal as _, Judge, Outcome, OutcomeName, Stop, Task, Why, Work};
use crate::ledger::{Ledger, LedgerError};
use crate::manifest::Instance;
use crate::prepare::{Part, Payload, Prepared, Rejected};
use crate::sandbox::Pool;

/// Told as the run goes on; drawing is the program's business.
pub trait Progress: Send + Sync {
    /// How many tasks there are, and how many of them had ended before.
    fn planned(&self, tasks: u64, ended: u64);
    /// A task ended; without an outcome it was only looked at (a dry run).
    fn ended(&self, outcome: Option<OutcomeName>);
    /// Micro-dollars that are spent or reserved by now, over all invocations on the run.
    fn spent(&self, micro_usd: u64);
    /// Something that a user may want to act on while the run goes on.
    fn warn(&self, message: &str);
}

/// One instance with what is still to do.
pub(super) struct Item {
    pub(super) instance: Instance,
    pub(super) tasks: Vec<Task>,
}

/// What one pass works with.
pub(super) struct Pass<'a> {
    pub(super) run: &'a Invocation<'a>,
    pub(super) pool: &'a Pool,
    pub(super) progress: &'a dyn Progress,
    pub(super) stop: &'a StopFlag,
    /// Takes the requests of judges that are set to batches, or with `all` of every judge.
    pub(super) packing: &'a Packing<'a>,
    pub(super) all: bool,
}

/// A task on its way to a judge.
struct Job<'a> {
    judge: &'a Judge,
    /// The judge's position: judges do not wait for each other.
    lane: usize,
    work: Work,
    ledger: &'a Ledger,
    /// Whether its parts are on disk.
    parked: bool,
}

impl Freight for Job<'_> {
    fn lane(&self) -> usize {
        self.lane
    }

    fn park(&mut self) -> Option<u64> {
        // Where there is no room on disk it waits in memory, as others do.
        let emptied = self.ledger.park(&self.work.payload).ok()?;
        let weight = emptied.parts.iter().map(Part::weight).sum();
        (self.work.payload, self.parked) = (Arc::new(emptied), true);
        Some(weight)
    }

    fn unpark(&mut self) -> Result<(), String> {
        if self.parked {
            self.work.payload = Arc::new(self.ledger.unpark(&self.work.payload).map_err(|error| error.to_string())?);
            self.parked = false;
        }
        Ok(())
    }
}

impl<'a> Pass<'a> {
    /// Takes the items as they come; one that cannot be read stops the run.
    pub(super) fn all(&self, items: impl Iterator<Item = Result<Item, ScoreError>> + Send) {
        let width = Width::of(&self.run.study.settings, self.run.study.judges.len());
        let size = |item: &Item| evidence::most_bytes(self.run.study, &item.instance);
        let items = items.map_while(|item| item.map_err(|error| self.stop.raise(error.to_string())).ok());
        bridge::cross(&self.run.runtime, width, self.stop, items, size, |item, send| self.prepare(item, send), |job| self.judge(job));
    }

    /// Ends what needs no judge, decodes once for the rest, and sends one job per task.
    fn prepare(&self, item: Item, crossing: &Crossing<'_, Job<'a>>) {
        let instance = &item.instance;
        let Some(output) = &instance.output else {
            return self.end_all(&item.tasks, &Outcome::SafelyBlocked);
        };
        let (open, withheld): (Vec<Task>, Vec<Task>) =
            item.tasks.into_iter().partition(|task| self.judge_of(task).is_none_or(|(_, judge)| self.run.study.may_see(judge, instance)));
        self.end_all(&withheld, &Outcome::Abstained(Why::new("policy_withheld", "pictures of this factor are not sent to remote judges")));
        if open.is_empty() {
            return;
        }
        let book = self.run.study.recipe_book(instance);
        let prepared = self.run.study.prepare(output, book.recipes(), self.pool);
        let prepared = prepared.map(|prepared| (prepared, evidence::asset_len(&self.run.study.manifest.root, instance)));
        // What was kept of pictures had room enough.
        let find = |rejected| self.run.stand_ins.find(self.run.study, instance, &book, rejected, self.progress);
        match prepared.or_else(|rejected| Ok((find(rejected)?, u64::MAX))) {
            Ok((prepared, len)) => {
                crossing.weighs(prepared.weight());
                self.send_all(instance, &open, (&prepared, len), crossing);
            }
            Err(rejected) if rejected.is_ours() => self.stop.raise(rejected.message),
            Err(Rejected { reason, message }) => self.end_all(&open, &Outcome::MediaRejected(Why { reason, message })),
        }
    }

    /// `len` is that of the media, in bytes.
    fn send_all(&self, instance: &Instance, tasks: &[Task], (prepared, len): (&Prepared, u64), crossing: &Crossing<'_, Job<'a>>) {
        let book = self.run.study.recipe_book(instance);
        let pictures = book.thumbs().iter().map(|place| &*prepared.payloads[*place]);
        let thumbs = thumbs::of(pictures, len);
        match self.run.ledger.record_media(&instance.id, prepared.media_id, &prepared.report, &thumbs) {
            Ok(true) => {}
            Ok(false) => {
                let why = Why::new("changed", "the file is another one than this run judged before; score it into a new run folder");
                return self.end_all(tasks, &Outcome::MediaRejected(why));
            }
            Err(error) => return self.stop.raise(error.to_string()),
        }
        if self.run.keep_parts
            && let Err(error) = kept::keep(&self.run.ledger, &book, prepared)
        {
            return self.stop.raise(error.to_string());
        }
        for task in tasks {
            let Some((lane, judge)) = self.judge_of(task) else { continue };
            let (work, fit) = match evidence::assemble(self.run.study, &book, prepared, instance, judge, task) {
                Ok(assembled) => assembled,
                Err(Unasked::Ends(outcome)) => {
                    self.end_all(std::slice::from_ref(task), &outcome);
                    continue;
                }
                // Never silently pending: a run that ends by itself has ended every task.
                Err(Unasked::Broken(problem)) => return self.stop.raise(problem),
            };
            if let Err(error) = self.record(task, &work.payload, fit) {
                return self.stop.raise(error.to_string());
            }
            if !crossing.send(Job { judge, lane, work, ledger: &self.run.ledger, parked: false }) {
                return;
            }
        }
    }

    fn record(&self, task: &Task, payload: &Payload, fit: Option<Fit>) -> Result<(), LedgerError> {
        if self.run.keep_parts {
            // As it is sent: in another order, say, or with a part of a probe's own.
            self.run.ledger.keep_parts(payload)?;
        }
        self.run.ledger.record_parts(task, &evidence::parts_row(payload, fit))
    }

    fn judge_of(&self, task: &Task) -> Option<(usize, &'a Judge)> {
        self.run.study.judges.iter().enumerate().find(|(_, judge)| judge.name() == task.judge)
    }

    fn end_all(&self, tasks: &[Task], outcome: &Outcome) {
        for task in tasks {
            match self.run.runtime.block_on(self.run.ledger.conclude(task, None::<Digest>, outcome.clone())) {
                Ok(()) => self.progress.ended(Some(outcome.name())),
                Err(error) => return self.stop.raise(error.to_string()),
            }
        }
    }

    /// Tells what is spent and reserved; and once each, that it has reached the soft wall and that a request cost more than its reservation.
    fn say_spent(&self) {
        let (spent, wall) = (self.run.ledger.spent_micro_usd(), self.run.soft_wall.load(Ordering::Relaxed));
        self.progress.spent(spent);
        if spent >= wall && self.run.soft_wall.swap(u64::MAX, Ordering::Relaxed) != u64::MAX {
            let share = spent as f64 / wall as f64 * SOFT_WALL * 100.0;
            self.progress
                .warn(&format!("${:.4} are spent or reserved: {share:.0} % of the budget; the run stops at the wall", spent as f64 / 1e6));
        }
        if let Some((bound, cost)) = self.run.ledger.overrun_micro_usd()
            && !self.run.overrun_said.swap(true, Ordering::Relaxed)
        {
            let [bound, cost] = [bound, cost].map(|micro_usd| micro_usd as f64 / 1e6);
            self.progress.warn(&format!(
                "a request cost ${cost:.4}, and at most ${bound:.4} were reserved for it: its server counts more than the price, the profile or the rules \
                 in tribunal.toml allow for, and a budget is passed by as much; see to them"
            ));
        }
    }

    async fn judge(&self, job: Job<'a>) {
        let journal = Gate { ledger: &self.run.ledger, stop: self.stop };
        let ended = if self.all || job.judge.is_batch() {
            self.packing.take(job.judge, &job.work, &journal).await
        } else {
            job.judge.judge(&job.work, &journal).await.map(|settled| Some(settled.outcome.name()))
        };
        match ended {
            Ok(Some(name)) => {
                self.progress.ended(Some(name));
                self.say_spent();
                job.judge.slow().iter().for_each(|slow| self.progress.warn(slow));
            }
            Ok(None) => {}
            Err(Stop::Budget(reason)) => self.stop.pause(reason),
            // The gate's answer once the flag is up. A ledger that failed says so again at the next call.
            Err(Stop::Journal(_)) if self.stop.is_raised() => {}
            Err(stop) => self.stop.raise(stop.to_string()),
        }
    }
}
