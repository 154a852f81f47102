//! The pool: hands jobs to workers, and tries again what a crash, a limit or bad luck may have ended.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use tribunal_media::{Digest, PartHeader, PartSink, Probe, Recipe, SinkClosed, Source};

use super::check::{self, PartCheck};
use super::fault::Fault;
use super::job::{Done, Failure, Job, JobSink, StartError};
use super::keeper::Keeper;
use super::settings::{Isolation, Settings};
use super::watch::Watch;
use super::wire::{Reply, Request};
use super::worker::{Mishap, Worker};

/// How long a new worker may take to lock itself down; a millisecond is usual.
const READY_DEADLINE: Duration = Duration::from_secs(20);

/// So many contents that took workers down are remembered; more are tried like all others.
const QUARANTINED: usize = 10_000;

/// A pool of worker processes. `run` is called from many threads at once; each call has one worker to itself, and
/// there are never more workers than calls that ran at once.
///
/// A worker serves several items, one after another: what a hostile file does to it may reach the items that follow
/// it in the same worker, but never files, the network, other workers or this process.
#[derive(Debug)]
pub struct Pool {
    settings: Settings,
    engine: Engine,
    missing: Vec<String>,
    /// How contents failed that took two workers down.
    quarantine: Mutex<BTreeMap<[u8; 32], Failure>>,
    started: AtomicU64,
    retried: AtomicU64,
    refused_calls: AtomicU64,
}

#[derive(Debug)]
enum Engine {
    InProcess,
    Workers(Box<Workers>),
}

#[derive(Debug)]
struct Workers {
    idle: Mutex<Vec<Worker>>,
    /// Held shared by every job, and alone by the second try of one that timed out. Dropped after `idle`.
    alone: RwLock<()>,
    keeper: Keeper,
}

/// What happened in a pool so far. For reports and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Workers started.
    pub workers: u64,
    /// Jobs tried a second time.
    pub retried: u64,
    /// System calls for files and sockets that workers made and were refused, as those that lived say. Libraries that look for their settings or
    /// for processors make some, so that a few mean nothing.
    pub refused_calls: u64,
    /// Zygotes that died and were replaced.
    pub zygote_restarts: u64,
    /// Process id of the zygote that serves now; 0 without one.
    pub zygote: u32,
}

/// One job on its way to a worker.
struct Errand<'a> {
    request: Request,
    content: Option<Digest>,
    input: Option<&'a File>,
    recipes: &'a [Recipe],
    cpu: Duration,
}

impl Pool {
    /// Starts the zygote and one worker (unless isolation is off). `zygote` is this program and the arguments of its
    /// hidden subcommand, which calls [`serve_zygote`](super::serve_zygote).
    pub fn start(settings: Settings, zygote: &[OsString]) -> Result<Self, StartError> {
        if settings.isolation == Isolation::Off {
            if let Some(outdated) = tribunal_media::libav_outdated() {
                return Err(StartError(outdated));
            }
            tribunal_media::init();
            return Ok(Self::with(settings, Engine::InProcess));
        }
        let fail = |problem| StartError(format!("the worker processes could not be started: {problem}"));
        let keeper = Keeper::start(zygote.to_vec(), settings.fork()).map_err(fail)?;
        let workers = Workers { idle: Mutex::default(), alone: RwLock::default(), keeper };
        let mut pool = Self::with(settings, Engine::Workers(Box::new(workers)));
        let Engine::Workers(workers) = &pool.engine else { return Ok(pool) };
        let (worker, missing) = pool.hatch(workers).map_err(|mishap| fail(Failure::from(mishap).message))?;
        if pool.settings.isolation == Isolation::Required && !missing.is_empty() {
            let list = missing.join("; ");
            return Err(StartError(format!(
                "isolation is required and this machine lacks locks ({list}); --isolation best-effort runs without them"
            )));
        }
        workers.give_back(worker);
        pool.missing = missing;
        Ok(pool)
    }

    const fn with(settings: Settings, engine: Engine) -> Self {
        Self {
            settings,
            engine,
            missing: Vec::new(),
            quarantine: Mutex::new(BTreeMap::new()),
            started: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            refused_calls: AtomicU64::new(0),
        }
    }

    /// The limits in force.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Locks that this kernel lacks; empty when isolation is complete or off. Goes into reports.
    pub fn missing_locks(&self) -> &[String] {
        &self.missing
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let (zygote, zygote_restarts) = match &self.engine {
            Engine::InProcess => (0, 0),
            Engine::Workers(workers) => (workers.keeper.zygote(), workers.keeper.restarts()),
        };
        let [workers, retried, refused_calls] =
            [&self.started, &self.retried, &self.refused_calls].map(|count| count.load(Ordering::Relaxed));
        Counts { workers, retried, refused_calls, zygote_restarts, zygote }
    }

