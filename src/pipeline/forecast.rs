//! The dry run: what `score` would send, what it would cost and how long it would take, with nothing sent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tribunal_media::{Digest, Modality};

use super::evidence::{self, Unasked};
use super::invocation::{ScoreError, recall};
use super::kept::StandIns;
use super::pass::Progress;
use super::sentinel;
use super::study::Study;
use crate::judge::{Estimate, Expected, Judge, NOT_IN_CASSETTE, Outcome, OutcomeName, Task, Why};
use crate::ledger::{LedgerError, Reader, RunInfo};
use crate::manifest::{Asset, Instance};
use crate::prepare::Prepared;
use crate::rubric::Probe;
use crate::sandbox::Pool;

/// Tasks that are named of those over a limit, and of those without an answer; more are only counted.
const NAMED: usize = 100;

/// What `score` would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DryRun {
    /// Manifest rows in the selection.
    pub items: u64,
    /// Tasks planned.
    pub tasks: u64,
    /// Those that ended in the run that would be gone on with: nothing below counts them.
    pub ended: u64,
    /// Requests that would be sent, re-asks aside.
    pub requests: u64,
    /// Those of them that a cassette or the run of `--replay` answers: nothing is sent and nothing costs.
    pub replayed: u64,
    /// Tasks besides that read the reply to an equal request: one of these, or one that the run before paid for or has in a batch.
    pub shared: u64,
    /// Bytes of their bodies.
    pub request_bytes: u64,
    /// Tasks that would end without a request, by outcome.
    pub without_request: BTreeMap<OutcomeName, u64>,
    /// Those of the requests that only probe judges; see `[probes]`.
    pub probe_requests: u64,
    /// Those of the requests that ask the sentinel items; see `[sentinel]`. Every invocation sends them again.
    pub sentinel_requests: u64,
    /// Dollars of those; null when some price is unknown.
    pub sentinel_cost_usd: Option<f64>,
    /// Requests by modality.
    pub by_modality: BTreeMap<Modality, u64>,
    /// By judge, in the order named.
    pub judges: Vec<Forecast>,
    /// Dollars over all judges; null when some price is unknown.
    pub cost_usd: Option<f64>,
    /// Whether requests and what follows from them are the most there may be: which of them are sent hangs on answers.
    pub at_most: bool,
}

/// What would be asked of one judge.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Forecast {
    /// Its name.
    pub judge: String,
    /// Where limits, token rules and price come from, if not from tribunal.toml alone.
    pub profile: Option<String>,
    /// Requests.
    pub requests: u64,
    /// Bytes of their bodies.
    pub request_bytes: u64,
    /// Tokens by kind, by the published rules (or as replies to this process corrected them).
    pub tokens: Estimate,
    /// What of them is a guess until a reply counts some: `pictures`, `sound`. Nothing published says what this judge's server makes of them.
    pub guessed: Vec<&'static str>,
    /// Micro-dollars of requests one at a time, each by its own length; 0 when no price is known.
    #[serde(skip)]
    micro_usd: f64,
    /// Those of the sentinel items.
    #[serde(skip)]
    sentinel_micro_usd: f64,
    /// Dollars as the judge is set up, in batches or one request at a time; null when no price is known.
    pub cost_usd: Option<f64>,
    /// As in [`DryRun::at_most`], of this judge.
    pub at_most: bool,
    /// Dollars as batches, where the profile knows their price.
    pub batch_cost_usd: Option<f64>,
    /// Batches that hold all requests, where the profile knows what one holds.
    pub batches: Option<u64>,
    /// When the price was read.
    pub price_date: Option<String>,
    /// Seconds that the rate limits alone take; null when none is known, for batches, and where nothing is sent.
    pub seconds: Option<f64>,
    /// Requests that would go with an even subset of their pictures.
    pub cut_to_fit: u64,
    /// Tasks that break a limit and would end `over_judge_limit`.
    pub over_limit: u64,
    /// The first of them.
    pub over_limit_tasks: Vec<Doomed>,
    /// Tasks that a replay has no answer to and that would end `not_in_cassette`.
    pub unanswered: u64,
    /// The first of them.
    pub unanswered_tasks: Vec<Doomed>,
}

/// A task that would end `judge_unusable` for want of room or of an answer.
#[derive(Debug, Clone, Serialize)]
pub struct Doomed {
    /// The instance.
    pub item_id: String,
    /// Canonical sampler; null unless video.
    pub sampler: Option<String>,
    /// Which limit it would break, or which answer is missing, in words.
    pub message: String,
}

