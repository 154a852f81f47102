//! The seam between the judge's rules and whoever answers.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use tribunal_media::Digest;

use super::batch::BatchServer;
use super::{embedded, http, replay};
use crate::judge::request::Request;
use crate::judge::retry::Fault;
use crate::judge::terms::Takes;
use crate::judge::wire::Wire;
use crate::judge::{Lesson, ProviderKind, Receipt, Settings};

/// One complete reply, of whatever status; the key is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::judge) struct Reply {
    /// HTTP status.
    pub(in crate::judge) status: u16,
    /// Lower-case names.
    pub(in crate::judge) headers: BTreeMap<String, String>,
    /// Text; a body that is not UTF-8 is marked so and never parses.
    pub(in crate::judge) body: String,
}

/// One exchange: sends a request once and returns the whole reply, or why there is none.
pub(in crate::judge) trait Provider: Send + Sync + std::fmt::Debug {
    /// Sends `request` once. Replies of every status are `Ok`; `Err` is a transport that failed.
    fn exchange<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, Fault>>;

    /// How soon its answer to `request` comes among those that it has left: a server answers whatever it is asked (0), a cassette what it holds, in the order
    /// of its lines. Or the fault of having none.
    fn order(&self, _: &Request) -> Result<usize, Fault> {
        Ok(0)
    }

    /// Where its batches are kept; `None` where it has none.
    fn batches(&self) -> Option<BatchServer> {
        None
    }

    /// What the server says that its model can take in; `None` where it never says, a fault where the question failed.
    fn modalities(&self) -> BoxFuture<'_, Result<Option<Takes>, Fault>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// Whose requests a server counts together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::judge) struct Account {
    /// Its origin and the key, as one digest that no one is shown.
    pub(super) of: Digest,
    /// Whether there is a key.
    pub(in crate::judge) has_key: bool,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Account")
    }
}

/// A provider and what the rest must know of it.
#[derive(Debug)]
pub(in crate::judge) struct Opened {
    pub(in crate::judge) provider: Box<dyn Provider>,
    /// Where requests go; part of every `verdict_id`.
    pub(in crate::judge) endpoint: String,
    /// Whose requests they are to the server; `None` where there is none.
    pub(in crate::judge) account: Option<Account>,
    /// The model that requests name.
    pub(in crate::judge) model: String,
    /// Everything that decides verdicts, without secrets.
    pub(in crate::judge) fingerprint: String,
    pub(in crate::judge) wire: Box<dyn Wire>,
    /// Whether replies were written by hand.
    pub(in crate::judge) authored: bool,
    /// Whether evidence is meant for a server: then policy may withhold some, and the judge can be probed.
    pub(in crate::judge) remote: bool,
    /// Whether anything is sent now: then it costs and is waited for. A replay of a server's judge is remote and not live.
    pub(in crate::judge) live: bool,
    /// Bodies of the refusals that taught it something when it was recorded; a server's are learnt on the way.
    pub(in crate::judge) lessons: Vec<Lesson>,
    /// How it is made sure that the judge saw the media: as the settings say, or as it was recorded.
    pub(in crate::judge) receipt: Receipt,
}

/// Opens the provider that `settings` name; the error says what is wrong and what to do.
pub(in crate::judge) fn open(settings: &Settings, secrets: &dyn Fn(&str) -> Option<String>) -> Result<Opened, String> {
    settings.check()?;
    match settings.provider {
        ProviderKind::Replay => replay::open(settings),
        ProviderKind::Embedded => embedded::open(settings),
        _ => http::open(settings, secrets),
    }
}
