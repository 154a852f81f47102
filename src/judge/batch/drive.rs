//! One batch on its way: upload, make, look, take the results. Every step is durable before the next, and any of them may be the first of a process.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::BatchReply;
use crate::judge::provider::{BatchServer, Look, Mark};
use crate::judge::retry::{Class, Fault};
use crate::judge::server_error::short;
use crate::judge::{JournalError, Judge, Stop};

/// First and longest wait between two looks.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LONGEST_LOOK: Duration = Duration::from_mins(1);
/// Longest wait, in sum, for a server that does not answer or asks to be left alone.
const PATIENCE: Duration = Duration::from_mins(5);
/// The same for one that never answered: a wrong address should be said soon.
const FIRST_PATIENCE: Duration = Duration::from_secs(4);
/// Looks at the list for a batch that was perhaps made.
const FINDS: u32 = 4;
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
    /// Ids of this run's other batches.
    pub known: Vec<String>,
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
    /// The server never began; why. Nothing was billed.
    Refused(String),
    /// It was perhaps made, and cannot be found (again).
    Lost(String),
}

/// What a batch on its way needs of a ledger.
pub trait BatchJournal: Send + Sync {
    /// Makes a step durable; returns only then.
    fn step(&self, step: BatchStep) -> Result<(), JournalError>;

    /// Takes results. Some may have been taken before.
    fn results(&self, replies: Vec<BatchReply>) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// Waits of one batch; they begin anew with every answer.
struct Patience {
    answered: bool,
    waited: Duration,
    next: Duration,
}

impl Patience {
    const fn new() -> Self {
        Self { answered: false, waited: Duration::ZERO, next: FIRST_LOOK }
    }

    fn answered(&mut self) {
        *self = Self { answered: true, ..Self::new() };
    }