    /// Runs one job to its end. Parts reach `sink` as they come, at most [`Settings::reply_bytes`] of them; when a job fails in the end, what it
    /// delivered counts for nothing.
    pub fn run(&self, job: Job, sink: &mut dyn JobSink) -> Result<Done, Failure> {
        let Job { input, len, content, recipes } = job;
        match &self.engine {
            Engine::InProcess => self.run_here(&Source::file(input, len), &recipes, sink),
            Engine::Workers(workers) => {
                let request = Request::Normalise { len, recipes: recipes.clone(), limits: self.settings.media };
                let cpu = self.settings.cpu_deadline(&recipes);
                let content = Some(content);
                done(self.settle(workers, &Errand { request, content, input: Some(&input), recipes: &recipes, cpu }, sink)?)
            }
        }
    }

    /// What the decoders see while they do a job, of which no part is kept; under the same guards.
    pub fn probe(&self, job: Job) -> Result<Probe, Failure> {
        let (Job { input, len, content, recipes }, limits) = (job, self.settings.media);
        let Engine::Workers(workers) = &self.engine else {
            return Ok(tribunal_media::probe(&Source::file(input, len), &recipes, &limits)?);
        };
        let cpu = self.settings.cpu_deadline(&recipes);
        let request = Request::Probe { len, recipes: recipes.clone(), limits };
        let errand = Errand { request, content: Some(content), input: Some(&input), recipes: &recipes, cpu };
        match self.settle(workers, &errand, &mut Vec::new())? {
            Reply::Probed { probe } => Ok(probe),
            Reply::Failed { reason, message } => Err(Failure { reason, message }),
            _ => Err(Mishap::Protocol("another answer than a probe".to_owned()).into()),
        }
    }

    /// Makes a worker misbehave. For tests; refused unless the zygote was started with faults allowed.
    #[doc(hidden)]
    pub fn misbehave(&self, fault: Fault) -> Result<Done, Failure> {
        let Engine::Workers(workers) = &self.engine else {
            return Err(Failure::new("unsupported", "there is no worker"));
        };
        let recipes = [Recipe::Text { max_characters: 2 }];
        let cpu = self.settings.cpu_deadline(&recipes);
        let errand = Errand { request: Request::Fault(fault), content: None, input: None, recipes: &recipes, cpu };
        done(self.settle(workers, &errand, &mut Vec::new())?)
    }

    fn run_here(&self, source: &Source, recipes: &[Recipe], sink: &mut dyn JobSink) -> Result<Done, Failure> {
        let before = super::child::cpu_ms();
        let mut bounded = Bounded { sink, room: self.settings.reply_bytes, full: false };
        let result = tribunal_media::normalise(source, recipes, &self.settings.media, &mut bounded);
        if bounded.full {
            return Err(Failure::over_reply());
        }
        Ok(Done { report: result?, cpu_ms: super::child::cpu_ms() - before })
    }

    /// Tries what was not found to take workers down.
    fn settle(&self, workers: &Workers, errand: &Errand<'_>, sink: &mut dyn JobSink) -> Result<Reply, Failure> {
        let quarantine = || self.quarantine.lock().unwrap_or_else(PoisonError::into_inner);
        let known = errand.content.and_then(|content| quarantine().get(content.as_bytes()).cloned());
        if let Some(Failure { reason, message }) = known {
            return Err(Failure { reason, message: format!("{message} (a file of the same bytes)") });
        }
        let mishap = match self.twice(workers, errand, sink) {
            Ok(reply) => return Ok(reply),
            Err(mishap) => mishap,
        };
        let took_down = matches!(mishap, Mishap::Crashed(_) | Mishap::TimedOut(_) | Mishap::OverMemory(_));
        let failure = Failure::from(mishap);
        let mut quarantine = quarantine();
        if let Some(content) = errand.content.filter(|_| took_down && quarantine.len() < QUARANTINED) {
            quarantine.insert(*content.as_bytes(), failure.clone());
        }
        Err(failure)
    }

    /// Tries once, and where it may help once more in a fresh worker.
    fn twice(&self, workers: &Workers, errand: &Errand<'_>, sink: &mut dyn JobSink) -> Result<Reply, Mishap> {
        let first = {
            let _shared = workers.alone.read().unwrap_or_else(PoisonError::into_inner);
            workers.take().map_or_else(|| self.fresh(workers), Ok).and_then(|worker| self.attempt(workers, worker, errand, sink))
        };
        let mishap = match first {
            Ok(answer) => return Ok(answer),
            Err(mishap @ (Mishap::TooMuch | Mishap::Closed | Mishap::NoWorker(_))) => return Err(mishap),
            Err(mishap) => mishap,
        };
        self.retried.fetch_add(1, Ordering::Relaxed);
        sink.restart();
        let mut again = || self.fresh(workers).and_then(|worker| self.attempt(workers, worker, errand, sink));
        if matches!(mishap, Mishap::TimedOut(_)) {
            let _alone = workers.alone.write().unwrap_or_else(PoisonError::into_inner);
            again()
        } else {
            let _shared = workers.alone.read().unwrap_or_else(PoisonError::into_inner);
            again()
        }
    }