/// What becomes of one task.
enum Foreseen {
    Ended,
    /// `bill` is what equal requests are paid for under.
    Sent {
        judge: usize,
        tokens: Estimate,
        micro_usd: f64,
        bytes: u64,
        cut: bool,
        probe: bool,
        replayed: bool,
        bill: Option<Digest>,
    },
    Shared,
    Ends(OutcomeName),
    Over {
        judge: usize,
        task: Doomed,
    },
    Unanswered {
        judge: usize,
        task: Doomed,
    },
}

/// The run that a dry run would go on with.
#[derive(Debug)]
pub struct Earlier {
    run: Mutex<Reader>,
    reopened: Vec<OutcomeName>,
}

impl Earlier {
    /// The run in `dir`, of which outcomes named in `reopened` would be asked for again; `None` when there is none. The judges learn what its servers'
    /// replies told. Another experiment is refused, as it would be by the run itself.
    pub fn open(study: &Study, dir: &Path, info: &RunInfo, reopened: &[OutcomeName]) -> Result<Option<Self>, LedgerError> {
        if !Reader::is_there(dir) {
            return Ok(None);
        }
        let run = Reader::open(dir)?;
        run.admits(info)?;
        recall(study, &run)?;
        Ok(Some(Self { run: Mutex::new(run), reopened: reopened.to_vec() }))
    }

    /// Those of an item's tasks that would not be asked.
    fn ended(&self, item_id: &str) -> Result<Vec<Task>, LedgerError> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).ended(item_id, &self.reopened)
    }

    /// The items that its sentinel asks of.
    fn sentinel_items(&self) -> Result<Vec<String>, LedgerError> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).sentinel_items()
    }

    /// Whether nothing is to be paid for a request any more.
    fn is_paid(&self, judge: &Judge, task: &Task, expected: &Expected) -> Result<bool, LedgerError> {
        let ids = (expected.verdict_id, expected.body_digest);
        self.run.lock().unwrap_or_else(PoisonError::into_inner).is_paid(task, ids, &self.reopened, judge.is_batch())
    }
}

/// Prepares everything that is not in `earlier`, builds every request and sends none.
pub fn dry_run(study: &Study, pool: &Pool, earlier: Option<&Earlier>, progress: &dyn Progress) -> Result<DryRun, ScoreError> {
    let mut dry = DryRun { judges: study.judges.iter().map(start).collect(), ..DryRun::default() };
    for instance in study.selected() {
        dry.items += 1;
        dry.tasks += study.plan.tasks(&instance?, &study.judges, study.settings.repeats).len() as u64;
    }
    progress.planned(dry.tasks, 0);
    let foresight = Foresight { study, pool, earlier, stand_ins: StandIns::default(), progress };
    let selected = study.selected().map(|instance| instance.map_err(ScoreError::from));
    let mut billed = BTreeSet::new();
    evidence::map(
        study.settings.threads,
        selected,
        |instance| foresight.of(instance),
        |instance, foreseen| {
            foreseen?.into_iter().for_each(|one| dry.add(instance.modality, once(one, &mut billed)));
            Ok(())
        },
    )?;
    let known = earlier.map_or_else(|| Ok(Vec::new()), Earlier::sentinel_items)?;
    dry.add_sentinels(study, &sentinel::foresee(study, pool, &known.into_iter().collect())?);
    for (forecast, judge) in dry.judges.iter_mut().zip(&study.judges) {
        finish(forecast, judge);
        forecast.at_most = at_most(study, judge);
    }
    dry.cost_usd = total(dry.judges.iter().map(|forecast| forecast.cost_usd));
    dry.at_most = dry.judges.iter().any(|forecast| forecast.at_most);
    Ok(dry)
}

/// Of equal requests the first one is sent, and the others read its reply.
fn once(foreseen: Foreseen, billed: &mut BTreeSet<Digest>) -> Foreseen {
    match foreseen {
        Foreseen::Sent { bill: Some(bill), .. } if !billed.insert(bill) => Foreseen::Shared,
        other => other,
    }
}

/// Dollars in all, from 0 (an empty sum of floats is -0); `None` when one of them is not known.
fn total(costs: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    costs.into_iter().try_fold(0.0, |sum, cost| Some(sum + cost?))
}

fn start(judge: &Judge) -> Forecast {
    Forecast { judge: judge.name().to_owned(), profile: judge.terms().profile.clone(), ..Forecast::default() }
}

