//! One batch on its way: upload, make, look, take the results. Every step is durable before the next, and any of them may be the first of a process.

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use super::patience::{FIRST_LOOK, LONGEST_LOOK, Patience, Search};
use super::{BatchReply, Came};
use crate::judge::provider::{BatchServer, Ended, Look, Mark, Sighting};
use crate::judge::retry::{Class, Fault};
use crate::judge::{JournalError, Judge, Stop};

/// Results that are settled together, so that they share commits.
const GROUP: usize = 64;

/// A batch as far as earlier steps have brought it.
#[derive(Debug, Clone)]
pub struct BatchOrder {
    /// Its requests.
    pub file: PathBuf,
    /// What it can be found by.
    pub token: String,
    /// The server's id of the uploaded file.
    pub file_id: Option<String>,
    /// The server's id of the batch.
    pub batch_id: Option<String>,
    /// When the server was perhaps asked to make it, in seconds since 1970; `None`: it was not.
    pub creating: Option<i64>,
    /// How many requests it holds.
    pub requests: u64,
    /// Whether to wait until it ends.
    pub wait: bool,
}

/// A step that must be durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchStep {
    /// The server certainly runs nothing; the id is the uploaded file's.
    Ready(Option<String>),
    /// The server is about to be asked.
    Creating,
    /// The server runs it under this id.
    Sent(String),
}

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchEnd {
    /// Its results were taken.
    Done,
    /// It runs, and is not waited for.
    Running,
    /// The server has no room for it now; why. It is ready again, and nothing was billed.
    Full(String),
    /// The server never began; why. Nothing was billed.
    Refused(String),
    /// It was perhaps made, and it or its results cannot be found (again).
    Lost(String),
}

/// What a batch on its way needs of a ledger.
pub trait BatchJournal: Send + Sync {
    /// Makes a step durable; returns only then.
    fn step(&self, step: BatchStep) -> Result<(), JournalError>;

    /// The server's ids of all batches of this run, as of now.
    fn known(&self) -> Result<Vec<String>, JournalError>;

    /// How many of its requests have no result by now.
    fn missing(&self) -> Result<u64, JournalError>;

    /// Whether one of its requests is known by this.
    fn owns<'a>(&'a self, custom_id: &'a str) -> BoxFuture<'a, Result<bool, JournalError>>;

    /// Takes results, each of another request. Some may have been taken before.
    fn results(&self, replies: Vec<BatchReply>) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Is told, once all results were taken, which of them came twice. The first of each was taken.
    fn doubled<'a>(&'a self, came: &'a Came) -> BoxFuture<'a, Result<(), JournalError>>;
}

/// A batch and those who have to do with it.
struct Drive<'a> {
    judge: &'a Judge,
    server: BatchServer,
    order: BatchOrder,
    journal: &'a dyn BatchJournal,
    patience: Patience,
    came: Came,
}

impl Judge {
    /// Takes one batch from where it is to its end. Dropping the future leaves it on its way: the next process goes on with the same order, as far
    /// as `journal` knows it by then.
    pub async fn run_batch(&self, order: BatchOrder, journal: &dyn BatchJournal) -> Result<BatchEnd, Stop> {
        let server = self.opened.provider.batches().ok_or_else(|| {
            Stop::Endpoint(format!("provider `{}` has no batches; use `tribunal export --to batch`", self.settings.provider.name()))
        })?;
        let server = server.within(&self.limiter.quiet);
        Drive { judge: self, server, order, journal, patience: Patience::default(), came: Came::default() }.run().await
    }
}

