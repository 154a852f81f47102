//! A judge: opened once, then one task in and one outcome out.

use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, PoisonError};

use tribunal_media::{Digest, Modality};

use super::ask::{self, Ask};
use super::dialect::Dialect;
use super::limit::Limiter;
use super::provider::{self, Opened, Wire};
use super::{Journal, JournalError, Outcome, Settings, Task, View, Why, triage};
use crate::prepare::Payload;
use crate::rubric::{Prompt, Shape};

/// One judge, open and ready. Asks any number of tasks at once.
#[derive(Debug)]
pub struct Judge {
    name: String,
    pub(super) settings: Settings,
    pub(super) opened: Opened,
    pub(super) limiter: Limiter,
    /// Whether the server ever answered this process: then it is worth waiting for.
    pub(super) answered: AtomicBool,
    /// Attempts since the last answer that may have been billed without one.
    pub(super) lost_in_row: AtomicU32,
    dialect: Mutex<Dialect>,
}

/// One task with everything its request is made of.
#[derive(Debug, Clone)]
pub struct Work {
    /// What is asked.
    pub task: Task,
    /// The texts around the evidence.
    pub prompt: Prompt,
    /// What the reply must look like.
    pub shape: Shape,
    /// Echoed by an honest verdict.
    pub nonce: String,
    /// The evidence in the view this judge wants.
    pub payload: Arc<Payload>,
    /// Code of the instance's risk factor.
    pub risk: Option<String>,
    /// Of the instance.
    pub modality: Modality,
}

/// How a task ended and under which id.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The one state.
    pub outcome: Outcome,
    /// `blake3(recorded body, endpoint, repeat)`; `None` when nothing was to be asked.
    pub verdict_id: Option<Digest>,
}

/// The run must stop; what is not concluded stays pending and is resumed later. The message says what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Stop {
    /// The server refused the key.
    #[error("{0}")]
    Auth(String),
    /// The account is out of quota.
    #[error("{0}")]
    Quota(String),
    /// The server knows no such address or model.
    #[error("{0}")]
    Endpoint(String),
    /// Nobody answers there, or asks to be left alone for too long.
    #[error("{0}")]
    Unreachable(String),
    /// The budget is spent or reserved.
    #[error("{0}")]
    Budget(String),
    /// The ledger failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A judge that cannot be opened; nothing was spent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("judge {judge}: {problem}")]
pub struct OpenError {
    /// Its name.
    pub judge: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl Judge {
    /// Opens a judge: reads its key (from `secrets`, by the name of an environment variable, or from its file), model file or
    /// cassette. Sends nothing. A cassette with hand-written replies makes the name `NAME (authored)`.
    pub fn open(name: &str, settings: &Settings, secrets: &dyn Fn(&str) -> Option<String>) -> Result<Self, OpenError> {
        let opened = provider::open(settings, secrets).map_err(|problem| OpenError { judge: name.to_owned(), problem })?;
        Ok(Self {
            name: if opened.authored { format!("{name} (authored)") } else { name.to_owned() },
            settings: settings.clone(),
            limiter: Limiter::new(settings.limits.rpm),
            opened,
            answered: AtomicBool::new(false),
            lost_in_row: AtomicU32::new(0),
            dialect: Mutex::new(Dialect::default()),
        })
    }

    /// The name in tasks and tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything about the judge that decides verdicts: provider, endpoint, model, parameters; a digest of a cassette or model.
    /// Never a key.
    pub fn fingerprint(&self) -> &str {
        &self.opened.fingerprint
    }

    /// The view of media this judge wants.
    pub fn view(&self) -> View {
        match self.opened.wire {
            Wire::Chat => View::Parts,
            Wire::Triage => View::Tensor,
        }
    }

    /// Whether it is an uncalibrated classifier, to be kept apart from judges.
    pub fn is_triage(&self) -> bool {
        self.opened.wire == Wire::Triage
    }

    /// Whether its replies were written by hand.
    pub fn is_authored(&self) -> bool {
        self.opened.authored
    }

    /// Whether evidence is sent over HTTP: then policy may withhold some. A loopback address counts as remote too, since what
    /// listens there may pass everything on.
    pub fn is_remote(&self) -> bool {
        self.opened.remote
    }

    /// Whether costs can be known in advance, so that a budget can be kept. Judges that send nothing cost nothing.
    pub fn has_price(&self) -> bool {
        !self.opened.remote || self.settings.price.is_some()
    }

    /// Why this judge has nothing to say about such an instance, if so.
    pub fn abstains(&self, risk: Option<&str>, modality: Modality) -> Option<Why> {
        match self.opened.wire {
            Wire::Chat => None,
            Wire::Triage => triage::abstains(risk, modality),
        }
    }

    /// Bytes of the body of this task's first request; `None` when nothing would be asked. Sends nothing.
    pub fn request_bytes(&self, work: &Work) -> Option<u64> {
        if self.abstains(work.risk.as_deref(), work.modality).is_some() {
            return None;
        }
        let (request, _) = ask::first_request(self, work).ok()?;
        Some(request.body.iter().map(|piece| piece.len() as u64).sum())
    }

    /// Asks until the task ends in one state, or the run must stop. Writes every attempt and the outcome to `journal`.
    /// Dropping the future leaves the attempt open in the journal; it then counts as perhaps billed.
    pub async fn judge(&self, work: &Work, journal: &dyn Journal) -> Result<Settled, Stop> {
        let settled = match self.abstains(work.risk.as_deref(), work.modality) {
            Some(why) => Settled { outcome: Outcome::Abstained(why), verdict_id: None },
            None => match Ask::new(self, work, journal).await? {
                Ok(ask) => ask.run().await?,
                Err(why) => Settled { outcome: Outcome::JudgeUnusable(why), verdict_id: None },
            },
        };
        journal.conclude(&work.task, settled.verdict_id, settled.outcome.clone()).await?;
        Ok(settled)
    }

    /// What is sent to this endpoint now.
    pub(super) fn dialect(&self) -> Dialect {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes from `used` to `next`, unless another task has moved on already.
    pub(super) fn learn(&self, used: Dialect, next: Dialect) {
        let mut dialect = self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        if *dialect == used {
            *dialect = next;
        }
    }
}