fn finish(forecast: &mut Forecast, judge: &Judge) {
    let terms = judge.terms();
    forecast.guessed = judge.guesses(&forecast.tokens);
    // Sentinels never go in batches.
    let (all, singly) = (forecast.micro_usd / 1e6, forecast.sentinel_micro_usd / 1e6);
    let at = |factor: f64| judge.has_price().then(|| (all - singly).mul_add(factor, singly));
    forecast.cost_usd = at(if judge.is_batch() { judge.batch_terms().price_factor } else { 1.0 });
    forecast.price_date = terms.price.as_ref().map(|price| price.date.clone());
    if let Some(batch) = terms.batch.filter(|_| judge.is_server()) {
        forecast.batch_cost_usd = at(batch.price_factor);
        let needed = |amount: u64, holds: u64| amount.div_ceil(holds.max(1));
        forecast.batches = Some(needed(forecast.requests, batch.requests).max(needed(forecast.request_bytes, batch.bytes)));
    }
    forecast.seconds = seconds(forecast, judge);
}

/// What the rate limits alone make of requests and tokens. Those of batches are others, and what is replayed waits for none.
fn seconds(forecast: &Forecast, judge: &Judge) -> Option<f64> {
    let limits = Some(&judge.terms().limits).filter(|_| judge.is_server() && !judge.is_batch())?;
    let minutes = |amount: f64, rate: Option<u32>| rate.map(|rate| amount / f64::from(rate));
    let by_requests = minutes(forecast.requests as f64, limits.rpm);
    let by_tokens = minutes(forecast.tokens.input() + forecast.tokens.output, limits.tpm);
    [by_requests, by_tokens].into_iter().flatten().reduce(f64::max).map(|minutes| minutes * 60.0)
}

/// Whether answers decide how many of a judge's tasks are asked.
fn at_most(study: &Study, judge: &Judge) -> bool {
    let repeats = study.settings.ensemble.repeats.as_ref();
    waits_for_answers(study, judge.name()) || repeats.is_some_and(|repeats| study.settings.repeats > repeats.start)
}

impl DryRun {
    fn add_sentinels(&mut self, study: &Study, requests: &[(String, Expected)]) {
        let mut costs = Vec::new();
        for (name, Expected { tokens, bytes, .. }) in requests {
            let Some(at) = study.judges.iter().position(|judge| judge.name() == name) else { continue };
            let forecast = &mut self.judges[at];
            self.requests += 1;
            self.request_bytes += bytes;
            forecast.requests += 1;
            forecast.request_bytes += bytes;
            forecast.tokens += *tokens;
            let micro_usd = study.judges[at].price(tokens);
            forecast.micro_usd += micro_usd.unwrap_or(0.0);
            forecast.sentinel_micro_usd += micro_usd.unwrap_or(0.0);
            costs.push(micro_usd.map(|micro_usd| micro_usd / 1e6));
        }
        self.sentinel_requests = requests.len() as u64;
        self.sentinel_cost_usd = total(costs);
    }

    fn add(&mut self, modality: Modality, foreseen: Foreseen) {
        match foreseen {
            Foreseen::Ended => self.ended += 1,
            Foreseen::Shared => self.shared += 1,
            Foreseen::Ends(outcome) => *self.without_request.entry(outcome).or_default() += 1,
            Foreseen::Over { judge, task } => {
                *self.without_request.entry(OutcomeName::JudgeUnusable).or_default() += 1;
                let Forecast { over_limit, over_limit_tasks, .. } = &mut self.judges[judge];
                name(over_limit, over_limit_tasks, task);
            }
            Foreseen::Unanswered { judge, task } => {
                *self.without_request.entry(OutcomeName::JudgeUnusable).or_default() += 1;
                let Forecast { unanswered, unanswered_tasks, .. } = &mut self.judges[judge];
                name(unanswered, unanswered_tasks, task);
            }
            Foreseen::Sent { judge, tokens, micro_usd, bytes, cut, probe, replayed, bill: _ } => {
                self.requests += 1;
                self.replayed += u64::from(replayed);
                self.probe_requests += u64::from(probe);
                self.request_bytes += bytes;
                *self.by_modality.entry(modality).or_default() += 1;
                let forecast = &mut self.judges[judge];
                forecast.requests += 1;
                forecast.request_bytes += bytes;
                forecast.tokens += tokens;
                forecast.micro_usd += micro_usd;
                forecast.cut_to_fit += u64::from(cut);
            }
        }
    }
}

/// Counts a task, and names it if it is among the first.
fn name(count: &mut u64, tasks: &mut Vec<Doomed>, task: Doomed) {
    *count += 1;
    if tasks.len() < NAMED {
        tasks.push(task);
    }
}

