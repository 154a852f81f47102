//! A judge: opened once, then one task in and one outcome out.

use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, PoisonError};

use tribunal_media::{Digest, Modality, SoundEncoding};

use super::alike::Alike;
use super::ask::Ask;
use super::asked::Asked;
use super::dialect::Dialect;
use super::flight::{Alone, Flights, OnItsWay};
use super::key::printable;
use super::lessons::Lessons;
use super::limit::Limiter;
use super::provider::{self, Opened};
use super::scout::Scout;
use super::senses::{Senses, unsupported};
use super::{Calibration, Journal, JournalError, Known, Limits, Outcome, Receipt, Settings, Task, Terms, View, Why};
use crate::prepare::{self, Part, Payload};
use crate::rubric::{Prompt, Shape};

/// One judge, open and ready. Asks any number of tasks at once.
#[derive(Debug)]
pub struct Judge {
    name: String,
    pub(super) settings: Settings,
    pub(super) terms: Terms,
    pub(super) calibration: Calibration,
    pub(super) opened: Opened,
    pub(super) limiter: Limiter,
    /// Whether the server ever answered this process: then it is worth waiting for.
    pub(super) answered: AtomicBool,
    /// Attempts since the last answer that may have been billed without one.
    pub(super) lost_in_row: AtomicU32,
    /// What may have been spoken when what is replayed was recorded; empty for servers.
    pub(super) spoken: Vec<Dialect>,
    /// The dialect of the last reply: the most tokens that it was asked for with stand.
    pub(super) confirmed: Mutex<Option<Dialect>>,
    pub(super) alike: Alike,
    /// What refusals taught, which may be of several judges.
    pub(super) lessons: Arc<Mutex<Lessons>>,
    /// Which request goes before all others that would teach the same.
    pub(super) scout: Arc<Scout>,
    /// Why its replies may be longer by now than at first, in words, once for each time that this was raised.
    pub(super) raised: Mutex<Vec<String>>,
    /// Why nothing more is to be asked of the server, said by a refusal that was the end of its task.
    pub(super) leave: Mutex<Option<Stop>>,
    flights: Flights,
    /// Of all judges of a run, which ask equal requests one after another.
    alone: Arc<Alone>,
    /// Held while a batch is on its way to the server.
    pub(super) making_batch: tokio::sync::Mutex<()>,
    /// What the server says that its model takes in.
    pub(super) senses: Senses,
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
    /// The code that an honest verdict reads back, where one was planted.
    pub receipt: Option<String>,
    /// Code of the instance's risk factor.
    pub risk: Option<String>,
    /// Of the instance.
    pub modality: Modality,
}