    /// Waits after a failure that may pass; the error when it has lasted too long.
    async fn wait(&mut self, judge: &Judge, fault: &Fault) -> Result<(), Stop> {
        let wait = fault.retry_after.unwrap_or(Duration::ZERO).max(self.next);
        self.waited += wait;
        if self.waited > if self.answered { PATIENCE } else { FIRST_PATIENCE } {
            let endpoint = &judge.opened.endpoint;
            return Err(Stop::Unreachable(format!("{endpoint}: its batches cannot be reached ({}); repeat later", short(&fault.message))));
        }
        self.next = (self.next * 2).min(LONGEST_LOOK);
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

impl Judge {
    /// Takes one batch from where it is to its end. Dropping the future leaves it on its way: the next process goes on with the same order, as far
    /// as `journal` knows it by then.
    pub async fn run_batch(&self, mut order: BatchOrder, journal: &dyn BatchJournal) -> Result<BatchEnd, Stop> {
        let server = self.opened.provider.batches().ok_or_else(|| {
            Stop::Endpoint(format!("provider `{}` has no batches; use `tribunal export --to batch`", self.settings.provider.name()))
        })?;
        let mut patience = Patience::new();
        if order.batch_id.is_none() && order.creating.is_some() {
            order.batch_id = self.find(&server, &order, &mut patience).await?;
            match &order.batch_id {
                Some(id) => journal.step(BatchStep::Sent(id.clone()))?,
                None => {
                    return Ok(BatchEnd::Lost("the program stopped while the batch was being made, and the server lists none".to_owned()));
                }
            }
        }
        let id = match order.batch_id.clone() {
            Some(id) => id,
            None => match self.submit(&server, &mut order, journal, &mut patience).await? {
                Ok(id) => id,
                Err(end) => return Ok(end),
            },
        };
        let places = match self.watch(&server, &id, &mut patience).await? {
            Ok(places) => places,
            Err(end) => return Ok(end),
        };
        for place in &places {
            self.fetch(&server, place, journal, &mut patience).await?;
        }
        if let Some(file_id) = &order.file_id {
            server.forget(file_id).await;
        }
        Ok(BatchEnd::Done)
    }

    async fn submit(
        &self,
        server: &BatchServer,
        order: &mut BatchOrder,
        journal: &dyn BatchJournal,
        patience: &mut Patience,
    ) -> Result<Result<String, BatchEnd>, Stop> {
        while order.file_id.is_none() && server.takes_files() {
            match server.upload(&order.file).await {
                Ok(id) => {
                    journal.step(BatchStep::Ready(Some(id.clone())))?;
                    order.file_id = Some(id);
                }
                Err(fault) if matches!(fault.class, Class::BadItem | Class::Filtered) => return Ok(Err(BatchEnd::Refused(fault.message))),
                Err(fault) => self.wait_or_stop(fault, patience).await?,
            }
        }
        loop {
            journal.step(BatchStep::Creating)?;
            order.creating = Some(jiff::Timestamp::now().as_second());
            let made = server.create(&order.file, self.batch_endpoint(), &mark(order)).await;
            let id = match made {
                Ok(id) => Some(id),
                // The answer was lost, not necessarily the batch.
                Err(fault) if fault.class == Class::Ambiguous => match self.find(server, order, patience).await? {
                    Some(id) => Some(id),
                    None => return Ok(Err(BatchEnd::Lost(fault.message))),
                },
                Err(fault) => {
                    journal.step(BatchStep::Ready(None))?;
                    order.creating = None;
                    if matches!(fault.class, Class::BadItem | Class::Filtered) {
                        return Ok(Err(BatchEnd::Refused(fault.message)));
                    }
                    self.wait_or_stop(fault, patience).await?;
                    None
                }
            };
            if let Some(id) = id {
                journal.step(BatchStep::Sent(id.clone()))?;
                return Ok(Ok(id));
            }
        }
    }

    /// Looks for a batch that was perhaps made; more than once, since lists lag.
    async fn find(&self, server: &BatchServer, order: &BatchOrder, patience: &mut Patience) -> Result<Option<String>, Stop> {
        let mut wait = FIRST_LOOK;
        for _ in 0..FINDS {
            match server.find(&mark(order)).await {
                Ok(Some(id)) => return Ok(Some(id)),
                Ok(None) => {
                    patience.answered();
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Err(fault) => self.wait_or_stop(fault, patience).await?,
            }
        }
        Ok(None)
    }

    /// Where the results lie, once the batch has ended.
    async fn watch(&self, server: &BatchServer, id: &str, patience: &mut Patience) -> Result<Result<Vec<String>, BatchEnd>, Stop> {
        let started = tokio::time::Instant::now();
        loop {
            match server.look(id).await {
                Ok(Look::Ended(places)) => return Ok(Ok(places)),
                Ok(Look::Failed(why)) => return Ok(Err(BatchEnd::Refused(why))),
                Ok(Look::Running) => {
                    patience.answered();
                    // A result is seen at most a tenth later than it could be.
                    tokio::time::sleep((started.elapsed() / 10).clamp(FIRST_LOOK, LONGEST_LOOK)).await;
                }
                Err(fault) if fault.status == Some(404) && !fault.reply.trim().is_empty() => {
                    return Ok(Err(BatchEnd::Lost(format!("the server no longer knows batch {id}"))));
                }
                Err(fault) => self.wait_or_stop(fault, patience).await?,
            }
        }
    }

    /// Takes the results at one place; from its start again when the connection is lost.
    async fn fetch(&self, server: &BatchServer, place: &str, journal: &dyn BatchJournal, patience: &mut Patience) -> Result<(), Stop> {
        while let Err(Broken::Server(fault)) = self.fetch_once(server, place, journal).await.or_else(Broken::ours)? {
            self.wait_or_stop(fault, patience).await?;
        }
        Ok(())
    }

    async fn fetch_once(&self, server: &BatchServer, place: &str, journal: &dyn BatchJournal) -> Result<Result<(), Broken>, Broken> {
        let mut lines = server.lines(place).await.map_err(Broken::Server)?;
        let mut group = Vec::with_capacity(GROUP);
        while let Some(line) = lines.next().await.map_err(Broken::Server)? {
            // A line that is none leaves its request without a result, which the ledger will see.
            group.extend(BatchReply::read(&line).ok());
            if group.len() == GROUP {
                journal.results(std::mem::take(&mut group)).await.map_err(Broken::Ours)?;
            }
        }
        journal.results(group).await.map_err(Broken::Ours)?;
        Ok(Ok(()))
    }

    async fn wait_or_stop(&self, fault: Fault, patience: &mut Patience) -> Result<(), Stop> {
        match fault.class {
            Class::Stopped(kind) => Err(self.stop(kind, &fault.message)),
            _ => patience.wait(self, &fault).await,
        }
    }
}

/// Why results could not be taken.
enum Broken {
    Server(Fault),
    Ours(JournalError),
}

impl Broken {
    fn ours(self) -> Result<Result<(), Self>, Stop> {
        match self {
            Self::Ours(error) => Err(Stop::Journal(error)),
            server @ Self::Server(_) => Ok(Err(server)),
        }
    }
}

fn mark(order: &BatchOrder) -> Mark<'_> {
    Mark {
        token: &order.token,
        file_id: order.file_id.as_deref(),
        since: order.creating.unwrap_or_default(),
        requests: order.requests,
        known: &order.known,
    }
}