/// What the tasks of one instance come to.
struct Foresight<'a> {
    study: &'a Study,
    pool: &'a Pool,
    earlier: Option<&'a Earlier>,
    stand_ins: StandIns,
    progress: &'a dyn Progress,
}

impl Foresight<'_> {
    fn of(&self, instance: &Instance) -> Result<Vec<Foreseen>, ScoreError> {
        let study = self.study;
        let mut tasks = study.plan.tasks(instance, &study.judges, study.settings.repeats);
        let (planned, ended) = (tasks.len(), self.earlier.map_or_else(|| Ok(Vec::new()), |earlier| earlier.ended(&instance.id))?);
        tasks.retain(|task| !ended.contains(task));
        // Who surely asks pays for equal requests.
        tasks.sort_by_key(|task| waits_for_answers(study, &task.judge));
        let mut foreseen: Vec<Foreseen> = match &instance.output {
            _ if tasks.is_empty() => Vec::new(),
            None => tasks.iter().map(|_| Foreseen::Ends(OutcomeName::SafelyBlocked)).collect(),
            Some(output) => {
                let prepared = self.prepare(instance, output)?;
                tasks.iter().filter_map(|task| self.task(prepared.as_ref(), instance, task).transpose()).collect::<Result<_, _>>()?
            }
        };
        foreseen.extend((tasks.len()..planned).map(|_| Foreseen::Ended));
        foreseen.iter().for_each(|_| self.progress.ended(None));
        Ok(foreseen)
    }

    /// As the run itself would: from what was kept where media are gone; `None` of what is rejected.
    fn prepare(&self, instance: &Instance, output: &Asset) -> Result<Option<Prepared>, ScoreError> {
        let book = self.study.recipe_book(instance);
        let prepared = self.study.prepare(output, book.recipes(), self.pool);
        match prepared.or_else(|rejected| self.stand_ins.find(self.study, instance, &book, rejected, self.progress)) {
            Ok(prepared) => Ok(Some(prepared)),
            Err(rejected) if rejected.is_ours() => Err(ScoreError::Unprepared(rejected)),
            Err(_) => Ok(None),
        }
    }
    /// `None` of what would be a bug.
    fn task(&self, prepared: Option<&Prepared>, instance: &Instance, task: &Task) -> Result<Option<Foreseen>, ScoreError> {
        let study = self.study;
        let Some(position) = study.judges.iter().position(|judge| judge.name() == task.judge) else { return Ok(None) };
        let judge = &study.judges[position];
        if !study.may_see(judge, instance) {
            return Ok(Some(Foreseen::Ends(OutcomeName::Abstained)));
        }
        let Some(prepared) = prepared else { return Ok(Some(Foreseen::Ends(OutcomeName::MediaRejected))) };
        let assembled = evidence::assemble(study, &study.recipe_book(instance), prepared, instance, judge, task);
        let (work, fit) = match assembled {
            Ok(assembled) => assembled,
            Err(Unasked::Ends(outcome)) => return Ok(Some(without_request(position, task, *outcome))),
            Err(Unasked::Broken(_)) => return Ok(None),
        };
        let expected = match judge.foresee(&work).and_then(|expected| judge.foresee_answer(&work).map(|()| expected)) {
            Ok(expected) => expected,
            Err(outcome) => return Ok(Some(without_request(position, task, *outcome))),
        };
        if judge.is_server() && self.earlier.map_or(Ok(false), |earlier| earlier.is_paid(judge, task, &expected))? {
            return Ok(Some(Foreseen::Shared));
        }
        Ok(Some(Foreseen::Sent {
            judge: position,
            tokens: expected.tokens,
            micro_usd: judge.price(&expected.tokens).unwrap_or(0.0),
            bytes: expected.bytes,
            cut: fit.is_some(),
            probe: Probe::split(&task.rubric).is_some(),
            replayed: judge.is_replayed(),
            bill: judge.bill(expected.verdict_id),
        }))
    }
}

/// A task that ends so, unasked.
fn without_request(judge: usize, task: &Task, outcome: Outcome) -> Foreseen {
    let doomed = |why: Why| Doomed { item_id: task.item_id.clone(), sampler: task.sampler.clone(), message: why.message };
    match outcome {
        Outcome::JudgeUnusable(why) if why.reason == NOT_IN_CASSETTE => Foreseen::Unanswered { judge, task: doomed(why) },
        Outcome::JudgeUnusable(why) => Foreseen::Over { judge, task: doomed(why) },
        other => Foreseen::Ends(other.name()),
    }
}

