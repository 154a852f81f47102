//! One task in, one outcome out.

use std::sync::Arc;

use super::{Journal, JournalError, Outcome, Settings, Task, View};
use crate::prepare::Payload;
use crate::rubric::{Prompt, Shape};

/// One judge, open and ready.
#[derive(Debug)]
pub struct Judge {
    settings: Settings,
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
}

/// How a task ended and under which id.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The one state.
    pub outcome: Outcome,
}

/// The run must stop; what is not concluded stays pending and is resumed later.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Stop {
    /// The server refused the key.
    #[error("{0}")]
    Auth(String),
    /// The account is out of quota.
    #[error("{0}")]
    Quota(String),
    /// Nobody answers there.
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
#[derive(Debug, thiserror::Error)]
#[error("judge {judge}: {problem}")]
pub struct OpenError {
    /// Its name.
    pub judge: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl Judge {
    /// Opens a judge: reads its key, model file or cassette. Sends nothing.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        todo!("{settings:?}")
    }

    /// The view of media this judge wants.
    pub fn view(&self) -> View {
        todo!("{:?}", self.settings)
    }

    /// Asks until the task ends in one state, or the run must stop. Writes every attempt to `journal`.
    pub async fn judge(&self, work: &Work, journal: &dyn Journal) -> Result<Settled, Stop> {
        todo!("{work:?} {}", std::any::type_name_of_val(journal))
    }
}
