//! Replies from a cassette instead of a server, through the same rules as HTTP.

use futures_util::future::BoxFuture;

use super::cassette::{Cassette, Recorded};
use super::seam::{Opened, Provider, Reply};
use crate::judge::request::Request;
use crate::judge::retry::{Class, Fault, taken_before};
use crate::judge::{Lesson, ProviderKind, Receipt, Settings};

/// Filled in with the request's nonce, which depends on the decoded parts and cannot be written by hand. In authored lines only: a judge that said this
/// word by word did not echo its nonce.
const NONCE: &str = "{{nonce}}";

/// The reason of what a cassette holds no answer to.
pub const NOT_IN_CASSETTE: &str = "not_in_cassette";

#[derive(Debug)]
struct Replay(Cassette);

/// Reads the cassette that `settings.path` names.
pub(super) fn open(settings: &Settings) -> Result<Opened, String> {
    let path = settings.path.as_deref().ok_or("path is missing: name the cassette")?;
    let cassette = Cassette::read(path)?;
    let receipt = receipt(settings.receipt, cassette.receipt).map_err(|problem| format!("cassette {}: {problem}", path.display()))?;
    let settings = &Settings { receipt, ..settings.clone() };
    let model = settings.model.clone().unwrap_or_else(|| "replay".to_owned());
    Ok(Opened {
        // Two cassettes are two judges, and share no answer.
        endpoint: format!("replay:{}", cassette.digest),
        account: None,
        fingerprint: format!("replay blake3={} {}", cassette.digest, settings.parameters(&model)),
        model,
        wire: super::http::wire(cassette.provider.unwrap_or(ProviderKind::Replay)),
        authored: cassette.authored,
        remote: false,
        live: false,
        receipt,
        lessons: cassette.lessons.clone(),
        provider: Box::new(Replay(cassette)),
    })
}

/// What was recorded stands: requests and verdicts were made by it. Who names another one is told.
fn receipt(named: Receipt, recorded: Option<Receipt>) -> Result<Receipt, String> {
    match recorded {
        Some(recorded) if named != recorded && named != Receipt::default() => {
            Err(format!("its replies were recorded with receipt = \"{}\", not \"{}\"; leave it out", recorded.as_str(), named.as_str()))
        }
        recorded => Ok(recorded.unwrap_or(named)),
    }
}

/// Replies of an earlier run, from its lines, and the refusals that taught it something.
pub(in crate::judge) fn replay_of(lines: &str) -> Result<(Box<dyn Provider>, Vec<Lesson>), String> {
    let cassette = Cassette::of_run(lines)?;
    let lessons = cassette.lessons.clone();
    Ok((Box::new(Replay(cassette)), lessons))
}

impl Provider for Replay {
    fn exchange<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, Fault>> {
        let filled = |(_, recorded): (usize, &Recorded)| {
            let Recorded { reply, authored, lost, class } = recorded;
            let body = if *authored { reply.body.replace(NONCE, &request.nonce) } else { reply.body.clone() };
            match lost {
                Some(reason) => Err(Fault::new(Class::Ambiguous, reason, body)),
                None => {
                    taken_before(Reply { status: reply.status, headers: reply.headers.clone(), body }, class.as_deref().unwrap_or_default())
                }
            }
        };
        Box::pin(std::future::ready(self.find(request).and_then(filled)))
    }

    fn order(&self, request: &Request) -> Result<usize, Fault> {
        self.find(request).map(|(order, _)| order)
    }
}

impl Replay {
    fn find(&self, request: &Request) -> Result<(usize, &Recorded), Fault> {
        let missing = || Fault::new(Class::BadItem, NOT_IN_CASSETTE, format!("the cassette has no line for this task: {}", task(request)));
        self.0.find(request).ok_or_else(missing)
    }
}

fn task(request: &Request) -> String {
    let task = &request.task;
    let sampler = task.sampler.as_deref().unwrap_or("null");
    format!(
        "item_id {}, sampler {sampler}, rubric {}, repeat {}, request_digest {}",
        task.item_id, task.rubric, task.repeat, request.digest
    )
}