impl Drive<'_> {
    async fn run(mut self) -> Result<BatchEnd, Stop> {
        let id = match self.order.batch_id.clone() {
            Some(id) => id,
            None => match self.submit().await? {
                Ok(id) => id,
                Err(end) => return Ok(end),
            },
        };
        let end = self.take(&id).await?;
        if matches!(end, BatchEnd::Running | BatchEnd::Full(_)) {
            return Ok(end);
        }
        self.journal.doubled(&self.came).await?;
        if let Some(file_id) = &self.order.file_id {
            self.server.forget(file_id).await;
        }
        Ok(end)
    }

    /// Takes results until none is missing. A server may say that a batch has ended before all of them can be had, and a download may break off without
    /// saying so: what is missing is looked for until it must have come to light.
    async fn take(&mut self, id: &str) -> Result<BatchEnd, Stop> {
        let mut search = None;
        loop {
            let Ended { places, at, results } = match self.watch(id).await? {
                Ok(ended) => ended,
                Err(end) => return Ok(end),
            };
            // What is read from its start again does not come twice for that.
            self.came = Came::default();
            let mut gone = false;
            for place in &places {
                gone |= !self.fetch(place).await?;
            }
            if self.journal.missing()? == 0 || results.is_some_and(|results| self.came.count() >= results) {
                return Ok(BatchEnd::Done);
            }
            if !self.order.wait {
                return Ok(BatchEnd::Running);
            }
            let search = search.get_or_insert_with(|| Search::since(at.unwrap_or_else(now)));
            if !search.again().await {
                let lost = || BatchEnd::Lost(format!("the server no longer has the results of batch {id}"));
                return Ok(if gone { lost() } else { BatchEnd::Done });
            }
        }
    }

    /// The server's id of the batch.
    async fn submit(&mut self) -> Result<Result<String, BatchEnd>, Stop> {
        let why = match self.order.creating {
            Some(_) => "the program stopped while the batch was being made".to_owned(),
            None => match self.make().await? {
                Made::Sent(id) => return Ok(Ok(id)),
                Made::Not(end) => return Ok(Err(end)),
                Made::Perhaps(why) => why,
            },
        };
        self.search(&why).await
    }

    async fn make(&mut self) -> Result<Made, Stop> {
        // One at a time: of batches that are on their way together, more would be in doubt when the program stops.
        let _turn = self.judge.making_batch.lock().await;
        while self.order.file_id.is_none() && self.server.takes_files() {
            match self.server.upload(&self.order.file).await {
                Ok(id) => {
                    self.patience.served();
                    self.journal.step(BatchStep::Ready(Some(id.clone())))?;
                    self.order.file_id = Some(id);
                }
                Err(fault) if is_final(&fault) => return Ok(Made::Not(BatchEnd::Refused(fault.message))),
                Err(fault) => self.wait(fault).await?,
            }
        }
        loop {
            self.journal.step(BatchStep::Creating)?;
            self.order.creating = Some(now());
            let made = self.server.create(&self.order.file, self.judge.batch_endpoint(), &self.mark(&[])).await;
            let fault = match made {
                Ok(id) => return self.sent(id).map(Made::Sent),
                // The answer was lost, not necessarily the batch.
                Err(fault) if fault.class == Class::Ambiguous => return Ok(Made::Perhaps(fault.message)),
                Err(fault) => fault,
            };
            self.journal.step(BatchStep::Ready(None))?;
            self.order.creating = None;
            if is_final(&fault) {
                return Ok(Made::Not(BatchEnd::Refused(fault.message)));
            }
            if fault.class == Class::Refused && fault.status == Some(429) {
                // Too many requests at once, or too many in batches already.
                if let Err(problem) = self.patience.wait(&fault).await {
                    return Ok(Made::Not(BatchEnd::Full(problem)));
                }
            } else {
                self.wait(fault).await?;
            }
        }
    }

    fn sent(&self, id: String) -> Result<String, Stop> {
        self.journal.step(BatchStep::Sent(id.clone()))?;
        Ok(id)
    }

    /// Looks for a batch that was perhaps made; `why` nothing else is known of it. What bears no mark of ours is ours when its results are, which can be
    /// seen once it has ended.
    async fn search(&mut self, why: &str) -> Result<Result<String, BatchEnd>, Stop> {
        let (started, mut search) = (tokio::time::Instant::now(), Search::since(self.order.creating.unwrap_or_default()));
        let mut others = Vec::new();
        loop {
            let known = [self.journal.known()?, others.clone()].concat();
            let seen = match self.server.find(&self.mark(&known)).await {
                Ok(seen) => seen,
                Err(fault) => {
                    self.wait(fault).await?;
                    continue;
                }
            };
            self.patience.served();
            let mut running = false;
            for Sighting { id, marked } in seen {
                match if marked { Whose::Ours } else { self.whose(&id).await? } {
                    Whose::Ours => return self.sent(id).map(Ok),
                    Whose::Others => others.push(id),
                    Whose::Running => running = true,
                    Whose::Unknown => {}
                }
            }
            if running && !self.order.wait {
                return Ok(Err(BatchEnd::Running));
            }
            if running {
                tokio::time::sleep((started.elapsed() / 10).clamp(FIRST_LOOK, LONGEST_LOOK)).await;
            } else if !search.again().await {
                return Ok(Err(BatchEnd::Lost(format!("{why}, and the server lists no such batch"))));
            }
        }
    }

    /// Whose batch it is, by the first of its results.
    async fn whose(&mut self, id: &str) -> Result<Whose, Stop> {
        loop {
            match self.first_id(id).await {
                Ok(Err(whose)) => return Ok(whose),
                Ok(Ok(custom_id)) => return Ok(if self.journal.owns(&custom_id).await? { Whose::Ours } else { Whose::Others }),
                Err(fault) if is_absent(&fault) => return Ok(Whose::Unknown),
                Err(fault) => self.wait(fault).await?,
            }
        }
    }

    /// What the first result of a batch is known by, or why that cannot be said.
    async fn first_id(&self, id: &str) -> Result<Result<String, Whose>, Fault> {
        if self.server.look(id).await? == Look::Running {
            return Ok(Err(Whose::Running));
        }
        let mut lines = self.server.lines(id).await?;
        while let Some(line) = lines.next().await? {
            if let Ok(reply) = BatchReply::read(&line) {
                return Ok(Ok(reply.custom_id));
            }
        }
        Ok(Err(Whose::Unknown))
    }

    /// What the server says of the batch once it has ended.
    async fn watch(&mut self, id: &str) -> Result<Result<Ended, BatchEnd>, Stop> {
        let (started, mut search) = (tokio::time::Instant::now(), Search::since(self.order.creating.unwrap_or_default()));
        loop {
            match self.server.look(id).await {
                Ok(Look::Ended(ended)) => return Ok(Ok(ended)),
                Ok(Look::Failed(why)) => return Ok(Err(BatchEnd::Refused(why))),
                Ok(Look::Full(why)) => {
                    self.journal.step(BatchStep::Ready(None))?;
                    return Ok(Err(BatchEnd::Full(why)));
                }
                Ok(Look::Running) if !self.order.wait => return Ok(Err(BatchEnd::Running)),
                Ok(Look::Running) => {
                    self.patience.served();
                    // A result is seen at most a tenth later than it could be.
                    tokio::time::sleep((started.elapsed() / 10).clamp(FIRST_LOOK, LONGEST_LOOK)).await;
                }
                Err(fault) if is_gone(&fault) => {
                    if !search.again().await {
                        return Ok(Err(BatchEnd::Lost(format!("the server no longer knows batch {id}"))));
                    }
                }
                Err(fault) => self.wait(fault).await?,
            }
        }
    }

    /// Takes the results at one place; from its start again when the connection is lost. `false`: they cannot be had (yet), or are missed by nobody.
    async fn fetch(&mut self, place: &str) -> Result<bool, Stop> {
        loop {
            let mut came = self.came.clone();
            match self.fetch_once(place, &mut came).await? {
                Ok(()) => {
                    self.patience.served();
                    self.came = came;
                    return Ok(true);
                }
                Err(fault) if is_absent(&fault) || self.journal.missing()? == 0 => return Ok(false),
                Err(fault) => self.wait(fault).await?,
            }
        }
    }

    async fn fetch_once(&self, place: &str, came: &mut Came) -> Result<Result<(), Fault>, JournalError> {
        let mut lines = match self.server.lines(place).await {
            Ok(lines) => lines,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut group = Vec::with_capacity(GROUP);
        loop {
            match lines.next().await {
                // A line that is none leaves its request without a result, which the ledger will see.
                Ok(Some(line)) => group.extend(BatchReply::read(&line).ok().filter(|reply| came.note(reply).is_none())),
                Ok(None) => break,
                Err(fault) => return Ok(Err(fault)),
            }
            if group.len() == GROUP {
                self.journal.results(std::mem::take(&mut group)).await?;
            }
        }
        self.journal.results(group).await?;
        Ok(Ok(()))
    }

    async fn wait(&mut self, fault: Fault) -> Result<(), Stop> {
        if let Class::Stopped(kind) = fault.class {
            return Err(self.judge.stop(kind, &fault.message));
        }
        let endpoint = &self.judge.opened.endpoint;
        self.patience.wait(&fault).await.map_err(|problem| Stop::Unreachable(format!("{endpoint}: {problem}")))
    }

    fn mark<'m>(&'m self, known: &'m [String]) -> Mark<'m> {
        Mark {
            token: &self.order.token,
            file_id: self.order.file_id.as_deref(),
            since: self.order.creating.unwrap_or_default(),
            requests: self.order.requests,
            known,
        }
    }
}

/// What became of a batch that was to be made.
enum Made {
    /// The server runs it under this id.
    Sent(String),
    /// It runs nothing.
    Not(BatchEnd),
    /// Nobody knows; why.
    Perhaps(String),
}

/// Whose a batch is that may be ours.
enum Whose {
    Ours,
    Others,
    /// It shows once it has ended.
    Running,
    /// Its results cannot be had (yet).
    Unknown,
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Whether a server that has just said that a batch has ended does not hand out what should lie there.
fn is_absent(fault: &Fault) -> bool {
    is_final(fault) || matches!(fault.status, Some(404 | 410))
}

/// Whether the server will not have the request as it is.
const fn is_final(fault: &Fault) -> bool {
    matches!(fault.class, Class::BadItem | Class::Filtered)
}

/// Whether the server says that what was asked for is not there (any more), as opposed to a host that is being moved.
fn is_gone(fault: &Fault) -> bool {
    matches!(fault.status, Some(404 | 410)) && !fault.reply.trim().is_empty()
}