impl Work {
    /// The parts that are evidence: all but the canary, which stands last where there is one.
    pub(super) fn evidence(&self) -> &[Part] {
        let parts = &self.payload.parts;
        &parts[..parts.len() - usize::from(self.receipt.is_some()).min(parts.len())]
    }
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
        // Before the address was looked at, a password may stand in it.
        let fail = |problem| OpenError { judge: printable(name), problem };
        let opened = provider::open(settings, secrets).map_err(fail)?;
        let terms = settings.terms().map_err(fail)?;
        let lessons = opened.lessons.clone();
        let mut judge = Self {
            name: if opened.authored { format!("{name} (authored)") } else { name.to_owned() },
            settings: Settings { receipt: opened.receipt, ..settings.clone() },
            limiter: Limiter::new(&if opened.live { terms.limits.clone() } else { Limits::default() }),
            terms,
            calibration: Calibration::default(),
            opened,
            answered: AtomicBool::new(false),
            lost_in_row: AtomicU32::new(0),
            spoken: Vec::new(),
            confirmed: Mutex::default(),
            alike: Alike::default(),
            lessons: Arc::default(),
            scout: Arc::default(),
            raised: Mutex::default(),
            leave: Mutex::default(),
            flights: Flights::default(),
            alone: Arc::default(),
            making_batch: tokio::sync::Mutex::default(),
            senses: Senses::default(),
        };
        if !judge.opened.live {
            judge.begin_with(&lessons);
        }
        Ok(judge)
    }

    /// The same judge with the replies that an earlier run got instead of its server: nothing is sent and nothing costs. `lines` are those of a
    /// cassette, matched by the exact body and the repeat alone; what the run never asked ends `not_in_cassette`.
    pub fn replaying(mut self, lines: &str) -> Result<Self, OpenError> {
        let fail = |problem| OpenError { judge: self.name.clone(), problem };
        let (provider, lessons) = provider::replay_of(lines).map_err(fail)?;
        self.begin_with(&lessons);
        self.opened.provider = provider;
        self.opened.live = false;
        // Nobody counts what is not sent.
        self.limiter = Limiter::new(&Limits::default());
        Ok(self)
    }

    /// Lets judges that ask one server with one key keep quiet together: a `Retry-After` to one of them, or to a batch of one, is to all. Rates (`rpm`,
    /// `tpm`) stay each judge's own.
    pub fn keep_quiet_together(judges: &mut [Self]) {
        for at in 1..judges.len() {
            let (known, later) = judges.split_at_mut(at);
            let judge = &mut later[0];
            if let Some(known) = known.iter().find(|known| judge.opened.account.is_some() && known.opened.account == judge.opened.account) {
                judge.limiter.quiet = Arc::clone(&known.limiter.quiet);
            }
        }
    }

    /// Lets judges of one run wait for each other's equal requests: the later one reads the reply that the earlier one pays for.
    pub fn pay_once_together(judges: &mut [Self]) {
        let alone = Arc::<Alone>::default();
        judges.iter_mut().for_each(|judge| judge.alone = Arc::clone(&alone));
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

    /// The view of media this judge wants, for pictures that are made by `recipe`: smaller ones where it takes no larger ones, or none of so many
    /// bytes.
    pub fn view(&self, recipe: prepare::Settings) -> View {
        let limits = &self.terms.limits;
        let of_bytes = limits.picture_bytes.map(|most| recipe.edge_within(most / 4 * 3));
        match (self.opened.wire.view(), limits.long_edge.into_iter().chain(of_bytes).min()) {
            (View::Parts, Some(most)) if most < recipe.long_edge => View::Small(most),
            (view, _) => view,
        }
    }

    /// Whether it is an uncalibrated classifier, to be kept apart from judges.
    pub fn is_triage(&self) -> bool {
        self.opened.wire.view() == View::Tensor
    }

    /// How it is made sure that it saw the media.
    pub const fn receipt(&self) -> Receipt {
        self.settings.receipt
    }

    /// What is known of its server: limits, token rules, price.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What replies so far taught of the server's token counts.
    pub const fn calibration(&self) -> &Calibration {
        &self.calibration
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

    /// Whether replies come from a cassette or an earlier run: nothing is sent.
    pub fn is_replayed(&self) -> bool {
        !self.opened.live && !self.is_triage()
    }

    /// Whether a server answers now, which may have changed since it was asked before.
    pub fn is_server(&self) -> bool {
        self.opened.remote && self.opened.live
    }

    /// Whether costs can be known in advance, so that a budget can be kept. Judges that send nothing cost nothing.
    pub fn has_price(&self) -> bool {
        !self.opened.live || self.terms.price.is_some()
    }

    /// Why sound in this encoding cannot be sent to it, if so.
    pub fn check_sound(&self, encoding: SoundEncoding) -> Result<(), String> {
        let provider = self.settings.provider;
        if encoding == SoundEncoding::Wav || !self.opened.wire.carries().sound || self.settings.may_read_flac() {
            return Ok(());
        }
        Err(format!("judge `{}`: servers of provider `{}` read WAV, not FLAC; remove recipe.sound = \"flac\"", self.name, provider.name()))
    }

    /// Why this judge has nothing to say about such an instance, if so.
    pub fn abstains(&self, risk: Option<&str>, modality: Modality) -> Option<Why> {
        self.opened.wire.abstains(risk, modality)
    }

    /// Asks until the task ends in one state, or the run must stop (then, too, it may have ended). Writes every attempt and the outcome to `journal`.
    /// Dropping the future leaves the attempt open in the journal; it then counts as perhaps billed.
    pub async fn judge(&self, work: &Work, journal: &dyn Journal) -> Result<Settled, Stop> {
        // Who waits to ask the same finds the reply from the task's end on.
        let (settled, _alone) = self.settle(work, journal).await?;
        journal.conclude(&work.task, settled.verdict_id, settled.outcome.clone()).await?;
        let leave = self.leave.lock().unwrap_or_else(PoisonError::into_inner).take();
        leave.map_or(Ok(settled), Err)
    }

    async fn settle(&self, work: &Work, journal: &dyn Journal) -> Result<(Settled, Option<OnItsWay>), Stop> {
        let unasked = |outcome| Ok((Settled { outcome, verdict_id: None }, None));
        if let Some(why) = self.abstains(work.risk.as_deref(), work.modality) {
            return unasked(Outcome::Abstained(why));
        }
        if let Some(why) = unsupported(self.carries(work, journal).await?, work) {
            return unasked(Outcome::Abstained(why));
        }
        let Asked { work, first, id } = match self.asked(work) {
            Ok(asked) => asked,
            Err(why) => return unasked(Outcome::JudgeUnusable(why)),
        };
        let work = &*work;
        let flight = self.flights.join(id);
        let mut alone = None;
        let place = &mut alone;
        let ask = || async move {
            *place = self.alone(id, journal).await?;
            let paid = match self.known(work, journal, id).await? {
                Known::Ended(outcome) => return Err(Grounded::Known(outcome)),
                Known::Paid(paid) => paid,
            };
            let mut ask = Ask::new(self, work, journal, first, id, paid).await?;
            let settled = ask.settled_before();
            ask.note_read().await?;
            match settled {
                Some(lost @ Outcome::Unresolved(_)) => Ok(lost),
                Some(outcome) => Err(Grounded::Known(outcome)),
                None => Ok(ask.run(place).await?),
            }
        };
        let outcome = match flight.get_or_try_init(ask).await {
            Ok(outcome) => outcome.clone(),
            Err(Grounded::Known(outcome)) => outcome,
            Err(Grounded::Stop(stop)) => return Err(stop),
        };
        Ok((Settled { outcome, verdict_id: Some(id) }, alone))
    }

    /// Waits until no other judge asks the same, holding nothing that anybody needs. What is replayed is asked of nobody.
    pub(super) async fn alone(&self, id: Digest, journal: &dyn Journal) -> Result<Option<OnItsWay>, Stop> {
        if !self.opened.live {
            return Ok(None);
        }
        tokio::select! {
            alone = self.alone.join(id).lock_owned() => Ok(Some(alone)),
            stopping = journal.stopped() => Err(Stop::Journal(stopping)),
        }
    }

    /// What equal requests came to. A replayed judge has its own answers, those that it shared among them.
    pub(super) async fn known(&self, work: &Work, journal: &dyn Journal, id: Digest) -> Result<Known, JournalError> {
        let known = journal.known(&work.task, id).await?;
        Ok(known.filter(|known| self.opened.live || matches!(known, Known::Ended(_))).unwrap_or(Known::Paid(Vec::new())))
    }
}

/// Why a task was not on its way for all that ask the same.
enum Grounded {
    /// It ended by what was paid for before. Each of the others looks that up for itself: what was reopened takes nothing from before.
    Known(Outcome),
    Stop(Stop),
}

impl From<Stop> for Grounded {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<JournalError> for Grounded {
    fn from(error: JournalError) -> Self {
        Self::Stop(error.into())
    }
}