    /// One job in one worker, which goes back to the others only after a clean answer.
    fn attempt(&self, workers: &Workers, mut worker: Worker, errand: &Errand<'_>, sink: &mut dyn JobSink) -> Result<Reply, Mishap> {
        let mut watch = Watch::start(errand.cpu, Settings::wall_deadline(errand.cpu), self.settings.rss_mib << 20);
        worker.send(&errand.request, errand.input.map(AsFd::as_fd))?;
        let (mut parts, mut room) = (0, self.settings.reply_bytes);
        let mut checks = PartCheck::new(errand.recipes);
        loop {
            let (mut reply, body) = worker.receive(room, &mut watch)?;
            room -= body.len() as u64;
            if let Reply::Refused { calls } = reply {
                self.refused_calls.fetch_add(calls.min(u32::MAX.into()), Ordering::Relaxed); // who lies does not make it wrap
                continue;
            }
            if let Reply::Part { header } = reply {
                checks.part(&header, &body).map_err(Mishap::Protocol)?;
                if parts >= self.settings.media.frames {
                    return Err(Mishap::TooMuch); // empty parts take no room, and memory all the same
                }
                parts += 1;
                sink.part(header, body).map_err(|_| Mishap::Closed)?;
                continue;
            }
            if !body.is_empty() || !worker.is_quiet() {
                return Err(Mishap::Protocol("more bytes than its answer has".to_owned()));
            }
            let clean = end(&mut reply, watch.elapsed()).map_err(Mishap::Protocol)?;
            if clean && worker.jobs < self.settings.jobs_per_worker {
                workers.give_back(worker);
            }
            return Ok(reply);
        }
    }

    /// A new worker with every lock that the pool started with.
    fn fresh(&self, workers: &Workers) -> Result<Worker, Mishap> {
        let (worker, missing) = self.hatch(workers)?;
        if missing == self.missing {
            Ok(worker)
        } else {
            Err(Mishap::NoWorker(format!("a worker without its locks: {}", missing.join("; "))))
        }
    }

    fn hatch(&self, workers: &Workers) -> Result<(Worker, Vec<String>), Mishap> {
        let mut worker = workers.keeper.worker().map_err(Mishap::NoWorker)?;
        self.started.fetch_add(1, Ordering::Relaxed);
        let mut watch = Watch::start(READY_DEADLINE, READY_DEADLINE, u64::MAX);
        match worker.receive(0, &mut watch) {
            Ok((Reply::Ready { mut missing }, _)) => {
                missing.extend(worker.unseen());
                Ok((worker, missing))
            }
            Ok(_) => Err(Mishap::NoWorker("a new worker said something else than ready".to_owned())),
            Err(mishap) => Err(Mishap::NoWorker(format!("a new worker was not ready: {}", Failure::from(mishap).message))),
        }
    }
}

impl Workers {
    fn take(&self) -> Option<Worker> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, worker: Worker) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
    }
}

/// Checks a last message; whether the worker may go on. `wall` bounds the CPU time it claims.
fn end(reply: &mut Reply, wall: Duration) -> Result<bool, String> {
    match reply {
        Reply::Done { report, cpu_ms } => {
            check::report(report, *cpu_ms)?;
            *cpu_ms = cpu_ms.min(wall.as_secs_f64() * 1e3);
            Ok(true)
        }
        Reply::Probed { probe } if probe.duration.is_none_or(f64::is_finite) => Ok(true),
        Reply::Failed { reason, message } => {
            check::reason(reason)?;
            *message = check::message(message);
            Ok(false) // a decoder that gave up may have left anything behind
        }
        Reply::Probed { .. } | Reply::Ready { .. } | Reply::Part { .. } | Reply::Refused { .. } => {
            Err("an answer to something else".to_owned())
        }
    }
}

fn done(reply: Reply) -> Result<Done, Failure> {
    match reply {
        Reply::Done { report, cpu_ms } => Ok(Done { report, cpu_ms }),
        Reply::Failed { reason, message } => Err(Failure { reason, message }),
        _ => Err(Mishap::Protocol("an answer to something else".to_owned()).into()),
    }
}

/// Lets the parts of a job in this process through up to a number of bytes.
struct Bounded<'s> {
    sink: &'s mut dyn JobSink,
    room: u64,
    full: bool,
}

impl PartSink for Bounded<'_> {
    fn part(&mut self, header: PartHeader, bytes: Vec<u8>) -> Result<(), SinkClosed> {
        let Some(room) = self.room.checked_sub(bytes.len() as u64) else {
            self.full = true;
            return Err(SinkClosed);
        };
        self.room = room;
        self.sink.part(header, bytes)
    }
}