/// Whether answers of others decide which of a judge's tasks are asked.
fn waits_for_answers(study: &Study, judge: &str) -> bool {
    study.settings.ensemble.cascade.as_ref().is_some_and(|cascade| cascade.then == judge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Usage;

    const LINE: &str = r#"{"v":1,"item_id":"i","rubric":"text","body":{},"origin":"recorded"}"#;

    const BATCHED: &str = "provider = 'openai'\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'm'\nbatch = true";

    fn judge(settings: &str) -> Judge {
        let settings = format!("provider = 'openai'\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'm'\n{settings}");
        Judge::open("j", &toml::from_str(&settings).unwrap(), &|_| None).unwrap()
    }

    #[test]
    fn equal_requests_are_foreseen_once() {
        let (mut dry, mut billed) = (DryRun { judges: vec![Forecast::default()], ..DryRun::default() }, BTreeSet::new());
        let sent = |bill: Option<&str>| Foreseen::Sent {
            judge: 0,
            tokens: Estimate { text: 10.0, ..Estimate::default() },
            micro_usd: 3.0,
            bytes: 7,
            cut: true,
            probe: true,
            replayed: false,
            bill: bill.map(|bill| Digest::of(bill.as_bytes())),
        };
        for bill in [Some("a"), Some("b"), Some("a"), None, None, Some("a")] {
            dry.add(Modality::Text, once(sent(bill), &mut billed));
        }
        let forecast = &dry.judges[0];
        assert_eq!((dry.shared, dry.requests, dry.probe_requests, dry.request_bytes), (2, 4, 4, 28));
        assert_eq!((forecast.requests, forecast.tokens.text, forecast.micro_usd, forecast.cut_to_fit), (4, 40.0, 12.0, 4));
    }

    #[test]
    fn batches_share_their_requests_among_themselves() {
        let id = Digest::of(b"id");
        let [single, other, batch] = ["", "temperature = 0.5", "batch = true"].map(judge);
        assert_eq!((single.bill(id), other.bill(id)), (Some(id), Some(id)));
        let another = Judge::open("k", &toml::from_str(BATCHED).unwrap(), &|_| None).unwrap();
        assert!(batch.bill(id).is_some_and(|bill| bill != id) && batch.bill(id) == another.bill(id));
        assert_eq!(batch.replaying(LINE).unwrap().bill(id), None, "nothing is paid for");
    }

    #[test]
    fn media_of_which_nothing_is_known_are_a_guess_until_one_is_counted() {
        let guessed = |judge: &Judge| {
            let tokens = Estimate { text: 9.0, image: 9.0, audio: 9.0, output: 9.0 };
            let mut forecast = Forecast { requests: 1, tokens, ..Forecast::default() };
            finish(&mut forecast, judge);
            forecast.guessed
        };
        let stranger = judge("");
        assert_eq!(guessed(&stranger), ["pictures", "sound"]);
        let counted = |expected: Estimate| stranger.calibration().learn(&expected, Usage { input: 9, output: 9, ..Usage::default() });
        counted(Estimate { text: 9.0, ..Estimate::default() });
        assert_eq!(guessed(&stranger), ["pictures", "sound"], "texts tell nothing of them");
        counted(Estimate { text: 9.0, image: 9.0, ..Estimate::default() });
        assert_eq!(guessed(&stranger), ["sound"]);
        assert_eq!(guessed(&judge("tokens = { picture = { rule = 'fixed', tokens = 9.0 } }")), ["sound"]);
        assert_eq!(guessed(&judge("profile = 'gpt-5-mini'")), [""; 0], "its vendor has published rules");
        assert_eq!(guessed(&judge("").replaying(LINE).unwrap()), [""; 0]);
    }

    #[test]
    fn what_is_replayed_waits_for_no_rate_and_fills_no_batch() {
        let foreseen = |judge: &Judge| {
            let mut forecast = Forecast { requests: 120, ..Forecast::default() };
            finish(&mut forecast, judge);
            (forecast.seconds, forecast.batches)
        };
        let limits = "batch_terms = { requests = 100, bytes = 1000000, price_factor = 0.5 }\n[limits]\nrpm = 60";
        assert_eq!(foreseen(&judge(limits)), (Some(120.0), Some(2)));
        assert_eq!(foreseen(&judge(&format!("batch = true\n{limits}"))), (None, Some(2)));
        assert_eq!(foreseen(&judge(limits).replaying(LINE).unwrap()), (None, None));
    }
}
